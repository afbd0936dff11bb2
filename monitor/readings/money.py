"""Readings of on-chain money: what exists of each token, of each kind together, and how that moved.

`totalSupply()` is what the contract says: what an issuer holds back is in it, copies on other chains are
not. Only tokens of one kind and one denomination are added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

from alerts.model import BlockStamp, CannotSee, Fact, Reading
from monitor.domain import ListedToken
from monitor.readings.links import token_links
from monitor.readings.words import age
from monitor.units import Address

_DIGITS = 160
"""Enough for a sum of uint256 with any number of decimals."""

Amounts = Mapping[Address, Decimal | CannotSee]
"""Tokens in existence, by the token's address."""


class Group(NamedTuple):
    """Tokens that are added up."""

    kind: str
    denomination: str


def tokens_of(units: int, decimals: int) -> Decimal:
    """A supply in tokens; exact, where a context would round."""
    return Decimal(f"{units}e-{decimals}")


def supply_readings(
    tokens: Sequence[ListedToken], now: Amounts, at: BlockStamp, chain_id: int | None = None
) -> Iterator[Reading]:
    """Each token, and each group of them."""
    for token in tokens:
        yield _of_token("token.supply", token, now[token.address], at, chain_id)
    for group, members in groups(tokens).items():
        yield _of_group("money.supply", group, members, total(members, now), at)


def change_readings(
    tokens: Sequence[ListedToken],
    now: Amounts,
    before: Amounts,
    window_s: int,
    at: BlockStamp,
    chain_id: int | None = None,
) -> Iterator[Reading]:
    """The same over a window, in percent of what was: signed, and for each token the size of it too."""
    for token in tokens:
        is_, was = now[token.address], before[token.address]
        change = percent_change(is_, was)
        facts = _facts(is_, was, token.denomination or token.name, window_s)
        size = change if isinstance(change, CannotSee) else abs(change)
        yield _of_token("token.supply_change", token, change, at, chain_id, window_s, facts)
        yield _of_token("token.supply_move", token, size, at, chain_id, window_s, facts)
    for group, members in groups(tokens).items():
        is_, was = total(members, now), total(members, before)
        facts = _facts(is_, was, group.denomination, window_s)
        change = percent_change(is_, was)
        yield _of_group("money.supply_change", group, members, change, at, window_s, facts)


def token_subject(token: ListedToken) -> str:
    """The identity that incidents are kept under."""
    return f"token:{token.address}"


def group_subject(group: Group) -> str:
    """As `token_subject`, of all tokens of a kind and denomination."""
    return f"money:{group.kind}:{group.denomination}"


def groups(tokens: Sequence[ListedToken]) -> dict[Group, list[ListedToken]]:
    """Tokens by what they are added up with; one without a denomination is a share with a price of its own."""
    found: dict[Group, list[ListedToken]] = {}
    for token in tokens:
        if token.denomination:
            found.setdefault(Group(token.kind, token.denomination), []).append(token)
    return found


def total(tokens: Sequence[ListedToken], amounts: Amounts) -> Decimal | CannotSee:
    """The sum, exact; not known where one of them is not."""
    lost = [(token.name, found) for token in tokens if isinstance(found := amounts[token.address], CannotSee)]
    if len(lost) == len(tokens) and len({one.cause for _, one in lost}) == 1:
        return lost[0][1]
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        return CannotSee(f"{lost[0][0]}{more}: {lost[0][1].cause}")
    with localcontext(prec=_DIGITS):
        return sum((amounts[token.address] for token in tokens), Decimal(0))  # type: ignore[misc]


def percent_change(now: Decimal | CannotSee, before: Decimal | CannotSee) -> Decimal | CannotSee:
    """In percent of what was. Raises nothing: out of nothing there is no percentage."""
    if isinstance(now, CannotSee):
        return now
    if isinstance(before, CannotSee):
        return before
    if before == 0:
        return Decimal(0) if now == 0 else CannotSee("there was none at the start of the window")
    with localcontext(prec=_DIGITS):
        return +Decimal((now - before) * 100 / before)


def unknown_before(window_s: int) -> CannotSee:
    """Why a window has no start."""
    return CannotSee(f"no supply is stored from {age(window_s)} before")


def _of_token(
    key: str, token: ListedToken, value: Decimal | CannotSee, at: BlockStamp, chain_id: int | None,
    window_s: int | None = None, facts: tuple[Fact, ...] = (),
) -> Reading:  # fmt: skip
    labels = {"token": token.name, "kind": token.kind}
    about = Fact("Contract", f"{token.address}, listed by {token.source or 'your watchlist'}")
    subject, links = token_subject(token), token_links(chain_id, token.address)
    return Reading(key, subject, token.name, value, at, labels, window_s, facts=(*facts, about), links=links)


def _of_group(
    key: str, group: Group, tokens: Sequence[ListedToken], value: Decimal | CannotSee, at: BlockStamp,
    window_s: int | None = None, facts: tuple[Fact, ...] = (),
) -> Reading:  # fmt: skip
    labels = {"kind": group.kind, "denomination": group.denomination}
    about = Fact("Tokens", ", ".join(token.name for token in tokens))
    subject, name = group_subject(group), f"All {group.kind} supply in {group.denomination}"
    return Reading(key, subject, name, value, at, labels, window_s, facts=(*facts, about))


def _facts(
    now: Decimal | CannotSee, before: Decimal | CannotSee, unit: str, window_s: int
) -> tuple[Fact, ...]:
    if isinstance(now, CannotSee) or isinstance(before, CannotSee):
        return ()
    moved = Fact("Minted" if now > before else "Burned", f"{abs(now - before):,.0f} {unit}, net")
    return (
        *((moved,) if now != before else ()),
        Fact("Was", f"{before:,.0f} {unit}"),
        Fact("Is", f"{now:,.0f} {unit}"),
        Fact("Within", age(window_s)),
    )
