"""Past answers of a feed: against a search by hand, and on a real node with the real rounds of ETH/USD."""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts_abi import chainlink
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.reader import Reader
from monitor.errors import CannotSee
from monitor.localnet.anvil import ChainSpec
from monitor.protocols.rounds import PastRound, read_past
from monitor.units import UnixTime
from tests.support.commands import ROOT
from tests.support.contracts import Contracts, address_of
from tests.support.localnet import StartAnvil
from tests.support.rounds import Rounds, deploy_proxy

DAY = 86_400
REAL = ROOT.parent / "shared" / "data" / "prices" / "chainlink_eth_usd_rounds_2023-04_2024-01.csv"
FEED = address_of("proxy")


def proxy_of(phases: Mapping[int, Rounds]) -> Contracts:
    """A proxy as its contract would answer; a round that is not there answers zeros, as OCR does."""
    contracts = Contracts()
    contracts.say(FEED, chainlink.DECIMALS, 8)
    for phase, rounds in phases.items():
        aggregator = address_of(f"aggregator {phase}")
        contracts.say(FEED, chainlink.PHASE_AGGREGATORS, aggregator, to=(phase,))
        contracts.say(aggregator, chainlink.LATEST_ROUND, len(rounds))
        for number, (answer, time) in enumerate(rounds, 1):
            one = phase << 64 | number
            contracts.say(FEED, chainlink.GET_ROUND_DATA, one, answer, time, time, one, to=(one,))
    newest = max(phases)
    answer, time = phases[newest][-1]
    one = newest << 64 | len(phases[newest])
    contracts.say(FEED, chainlink.LATEST_ROUND_DATA, one, answer, time, time, one)
    return contracts


def by_hand(phases: Mapping[int, Rounds], moment: int) -> PastRound | None:
    """The latest of all rounds before a moment; of two at one time that of the newer phase, then the later one."""
    told = [
        (time, phase, number, answer)
        for phase, rounds in phases.items()
        for number, (answer, time) in enumerate(rounds, 1)
        if 0 < time < moment
    ]
    if not told:
        return None
    time, phase, number, answer = max(told)
    return PastRound(phase << 64 | number, answer, UnixTime(time))


@st.composite
def phase_rounds(draw: st.DrawFn) -> Rounds:
    """Times that ascend, with holes anywhere but at the end."""
    steps = draw(st.lists(st.integers(1, 3 * DAY), min_size=1, max_size=120))
    time, rounds = draw(st.integers(DAY, 30 * DAY)), list[tuple[int, int]]()
    for number, step in enumerate(steps):
        time += step
        is_hole = draw(st.integers(0, 9)) == 0 and number < len(steps) - 1
        rounds.append((number + 1, 0 if is_hole else time))
    return rounds


