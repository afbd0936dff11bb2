"""Supplies of tokens on an even grid of time, for a picture: what held at each moment, or nothing where it is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from monitor.domain import BlockRef, ListedToken
from monitor.errors import UsageError
from monitor.readings import money
from monitor.reports.tokens import span_of
from monitor.store import ledger, tokens
from monitor.store.database import Database
from monitor.units import UnixTime

POINTS = 240
"""More than a picture has room to tell apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """One token. `values` in tokens, one for each moment of the grid."""

    token: ListedToken
    values: Sequence[float | None]

    @property
    def change(self) -> float | None:
        """From the first to the last moment; None: one of them is not known."""
        first, last = self.values[0], self.values[-1]
        return None if first is None or last is None else last - first


@dataclass(frozen=True, slots=True)
class TokenTrack:
    """Tokens of one kind and denomination, or a single one, over a span of time."""

    at: BlockRef | None
    title: str
    unit: str
    times: Sequence[UnixTime]
    lines: Sequence[Line]
    left_out: Sequence[str]
    """Names of tokens whose supply at the start is not known: they would look like minted."""
    is_single: bool

    @property
    def total(self) -> list[float | None]:
        """The sum of the lines; nothing where one of them is not known."""
        columns = zip(*(line.values for line in self.lines), strict=True)
        return [None if None in column else sum(value or 0.0 for value in column) for column in columns]

    @property
    def holes(self) -> list[tuple[float, float]]:
        """Stretches in which the sum is not known."""
        moments = zip(self.times, self.total, strict=True)
        return [(start, end) for (start, value), (end, _) in pairwise(moments) if value is None]


def token_track(
    db: Database,
    since: str,
    name: str | None = None,
    kind: str | None = None,
    denomination: str | None = None,
) -> TokenTrack:
    """The token called `name`, or all of a kind and denomination: by default those with the most tokens.

    Raises UsageError naming what there is.
    """
    with db.snapshot():
        at = ledger.cursor(db)
        listed = [one.listed for one in tokens.listed(db)]
        title, unit, members = _chosen(listed, name, kind, denomination)
        times = _grid(db, since, members)
        lines = [Line(token, _values(db, token, times)) for token in members]
    known = [line for line in lines if line.values[0] is not None] or lines
    left_out = [line.token.name for line in lines if line not in known]
    return TokenTrack(at, title, unit, times, known, left_out, name is not None)


def _chosen(
    listed: Sequence[ListedToken], name: str | None, kind: str | None, denomination: str | None
) -> tuple[str, str, list[ListedToken]]:
    if name is not None:
        found = [one for one in listed if name.lower() in {one.name.lower(), one.address}]
        if not found:
            there = ", ".join(one.name for one in listed) or "none"
            raise UsageError(f"No token is called {name[:80]!r}. There are: {there}.")
        return found[0].name, found[0].denomination or "shares", found[:1]
    groups = {
        group: members
        for group, members in money.groups(listed).items()
        if kind in {None, group.kind} and denomination in {None, group.denomination}
    }
    if not groups:
        there = ", ".join(f"{one.kind} in {one.denomination}" for one in money.groups(listed)) or "none"
        raise UsageError(f"No tokens of that kind and denomination are listed. There are: {there}.")
    group, members = max(groups.items(), key=lambda entry: len(entry[1]))
    return f"{group.kind} supply, {group.denomination}", group.denomination, members


def _grid(db: Database, since: str, members: Sequence[ListedToken]) -> list[UnixTime]:
    """From the first stored row of the frame to the head."""
    start, end = span_of(db, since)
    first = tokens.first_seen(db, [one.address for one in members], start)
    if first is None:
        raise UsageError(f"No supply of these tokens is stored in {since}: `ethmon tokens` shows what is.")
    begin = max(start, first)
    step = max(1, (end - begin) // POINTS)
    return [*(UnixTime(time) for time in range(begin, end, step)), end]


def _values(db: Database, token: ListedToken, times: Sequence[UnixTime]) -> list[float | None]:
    within = max(tokens.UNSEEN_AFTER_S, (times[-1] - times[0]) // 100)
    rows = (tokens.held_at(db, token.address, time, within) for time in times)
    return [
        None if row is None else float(money.tokens_of(row.units or 0, row.decimals or 0)) for row in rows
    ]
