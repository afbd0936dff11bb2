"""Bulk reading against a real HTTP server that serves a linked chain, well and badly."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chain.blocks import BLOCK, to_block
from monitor.chain.bulk import (
    ATTEMPTS,
    WAITING_PIECES,
    Bulk,
    Piece,
    block_reader,
    newest_first,
)
from monitor.chain.endpoints import Endpoints
from monitor.chain.pace import MOST_IN_FLIGHT, Pace
from monitor.chain.quantity import int64, int64s
from monitor.chain.sieve import HashSieve, feed
from monitor.domain import Block, GapKind
from monitor.errors import BadAnswer, NodeUnavailable, RateLimited, WrongChain
from monitor.units import BlobGas, UnixTime, Wei
from tests.support.clock import ManualClock
from tests.support.databases import chain
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RpcServer, batch_limit, hang, hang_up, rate_limited, reordered

LENGTH = 250
CHAIN = synthetic(LENGTH)
Connect = Callable[..., Endpoints]


def priced(_time: UnixTime, _excess: BlobGas) -> Wei:
    return Wei(7)


@pytest.fixture
def node() -> RecordedNode:
    return RecordedNode(CHAIN)


@pytest.fixture
def server(node: RecordedNode) -> Iterator[RpcServer]:
    with RpcServer(node) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    with ExitStack() as stack:

        def opened(*servers: RpcServer, chain_id: int = 1) -> Endpoints:
            pool = Endpoints(
                [server.url for server in servers], clock=ManualClock(), chain_id=chain_id, blob_fee=priced
            )
            stack.callback(pool.close)
            return pool

        yield opened


def read_all(
    pool: Endpoints, first: int = 0, last: int = LENGTH - 1, *, headers: bool = False, in_flight: int = 3
) -> list[Piece]:
    read = block_reader(pool, priced, headers=headers)
    bulk = Bulk(read, threading.Event(), Pace(in_flight, in_flight), pause_s=0.01)
    return list(bulk.pieces(newest_first([(first, last)])))


def blocks_of(pieces: Sequence[Piece]) -> list[Block]:
    return sorted(block for piece in pieces for block in piece.blocks)


# --- spans ---


@given(cuts=st.sets(st.integers(0, 400), max_size=8), size=st.integers(1, 60))
def test_spans_cover_the_ranges_once_from_the_top_down(cuts: set[int], size: int) -> None:
    edges = sorted(cuts)
    ranges = [(a, b - 1) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    spans = list(newest_first(ranges, size))
    numbers = [number for first, last in spans for number in range(last, first - 1, -1)]
    assert numbers == sorted((n for a, b in ranges for n in range(a, b + 1)), reverse=True)
    assert all(1 <= last - first + 1 <= size for first, last in spans)


# --- reading ---


@pytest.mark.parametrize("in_flight", [1, 2, 16])
def test_bulk_reads_the_blocks_that_the_follower_reads(
    server: RpcServer, in_flight: int, connect: Connect
) -> None:
    pieces = read_all(connect(server), in_flight=in_flight)
    assert blocks_of(pieces) == list(connect(server).blocks(0, LENGTH - 1))
    assert not any(piece.gaps for piece in pieces)
    assert sorted((piece.first, piece.last) for piece in pieces) == [(0, 49), (50, 149), (150, 249)]


def test_headers_are_blocks_without_contents(server: RpcServer, node: RecordedNode, connect: Connect) -> None:
    node.missing.clear()
    headers = blocks_of(read_all(connect(server), headers=True))
    assert server.methods.count("eth_getBlockByNumber") <= 3  # the probe of each worker
    whole = connect(server).blocks(0, LENGTH - 1)
    for header, block in zip(headers, whole, strict=True):
        assert block is not None
        unknown = {"tx_count": None, "withdrawal_count": None, "withdrawals_gwei": None}
        assert header == Block(block.ref, block.row._replace(**unknown))


def test_a_node_without_headers_gives_blocks(server: RpcServer, connect: Connect) -> None:
    assert blocks_of(read_all(connect(server), headers=True)) == blocks_of(read_all(connect(server)))


@pytest.mark.parametrize("fault", [batch_limit(30), reordered], ids=["batches of 30", "reordered"])
def test_what_the_node_makes_of_batches_changes_nothing(
    server: RpcServer, fault: Any, connect: Connect
) -> None:
    pool = connect(server)
    pool.head()
    server.always = fault
    assert [block.ref.number for block in blocks_of(read_all(pool))] == list(range(LENGTH))


def test_amsterdam_blocks_come_with_the_gas_of_their_receipts(connect: Connect) -> None:
    later = [child_of(CHAIN[-1])]
    for _ in range(2):
        later.append(child_of(later[-1], blockAccessListHash="0x" + "ab" * 32, slotNumber=7, gasUsed=9_000))
    node = RecordedNode([*CHAIN, *later])
    node.receipts[later[2]["hash"]] = [1_000, 2_000, 3_000]
    with RpcServer(node) as server:
        blocks = blocks_of(read_all(connect(server), LENGTH - 1, LENGTH + 2))
    assert [block.row.receipt_gas for block in blocks] == [None, None, 9_000, 6_000]


# --- what cannot be read ---


def test_a_malformed_block_costs_only_itself(server: RpcServer, node: RecordedNode, connect: Connect) -> None:
    node.blocks[77] = {**CHAIN[77], "gasUsed": "0x1 "}
    pieces = read_all(connect(server))
    assert {block.ref.number for block in blocks_of(pieces)} == set(range(LENGTH)) - {77}
    gaps = [gap for piece in pieces for gap in piece.gaps]
    assert [(gap.kind, gap.first, gap.last) for gap in gaps] == [(GapKind.BLOCKS, 77, 77)]
    assert "block 77 holds not a hex quantity" in gaps[0].cause


def test_blocks_that_the_node_has_not_are_runs_of_gaps(
    server: RpcServer, node: RecordedNode, connect: Connect
) -> None:
    for number in (60, 61, 62, 64, 149, 150):
        del node.blocks[number]
    pieces = read_all(connect(server))
    gaps = sorted((gap.first, gap.last, gap.cause) for piece in pieces for gap in piece.gaps)
    absent = "the node does not have it"
    assert gaps == [(60, 62, absent), (64, 64, absent), (149, 149, absent), (150, 150, absent)]
    assert len(blocks_of(pieces)) == LENGTH - 6


def test_a_node_that_comes_back_is_asked_again(server: RpcServer, connect: Connect) -> None:
    pool = connect(server)
    pool.head()
    server.faults.extend([hang_up, hang_up, rate_limited(0), None, hang_up])
    assert len(blocks_of(read_all(pool, in_flight=1))) == LENGTH


def test_another_endpoint_takes_over(server: RpcServer, node: RecordedNode, connect: Connect) -> None:
    with RpcServer(node) as other:
        pool = connect(server, other)
        pool.head()
        server.always = hang_up
        assert len(blocks_of(read_all(pool))) == LENGTH


def test_a_node_that_stays_away_ends_the_run_and_is_no_gap() -> None:
    asked: list[int] = []

    def read(first: int, last: int) -> Sequence[Block]:
        asked.append(first)
        if first == 0:
            raise NodeUnavailable("node", "nothing listens there")
        return chain(first, last)

    pieces = Bulk(read, threading.Event(), Pace(1, 1), pause_s=0.0).pieces(newest_first([(0, 299)]))
    assert [next(pieces).first, next(pieces).first] == [200, 100]
    with pytest.raises(NodeUnavailable, match="nothing listens"):
        next(pieces)
    assert asked.count(0) == ATTEMPTS


def test_another_chain_ends_the_run_at_once(server: RpcServer, connect: Connect) -> None:
    with pytest.raises(WrongChain):
        read_all(connect(server, chain_id=5))


def test_an_answer_that_does_not_link_is_read_again() -> None:
    answers = iter([[*chain(0, 4), *chain(5, 9, branch="x")], chain(0, 9)])
    bulk = Bulk(lambda _first, _last: next(answers), threading.Event(), pause_s=0.0)
    (piece,) = bulk.pieces([(0, 9)])
    assert list(piece.blocks) == chain(0, 9)


def test_a_pause_that_the_node_asks_for_lowers_the_pace() -> None:
    pace = Pace(8, 8)
    failures = iter([RateLimited("node", "slow down", 0.0)])

    def read(first: int, last: int) -> Sequence[Block]:
        for failure in failures:
            raise failure
        return chain(first, last)

    pieces = list(Bulk(read, threading.Event(), pace, pause_s=0.0).pieces(newest_first([(0, 999)])))
    assert sum(len(piece.blocks) for piece in pieces) == 1000
    assert pace.wanted == 4


def test_an_unexpected_error_reaches_the_consumer() -> None:
    def read(_first: int, _last: int) -> Sequence[Block]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Bulk(read, threading.Event()).pieces([(0, 9)]))


# --- memory and ends ---


def test_a_slow_consumer_bounds_what_is_read_ahead() -> None:
    started: list[int] = []

    def read(first: int, last: int) -> Sequence[Block]:
        started.append(first)
        return chain(first, last)

    workers = 4
    bulk = Bulk(read, threading.Event(), Pace(workers, workers))
    for taken, _piece in enumerate(bulk.pieces(newest_first([(0, 399)], size=10)), 1):
        time.sleep(0.003)
        assert len(started) <= taken + WAITING_PIECES + workers
    assert len(started) == 40


def test_cancelling_does_not_wait_for_a_node_that_hangs(server: RpcServer, connect: Connect) -> None:
    pool = connect(server)
    pool.head()
    server.always = hang
    cancel = threading.Event()
    threading.Timer(0.05, cancel.set).start()
    bulk = Bulk(block_reader(pool, priced), cancel, Pace(2, 2))
    assert list(bulk.pieces(newest_first([(0, LENGTH - 1)]))) == []
    assert any(thread.name == "bulk" for thread in threading.enumerate())  # still in their calls


def test_workers_end_when_nobody_listens_any_more() -> None:
    before = set(threading.enumerate())
    pieces = Bulk(chain, threading.Event(), Pace(4, 4)).pieces(newest_first([(0, 100_000)], size=5))
    next(pieces)
    pieces.close()
    mine = [thread for thread in threading.enumerate() if thread.name == "bulk" and thread not in before]
    for thread in mine:
        thread.join(30)
    assert not any(thread.is_alive() for thread in mine)


# --- pace ---


def test_the_pace_doubles_as_long_as_that_pays() -> None:
    pace = Pace()
    for _ in range(10):
        pace.observed(speed=1000.0 * pace.wanted, idle=0.9)
    assert pace.wanted == MOST_IN_FLIGHT


def test_the_pace_stays_where_the_process_is_the_limit() -> None:
    pace = Pace()
    for _ in range(10):
        pace.observed(speed=20_000.0, idle=0.1)
    assert pace.wanted == 1


def test_a_doubling_that_does_not_pay_is_taken_back() -> None:
    pace, seen = Pace(), []
    for _ in range(20):
        pace.observed(speed=min(2, pace.wanted) * 1000.0, idle=0.6)
        seen.append(pace.wanted)
    assert seen[:4] == [2, 4, 2, 2]
    assert max(seen) == 4
    assert seen.count(4) <= 3  # tried again, but seldom


def test_refusals_of_all_requests_in_flight_count_once() -> None:
    pace = Pace(16)
    for moment in (10.0, 10.1, 10.5, 12.0):
        pace.refused(moment)
    assert pace.wanted == 4


# --- counted without parsing ---


HASH = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
ODD_LISTS = st.one_of(
    st.lists(HASH, max_size=5),
    st.lists(st.text(max_size=70).filter(lambda text: not text.startswith("0x")), max_size=3),
    st.lists(st.fixed_dictionaries({"hash": HASH, "accessList": st.lists(HASH, max_size=2)}), max_size=3),
)


@given(
    lists=st.lists(ODD_LISTS, min_size=1, max_size=4),
    compact=st.booleans(),
    extra=st.text(alphabet='"\\[]transctio:', max_size=24),
    cuts=st.lists(st.integers(1, 900), min_size=1, max_size=20),
    size=st.integers(20, 4_000),
)
def test_counting_hashes_while_they_arrive_changes_no_block(
    lists: list[Any], compact: bool, extra: str, cuts: list[int], size: int
) -> None:
    raw = [{**CHAIN[1], "transactions": transactions, "note": extra} for transactions in lists]
    replies = [{"jsonrpc": "2.0", "id": index, "result": block} for index, block in enumerate(raw)]
    body = json.dumps(replies, separators=(",", ":") if compact else None).encode()
    plain, counted = decoded(body), decoded(sifted(body, cuts, size))
    assert counted == plain
    assert [block.row.tx_count for block in plain] == [len(transactions) for transactions in lists]


def decoded(body: bytes) -> list[Block]:
    return [to_block(reply.result, 1, priced, "node") for reply in BLOCK.many.decode(body)]  # type: ignore[arg-type]


def sifted(body: bytes, cuts: Iterable[int], size: int) -> bytes:
    sieve, at = HashSieve(size), 0
    for cut in itertools.cycle(cuts):
        if at >= len(body):
            return sieve.text()
        feed(sieve, body[at : at + cut])
        at += cut
    raise AssertionError("cycles do not end")


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(20, 200))
def test_text_without_lists_of_hashes_passes_unchanged(body: bytes, cuts: list[int], size: int) -> None:
    assert sifted(body, cuts, size) == body
    begun = body + b'"transactions":["0x'
    assert sifted(begun, cuts, size) == begun


def test_a_large_list_leaves_only_its_number() -> None:
    hashes = [f"0x{index:064x}" for index in range(500)]
    body = json.dumps({"transactions": hashes, "size": 1}, separators=(",", ":")).encode()
    assert sifted(body, [1_000], 1 << 18) == b'{"transactions":500,"size":1}'


@given(
    st.lists(
        st.one_of(
            st.text(max_size=8),
            st.from_regex(r"0x[0-9a-fA-F_ .x]{0,20}", fullmatch=True),
            st.from_regex(r"[0-9a-fx]{0,6}", fullmatch=True),
        ),
        max_size=4,
    )
)
def test_numbers_read_together_are_read_as_one_by_one(texts: list[str]) -> None:
    try:
        expected = [int64(text) for text in texts]
    except ValueError:
        with pytest.raises(ValueError, match=r"quantity|invalid literal"):
            int64s(texts)
    else:
        assert int64s(texts) == expected


def test_a_bad_answer_says_what_is_wrong_with_the_chain() -> None:
    def read(_first: int, _last: int) -> Sequence[Block]:
        raise BadAnswer("node", "nonsense")

    (piece,) = Bulk(read, threading.Event(), pause_s=0.0).pieces([(5, 6)])
    assert [(gap.first, gap.last, gap.cause) for gap in piece.gaps] == [
        (5, 5, "nonsense"),
        (6, 6, "nonsense"),
    ]
