"""The demo's chain: the same every time, true to the header rules across its reorg, and a real liquidation."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from monitor.chain.blocks import BlockJson, to_block
from monitor.domain import BlobSchedule, BlockRow
from monitor.localnet.player import AtOnce, Live, Player
from monitor.localnet.scenario import MAX_BLOBS, MIN_BLOCKS, REORG_DEPTH, Step, plan
from monitor.localnet.stage import Stage
from monitor.protocols.aave_v3_deployments import DEPLOYMENTS
from monitor.supply.blobs import GAS_PER_BLOB, blob_base_fee_wei
from monitor.supply.burn import Finding, check_child
from monitor.units import TICKS_PER_USD, WAD, BlobGas, UnixTime, Wei

pytestmark = pytest.mark.localnet

GENESIS = UnixTime(1_790_000_000)
PRAGUE = BlobSchedule(activation_time=UnixTime(0), target=6, max=9, base_fee_update_fraction=5_007_716)


@dataclass(frozen=True)
class Played:
    stage: Stage
    steps: tuple[Step, ...]
    discarded: list[str]
    """Hashes of the blocks that the reorg replaced."""

    def blocks(self) -> list[dict[str, Any]]:
        return _blocks(self.stage)


def _blocks(stage: Stage) -> list[dict[str, Any]]:
    control = stage.anvil.control
    return [control.block(n) for n in range(control.head_number() + 1)]


def _rows(stage: Stage) -> list[BlockRow]:
    def fee(_time: UnixTime, excess: BlobGas) -> Wei:
        return blob_base_fee_wei(excess, PRAGUE.base_fee_update_fraction)

    return [
        to_block(msgspec.json.decode(msgspec.json.encode(block), type=BlockJson), number, fee, "local").row
        for number, block in enumerate(_blocks(stage))
    ]


def _broken_rules(rows: list[BlockRow]) -> list[Finding]:
    return [
        finding
        for parent, child in itertools.pairwise(rows)
        for finding in check_child(parent, child, PRAGUE, eip7918=False)
    ]


def _without_blobs(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Anvil takes 3 s to load what it needs for the first blob."""
    return tuple(replace(step, blobs=0) for step in steps)


def _play(stage: Stage, steps: tuple[Step, ...]) -> Played:
    player, control = Player(stage), stage.anvil.control
    reorg = next(at for at, step in enumerate(steps) if step.replaces)
    player.play(steps[:reorg], AtOnce())
    discarded = [control.block_hash(reorg - back) for back in range(REORG_DEPTH)]
    player.play(steps[reorg:], AtOnce())
    return Played(stage, steps, discarded)


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with Stage.build(GENESIS) as stage:
        yield _play(stage, _without_blobs(plan(MIN_BLOCKS)))


def test_every_header_follows_from_its_parent(played: Played) -> None:
    rows = _rows(played.stage)
    assert len(rows) == MIN_BLOCKS + 1
    assert _broken_rules(rows) == []


def test_the_base_fee_goes_up_and_down(played: Played) -> None:
    fees = [row.base_fee_wei for row in _rows(played.stage)]
    moves = [(b or 0) - (a or 0) for a, b in itertools.pairwise(fees)]
    assert sum(move > 0 for move in moves) >= 5
    assert sum(move < 0 for move in moves) >= 5


def test_blob_transactions_are_in_the_blocks_as_planned() -> None:
    steps = tuple(
        replace(step, blobs=blobs)
        for step, blobs in zip(plan(MIN_BLOCKS), (1, MAX_BLOBS, 0, 4), strict=False)
    )
    with Stage.build(GENESIS) as stage:
        stage.warm_up()
        Player(stage).play(steps, AtOnce())
        rows = _rows(stage)
    assert [row.blob_gas_used for row in rows] == [n * GAS_PER_BLOB for n in (0, 1, MAX_BLOBS, 0, 4)]
    assert _broken_rules(rows) == []


def test_the_plan_has_no_more_blobs_than_anvil_can_account_for() -> None:
    assert {step.blobs for step in plan(200)} == set(range(MAX_BLOBS + 1))


def test_the_reorg_replaces_three_blocks_that_were_there(played: Played) -> None:
    control = played.stage.anvil.control
    now = {block["hash"] for block in played.blocks()}
    assert len(set(played.discarded)) == REORG_DEPTH
    assert not now & set(played.discarded)
    for block_hash in played.discarded:
        assert control.call("eth_getBlockByHash", block_hash, False) is None


def test_a_real_liquidation_of_the_whale_is_on_the_chain(played: Played) -> None:
    stage = played.stage
    logs = stage.anvil.call(
        "eth_getLogs",
        {
            "address": stage.market.pool.address,
            "topics": [stage.market.pool.topic("LiquidationCall")],
            "fromBlock": "0x0",
        },
    )
    (log,) = logs
    at = next(n for n, step in enumerate(played.steps, start=1) if step.liquidates)
    assert int(log["blockNumber"], 16) == at
    assert log["topics"][3].endswith(stage.cast.whale[2:])
    before = stage.market.account(stage.cast.whale, block=at - 1)
    after = stage.market.account(stage.cast.whale, block=at)
    assert before.health_factor_wad < WAD < after.health_factor_wad


def test_the_price_walks_from_far_above_to_just_below_the_whales(played: Played) -> None:
    prices = [step.price / TICKS_PER_USD for step in played.steps if step.price is not None]
    assert prices[0] > 2_300
    assert min(prices) == 1_772
    assert prices[-1] > 1_780
    assert all(price > 1_780 for price in prices[: prices.index(1_772)])


def test_the_market_is_where_the_daemon_looks_for_it(played: Played) -> None:
    (deployment,) = DEPLOYMENTS[played.stage.anvil.spec.chain_id]
    market = played.stage.market
    assert deployment.pool == market.pool.address
    assert deployment.weth == market.tokens["WETH"].address


def test_the_same_plan_gives_the_same_hashes() -> None:
    steps = _without_blobs(plan(MIN_BLOCKS))
    ends = []
    for _ in range(2):
        with Stage.build(GENESIS) as stage:
            Player(stage).play(steps, AtOnce())
            ends.append(stage.anvil.control.block_hash())
    assert ends[0] == ends[1]


def test_a_live_chain_stops_at_once_when_told() -> None:
    stop = threading.Event()
    pace = Live(0.01, stop)
    first = pace.next_block(UnixTime(0))
    assert first is not None
    second = pace.next_block(UnixTime(first + 100))
    assert second == first + 101
    stop.set()
    assert Live(3600, stop).next_block(UnixTime(0)) is None


def test_the_plan_has_its_events_in_order_whatever_its_length() -> None:
    for blocks in (1, MIN_BLOCKS, 61, 200):
        steps = plan(blocks)
        assert len(steps) == max(blocks, MIN_BLOCKS)
        assert steps == plan(blocks)
        (opens,) = [n for n, s in enumerate(steps) if s.opens]
        (reorg,) = [n for n, s in enumerate(steps) if s.replaces]
        (liquidation,) = [n for n, s in enumerate(steps) if s.liquidates]
        crossing = next(n for n, s in enumerate(steps) if s.price == 1_772 * TICKS_PER_USD)
        assert opens == 0 < REORG_DEPTH < reorg < crossing < liquidation < len(steps) - 1
