"""Which blob schedule is believed: the node's, our table's, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.connect import adopt_schedule
from monitor.chain.endpoints import Endpoints
from monitor.chain.schedule import Agreed, BlobFees, Findings, Mismatch, Unknown, find_blob_fees
from monitor.domain import BlobSchedule
from monitor.errors import NodeUnavailable
from monitor.supply.forks import HOODI, MAINNET, Chain
from monitor.units import BlobGas, UnixTime
from tests.support import rpc_server as bad
from tests.support.clock import ManualClock
from tests.support.recorded_node import RecordedNode, child_of
from tests.support.rpc_server import RpcServer

BPO2 = 1_767_747_671
EXCESS = 182_703_595
"""Of mainnet block 25,745,672."""


def fork(time: int, target: int, most: int, fraction: int, **more: Any) -> dict[str, Any]:
    blobs = {"target": target, "max": most, "baseFeeUpdateFraction": fraction}
    return {"activationTime": time, "blobSchedule": blobs, "chainId": "0x1", **more}


IN_FORCE = fork(BPO2, 14, 21, 11_684_671, forkId="0x07c9462e")


def price(fraction: int, excess: int = EXCESS) -> int:
    """EIP-4844's formula, restated."""
    total, term, divisor = 0, fraction, 1
    while term > 0:
        total += term
        term = term * excess // (fraction * divisor)
        divisor += 1
    return total // fraction


class Bench:
    """One node whose newest blocks carry blobs, and what we make of it."""

    def __init__(self, stack: ExitStack) -> None:
        start = child_of(None, timestamp=1_786_618_000, excessBlobGas=EXCESS)
        chain = [start]
        for _ in range(6):
            chain.append(child_of(chain[-1], excessBlobGas=EXCESS, blobGasUsed=786_432))
        self.node = RecordedNode(chain)
        self.server = stack.enter_context(RpcServer(self.node))
        self.pool = stack.enter_context(Endpoints([self.server.url], clock=ManualClock(), timeout_s=2))

    def charge(self, fraction: int) -> None:
        self.node.blob_fees = dict.fromkeys(range(8), price(fraction))

    def find(self, known: Chain | None = MAINNET) -> Findings:
        return find_blob_fees(self.pool, known, self.pool.head())

    def fee(self, findings: Findings) -> int | None:
        return findings.fees(UnixTime(1_786_618_100), BlobGas(EXCESS))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack)


def test_node_and_table_agree(bench: Bench) -> None:
    bench.node.config = {"current": IN_FORCE, "next": None, "last": IN_FORCE}
    bench.charge(11_684_671)
    findings = bench.find()
    assert findings.verdict == Agreed(5, telling=True)
    assert bench.fee(findings) == price(11_684_671)
    assert findings.notes == ()


def test_without_eth_config_the_table_is_used_and_said(bench: Bench) -> None:
    bench.charge(11_684_671)
    findings = bench.find()
    assert isinstance(findings.verdict, Agreed)
    assert findings.fees.schedules == MAINNET.schedules
    assert any("eth_config" in note for note in findings.notes)


def test_unknown_chains_work_through_eth_config_alone(bench: Bench) -> None:
    current = fork(0, 6, 9, 5_007_716)
    later = fork(1_786_618_500, 10, 15, 8_346_193)
    bench.node.config = {"current": current, "next": later, "last": later}
    bench.charge(5_007_716)
    findings = bench.find(None)
    assert findings.verdict == Agreed(5, telling=True)
    assert bench.fee(findings) == price(5_007_716)
    change = findings.fees.next_change(UnixTime(1_786_618_100))
    assert change == BlobSchedule(UnixTime(1_786_618_500), 10, 15, 8_346_193)


def test_a_schedule_newer_than_our_table_is_taken_from_the_node(bench: Bench) -> None:
    newer = fork(1_780_000_000, 21, 32, 20_609_697, forkId="0x12345678")
    bench.node.config = {"current": newer, "next": None, "last": newer}
    bench.charge(20_609_697)
    findings = bench.find()
    assert findings.verdict == Agreed(5, telling=True)
    assert bench.fee(findings) == price(20_609_697)
    assert findings.fees(UnixTime(BPO2), BlobGas(EXCESS)) == price(11_684_671)  # the past stays
    assert len(findings.notes) == 2  # fork id and schedule are not in our table


@pytest.mark.parametrize("stale", [3_338_477, 5_007_716, 8_346_193])
def test_a_node_with_a_stale_fraction_stops_the_blob_fee_only_from_there_on(bench: Bench, stale: int) -> None:
    bench.charge(stale)
    findings = bench.find()
    assert isinstance(findings.verdict, Mismatch)
    assert "per blob gas" in findings.verdict.cause
    assert bench.fee(findings) is None
    assert findings.fees(UnixTime(BPO2 - 1), BlobGas(10)) == 1  # before the doubtful schedule all is well


def test_a_node_that_reports_nonsense_but_charges_right_is_believed_by_its_fees(bench: Bench) -> None:
    wrong = fork(0, 6, 9, 5_007_716)  # as Anvil does under every fork
    bench.node.config = {"current": wrong, "next": None, "last": None}
    bench.charge(11_684_671)
    findings = bench.find()
    assert findings.verdict == Agreed(5, telling=True)
    assert bench.fee(findings) == price(11_684_671)


def test_a_devnet_on_a_known_chain_id_is_believed_by_its_fees(bench: Bench) -> None:
    own = fork(0, 6, 9, 5_007_716)
    bench.node.config = {"current": own, "next": None, "last": None}
    bench.charge(5_007_716)
    findings = bench.find()
    assert findings.verdict == Agreed(5, telling=True)
    assert bench.fee(findings) == price(5_007_716)


