"""Whatever bytes a node sends, only our errors come out, and nothing that it did not say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.chain.endpoints import Endpoints
from monitor.chain.receipts import RECEIPTS
from monitor.chain.rpc import ANY, TEXT, Call, Endpoint
from monitor.chain.schedule import find_blob_fees
from monitor.errors import BadAnswer, NodeError
from monitor.supply.forks import MAINNET
from monitor.units import Address, BlockNumber
from tests.support import rpc_server as bad
from tests.support.clock import ManualClock
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RpcServer

SNIPPETS = [
    b"null", b"{}", b"[]", b'"', b"\\u0000", b"\xff\xfe", b"1e999", b"-0", b"9" * 400, b"[" * 5000, b'"result":',
    b'"error":{"code":3}', b'"error":"x"', b'"error":{"message":5}', b'"id":null', b'"0x"', b"\xc3(", b"\x00", b"NaN",
]  # fmt: skip
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(SNIPPETS) | st.binary(max_size=6)),
    max_size=4,
)


def edited(body: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for at, cut, insert in edits:
        start = int(at * len(body))
        body = body[:start] + insert + body[start + cut :]
    return body


def mutate(edits: list[tuple[float, int, bytes]]) -> bad.Fault:
    return lambda exchange: exchange.send(edited(exchange.body, edits))


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[RpcServer, Endpoints, Endpoint]]:
    node = RecordedNode(synthetic(5))
    amsterdam = child_of(node.head, blockAccessListHash="0x" + "ab" * 32)
    node.add(amsterdam)
    node.config = {
        "current": {
            "activationTime": 0,
            "blobSchedule": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
        }
    }
    with ExitStack() as stack:
        server = stack.enter_context(RpcServer(node))
        pool = stack.enter_context(Endpoints([server.url], clock=ManualClock(1_750_000_060), timeout_s=5))
        endpoint = stack.enter_context(Endpoint(server.url, timeout_s=5))
        pool.features()
        yield server, pool, endpoint


def ask(server: RpcServer, edits: list[tuple[float, int, bytes]], read: Any) -> Any:
    """The answer, or None for one of our errors. Anything else fails the test."""
    server.always = mutate(edits)
    outcome: Any = None
    refusal = ""
    try:
        outcome = read()
    except NodeError as error:
        refusal = str(error)
    finally:
        server.always = None
    assert refusal.isprintable()
    assert len(refusal) < 500
    return outcome


@SETTINGS
@given(edits=EDITS)
def test_calls_and_batches(world: Any, edits: list[tuple[float, int, bytes]]) -> None:
    server, _, endpoint = world
    for read in (
        lambda: endpoint.call("eth_chainId", [], TEXT),
        lambda: endpoint.call("eth_getBlockByNumber", ["latest", False], ANY),
        lambda: endpoint.batch([Call("eth_getBlockReceipts", ["0x5"])] * 3, RECEIPTS),
    ):
        ask(server, edits, read)


@SETTINGS
@given(edits=EDITS)
def test_no_edit_makes_another_block_of_one(world: Any, edits: list[tuple[float, int, bytes]]) -> None:
    """The hash guards every number of the header; counts of the body may differ."""
    server, pool, _ = world
    number = BlockNumber(3)
    honest = pool.blocks(number, number)[0]
    read = ask(server, edits, lambda: pool.blocks(number, number)[0])
    if read is not None and honest is not None and pool._members[0].hashes_checkable:
        free = {"tx_count": 0, "withdrawal_count": 0, "withdrawals_gwei": 0}
        assert read.ref == honest.ref
        assert read.row._replace(**free) == honest.row._replace(**free)
    pool._members[0].hashes_checkable = True


@SETTINGS
@given(edits=EDITS)
def test_every_other_read(world: Any, edits: list[tuple[float, int, bytes]]) -> None:
    server, pool, _ = world
    head = pool.head()
    who = Address("0x" + "ab" * 20)
    for read in (
        pool.head,
        pool.finalized,
        lambda: pool.blocks(BlockNumber(0), BlockNumber(5)),
        lambda: pool.block_by_hash(head.hash),
        lambda: pool.pinned(head).eth_call(who, b""),
        lambda: find_blob_fees(pool, MAINNET, head),
    ):
        ask(server, edits, read)
    assert pool.head() == head


@pytest.fixture
def daemons_recursion_limit() -> Iterator[None]:
    """The test process imports py_ecc, which lifts the limit; the daemon never does."""
    lifted = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(lifted)


def test_our_web3_provider_keeps_the_recursion_limit() -> None:
    code = "import sys, monitor.chain.web3_provider as p; print(sys.getrecursionlimit() <= p.SAFE_DEPTH)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.usefixtures("daemons_recursion_limit")
@pytest.mark.parametrize(
    "body",
    [b"[" * 300_000, b'{"id":1,"result":' + b"[" * 100_000, b'{"id":1,"result":"\xff"}'],
    ids=["deep", "deeper", "utf-8"],
)
def test_text_that_breaks_decoders_is_a_bad_answer(world: Any, body: bytes) -> None:
    server, _, endpoint = world
    server.faults += [bad.says(body)] * 2
    with pytest.raises(BadAnswer):
        endpoint.call("eth_chainId", [], ANY)
    with pytest.raises(BadAnswer):
        endpoint.batch([Call("eth_chainId", [])] * 2, ANY)


def test_the_unedited_answers_are_all_read(world: Any) -> None:
    server, pool, _ = world
    assert (
        ask(server, [], lambda: pool.blocks(BlockNumber(0), BlockNumber(5)))[5].row.receipt_gas == 18_000_000
    )
