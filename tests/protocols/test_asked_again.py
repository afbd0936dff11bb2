"""Following looks ask where the last one ended: what they find is what a first look finds, always."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st

from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableAbove
from monitor.lending.solver import DEFAULT_RANGE
from monitor.protocols.asked import Found, Memory, Question, all_at_once, search
from monitor.protocols.base import Answer, Refusal, View
from monitor.units import BPS, WAD
from tests.support.contracts import Contracts, address_of

FEED, VAULT = address_of("eth feed"), address_of("vault")
PRICE = 2400 * 10**8
VIEW = View(VAULT, b"health")
BROKEN = Refusal("the contract reverts")

Health = Callable[[int], Answer]


class Look(NamedTuple):
    """One block: the price, and what the contract says at any."""

    price: int
    health: Health


class Result(NamedTuple):
    found: Found | str
    rounds: int
    calls: int


def unhealthy(answer: Answer) -> bool:
    if isinstance(answer, Refusal):
        raise CannotSee(answer.cause)
    return int.from_bytes(answer) < WAD


QUESTION = Question(VIEW, all_at_once((FEED,)), unhealthy)


def look(at: Look, memory: Memory | None = None) -> Result:
    """What is found, or why nothing is; `memory`: of the looks before."""
    asked: list[int] = []

    def supposed(_: View, feeds: dict[object, int]) -> Answer:
        asked.append(feeds[FEED])
        return at.health(feeds[FEED])

    contracts = Contracts(supposing=supposed)
    reading = search(QUESTION, at.price) if memory is None else memory.search(QUESTION, at.price)
    try:
        found = contracts.run(reading)
    except CannotSee as error:
        found = str(error)
    assert len(asked) == len(set(asked)), "a tick was asked twice"
    return Result(found, contracts.rounds, len(asked))


def assert_the_same(looks: Sequence[Look]) -> None:
    memory = Memory()
    for at in looks:
        first, following = look(at), look(at, memory)
        assert following.found == first.found
        event(type(getattr(first.found, "outcome", first.found)).__name__)


def alternating(edges: Sequence[int], broken: range = range(0)) -> Health:
    """Sides that change at each edge, up from safe; no meaning at the `broken` ticks."""

    def health(tick: int) -> Answer:
        if tick in broken:
            return BROKEN
        return (WAD - sum(edge <= tick for edge in edges) % 2).to_bytes(32)

    return health


def lending(collateral: int, debt_eth: int, debt_usd: int, unit: int) -> Health:
    """Health in integers as the protocols compute it: small balances cross more than once by rounding."""

    def health(tick: int) -> Answer:
        worth = collateral * tick // unit
        owed = debt_eth * tick // unit + debt_usd
        return (worth * 8_000 // BPS * WAD // owed if owed else 2**256 - 1).to_bytes(32)

    return health


ticks = st.integers(DEFAULT_RANGE.low + 1, DEFAULT_RANGE.high - 1)
near = st.integers(-40, 40)
prices = st.one_of(st.just(PRICE), st.integers(PRICE - 5000, PRICE + 5000), st.integers(10**9, 10**13))
moves = st.one_of(near, st.integers(-5000, 5000), st.integers(-(10**12), 10**12))


@st.composite
def clusters(draw: st.DrawFn) -> list[Look]:
    """Several looks at edges that lie close together or far apart, and move a little or a lot."""
    edges = draw(st.lists(ticks, max_size=3))
    edges += [edge + draw(near) for edge in edges for _ in range(draw(st.integers(0, 2)))]
    looks: list[Look] = []
    for _ in range(draw(st.integers(2, 6))):
        edges = [edge + draw(moves) for edge in edges]
        start = draw(ticks)
        broken = range(start, start + draw(st.sampled_from([0, 0, 1, 10**9, 10**12])))
        looks.append(Look(draw(prices), alternating(edges, broken)))
    return looks


@st.composite
def accounts(draw: st.DrawFn) -> list[Look]:
    """Looks between which the price moves, debt grows, collateral is added or taken."""
    unit = draw(st.sampled_from([1, 10**6, 10**10, 10**13]))
    have = draw(st.integers(1, 10**6))
    owe_eth = draw(st.one_of(st.just(0), st.integers(0, have)))
    owe_usd = have * draw(st.integers(10**10, 10**12)) // unit
    looks: list[Look] = []
    for _ in range(draw(st.integers(2, 6))):
        looks.append(Look(draw(prices), lending(have, owe_eth, owe_usd, unit)))
        have = max(1, have + draw(st.sampled_from([0, 0, 1, -1, have, -have // 2])))
        owe_usd = max(0, owe_usd + draw(st.sampled_from([0, 1, owe_usd // 10**8, owe_usd, -owe_usd // 2])))
    return looks


@given(clusters())
def test_any_number_of_crossings_that_move_in_any_way(looks: list[Look]) -> None:
    assert_the_same(looks)


@given(accounts())
def test_accounts_whose_balances_and_prices_move(looks: list[Look]) -> None:
    assert_the_same(looks)


@given(clusters(), st.data())
def test_blocks_that_are_rolled_back_and_read_again(looks: list[Look], data: st.DataObject) -> None:
    assert_the_same(data.draw(st.lists(st.sampled_from(looks), min_size=2, max_size=8)))


@given(st.sets(ticks, max_size=6), clusters())
def test_no_expectation_however_wrong_changes_the_result(likely: set[int], looks: list[Look]) -> None:
    contracts = Contracts(supposing=lambda _, feeds: looks[0].health(feeds[FEED]))
    try:
        found = contracts.run(search(QUESTION, looks[0].price, likely=likely))
    except CannotSee as error:
        found = str(error)
    assert found == look(looks[0]).found


@given(st.one_of(st.integers(10**10, PRICE * 9 // 10), st.integers(PRICE * 11 // 10, 10**13)))
def test_what_stands_still_costs_one_round_and_two_thirds_of_the_calls_at_most(edge: int) -> None:
    memory, at = Memory(), Look(PRICE, alternating([edge]))
    first, second = look(at, memory), look(at, memory)
    assert first.found == second.found
    assert isinstance(first.found.outcome, LiquidatableAbove | AlreadyLiquidatable)
    assert (first.rounds >= 8, second.rounds) == (True, 1)
    assert 3 * second.calls <= 2 * first.calls


@given(st.integers(10**10, PRICE - 10**9), st.integers(-5000, 5000), near)
def test_what_interest_moves_is_foreseen(edge: int, a_block: int, price_move: int) -> None:
    """The third look knows how far a block moves it."""
    memory, rounds = Memory(), []
    for number in range(6):
        at = Look(PRICE + number * price_move, alternating([edge + number * a_block]))
        rounds.append(look(at, memory).rounds)
    assert rounds[2:] == [1] * 4
    assert rounds[0] >= 8


def test_a_jump_out_of_the_bracket_is_searched_for_as_at_first() -> None:
    memory = Memory()
    look(Look(PRICE, alternating([0, PRICE // 2])), memory)
    at = Look(PRICE, alternating([0, PRICE // 20]))
    jumped = look(at, memory)
    assert jumped.found == look(at).found
    assert jumped.found.outcome.tick == PRICE // 20 - 1
    assert jumped.rounds > 5
    assert look(at, memory).rounds == 1
