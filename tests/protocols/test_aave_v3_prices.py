"""How a price depends on the ETH feed is read from the oracle's wiring and checked against the price it gives."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts_abi import chainlink
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.pinned import Override
from monitor.lending.correlation import EthFeed, EthFeedTimesRatio, NoPrice, OtherFeed, price_at
from monitor.localnet.anvil import Anvil
from monitor.protocols.aave_v3_prices import (
    EthPrice,
    SourceFacts,
    classify_source,
    eth_price,
    staking_growth,
)
from monitor.protocols.feed_stub import constant_feed
from monitor.units import SECONDS_PER_YEAR, Address, UnixTime

FEED, SECOND, ADAPTER, STRANGER = (Address(f"0x{n:040x}") for n in (0xF1, 0xF2, 0xF3, 0xF4))
NOW = UnixTime(1_800_000_000)
answers = st.integers(10**6, 10**13)
ratios = st.integers(10**17, 3 * 10**18)


def facts(address: Address, answer: int | None, **more: object) -> SourceFacts:
    plain = SourceFacts(address, answer, None, None, None, 18, False, None, None, None)
    return replace(plain, **more)


def eth(answer: int, second: int | None = None) -> EthPrice:
    return EthPrice(FEED, answer, None, {} if second is None else {SECOND: second})


@given(answers)
def test_the_feed_itself(answer: int) -> None:
    known = {FEED: facts(FEED, answer)}
    assert classify_source(answer, FEED, eth(answer), known, NOW) == EthFeed()
    assert classify_source(answer + 1, FEED, eth(answer), known, NOW) != EthFeed()


@given(answers, ratios, answers)
def test_an_adapter_over_the_feed_at_any_price(answer: int, ratio: int, other: int) -> None:
    known = {FEED: facts(FEED, answer), ADAPTER: facts(ADAPTER, None, base=FEED, ratio=ratio)}
    found = classify_source(answer * ratio // 10**18 or 1, ADAPTER, eth(answer), known, NOW)
    if answer * ratio >= 10**18:
        assert isinstance(found, EthFeedTimesRatio)
        assert not found.inferred
        assert price_at(found, other) == other * ratio // 10**18


@given(answers, ratios, st.integers(1, 10**6))
def test_a_cap_in_force_gives_the_cap_s_ratio(answer: int, ratio: int, elapsed: int) -> None:
    cap = ratio + 3 * elapsed
    known = {
        FEED: facts(FEED, answer),
        ADAPTER: facts(
            ADAPTER, None, base=FEED, ratio=2 * cap, capped=True, snapshot_ratio=ratio,
            snapshot_at=UnixTime(NOW - elapsed), growth_per_second=3,
        ),
    }  # fmt: skip
    found = classify_source(answer * cap // 10**18, ADAPTER, eth(answer), known, NOW)
    if answer * cap >= 10**18:
        assert isinstance(found, EthFeedTimesRatio)
        assert found.capped
        assert price_at(found, answer) == answer * cap // 10**18
        assert price_at(found, 2 * answer) == 2 * answer * cap // 10**18


@given(answers, answers, ratios)
def test_an_adapter_over_another_eth_feed_keeps_its_own_distance(
    answer: int, second: int, ratio: int
) -> None:
    known = {
        FEED: facts(FEED, answer),
        SECOND: facts(SECOND, second),
        ADAPTER: facts(ADAPTER, None, base=SECOND, ratio=ratio),
    }
    price = second * ratio // 10**18
    found = classify_source(price, ADAPTER, eth(answer, second=second), known, NOW)
    if price:
        assert isinstance(found, EthFeedTimesRatio)
        assert price_at(found, answer) == price
    own = classify_source(second, SECOND, eth(answer, second=second), known, NOW)
    assert price_at(own, answer) == second
    # The oracle's price is not that feed's answer: it came from elsewhere, and nothing is known of it.
    strange = classify_source(second + 1, SECOND, eth(answer, second=second), known, NOW)
    assert strange == OtherFeed(second + 1, SECOND)


def test_an_adapter_that_does_not_explain_its_price_is_inferred_and_says_so() -> None:
    known = {FEED: facts(FEED, 2 * 10**11), ADAPTER: facts(ADAPTER, None, base=FEED, ratio=10**18)}
    found = classify_source(3 * 10**11, ADAPTER, eth(2 * 10**11), known, NOW)
    assert found == EthFeedTimesRatio(3 * 10**11, 2 * 10**11, inferred=True)
    probed = {**known, ADAPTER: replace(known[ADAPTER], at_probe=15 * 10**25)}
    assert classify_source(3 * 10**11, ADAPTER, eth(2 * 10**11), probed, NOW) == EthFeedTimesRatio(3, 2)


def test_what_is_not_eth_does_not_follow_it() -> None:
    known = {FEED: facts(FEED, 10**11), STRANGER: facts(STRANGER, 10**8, base=ADAPTER, ratio=10**18)}
    assert classify_source(10**8, STRANGER, eth(10**11), known, NOW) == OtherFeed(10**8, STRANGER)
    assert classify_source(10**8, STRANGER, None, known, NOW) == OtherFeed(10**8, STRANGER)
    assert isinstance(classify_source(None, STRANGER, eth(10**11), known, NOW), NoPrice)
    assert isinstance(classify_source(0, STRANGER, eth(10**11), known, NOW), NoPrice)


def test_the_pool_s_eth_feed() -> None:
    known = {FEED: facts(FEED, 10**11), SECOND: facts(SECOND, 11 * 10**10)}
    based = {**known, ADAPTER: facts(ADAPTER, 1, base=SECOND)}
    assert eth_price(FEED, frozenset(), known) == EthPrice(FEED, 10**11, None, {})
    assert eth_price(FEED, frozenset({SECOND}), based) == EthPrice(FEED, 10**11, None, {SECOND: 11 * 10**10})
    assert eth_price(None, frozenset({SECOND}), based) == EthPrice(SECOND, 11 * 10**10, None, {})
    assert eth_price(None, frozenset(), based) is None
    assert eth_price(FEED, frozenset(), {FEED: facts(FEED, 0)}) is None
    assert eth_price(FEED, frozenset(), {FEED: facts(FEED, None)}) is None


def test_growth_since_the_snapshot() -> None:
    year_ago = UnixTime(NOW - SECONDS_PER_YEAR)
    one = facts(ADAPTER, 1, ratio=103 * 10**16, snapshot_ratio=10**18, snapshot_at=year_ago)
    assert staking_growth(one, NOW) == pytest.approx(math.log(1.03))
    assert staking_growth(replace(one, snapshot_at=NOW), NOW) == 0.0
    assert staking_growth(replace(one, ratio=-1), NOW) == 0.0
    assert staking_growth(None, NOW) == 0.0


@pytest.mark.localnet
def test_the_stub_answers_like_a_feed(anvil: Anvil) -> None:
    anvil.control.mine()
    with Endpoints([anvil.url], clock=SystemClock()) as endpoints:
        pinned = endpoints.pinned(endpoints.head())
        for answer, decimals in ((178_000_000_000, 8), (0, 18), (2**255 - 1, 0)):
            code = {STRANGER: Override(code=constant_feed(answer, decimals))}

            def ask(call: chainlink.Call, code: dict[Address, Override] = code) -> object:
                return call.decode(pinned.eth_call(STRANGER, call.encode(), code))

            assert ask(chainlink.LATEST_ANSWER) == answer
            assert ask(chainlink.DECIMALS) == decimals
            now = pinned.block.timestamp
            assert ask(chainlink.LATEST_ROUND_DATA) == (1, answer, now, now, 1)
