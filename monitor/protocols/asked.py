"""Liquidation prices without a formula of ours: the contract itself is asked at supposed ETH prices.

For protocols whose arithmetic is not restated here. Each answer is the contract's own, with the ETH
feeds overridden in one `eth_call`, so both sides of a price that is found are proved. What is not
proved is that nothing lies between the samples of the first look.

    sample ticks   o---o---o---o---*---o---o---o      * the price now
    answers        1   1   0   0   0   0   0   0
    then           between the last 1 and the first 0, halved down to neighbouring ticks

Which halves are looked at depends on the answers alone. What is asked together does not: the ticks
that the next answers may make necessary, or those on the way to where the last look ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from monitor.errors import CannotSee
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Cluster,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
    Outcome,
)
from monitor.lending.position import Proof, ProofState
from monitor.lending.solver import DEFAULT_RANGE, PriceRange
from monitor.protocols.base import Answer, Ask, Check, Reading, Substitute, Supposed, View, together
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.feeds import FeedAnswer, read_feeds
from monitor.units import WAD, Address

Stubs: TypeAlias = tuple[tuple[Address, bytes], ...]
"""Runtime code by the address that it is put at."""

SAMPLES_PER_TENFOLD: Final = 6
STEADY: Final = 10**6
"""A health factor that moves by less than this part of itself over half the price is a loop's."""
HALVINGS: Final = 4
"""Halvings of an interval that are asked in one round: all the ticks at which they may happen."""
WHOLE: Final = 16
"""An interval of so many ticks is asked at all of them: the nearest change is taken, rounding makes several."""


@dataclass(frozen=True, slots=True)
class Question:
    """A view of a contract that tells whether an account is liquidatable, under any ETH price."""

    view: View
    stubs: Callable[[int], Stubs]
    """What stands in the place of which feeds while ETH is at a tick."""
    liquidatable: Callable[[Answer], bool]
    """Raises `CannotSee` for an answer that means nothing."""

    def at(self, tick: int) -> Supposed:
        """The question with ETH at `tick`."""
        return Supposed(self.view, self.stubs(tick))

    def sides(self, outcome: Outcome) -> list[Check]:
        """The question at a liquidation price and one tick on the safe side, for a proof asked for anew."""
        if not isinstance(outcome, LiquidatableBelow | LiquidatableAbove):
            return []
        safe = outcome.tick + (1 if isinstance(outcome, LiquidatableBelow) else -1)
        return [
            Check(
                self.view,
                {feed: Substitute(code=code) for feed, code in self.stubs(tick)},
                self.liquidatable,
                expected,
            )
            for tick, expected in ((outcome.tick, True), (safe, False))
        ]


def all_at_once(feeds: Collection[Address]) -> Callable[[int], Stubs]:
    """Every ETH/USD feed that the contract may read, set to the same price."""

    def stubs(tick: int) -> Stubs:
        code = constant_feed(tick)
        return tuple((feed, code) for feed in feeds)

    return stubs


class Found(NamedTuple):
    """What the asking gave, with the sample answers by tick, for what else they tell."""

    outcome: LiquidatableBelow | LiquidatableAbove | AlreadyLiquidatable | None
    told: Mapping[int, Answer]

    @property
    def proof(self) -> Proof:
        """Both sides of a price that was found were answered by the contract itself."""
        if isinstance(self.outcome, LiquidatableBelow | LiquidatableAbove):
            return Proof(ProofState.PROVED)
        return Proof(ProofState.NOT_PROVED, "there is no price to prove")

    @property
    def changes(self) -> tuple[int, ...]:
        """The first ticks that answer otherwise than the present price, below and above."""
        match self.outcome:
            case LiquidatableBelow(tick, _, other) | LiquidatableAbove(tick, _, other):
                return (tick,) if other is None else (tick, other)
            case AlreadyLiquidatable(low, high):
                return low - 1, high + 1
            case None:
                return ()

    @property
    def moves(self) -> bool:
        """Whether the answers depend on these feeds at all."""
        return (
            len({bytes(answer) if isinstance(answer, bytes) else answer for answer in self.told.values()}) > 1
        )

    def around(self, price: int) -> tuple[Answer, Answer]:
        """The answers at the samples next to `price`, below and above."""
        ticks = sorted(self.told)
        place = ticks.index(price)
        return self.told[ticks[place - 1]], self.told[ticks[place + 1]]


def eth_usd(addresses: Sequence[Address]) -> Reading[FeedAnswer]:
    """The first of the chain's ETH/USD feeds that answers. Raises `CannotSee`."""
    feeds = yield from read_feeds(addresses)
    for feed in feeds.values():
        if isinstance(feed, FeedAnswer) and feed.answer > 0:
            return feed
    raise CannotSee("no ETH/USD feed of this chain answers")


def search(
    question: Question, price: int, within: PriceRange = DEFAULT_RANGE, likely: Collection[int] = ()
) -> Reading[Found]:
    """A change of the contract's answer on either side of `price`, between the nearest samples that differ.

    Raises `CannotSee`. `likely`: where changes are expected. They decide what is asked at once, never what is found.
    """
    ticks = samples(price, within)
    heard = yield from _heard(question, [*ticks, *_foreseen(ticks, price, likely)])
    answers = {tick: question.liquidatable(heard[tick]) for tick in ticks}
    now, place = answers[price], ticks.index(price)
    sides = (_change(ticks[: place + 1][::-1], answers), _change(ticks[place:], answers))
    changes = [side for side in sides if side is not None]
    ends = yield from together([_narrowed(question, *change, heard, found=not now) for change in changes])
    down = next((end for end in ends if end < price), None)
    up = next((end for end in ends if end > price), None)
    told = {tick: heard[tick] for tick in ticks}
    if now:
        low = within.low if down is None else down + 1
        return Found(AlreadyLiquidatable(low, within.high if up is None else up - 1), told)
    return Found(_outcome(price, down, up), told)


