"""State of one block and no other, on nodes that take hashes and on those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.chain.logs import Log
from monitor.chain.pinned import EthCall, Override
from monitor.domain import BlockRef
from monitor.errors import (
    BadAnswer,
    BlockGone,
    CallReverted,
    NodeUnavailable,
    TooLarge,
    Unsupported,
    WrongChain,
)
from monitor.units import Address, BlockNumber
from tests.support import rpc_server as bad
from tests.support.clock import ManualClock
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RefusalError, RpcServer

WHO = Address("0x" + "ab" * 20)
RETURN_9 = bytes.fromhex("600960005260206000f3")


class Pair:
    """Two servers with the same chain and a pool over them."""

    def __init__(self, servers: list[RpcServer], nodes: list[RecordedNode], pool: Endpoints) -> None:
        self.servers, self.nodes, self.pool = servers, nodes, pool

    def ref(self, number: int) -> BlockRef:
        ref = self.pool.ref(BlockNumber(number))
        assert ref is not None
        return ref


@pytest.fixture
def pair() -> Iterator[Pair]:
    chain = synthetic(6)
    nodes = [RecordedNode(chain), RecordedNode(chain)]
    with ExitStack() as stack:
        servers = [stack.enter_context(RpcServer(node)) for node in nodes]
        urls = [server.url for server in servers]
        pool = stack.enter_context(Endpoints(urls, clock=ManualClock(1_750_000_060), timeout_s=2))
        yield Pair(servers, nodes, pool)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.mark.parametrize("hashes", [True, False])
def test_every_read_is_of_the_block_it_is_bound_to(pair: Pair, hashes: bool) -> None:
    for node in pair.nodes:
        node.takes_hash_objects = hashes
    for number in (0, 2, 5):
        reader = pair.pool.pinned(pair.ref(number))
        assert reader.eth_call(WHO, b"") == word(number)
        assert reader.get_balance(WHO) == number
        assert (
            reader.eth_calls([EthCall(WHO, b""), EthCall(WHO, b"\x01", sender=WHO, gas=5)])
            == [word(number)] * 2
        )


def test_no_state_is_ever_asked_of_latest(pair: Pair) -> None:
    pair.pool.pinned(pair.ref(3)).eth_call(WHO, b"")
    state = [body for body in pair.servers[0].bodies if body["method"] in {"eth_call", "eth_getBalance"}]
    assert state
    assert all("latest" not in body["params"] for body in state)


def test_a_replaced_block_is_gone_by_hash_and_by_number(pair: Pair) -> None:
    ref = pair.ref(5)
    replacement = child_of(pair.nodes[0].blocks[4], gasUsed=1)
    for hashes in (True, False):
        for node in pair.nodes:
            node.takes_hash_objects = hashes
            node.by_hash.pop(ref.hash, None)
            node.add(replacement)
        with Endpoints([s.url for s in pair.servers], clock=ManualClock(), timeout_s=2) as pool:
            with pytest.raises(BlockGone):
                pool.pinned(ref).eth_call(WHO, b"")
            with pytest.raises(BlockGone):
                pool.pinned(ref).get_balance(WHO)


def test_a_reorg_in_the_middle_of_a_read_by_number_is_noticed(pair: Pair) -> None:
    ref = pair.ref(5)
    node = pair.nodes[0]
    node.takes_hash_objects = False

    def reorgs(method: str, params: list[Any]) -> Any:
        answer = node(method, params)
        if method == "eth_call":
            node.add(child_of(node.blocks[4], gasUsed=1))
        return answer

    pair.servers[0].node = reorgs
    pair.servers[1].always = bad.status(500)
    with pytest.raises(BlockGone, match="was replaced"):
        pair.pool.pinned(ref).eth_call(WHO, b"")


def test_a_block_that_one_endpoint_does_not_have_is_read_from_another(pair: Pair) -> None:
    ref = pair.ref(5)
    del pair.nodes[0].by_hash[ref.hash]
    assert pair.pool.pinned(ref).eth_call(WHO, b"") == word(5)


def test_overrides_are_asked_only_of_who_honours_them(pair: Pair) -> None:
    ref = pair.ref(5)
    pair.nodes[0].honours_overrides = False
    reader = pair.pool.pinned(ref)
    overrides = {WHO: Override(code=RETURN_9)}
    assert reader.eth_call(WHO, b"", overrides) == word(9)
    pair.nodes[1].honours_overrides = False
    with Endpoints([s.url for s in pair.servers], clock=ManualClock(), timeout_s=2) as pool:
        with pytest.raises(Unsupported, match="state overrides"):
            pool.pinned(ref).eth_call(WHO, b"", overrides)
        assert pool.pinned(ref).eth_call(WHO, b"") == word(5)


def test_a_revert_is_raised_alone_and_returned_in_a_list(pair: Pair) -> None:
    ref = pair.ref(5)

    def reverts(method: str, params: list[Any]) -> Any:
        if method == "eth_call" and params[0]["data"] == "0xff":
            raise RefusalError(3, "execution reverted: no", "0x08c379a0")
        if method == "eth_call" and params[0]["data"] == "0xee":
            raise RefusalError(-32000, "out of gas")
        return pair.nodes[0](method, params)

    pair.servers[0].node = reverts
    reader = pair.pool.pinned(ref)
    with pytest.raises(CallReverted) as caught:
        reader.eth_call(WHO, b"\xff")
    assert caught.value.data == bytes.fromhex("08c379a0")
    good, reverted, large = reader.eth_calls(
        [EthCall(WHO, b""), EthCall(WHO, b"\xff"), EthCall(WHO, b"\xee")]
    )
    assert good == word(5)
    assert isinstance(reverted, CallReverted)
    assert isinstance(large, TooLarge)


def test_pruned_state_is_read_elsewhere_or_unsupported(pair: Pair) -> None:
    ref = pair.ref(0)
    node = pair.nodes[0]

    def pruned(method: str, params: list[Any]) -> Any:
        if method == "eth_call":
            raise RefusalError(-32000, "missing trie node 0x12 (path ) state 0x34 is not available")
        return node(method, params)

    pair.servers[0].node = pruned
    assert pair.pool.pinned(ref).eth_call(WHO, b"") == word(0)
    pair.servers[1].node = pruned
    with pytest.raises(Unsupported, match="missing trie node"):
        pair.pool.pinned(ref).eth_call(WHO, b"")


def test_nonsense_is_a_bad_answer(pair: Pair) -> None:
    ref = pair.ref(5)
    pair.servers[1].always = bad.status(500)
    node = pair.nodes[0]
    for nonsense in ("0xabc", "0xzz", "", "12", None, 5):
        pair.servers[0].node = lambda m, p, answer=nonsense: answer if m == "eth_call" else node(m, p)
        with pytest.raises(BadAnswer):
            pair.pool.pinned(ref).eth_call(WHO, b"")


def test_nobody_there_is_unavailable(pair: Pair) -> None:
    ref = pair.ref(5)
    for server in pair.servers:
        server.always = bad.hang_up
    with pytest.raises(NodeUnavailable):
        pair.pool.pinned(ref).get_code(WHO)


def test_storage_and_overrides_are_sent_as_full_words(pair: Pair) -> None:
    ref = pair.ref(5)
    seen: list[Any] = []

    def watch(method: str, params: list[Any]) -> Any:
        if method == "eth_getStorageAt":
            seen.append(params)
            return "0x1"  # some nodes drop leading zeros
        if method == "eth_call" and len(params) == 3 and WHO in params[2]:
            seen.append(params[2])
            return "0x"
        return pair.nodes[0](method, params)

    pair.servers[0].node = watch
    reader = pair.pool.pinned(ref)
    assert reader.get_storage(WHO, 1) == word(1)
    reader.eth_call(WHO, b"", {WHO: Override(slots={1: 2})})
    assert seen[0][1] == f"0x{1:064x}"
    assert seen[1] == {WHO: {"stateDiff": {f"0x{1:064x}": f"0x{2:064x}"}}}


def test_logs_are_of_the_block_alone(pair: Pair) -> None:
    ref = pair.ref(5)
    log = {
        "address": WHO.upper().replace("X", "x"),
        "topics": ["0x" + "11" * 32],
        "data": "0x01",
        "logIndex": "0x7",
        "transactionHash": "0x" + "AB" * 32,
        "blockHash": ref.hash,
    }
    answers: list[Any] = [[log]]
    asked: list[Any] = []

    def logs(method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs":
            asked.append(params[0])
            return answers[0]
        return pair.nodes[0](method, params)

    for server in pair.servers:
        server.node = logs
    reader = pair.pool.pinned(ref)
    assert reader.get_logs([WHO], [b"\x11" * 32, None, [b"\x22", b"\x33"]]) == [
        Log(WHO, (b"\x11" * 32,), b"\x01", 7, "0x" + "ab" * 32)
    ]
    assert asked[0] == {
        "address": [WHO],
        "topics": ["0x" + "11" * 32, None, ["0x22", "0x33"]],
        "blockHash": ref.hash,
    }
    for wrong, kind in (
        ({"blockHash": "0x" + "00" * 32}, BlockGone),
        ({"removed": True}, BlockGone),
        ({"data": "0xz"}, BadAnswer),
        ({"topics": None}, BadAnswer),
    ):
        answers[0] = [{**log, **wrong}]
        with pytest.raises(kind):
            reader.get_logs([WHO])


def test_a_second_opinion_comes_from_another_endpoint(pair: Pair) -> None:
    ref = pair.ref(5)
    second = pair.nodes[1]
    pair.servers[1].node = lambda m, p: f"0x{99:064x}" if m == "eth_call" and len(p) == 2 else second(m, p)
    assert pair.pool.pinned(ref).eth_call(WHO, b"") == word(5)
    assert pair.pool.pinned(ref, elsewhere=True).eth_call(WHO, b"") == word(99)
    assert pair.pool.pinned(ref).eth_call(WHO, b"") == word(5)  # the one in use stays in use
    pair.nodes[1].chain_id = 5
    with Endpoints([s.url for s in pair.servers], clock=ManualClock(), timeout_s=2) as pool:
        pool.ref(BlockNumber(1))
        with pytest.raises(WrongChain):
            pool.pinned(ref, elsewhere=True).eth_call(WHO, b"")
    with Endpoints([pair.servers[0].url], clock=ManualClock(), timeout_s=2) as alone:
        alone.ref(BlockNumber(1))
        with pytest.raises(Unsupported, match="ETH_RPC_URLS"):
            alone.pinned(ref, elsewhere=True).eth_call(WHO, b"")
