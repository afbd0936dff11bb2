"""From a beacon node and an execution node to `ethmon supply`: the whole path, on real client code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.chain.beacon_pool import BeaconNodes
from monitor.chain.endpoints import Endpoints
from monitor.issued import IssuanceSource
from monitor.past.samples import take_sample
from monitor.reports.supply import method_words, supply_view
from monitor.store import events, identity, issuance
from monitor.store.database import Database
from monitor.supply.issuance import Estimated, Measured, Method, Unknown
from monitor.supply.total import NetChange
from monitor.tick import Tick
from monitor.units import UnixTime
from tests.support.beacon_net import GENESIS_TIME, SECONDS_PER_SLOT, SLOTS_PER_EPOCH, BeaconNet, beacon_net
from tests.support.clock import ManualClock
from tests.support.databases import new_database

pytestmark = pytest.mark.localnet


class Watched:
    """A chain on demand and our own view of it."""

    def __init__(self, net: BeaconNet, db: Database) -> None:
        self.net, self.db = net, db
        self.clock = ManualClock(GENESIS_TIME)
        self.source = Endpoints([net.execution], clock=self.clock)
        self.nodes = BeaconNodes([net.beacon], self.clock, self.source.chain_id())
        self.tick = Tick(self.source, db, self.clock, start_blocks=1_000)
        identity.bind_chain(db, self.source.chain_id(), None, self.clock.now())

    def run(self, epochs: int) -> None:
        """Let time pass, follow, sample."""
        for _ in range(epochs):
            slot = self.net.control(slots=SLOTS_PER_EPOCH)["slot"]
            self.clock.advance(GENESIS_TIME + slot * SECONDS_PER_SLOT - self.clock.now())
            self.tick.run()
            take_sample(self.db, self.nodes, self.source, self.clock, every_epochs=1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("supply")
    with beacon_net(folder) as net, new_database(Path(folder) / "ethmon.db") as db:
        found = Watched(net, db)
        found.run(8)
        yield found
        found.nodes.close()
        found.source.close()


def test_each_due_epoch_is_one_sample_and_steps_are_measured(watched: Watched) -> None:
    rows = issuance.samples(watched.db)
    assert len(rows) >= 3
    slots = [row.total.slot for row in rows]
    assert slots == sorted(set(slots))
    assert isinstance(rows[0].issued, Unknown)
    assert all(isinstance(row.issued, Measured) and row.issued.gwei > 0 for row in rows[1:])


def test_between_samples_the_sum_is_measured(watched: Watched) -> None:
    rows = issuance.samples(watched.db)
    source = IssuanceSource(watched.db, None)
    whole = source.issued(rows[0].total.timestamp, rows[-1].total.timestamp)
    steps = [row.issued.gwei for row in rows[1:] if isinstance(row.issued, Measured)]
    assert whole == Measured(sum(steps))


def test_a_frame_up_to_the_head_is_an_interval_that_holds_the_pace(watched: Watched) -> None:
    rows = issuance.samples(watched.db)
    first, last = rows[0].total, rows[-1].total
    head = UnixTime(last.timestamp + 384)
    found = IssuanceSource(watched.db, None).issued(first.timestamp, head)
    assert isinstance(found, Estimated)
    assert found.method is Method.INTERPOLATED
    measured = sum(row.issued.gwei for row in rows[1:] if isinstance(row.issued, Measured))
    pace = measured * (head - first.timestamp) // (last.timestamp - first.timestamp)
    assert measured < found.low_gwei <= pace <= found.high_gwei
    assert "after the newest sample" in found.assumption


def test_net_change_is_issuance_less_burn_to_the_wei(watched: Watched) -> None:
    age = watched.clock.now() - issuance.samples(watched.db)[0].total.timestamp
    (frame,) = supply_view(watched.db, f"{age // 60 - 1}m", None).frames
    assert isinstance(frame.net, NetChange)
    assert isinstance(frame.issuance, Estimated | Measured)
    low, high = frame.net.low_wei, frame.net.high_wei
    assert (high - low) % 10**9 == 0
    assert (low + frame.burn.total_wei) % 10**9 == 0
    assert method_words(frame.issuance).startswith("measured")


def test_before_the_first_sample_nothing_is_claimed(watched: Watched) -> None:
    first = issuance.samples(watched.db)[0].total.timestamp
    found = IssuanceSource(watched.db, None).issued(UnixTime(first - 1), UnixTime(first + 60))
    assert isinstance(found, Unknown)
    assert "BEACON_URLS" in found.cause


def test_a_known_stake_gives_an_estimate_that_holds_the_measured_truth(watched: Watched) -> None:
    """The estimate is mainnet's, with 32 slots an epoch; this chain's epochs have fewer and pay as much each."""
    rows = issuance.samples(watched.db)
    start, end = rows[0].total.timestamp, rows[-1].total.timestamp
    stake_eth = rows[0].total.validators_gwei // 10**9
    bare = IssuanceSource(watched.db, None).issued(start, end)
    assert isinstance(bare, Measured)
    watched.db.connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM issuance_sample")
    watched.db.connection.execute("DELETE FROM issuance_sample")
    found = IssuanceSource(watched.db, (stake_eth, start)).issued(start, end)
    watched.db.connection.execute("INSERT INTO issuance_sample SELECT * FROM kept")
    assert isinstance(found, Estimated)
    assert "ETHMON_STAKE" in found.anchor
    epochs = 32 // SLOTS_PER_EPOCH
    assert found.low_gwei * epochs <= bare.gwei <= found.high_gwei * epochs


def test_a_beacon_node_that_is_gone_is_an_event_and_no_number(watched: Watched) -> None:
    before = len(issuance.samples(watched.db))
    gone = BeaconNodes(["http://127.0.0.1:1"], watched.clock, watched.source.chain_id())
    assert not take_sample(watched.db, gone, watched.source, watched.clock, every_epochs=1)
    gone.close()
    assert len(issuance.samples(watched.db)) == before
    assert events.events(watched.db, 1)[0].kind == "sample_failed"