@dataclass(slots=True)
class Memory:
    """Where answers changed at the last two looks, by question: a following look asks there at once.

    A hint and nothing else: a block that is rolled back, or a jump, costs rounds and changes no result.
    """

    _changes: dict[View, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)

    def search(self, question: Question, price: int, within: PriceRange = DEFAULT_RANGE) -> Reading[Found]:
        """As `search`, in fewer rounds. Raises `CannotSee`."""
        earlier, last = self._changes.get(question.view, ((), ()))
        # Interest moves a change by about as much in every block.
        moved = [2 * to - since for since, to in zip(earlier, last, strict=False)]
        found = yield from search(question, price, within, {*last, *moved})
        self._changes[question.view] = last, found.changes
        return found


def classified(found: Found, price: int, health: Callable[[Answer], int]) -> Outcome:
    """The outcome of an account with debt. `health`: its factor in an answer, 1e18.

    Raises `CannotSee` where nothing moves with the feeds: then they are not what prices the account.
    """
    if found.outcome is not None:
        return found.outcome
    if not found.moves:
        raise CannotSee("its values do not move with the ETH feeds known here: its ETH price cannot be told")
    now, (below, above) = health(found.told[price]), map(health, found.around(price))
    if abs(above - below) * STEADY <= now:
        return Insensitive(ratio_drop=1 - WAD / now, carry_days=None)
    return NeverByEth(NeverReason.COVERED, "a fall of the other collateral, or of a staking ratio")


def samples(price: int, within: PriceRange) -> list[int]:
    """Ticks over the range, evenly by ratio, the price itself among them. Raises `CannotSee`."""
    if not within.low < price < within.high:
        raise CannotSee("the ETH price is outside the prices that are searched")
    ratio = 10 ** (1 / SAMPLES_PER_TENFOLD)
    found, down, up = {price, within.low, within.high}, price / ratio, price * ratio
    while down > within.low:
        found.add(int(down))
        down /= ratio
    while up < within.high:
        found.add(int(up))
        up *= ratio
    return sorted(found)


def _change(ticks: Sequence[int], answers: dict[int, bool]) -> tuple[int, int] | None:
    """The last tick that answers as the first one does, and the next: walking away from the price."""
    for near, far in pairwise(ticks):
        if answers[near] != answers[far]:
            return near, far
    return None


def _heard(question: Question, ticks: Iterable[int]) -> Reading[dict[int, Answer]]:
    """One round: the contract's answers by tick."""
    wanted = list(dict.fromkeys(ticks))
    asks: list[Ask] = [question.at(tick) for tick in wanted]
    told = yield asks
    return dict(zip(wanted, told, strict=True))


def _narrowed(
    question: Question, near: int, far: int, heard: Mapping[int, Answer], *, found: bool
) -> Reading[int]:
    """The tick nearest to `near` that answers `found`, knowing that `far` does and `near` does not."""
    known = dict(heard)
    while abs(far - near) > 1:
        inner = _deciding(near, far)
        if any(tick not in known for tick in inner):
            ahead = [tick for tick in _tree(near, far, HALVINGS) if tick not in known]
            known |= yield from _heard(question, ahead)
        place = next(
            (place for place, tick in enumerate(inner) if question.liquidatable(known[tick]) == found),
            len(inner),
        )
        ends = [near, *inner, far]
        near, far = ends[place], ends[place + 1]
    return far


def _deciding(near: int, far: int) -> list[int]:
    """The ticks whose answers say where to look next, in the order from `near` to `far`."""
    if abs(far - near) > WHOLE:
        return [(near + far) // 2]
    step = 1 if far > near else -1
    return list(range(near + step, far, step))


def _tree(near: int, far: int, halvings: int) -> Iterator[int]:
    """The deciding ticks of an interval and of all that so many halvings may leave of it."""
    inner = _deciding(near, far)
    yield from inner
    if abs(far - near) > WHOLE and halvings > 1:
        for part in ((near, inner[0]), (inner[0], far)):
            if abs(part[1] - part[0]) > WHOLE:
                yield from _tree(*part, halvings - 1)


def _foreseen(ticks: Sequence[int], price: int, likely: Collection[int]) -> Iterator[int]:
    """What would be asked between samples if the answers changed at the `likely` ticks."""
    for tick in sorted(likely):
        if ticks[0] <= tick < price:
            place = bisect_right(ticks, tick)
            yield from _way(ticks[place], ticks[place - 1], tick)
        elif price < tick <= ticks[-1]:
            place = bisect_left(ticks, tick)
            yield from _way(ticks[place - 1], ticks[place], tick)


def _way(near: int, far: int, change: int) -> Iterator[int]:
    """The deciding ticks on the way to a change."""
    while True:
        inner = _deciding(near, far)
        yield from inner
        if abs(far - near) <= WHOLE:
            return
        middle = inner[0]
        if abs(change - near) <= abs(middle - near):
            far = middle
        else:
            near = middle


def _outcome(price: int, down: int | None, up: int | None) -> LiquidatableBelow | LiquidatableAbove | None:
    if down is not None and (up is None or price - down <= up - price):
        return LiquidatableBelow(down, Cluster(down, down, single=up is None), up)
    if up is not None:
        return LiquidatableAbove(up, Cluster(up, up, single=down is None), down)
    return None
