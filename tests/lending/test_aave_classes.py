"""The class of an account: long, short, never, already, insensitive; and why its price moves."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import CannotSee
from monitor.lending.aave import (
    Account,
    EMode,
    Market,
    Position,
    Reserve,
    Row,
    account_data,
    bonus_of,
    collateral_value,
    debt_value,
    liquidatable,
    resolve,
)
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.aave_index import IndexState
from monitor.lending.aave_model import AaveModel
from monitor.lending.aave_outcome import classify, growth, linear
from monitor.lending.aave_remedy import remedy
from monitor.lending.aave_rules import EXACT_SUM_BITMAP, RULES, HealthRule
from monitor.lending.attribution import attribute
from monitor.lending.correlation import (
    EthFeed,
    EthFeedTimesRatio,
    FixedPrice,
    NoPrice,
    OtherFeed,
    PriceSource,
)
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
    Outcome,
)
from monitor.lending.position import Cause
from monitor.lending.remedy import Remedy
from monitor.lending.solver import PriceRange, solve
from monitor.units import RAY, TICKS_PER_USD, WAD, Bps, Ray, UnixTime

NOW = 2400 * TICKS_PER_USD
WETH, WSTETH, USDT, WBTC = range(4)


def rates(supply_bps: int, borrow_bps: int) -> IndexState:
    return IndexState(
        Ray(RAY), Ray(RAY), Ray(supply_bps * RAY // 10_000), Ray(borrow_bps * RAY // 10_000), UnixTime(0)
    )


def reserve(id_: int, symbol: str, decimals: int, lt: int, source: PriceSource) -> Reserve:
    state = rates(100, 300)
    return Reserve(
        id_, symbol, decimals, Bps(lt), Bps(lt - 300), Bps(10_500), 0, source, Ray(RAY), Ray(RAY), state
    )


def market(rule: HealthRule = EXACT_SUM_BITMAP) -> Market:
    reserves = (
        reserve(WETH, "WETH", 18, 8300, EthFeed()),
        reserve(WSTETH, "wstETH", 18, 8100, EthFeedTimesRatio(12, 10)),
        reserve(USDT, "USDT", 6, 7800, OtherFeed(TICKS_PER_USD, "0xfeed")),
        reserve(WBTC, "WBTC", 8, 7800, OtherFeed(70_000 * TICKS_PER_USD, "0xbeef")),
    )
    loop = EMode(Bps(9300), Bps(9500), Bps(10_100), collateral_bitmap=0b11)
    return Market({one.id: one for one in reserves}, {1: loop}, rule)


def account(collateral: dict[int, int], debt: dict[int, int], emode: int = 0) -> Account:
    ids = sorted({*collateral, *debt})
    rows = {
        i: Row(collateral.get(i, 0), debt.get(i, 0), bool(collateral.get(i)), bool(debt.get(i))) for i in ids
    }
    return Account(emode, rows)


def outcome(one: Account, of: Market | None = None, staking: dict[int, float] | None = None) -> Outcome:
    where = of or market()
    return classify(resolve(where, one), where, NOW, staking)


def test_long() -> None:
    found = outcome(account({WETH: 100 * WAD}, {USDT: 147_740 * 10**6}))
    assert isinstance(found, LiquidatableBelow)
    assert found.tick == 1780 * TICKS_PER_USD - 1
    assert found.cluster.single


def test_short() -> None:
    found = outcome(account({USDT: 310_000 * 10**6}, {WETH: 78 * WAD}))
    assert isinstance(found, LiquidatableAbove)
    assert found.tick == 3100 * TICKS_PER_USD + 1


def test_a_staking_loop_never_shows_a_price() -> None:
    found = outcome(account({WSTETH: 100 * WAD}, {WETH: 108 * WAD}, emode=1))
    assert isinstance(found, Insensitive)
    assert found.ratio_drop == pytest.approx(1 - 108 / (120 * 0.95))
    assert found.carry_days == pytest.approx(math.log(120 * 0.95 / 108) / (0.03 - 0.01) * 365, rel=1e-6)


def test_a_loop_that_earns_more_than_it_pays_has_no_end() -> None:
    found = outcome(account({WSTETH: 100 * WAD}, {WETH: 108 * WAD}, emode=1), staking={WSTETH: 0.03})
    assert isinstance(found, Insensitive)
    assert found.carry_days is None


def test_dust_in_a_loop_does_not_make_a_price() -> None:
    dusty = account({WSTETH: 100 * WAD, USDT: 5 * 10**6}, {WETH: 108 * WAD}, emode=1)
    assert isinstance(outcome(dusty), Insensitive)


def test_a_loop_near_the_edge_with_other_debt_has_its_true_price() -> None:
    found = outcome(account({WSTETH: 100 * WAD}, {WETH: 113 * WAD, USDT: 2_000 * 10**6}, emode=1))
    assert isinstance(found, LiquidatableBelow)
    # The floor of the adapter's price makes it cross several times: the first on the way down counts.
    assert found.cluster.lowest == 2000 * TICKS_PER_USD - 1
    assert found.tick == found.cluster.highest
    assert 0 < found.cluster.width < 100


def test_never_because_other_collateral_covers() -> None:
    found = outcome(account({WETH: 10 * WAD, WBTC: 10**8}, {USDT: 40_000 * 10**6}))
    assert isinstance(found, NeverByEth)
    assert found.reason is NeverReason.COVERED
    assert found.other_drop == pytest.approx(1 - (40_000 - 10 * 2400 * 0.83) / (70_000 * 0.78))


def test_never_without_eth_and_without_debt() -> None:
    other = outcome(account({WBTC: 10**8}, {USDT: 40_000 * 10**6}))
    assert isinstance(other, NeverByEth)
    assert other.reason is NeverReason.NO_ETH
    assert other.other_drop == pytest.approx(1 - 40_000 / (70_000 * 0.78))
    nothing = outcome(account({WETH: WAD}, {}))
    assert isinstance(nothing, NeverByEth)
    assert nothing.reason is NeverReason.NO_DEBT


def test_already() -> None:
    found = outcome(account({WETH: 100 * WAD}, {USDT: 200_000 * 10**6}))
    assert isinstance(found, AlreadyLiquidatable)
    assert found.highest == 200_000 * TICKS_PER_USD // 83 - 1 + (200_000 * TICKS_PER_USD % 83 > 0)


def test_a_missing_price_is_not_a_number() -> None:
    broken = market()
    reserves = {**broken.reserves, USDT: replace(broken.reserves[USDT], source=NoPrice("oracle reverts"))}
    with pytest.raises(CannotSee, match="oracle reverts"):
        outcome(account({WETH: WAD}, {USDT: 1}), replace(broken, reserves=reserves))
    assert isinstance(outcome(account({WETH: WAD}, {}), replace(broken, reserves=reserves)), NeverByEth)


amounts = st.one_of(st.integers(0, 50), st.integers(0, 10**24), st.integers(0, 2**255))


@given(
    st.dictionaries(st.integers(0, 3), amounts, max_size=4),
    st.dictionaries(st.integers(0, 3), amounts, max_size=4),
    st.sampled_from(RULES),
    st.sampled_from([0, 6, 18, 36]),
    st.integers(1, 10**6),
)
def test_any_account_has_an_answer_that_its_own_health_factor_confirms(
    collateral: dict[int, int], debt: dict[int, int], rule: HealthRule, decimals: int, ratio: int
) -> None:
    base = market(rule)
    odd = replace(base.reserves[WSTETH], decimals=decimals, source=EthFeedTimesRatio(ratio, 999))
    where = replace(base, reserves={**base.reserves, WSTETH: odd})
    one = account(collateral, debt)
    resolved, test = resolve(where, one), AaveTest(resolve(where, one))
    try:
        boundary = solve(test, NOW)
    except CannotSee:
        return
    for edge, safe in ((boundary.first_down, 1), (boundary.first_up, -1)):
        if edge is not None:
            assert account_data(resolved, edge).health_factor < WAD
            assert account_data(resolved, edge + safe).health_factor >= WAD
    assert boundary.liquidatable_now == (account_data(resolved, NOW).health_factor < WAD)


@given(
    st.dictionaries(st.integers(0, 3), st.integers(0, 10**9), min_size=1, max_size=4),
    st.dictionaries(st.integers(0, 3), st.integers(0, 10**9), min_size=1, max_size=4),
    st.sampled_from(RULES),
    st.integers(1, 4_000),
    st.integers(1, 300),
)
def test_the_proof_of_an_interval_agrees_with_every_tick_in_it(
    collateral: dict[int, int], debt: dict[int, int], rule: HealthRule, low: int, width: int
) -> None:
    base = market(rule)
    small = {id_: replace(one, decimals=3, source=shrunk(one.source)) for id_, one in base.reserves.items()}
    test = AaveTest(resolve(replace(base, reserves=small), account(collateral, debt)))
    answers = {test.at(tick) for tick in range(low, low + width)}
    proven = test.over(low, low + width - 1)
    assert proven is None or answers == {proven}
    boundary = solve(test, low, PriceRange(low, low + width - 1))
    ticks = [tick for tick in range(low, low + width) if test.at(tick)]
    if not boundary.liquidatable_now:
        assert boundary.first_up == (ticks[0] if ticks else None)


def shrunk(source: PriceSource) -> PriceSource:
    return FixedPrice(source.price // TICKS_PER_USD) if isinstance(source, OtherFeed) else source


def test_the_line_and_the_exact_price_agree() -> None:
    one = account({WETH: 50 * WAD, WSTETH: 30 * WAD, WBTC: 10**8}, {USDT: 150_000 * 10**6, WETH: 10 * WAD})
    resolved = resolve(market(), one)
    found = outcome(one)
    assert isinstance(found, LiquidatableBelow)
    line = linear(resolved, NOW)
    assert (line.m - line.k) / (line.a - line.b) == pytest.approx(found.tick / TICKS_PER_USD, rel=1e-9)
    pace = growth(resolved, market(), NOW, {WSTETH: 0.03})
    assert pace.b == pace.m == pytest.approx(0.03)
    assert 0.01 < pace.a < 0.04
    assert pace.k == pytest.approx(0.01)


def test_what_was_found_on_the_later_market_is_not_looked_for_again() -> None:
    """Of a hundred positions, between two blocks, mostly only interest moved."""
    mine = account({WSTETH: 100 * WAD}, {USDT: 180_000 * 10**6})
    old = market()
    grown = replace(old.reserves[USDT], debt_index=Ray(RAY * 1001 // 1000))
    new = replace(old, reserves={**old.reserves, USDT: grown})
    first, last = AaveModel(old, mine, NOW), AaveModel(new, mine, NOW + TICKS_PER_USD)
    assert first.replaced(Cause.INTEREST, last) is last
    assert first.replaced(Cause.RATIO, last) is first
    found = attribute(first, last)
    assert [(one.cause, one.before, one.after) for one in found] == [
        (Cause.INTEREST, first.tick(), last.tick())
    ]
    other = AaveModel(new, account({WSTETH: 100 * WAD}, {USDT: 1_000 * 10**6}), NOW)
    assert first.replaced(Cause.INTEREST, other) not in (first, other)


def test_a_moved_price_is_taken_apart_to_the_last_tick() -> None:
    before = account({WSTETH: 100 * WAD, WBTC: 10**7}, {USDT: 180_000 * 10**6})
    after = account({WSTETH: 100 * WAD, WBTC: 10**7}, {USDT: 150_000 * 10**6})
    old = market()
    grown = replace(old.reserves[USDT], debt_index=Ray(RAY * 1001 // 1000))
    staked = replace(old.reserves[WSTETH], source=EthFeedTimesRatio(1201, 1000), lt=Bps(8000))
    bitcoin = replace(old.reserves[WBTC], source=OtherFeed(60_000 * TICKS_PER_USD, "0xbeef"))
    new = replace(old, reserves={**old.reserves, USDT: grown, WSTETH: staked, WBTC: bitcoin})
    first, last = AaveModel(old, before, NOW), AaveModel(new, after, NOW)
    found = attribute(first, last)
    assert [one.cause for one in found] == [
        Cause.INTEREST,
        Cause.RATIO,
        Cause.OTHER_PRICE,
        Cause.PARAMETER,
        Cause.OWNER,
    ]
    assert [one.change is not None and one.change > 0 for one in found] == [True, False, True, True, False]
    start, end = first.tick(), last.tick()
    assert start is not None
    assert end is not None
    assert sum(one.change or 0 for one in found) == end - start
    assert attribute(first, AaveModel(old, before, NOW + 1)) == []
    assert attribute(first, AaveModel(old, after, NOW), liquidated=True)[0].cause is Cause.LIQUIDATION


@given(
    st.dictionaries(st.integers(0, 3), st.integers(1, 10**22), max_size=4),
    st.dictionaries(st.integers(0, 3), st.integers(1, 10**22), min_size=1, max_size=4),
    st.sampled_from(RULES),
)
def test_a_remedy_is_enough_and_one_unit_less_is_not(
    collateral: dict[int, int], debt: dict[int, int], rule: HealthRule
) -> None:
    one = resolve(market(rule), account(collateral, debt))
    found = remedy(one, NOW)
    if not liquidatable(one, NOW):
        assert found == Remedy(0, 0)
        return
    biggest = max(range(len(one.debts)), key=lambda i: (debt_value(rule, one.debts[i], NOW), -i))
    if found.repay is not None:
        assert not liquidatable(repaid(one, biggest, found.repay), NOW)
        assert liquidatable(repaid(one, biggest, found.repay - 1), NOW)
    else:
        assert liquidatable(repaid(one, biggest, one.debts[biggest].amount), NOW)


@given(
    st.dictionaries(st.integers(0, 3), st.integers(1, 10**22), min_size=1, max_size=4),
    st.dictionaries(st.integers(0, 3), st.integers(1, 10**22), min_size=1, max_size=4),
    st.sampled_from(RULES),
)
def test_more_collateral_is_enough_and_one_unit_less_is_not(
    collateral: dict[int, int], debt: dict[int, int], rule: HealthRule
) -> None:
    one = resolve(market(rule), account(collateral, debt))
    found = remedy(one, NOW)
    if liquidatable(one, NOW) and found.add:
        worth = [collateral_value(each, NOW) for each in one.collaterals]
        place = worth.index(max(worth))
        assert not liquidatable(with_more(one, place, found.add), NOW)
        assert liquidatable(with_more(one, place, found.add - 1), NOW)


def with_more(one: Position, place: int, amount: int) -> Position:
    held = list(one.collaterals)
    held[place] = replace(held[place], amount=held[place].amount + amount)
    return replace(one, collaterals=tuple(held))


def test_more_of_what_counts_for_nothing_is_no_remedy() -> None:
    """The dearest collateral has a threshold of 0: the advice is of the other one."""
    base = market()
    idle = {**base.reserves, WBTC: replace(base.reserves[WBTC], lt=Bps(0))}
    one = resolve(replace(base, reserves=idle), account({WBTC: 10**10, WETH: WAD}, {USDT: 3_000 * 10**6}))
    assert [each.lt for each in one.collaterals] == [8300, 0]
    found = remedy(one, NOW)
    assert found.add is not None
    assert not liquidatable(with_more(one, 0, found.add), NOW)
    assert liquidatable(with_more(one, 0, found.add - 1), NOW)


def test_the_bonus_of_a_category_is_for_its_own_assets() -> None:
    base = market()
    low = {**base.emodes, 1: replace(base.emodes[1], lt=Bps(7800))}
    inside = account({WETH: WAD, USDT: 10**6}, {}, emode=1)
    for where in (base, replace(base, emodes=low)):  # whatever its threshold happens to equal
        assert [bonus_of(where, inside, each) for each in (WETH, WSTETH, USDT)] == [10_100, 10_100, 10_500]
        assert bonus_of(where, replace(inside, emode=0), WETH) == 10_500


def test_half_in_eth_on_both_sides_is_no_loop() -> None:
    """60 % of either side follows ETH: other prices decide too, and that is what is said."""
    found = outcome(account({WETH: 10 * WAD, USDT: 20_000 * 10**6}, {WETH: 6 * WAD, USDT: 9_000 * 10**6}))
    assert isinstance(found, NeverByEth)
    assert found.reason is NeverReason.COVERED


def repaid(one: Position, place: int, amount: int) -> Position:
    debts = list(one.debts)
    debts[place] = replace(debts[place], amount=debts[place].amount - amount)
    return replace(one, debts=tuple(debts))


@given(
    st.dictionaries(st.integers(0, 3), st.integers(1, 10**22), min_size=1, max_size=4),
    st.dictionaries(st.integers(0, 3), st.integers(1, 10**22), min_size=1, max_size=4),
    st.sampled_from(RULES),
)
def test_what_was_found_is_the_price_that_is_searched_for(
    collateral: dict[int, int], debt: dict[int, int], rule: HealthRule
) -> None:
    base, one = market(rule), account(collateral, debt)
    searched = AaveModel(base, one, NOW)
    try:
        found = classify(resolve(base, one), base, NOW)
    except CannotSee:
        return
    known = replace(searched, found=found)
    assert known.tick() == searched.tick()
    assert known.replaced(Cause.OTHER_PRICE, searched) == known == searched