def test_an_impossible_schedule_without_proof_is_a_mismatch(bench: Bench) -> None:
    stale = fork(0, 14, 21, 5_007_716)  # BPO2's counts with Prague's fraction
    bench.node.config = {"current": stale, "next": None, "last": None}
    findings = bench.find(None)
    assert isinstance(findings.verdict, Mismatch)
    assert "cannot be" in findings.verdict.cause
    assert bench.fee(findings) is None


def test_without_fees_to_compare_the_verdict_is_unknown_and_the_schedule_used(bench: Bench) -> None:
    findings = bench.find()
    assert isinstance(findings.verdict, Unknown)
    assert bench.fee(findings) == price(11_684_671)
    assert isinstance(bench.find(None).verdict, Unknown)
    assert bench.fee(bench.find(None)) is None  # no schedule at all


@pytest.mark.parametrize(("charged", "verdict"), [(11_684_671, Agreed), (5_007_716, Mismatch)])
def test_receipts_tell_the_fee_where_the_history_does_not(
    bench: Bench, charged: int, verdict: type[object]
) -> None:
    def with_prices(method: str, params: list[Any]) -> Any:
        answer = bench.node(method, params)
        if method == "eth_getBlockReceipts":
            answer[1] |= {"blobGasUsed": "0x20000", "blobGasPrice": hex(price(charged))}
        return answer

    bench.node.missing |= {"eth_feeHistory"}
    bench.server.node = with_prices
    assert isinstance(bench.find().verdict, verdict)


def test_the_first_block_of_a_schedule_proves_nothing(bench: Bench) -> None:
    """Fee histories price it with the schedule before: not a mismatch."""
    node = bench.node
    start = child_of(None, timestamp=BPO2 - 13, excessBlobGas=EXCESS)
    chain = [start]
    for _ in range(4):
        chain.append(child_of(chain[-1], excessBlobGas=EXCESS))
    node.blocks = {}
    for block in chain:
        node.add(block)
    first = next(n for n, b in node.blocks.items() if int(b["timestamp"], 16) >= BPO2)
    node.blob_fees = {n: price(8_346_193 if n <= first else 11_684_671) for n in range(5)}
    findings = bench.find()
    assert isinstance(findings.verdict, Agreed)


def test_an_unreachable_node_is_not_a_finding(bench: Bench) -> None:
    head = bench.pool.head()
    bench.server.always = bad.status(500)
    with pytest.raises(NodeUnavailable):
        find_blob_fees(bench.pool, MAINNET, head)


@pytest.mark.parametrize(
    "history",
    [{"oldestBlock": "0x1null"}, {"oldestBlock": 2**70}, {"baseFeePerBlobGas": ["0x"] * 6}, "x"],
    ids=str,
)
def test_a_malformed_fee_history_is_a_finding_and_no_failure(bench: Bench, history: Any) -> None:
    def garbled(method: str, params: list[Any]) -> Any:
        answer = bench.node(method, params)
        if method != "eth_feeHistory":
            return answer
        return answer | history if isinstance(history, dict) else history

    bench.charge(11_684_671)
    bench.server.node = garbled
    findings = bench.find()
    assert isinstance(findings.verdict, Unknown)
    assert bench.fee(findings) == price(11_684_671)


def test_a_doubt_stays_until_a_fee_clears_it(bench: Bench) -> None:
    bench.charge(5_007_716)
    head = bench.pool.head()
    assert isinstance(adopt_schedule(bench.pool, head).verdict, Mismatch)
    bench.node.missing |= {"eth_feeHistory"}
    assert isinstance(adopt_schedule(bench.pool, head).verdict, Unknown)
    assert bench.pool.blob_fee(head.timestamp, BlobGas(EXCESS)) is None
    bench.node.missing -= {"eth_feeHistory"}
    bench.charge(11_684_671)
    adopt_schedule(bench.pool, head)
    assert bench.pool.blob_fee(head.timestamp, BlobGas(EXCESS)) == price(11_684_671)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"current": None},
        {"current": fork(-1, 1, 2, 3)},
        {"current": fork(0, 1, 2**80, 3)},
        {"current": {"activationTime": "zz"}},
        [],
        "x",
    ],
    ids=str,
)
def test_a_malformed_config_is_a_note_and_the_table_is_used(bench: Bench, config: Any) -> None:
    bench.node.config = config
    bench.charge(11_684_671)
    findings = bench.find()
    assert bench.fee(findings) == price(11_684_671)


def test_no_schedule_before_the_first_and_no_price_beyond_reason() -> None:
    fees = BlobFees(MAINNET.schedules)
    assert fees(UnixTime(MAINNET.schedules[0].activation_time - 1), BlobGas(0)) is None
    assert fees(UnixTime(BPO2), BlobGas(2**62)) is None
    assert fees.next_change(UnixTime(BPO2)) is None


def test_real_answers_of_clients_are_read(bench: Bench, shared_data: Path) -> None:
    samples = json.loads((shared_data / "supply" / "eth_config_samples.json").read_text())["samples"]
    bench.charge(5_007_716)
    bench.node.config = samples["eth_config-current.json"]
    findings = bench.find(HOODI)
    assert isinstance(findings.verdict, Mismatch | Agreed)
    assert not any("fork id" in note for note in findings.notes)  # our table gives the client's own fork id
    bench.node.config = samples["execution-apis tests/eth_config/get-config.io"]["result"]
    assert BlobSchedule(UnixTime(540), 14, 21, 11_684_671) in bench.find(None).fees.schedules
    bench.node.config = samples["eth_config-next-and-last.json"]
    assert len(bench.find(None).fees.schedules) == 2
