"""Two faulty endpoints over HTTP, a real follower and a real file: the store holds only what is true.

Endpoints fail, lag, lie about single fields, follow another chain, answer one request with another;
the chain reorgs meanwhile. At no moment is a block stored that never was, and once one endpoint is
well the store is the chain.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.chain.blocks import BLOCK, to_block
from monitor.chain.endpoints import Endpoints
from monitor.domain import Block
from monitor.errors import NodeError
from monitor.store import history, ledger
from monitor.supply.burn import next_base_fee_wei
from monitor.tick import Tick
from monitor.units import BlockNumber, Gas, Wei
from tests.support import rpc_server as bad
from tests.support.clock import ManualClock
from tests.support.databases import new_database
from tests.support.recorded_node import JsonBlock, RecordedNode, child_of, synthetic
from tests.support.rpc_server import RpcServer

SLOT_S = 12
FINALITY = 32
FAULTS = [
    None, bad.status(500), bad.html, bad.cut_off, bad.wrong_id, bad.short, bad.reordered, bad.duplicated, bad.hang_up,
    bad.rate_limited(2), bad.not_a_list, bad.empty, bad.no_result,
]  # fmt: skip
LIES = {
    "gasUsed": "0x1",
    "baseFeePerGas": "0xffff",
    "parentHash": "0x" + "ee" * 32,
    "number": "0x2",
    "timestamp": "0x1",
    "hash": "0x" + "dd" * 32,
}


class HttpMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, self.folder)
        self.chain = synthetic(2)
        self.ever: dict[str, Block] = {}
        self.nodes = [RecordedNode(self.chain), RecordedNode(self.chain)]
        for node in self.nodes:
            node.finality = FINALITY
        self.servers = [self.stack.enter_context(RpcServer(node)) for node in self.nodes]
        self.clock = ManualClock(self.time_of_head())
        self.pool = self.stack.enter_context(
            Endpoints(
                [server.url for server in self.servers],
                clock=self.clock,
                chain_id=1,
                timeout_s=5,
                blob_fee=lambda *_: Wei(1),
            )
        )
        self.db = self.stack.enter_context(new_database(self.folder / "ethmon.db"))
        self.tick = Tick(self.pool, self.db, self.clock, start_blocks=50)
        self.remember()

    def time_of_head(self) -> int:
        return int(self.chain[-1]["timestamp"], 16)

    def remember(self) -> None:
        """Tell the nodes of the chain; note what was ever true."""
        for node in self.nodes:
            node.blocks = {}
            for block in self.chain:
                node.add(block)
        for block in self.chain:
            if block["hash"] not in self.ever:
                self.ever[block["hash"]] = as_block(block)

    def mine_on(self, count: int, salt: int) -> None:
        for _ in range(count):
            limit, used, fee = (
                int(self.chain[-1][name], 16) for name in ("gasLimit", "gasUsed", "baseFeePerGas")
            )
            following = next_base_fee_wei(Gas(limit), Gas(used), Wei(fee))
            self.chain.append(child_of(self.chain[-1], gasUsed=salt, baseFeePerGas=following))
        self.clock.advance(count * SLOT_S)
        self.remember()

    @rule(count=st.integers(1, 6), salt=st.integers(21_000, 10**6))
    def mine(self, count: int, salt: int) -> None:
        self.mine_on(count, salt)

    @rule(depth=st.integers(1, 11), more=st.integers(0, 3), salt=st.integers(21_000, 10**6))
    def reorg(self, depth: int, more: int, salt: int) -> None:
        depth = min(depth, len(self.chain) - 1)
        del self.chain[len(self.chain) - depth :]
        self.mine_on(depth + more, salt)

    @rule(which=st.integers(0, 1), faults=st.lists(st.sampled_from(FAULTS), max_size=6))
    def break_line(self, which: int, faults: list[bad.Fault | None]) -> None:
        self.servers[which].faults.extend(faults)

    @rule(which=st.integers(0, 1), lag=st.integers(0, 5))
    def fall_behind(self, which: int, lag: int) -> None:
        self.nodes[which].lag = min(lag, len(self.chain) - 1)

    @rule(which=st.integers(0, 1), chain_id=st.sampled_from([1, 1, 5]))
    def change_chain(self, which: int, chain_id: int) -> None:
        self.nodes[which].chain_id = chain_id

    @rule(which=st.integers(0, 1), field=st.sampled_from(sorted(LIES)), every=st.integers(1, 4))
    def lie(self, which: int, field: str, every: int) -> None:
        node = self.nodes[which]

        def liar(method: str, params: list[Any]) -> Any:
            answer = node(method, params)
            if isinstance(answer, dict) and "hash" in answer and int(answer["number"], 16) % every == 0:
                return {**answer, field: LIES[field]}
            return answer

        self.servers[which].node = liar

    @rule(which=st.integers(0, 1))
    def be_honest(self, which: int) -> None:
        self.servers[which].node = self.nodes[which]

    @rule(seconds=st.integers(0, 70))
    def look(self, seconds: int) -> None:
        self.clock.advance(seconds)
        with contextlib.suppress(NodeError):
            self.tick.run()

    @invariant()
    def only_what_was_true_is_stored(self) -> None:
        for ref in ledger.recent_refs(self.db):
            assert self.ever[ref.hash].ref == ref
            assert history.block(self.db, ref.number) == self.ever[ref.hash].row

    def teardown(self) -> None:
        try:
            self.ends_equal()
        finally:
            self.stack.close()

    def ends_equal(self) -> None:
        """One endpoint is well again; the other may stay as bad as it is."""
        self.servers[1].faults.clear()
        self.servers[1].node = self.nodes[1]
        self.nodes[1].lag, self.nodes[1].chain_id = 0, 1
        self.mine_on(1, 5_000_000)
        for _ in range(40):
            self.clock.advance(61)
            with contextlib.suppress(NodeError):
                self.tick.run()
            cursor = ledger.cursor(self.db)
            if cursor is not None and cursor.hash == self.chain[-1]["hash"]:
                break
        stored = history.blocks(self.db, BlockNumber(0), BlockNumber(10_000))
        truth = [self.ever[block["hash"]].row for block in self.chain]
        assert list(stored) == truth[stored[0].number if stored else 0 :]
        assert stored


def as_block(block: JsonBlock) -> Block:
    import json

    parsed = BLOCK.bare.decode(json.dumps(block))
    assert parsed is not None
    return to_block(parsed, int(block["number"], 16), lambda *_: Wei(1), "truth")


TestHttpMachine = HttpMachine.TestCase
TestHttpMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
