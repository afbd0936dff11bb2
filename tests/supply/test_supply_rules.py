"""Rules on supply readings, from the rows of a real store to queued messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.model import BlockStamp, Message, Reading, Rule, Transition
from alerts.rules import parse_rules
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.chain.schedule import BlobFees
from monitor.domain import Block
from monitor.readings.catalogue import CATALOGUE
from monitor.store import identity, incidents, issuance, ledger, rewards
from monitor.store.database import Database
from monitor.supply.burn import burn_of
from monitor.supply.forks import SEPOLIA
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown
from monitor.units import UnixTime
from monitor.watch.own import fork_readings, own_readings
from monitor.watch.readings import chain_readings, net_readings
from tests.support.clock import ManualClock
from tests.support.databases import block, block_hash, chain, new_database, ref

SECONDS = 120
NOW = UnixTime(1_800_000_000)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        identity.bind_chain(database, 1337, None, NOW)
        yield database


def rule(**table: Any) -> Rule:
    return next(one for one in parse_rules({"rule": [table]}, CATALOGUE) if one.spec.key == table["reading"])


def stamp(number: int) -> BlockStamp:
    at = ref(number, seconds=SECONDS)
    return BlockStamp(at.number, at.hash, at.timestamp)


def decide(db: Database, one: Rule, readings: Sequence[Reading], at: BlockStamp) -> list[Message]:
    wanted = [reading for reading in readings if reading.key == one.spec.key]
    with db.transaction():
        return list(
            incidents.decide(
                db, [one], wanted, at=at, channels=("telegram",), now_wall=at.time, of_chain=one.spec.on_chain
            )
        )


def quiet(first: int, last: int, *, fee: int = 10**9) -> list[Block]:
    """Blocks that burn alike."""
    rows = [block(number, seconds=SECONDS) for number in range(first, last + 1)]
    return [
        one._replace(row=one.row._replace(base_fee_wei=fee, gas_used=15_000_000, blob_gas_used=0)) for one in rows
    ]  # fmt: skip


def advance(blocks: Sequence[Block]) -> Advance:
    return Advance(blocks[-1].ref, None, blocks, (), None, None)


def step(db: Database, one: Rule, blocks: Sequence[Block]) -> list[Message]:
    """The next blocks, stored, and what the rule makes of them."""
    ledger.append(db, blocks, NOW)
    at = stamp(blocks[-1].ref.number)
    return decide(db, one, list(chain_readings(db, advance(blocks), [one], at)), at)


def sample(db: Database, number: int, gwei: int | None) -> None:
    at = ref(number, seconds=SECONDS)
    total = ConsensusTotal(
        number, number, block_hash(number), at.timestamp, number, 34 * 10**15, 0, 0, finalized=True
    )
    issuance.save(db, total, Unknown("first") if gwei is None else Measured(gwei), None)


def test_net_change_alerts_when_its_sign_is_certain_and_recovers_when_it_flips_back(db: Database) -> None:
    """30 blocks an hour burn 0.45 ETH; issuance of the hour goes from 0.2 to 0.9 to 0.2 ETH, then unseen."""
    one = rule(reading="supply.net_change_eth", window="1h", above=0)
    ledger.append(db, quiet(0, 30), NOW)
    sample(db, 0, None)
    told: list[list[Transition]] = []
    for hour, issued in enumerate((200_000_000, 900_000_000, 200_000_000), 1):
        if hour > 1:
            ledger.append(db, quiet(30 * hour - 29, 30 * hour), NOW)
        sample(db, 30 * hour, issued)
        at = stamp(30 * hour)
        messages = decide(db, one, list(net_readings(db, [one], None, at)), at)
        told.append([message.transition for message in messages])
    assert told == [[], [Transition.OPENED], [Transition.RECOVERED]]


def test_net_change_that_cannot_be_seen_recovers_nothing(db: Database) -> None:
    one = rule(reading="supply.net_change_eth", window="1h", above=0)
    ledger.append(db, quiet(0, 30), NOW)
    sample(db, 0, None)
    sample(db, 30, 900_000_000)
    assert decide(db, one, list(net_readings(db, [one], None, stamp(30))), stamp(30))
    db.connection.execute("DELETE FROM issuance_sample")
    ledger.append(db, quiet(31, 60, fee=10**12), NOW)
    messages = decide(db, one, list(net_readings(db, [one], None, stamp(60))), stamp(60))
    assert Transition.RECOVERED not in [message.transition for message in messages]


def test_an_interval_around_zero_does_not_alert(db: Database) -> None:
    """36 M ETH of stake issue about 111 ETH an hour, give or take: a burn in the middle has no sign."""
    one = rule(reading="supply.net_change_eth", window="1h", above=0)
    ledger.append(db, quiet(0, 30, fee=247 * 10**9), NOW)
    stake = (36_000_000, ref(0, seconds=SECONDS).timestamp)
    (reading,) = net_readings(db, [one], stake, stamp(30))
    assert reading.value == 0
    assert not decide(db, one, [reading], stamp(30))


def test_what_was_mined_in_the_window_counts(db: Database) -> None:
    one = rule(reading="supply.net_change_eth", window="1h", above=0)
    ledger.append(db, quiet(0, 30), NOW)
    sample(db, 0, None)
    sample(db, 30, 900_000_000)
    (before,) = net_readings(db, [one], None, stamp(30))
    rewards.save(db, [(number, 0, 2 * 10**18) for number in range(11, 21)])
    (after,) = net_readings(db, [one], None, stamp(30))
    assert isinstance(before.value, Decimal)
    assert isinstance(after.value, Decimal)
    assert after.value - before.value == 20


def test_burn_over_a_window(db: Database) -> None:
    one = rule(reading="supply.burn_eth", window="1h", above=1)
    assert step(db, one, quiet(0, 60)) == []
    assert [m.transition for m in step(db, one, quiet(61, 80, fee=10**10))] == [Transition.OPENED]


@pytest.fixture(scope="module")
def eight_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "ethmon.db"
    with new_database(path) as database:
        identity.bind_chain(database, 1337, None, NOW)
        ledger.append(database, quiet(0, 6_000), NOW)
    return path


@pytest.fixture
def long(eight_days: Path, tmp_path: Path) -> Iterator[Database]:
    from monitor.store.database import open_writer

    path = tmp_path / "ethmon.db"
    path.write_bytes(eight_days.read_bytes())
    with open_writer(path) as database:
        yield database


RECORD = {"reading": "supply.record_burn", "above": 0}


def test_a_record_block_is_told_once(long: Database) -> None:
    one = rule(**RECORD)
    assert step(long, one, quiet(6_001, 6_001)) == []  # as much as the others is no record
    high = quiet(6_002, 6_002, fee=10**10)
    (message,) = step(long, one, high)
    assert message.transition is Transition.HAPPENED
    assert step(long, one, quiet(6_003, 6_003, fee=9 * 10**9)) == []
    assert burn_of(high[0].row).total_wei == 15 * 10**16


def test_a_record_hour_is_told_when_it_is_over(long: Database) -> None:
    one = rule(**{**RECORD, "stretch": "hour"})
    # The next whole hour of block times burns twice as much; 30 blocks are an hour.
    first = next(n for n in range(6_001, 6_040) if ref(n, seconds=SECONDS).timestamp % 3600 < SECONDS)
    if first > 6_001:
        assert step(long, one, quiet(6_001, first - 1)) == []
    assert step(long, one, quiet(first, first + 29, fee=2 * 10**9)) == []
    (message,) = step(long, one, quiet(first + 30, first + 30))
    assert message.transition is Transition.HAPPENED


def test_a_young_ledger_has_no_records(db: Database) -> None:
    one = rule(**RECORD)
    step(db, one, quiet(0, 100))
    assert step(db, one, quiet(101, 101, fee=10**12)) == []


def test_a_block_whose_burn_is_not_known_is_no_record(long: Database) -> None:
    (high,) = quiet(6_001, 6_001, fee=10**10)
    unknown = high._replace(row=high.row._replace(blob_gas_used=131_072, blob_base_fee_wei=None))
    assert step(long, rule(**RECORD), [unknown]) == []


def nobody(chain_id: int) -> Endpoints:
    return Endpoints(["http://127.0.0.1:1"], clock=ManualClock(NOW), chain_id=chain_id)


def test_a_schedule_in_doubt_alerts_and_recovers_when_it_is_settled(db: Database) -> None:
    one = rule(reading="fork.schedule_mismatch", above=0)
    ledger.append(db, chain(0, 3), NOW)
    source = nobody(1337)
    told: list[list[Transition]] = []
    for place, doubt in enumerate((None, UnixTime(1), None)):
        source.blob_fee = BlobFees(SEPOLIA.schedules, doubt)
        now = UnixTime(NOW + 7_200 * place)
        readings = own_readings(db, source, now, "")
        at = BlockStamp(readings[0].at.number, readings[0].at.hash, now)
        told.append([message.transition for message in decide(db, one, readings, at)])
    source.close()
    assert told == [[], [Transition.OPENED], [Transition.RECOVERED]]


def test_the_next_fork_is_announced_as_it_comes_nearer(db: Database) -> None:
    one = rule(reading="fork.time_left", below=["14d", "1d"])
    fork = SEPOLIA.time_of("amsterdam")
    source = nobody(SEPOLIA.chain_id)
    ledger.append(db, chain(0, 3), NOW)
    told: list[list[Transition]] = []
    for number, days in enumerate((20, 10, 0.5)):
        at = BlockStamp(number, block_hash(number), UnixTime(int(fork - days * 86_400)))
        told.append([m.transition for m in decide(db, one, list(fork_readings(source, at)), at)])
    source.close()
    assert told == [[], [Transition.OPENED], [Transition.WORSENED]]
