"""The day that header and receipts differ is noticed, and a node that contradicts itself is left."""

from __future__ import annotations

from typing import Any

from monitor.chain.endpoints import Endpoints
from monitor.chain.gas_rule import check_gas_rule
from monitor.chain.member import State
from monitor.chain.verdict import Agreed, Mismatch, Unknown, Verdict
from monitor.units import BlockNumber
from tests.support.clock import ManualClock
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RpcServer


def verdict(receipts: list[int] | None = None, missing: set[str] | None = None, **fields: Any) -> Verdict:
    block = child_of(None, gasUsed=900_000, **fields)
    node = RecordedNode([block])
    node.missing |= missing or set()
    if receipts is not None:
        node.receipts[block["hash"]] = receipts
    with RpcServer(node) as server, Endpoints([server.url], clock=ManualClock()) as pool:
        read = pool.blocks(BlockNumber(0), BlockNumber(0))[0]
        assert read is not None
        return check_gas_rule(pool, read.ref)


def test_header_and_receipts_agree_up_to_osaka() -> None:
    assert verdict() == Agreed(1, telling=True)
    assert verdict(missing={"eth_getBlockReceipts"}) == Agreed(1, telling=True)


def test_a_changed_rule_is_a_mismatch_that_names_the_block() -> None:
    found = verdict([300_000, 300_000, 200_000])
    assert isinstance(found, Mismatch)
    assert "block 0: the header says 900000 gas, the receipts 800000" in found.cause


def test_nothing_to_compare_is_said() -> None:
    assert isinstance(verdict(blockAccessListHash="0x" + "ab" * 32), Unknown)
    assert isinstance(verdict(missing={"eth_getBlockReceipts", "eth_getTransactionReceipt"}), Unknown)


def test_several_blocks_are_compared_down_to_the_first() -> None:
    node = RecordedNode(synthetic(4))
    with RpcServer(node) as server, Endpoints([server.url], clock=ManualClock()) as pool:
        assert check_gas_rule(pool, pool.head(), 3) == Agreed(3, telling=True)
        assert check_gas_rule(pool, pool.head(), 9) == Agreed(4, telling=True)
        node.receipts[node.blocks[2]["hash"]] = [1, 2, 3]
        assert isinstance(check_gas_rule(pool, pool.head(), 1), Agreed)
        found = check_gas_rule(pool, pool.head(), 3)
        assert isinstance(found, Mismatch)
        assert "block 2" in found.cause


def test_a_node_that_contradicts_itself_alone_is_left() -> None:
    honest, liar = RecordedNode(synthetic(4)), RecordedNode(synthetic(4))
    liar.receipts[liar.head["hash"]] = [1, 2, 3]
    with (
        RpcServer(liar) as first,
        RpcServer(honest) as second,
        Endpoints([first.url, second.url], clock=ManualClock()) as pool,
    ):
        assert check_gas_rule(pool, pool.head()) == Agreed(1, telling=True)
        assert next(one.state for one in pool.health()) is State.BAD
        liar.receipts.clear()
        honest.receipts[honest.head["hash"]] = [1, 2, 3]
        assert isinstance(check_gas_rule(pool, pool.head()), Mismatch)  # of the only one that is left