@settings(deadline=None)
@given(phase_rounds(), st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_one_phase_is_searched_as_by_hand(rounds: Rounds, days: list[int]) -> None:
    phases = {3: rounds}
    moments = [UnixTime(day * DAY) for day in dict.fromkeys(days)]
    found = proxy_of(phases).run(read_past(FEED, moments, UnixTime(10**9)))
    holes = any(time == 0 for _, time in rounds)
    for moment in moments:
        expected, got = by_hand(phases, moment), found.before.get(moment)
        # Where the very first rounds are holes, what is before them may be given up, and nothing is made up.
        assert got == expected or (holes and got is None)


@settings(deadline=None, max_examples=50)
@given(phase_rounds(), phase_rounds(), st.lists(st.integers(1, 500), min_size=1, max_size=12))
def test_phases_that_overlap_give_a_round_of_the_day_before(
    old: Rounds, new: Rounds, days: list[int]
) -> None:
    phases = {1: [one for one in old if one[1]], 2: [one for one in new if one[1]]}
    moments = [UnixTime(day * DAY) for day in dict.fromkeys(days)]
    found = proxy_of(phases).run(read_past(FEED, moments, UnixTime(10**9)))
    for moment in moments:
        got, best = found.before.get(moment), by_hand(phases, moment)
        assert (got is None) == (best is None)
        if got is not None and best is not None and got != best:
            # The newer aggregator's word counts while it is no older than a day.
            assert got == by_hand({2: phases[2]}, moment)
            assert moment - got.updated_at <= DAY


def test_no_round_is_taken_from_the_future_or_from_another_round() -> None:
    contracts = proxy_of({1: [(10, DAY), (20, 3 * DAY), (30, 9 * DAY)]})
    found = contracts.run(read_past(FEED, [UnixTime(4 * DAY), UnixTime(10 * DAY)], UnixTime(5 * DAY)))
    assert found.before == {}, "the newest round is of the future: nothing of it can be trusted"
    lied = 1 << 64 | 2
    contracts.say(FEED, chainlink.GET_ROUND_DATA, 7, 20, DAY, 3 * DAY, 7, to=(lied,))
    found = contracts.run(read_past(FEED, [UnixTime(4 * DAY)], UnixTime(10 * DAY)))
    assert found.before[UnixTime(4 * DAY)].answer == 10


def test_endless_holes_end_the_search_and_nothing_is_made_up() -> None:
    contracts = proxy_of({1: [(10, DAY), *[(0, 0)] * 400, (30, 9 * DAY)]})
    found = contracts.run(read_past(FEED, [UnixTime(4 * DAY)], UnixTime(10 * DAY)))
    assert found.before == {}
    assert contracts.rounds < 70


def test_a_round_of_midnight_itself_belongs_to_the_day_that_begins() -> None:
    contracts = proxy_of({1: [(10, DAY), (20, 3 * DAY), (30, 5 * DAY)]})
    asked = [UnixTime(day * DAY) for day in (1, 3, 5)]
    found = contracts.run(read_past(FEED, asked, UnixTime(9 * DAY))).before
    assert {moment // DAY: one.answer for moment, one in found.items()} == {3: 10, 5: 20}


def test_a_newer_phase_is_believed_a_day_and_no_longer() -> None:
    phases = {1: [(10, 3 * DAY), (11, 20 * DAY)], 2: [(20, 2 * DAY), (21, 21 * DAY)]}

    def answer(moment: int) -> int:
        found = proxy_of(phases).run(read_past(FEED, [UnixTime(moment)], UnixTime(30 * DAY)))
        return found.before[UnixTime(moment)].answer

    phases[1][0] = (10, 3 * DAY - 1)
    assert answer(3 * DAY) == 20
    phases[2][0] = (20, 2 * DAY - 1)
    assert answer(3 * DAY) == 10


def test_a_scale_that_cannot_be_is_no_other_scale() -> None:
    contracts = proxy_of({1: [(10, DAY)]})
    contracts.say(FEED, chainlink.DECIMALS, 255)
    with pytest.raises(CannotSee, match="255 decimals"):
        contracts.run(read_past(FEED, [UnixTime(2 * DAY)], UnixTime(3 * DAY)))


def test_a_feed_without_rounds_is_cannot_see_and_one_without_history_has_none() -> None:
    with pytest.raises(CannotSee, match="price feed"):
        Contracts().run(read_past(FEED, [UnixTime(DAY)], UnixTime(DAY)))
    contracts = Contracts()
    contracts.say(FEED, chainlink.DECIMALS, 8)
    contracts.say(FEED, chainlink.LATEST_ROUND_DATA, 5, 10, DAY, DAY, 5)
    assert contracts.run(read_past(FEED, [UnixTime(2 * DAY)], UnixTime(3 * DAY))).before == {}


@pytest.mark.localnet
@pytest.mark.shared
@pytest.mark.skipif(not REAL.exists(), reason="real rounds are not part of the project")
def test_the_real_rounds_of_eth_usd_on_a_real_node(start_anvil: StartAnvil) -> None:
    with REAL.open(newline="") as lines:
        rows = [(int(row["answer"]), int(row["updatedAt"])) for row in csv.DictReader(lines)]
    cut = len(rows) * 2 // 3
    anvil = start_anvil(ChainSpec(automine=True, timestamp=UnixTime(rows[-1][1] + 600)))
    # Two aggregators, the newer one reporting for some days before the proxy turns to it.
    proxy = deploy_proxy(anvil, [rows[: cut + 200], rows[cut:]])
    days = range(rows[0][1] // DAY + 1, rows[-1][1] // DAY)
    moments = [UnixTime((day + 1) * DAY) for day in days]
    reader = Reader()
    with Endpoints([anvil.url], clock=SystemClock(), chain_id=1337, timeout_s=20) as pool:
        head = pool.head()
        found = reader.run(pool.pinned(head), read_past(proxy.address, moments, head.timestamp))
    times = [time for _, time in rows]
    expected = {moment: rows[bisect_left(times, moment) - 1] for moment in moments}
    assert {moment: (one.answer, one.updated_at) for moment, one in found.before.items()} == expected
    assert len(expected) > 250
    assert reader.round_trips < 40, f"{reader.round_trips} trips for {len(days)} days"
    told = datetime.fromtimestamp(moments[0], UTC)
    assert (told.hour, told.minute) == (0, 0)
