"""On-chain money as a table: each token's newest supply, how it changed, and what exists of each kind together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alerts.model import CannotSee
from monitor.domain import BlockRef, ListedToken, TokenSupply
from monitor.errors import StoreError
from monitor.readings import money
from monitor.readings.words import age
from monitor.store import identity, ledger, tokens
from monitor.store.database import Database
from monitor.store.tokens import SupplyRow
from monitor.supply import frames
from monitor.supply.forks import CHAINS
from monitor.units import SECONDS_PER_DAY, Address, UnixTime

WINDOWS = {"24h": SECONDS_PER_DAY, "7d": 7 * SECONDS_PER_DAY, "30d": 30 * SECONDS_PER_DAY}
"""Over which changes are shown."""
_NO_PAST = dict.fromkeys(WINDOWS, CannotSee("one look has no past"))


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One token at its newest row. `changes` by window, in percent."""

    listed: ListedToken
    symbol: str | None
    row: SupplyRow
    last: SupplyRow | None
    """The newest row with a supply: `row`, or where that has none, an older one."""
    age_s: int
    changes: Mapping[str, Decimal | CannotSee]

    @property
    def is_stale(self) -> bool:
        """Nothing was heard of it for longer than a token that is seen is silent."""
        return self.age_s > tokens.UNSEEN_AFTER_S

    @property
    def remarks(self) -> list[str]:
        """What a reader must know about the figures."""
        found: list[str] = []
        if self.row.cause:
            found.append(f"cannot see: {self.row.cause}")
        elif self.is_stale:
            found.append(f"not read for {age(self.age_s)}: it may have changed")
        if self.symbol is not None and self.symbol.lower() != self.listed.name.lower():
            found.append(f"its contract calls itself {self.symbol}")
        return found


@dataclass(frozen=True, slots=True)
class GroupLine:
    """All tokens of a kind and denomination together."""

    group: money.Group
    names: Sequence[str]
    total: Decimal | CannotSee
    changes: Mapping[str, Decimal | CannotSee]


@dataclass(frozen=True, slots=True)
class TokenView:
    """Everything at one head."""

    at: BlockRef | None
    """None: no block was followed yet, all is from a backfill."""
    lines: Sequence[TokenLine]
    groups: Sequence[GroupLine]


def token_view(db: Database) -> TokenView:
    """What is stored now. Raises StoreError where nothing is."""
    with db.snapshot():
        now = _now(db)
        if now is None:
            raise StoreError(
                "No supply of a token is stored yet: `ethmon run` reads those of ETHMON_TOKENS and [[token]]."
            )
        lines = [
            _line(db, one, row, now)
            for one in tokens.listed(db)
            if (row := tokens.newest(db, one.listed.address)) is not None
        ]
        return TokenView(ledger.cursor(db), lines, _group_lines(db, lines, now))


def live_view(
    at: BlockRef, listed: Sequence[ListedToken], supplies: Mapping[Address, TokenSupply | CannotSee]
) -> TokenView:
    """One look at the node: supplies without a past."""
    lines = [_live_line(at, one, supplies[one.address]) for one in listed]
    now = {line.listed.address: line.row.amount for line in lines}
    groups = [
        GroupLine(group, [one.name for one in members], money.total(members, now), _NO_PAST)
        for group, members in money.groups(listed).items()
    ]
    return TokenView(at, lines, groups)


def _live_line(at: BlockRef, listed: ListedToken, found: TokenSupply | CannotSee) -> TokenLine:
    if isinstance(found, CannotSee):
        row = SupplyRow(at.number, at.timestamp, listed.address, None, None, found.cause)
        return TokenLine(listed, None, row, None, 0, _NO_PAST)
    row = SupplyRow(at.number, at.timestamp, listed.address, found.units, found.decimals, "")
    return TokenLine(listed, found.symbol, row, row, 0, _NO_PAST)


def span_of(db: Database, since: str) -> tuple[UnixTime, UnixTime]:
    """First and last second of the frame that `since` names, up to the head. Raises UsageError."""
    now = _now(db) or UnixTime(0)
    frame = frames.parse(since, CHAINS.get(identity.chain_id(db) or 0), now)
    return UnixTime(frame.start + 1), UnixTime(min(frame.end, now))


def _now(db: Database) -> UnixTime | None:
    """Time of the head, or of a newer row where a backfill ran since; None: there is no row."""
    newest = tokens.newest_time(db)
    at = ledger.cursor(db)
    return newest if at is None or newest is None else max(newest, at.timestamp)


def _line(db: Database, one: tokens.StoredToken, row: SupplyRow, now: UnixTime) -> TokenLine:
    address = one.listed.address
    last = row if row.units is not None else tokens.newest_seen(db, address)
    amount = row.amount
    changes = {
        name: money.percent_change(amount, _before(db, address, row.block_time, window))
        for name, window in WINDOWS.items()
    }
    return TokenLine(one.listed, one.symbol, row, last, now - row.block_time, changes)


def _group_lines(db: Database, lines: Sequence[TokenLine], end: UnixTime) -> list[GroupLine]:
    """Sums of what is seen now; one that is not makes the sum unknown, by name."""
    now = {line.listed.address: _fresh(line) for line in lines}
    found: list[GroupLine] = []
    for group, members in money.groups([line.listed for line in lines]).items():
        total = money.total(members, now)
        changes = {
            name: money.percent_change(
                total,
                money.total(members, {one.address: _before(db, one.address, end, window) for one in members}),
            )
            for name, window in WINDOWS.items()
        }
        found.append(GroupLine(group, [one.name for one in members], total, changes))
    return found


def _fresh(line: TokenLine) -> Decimal | CannotSee:
    return CannotSee(f"not read for {age(line.age_s)}") if line.is_stale else line.row.amount


def _before(db: Database, address: Address, end: UnixTime, window_s: int) -> Decimal | CannotSee:
    row = tokens.start_of_window(db, address, end, window_s)
    return money.unknown_before(window_s) if row is None else row.amount
