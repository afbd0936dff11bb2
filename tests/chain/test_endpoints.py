"""Several endpoints as one: fail-over, chain id, lag, lies. Real HTTP servers, a manual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.chain.member import Feature, State
from monitor.chain.pool import COMPARE_EVERY_S, MAX_LAG, Pool
from monitor.chain.rpc import TEXT, Call
from monitor.domain import BurnRule
from monitor.errors import (
    BadAnswer,
    BlockGone,
    CallReverted,
    ConfigError,
    NodeUnavailable,
    RateLimited,
    Unsupported,
    WrongChain,
)
from monitor.units import BlockHash, BlockNumber, Wei
from tests.support import rpc_server as bad
from tests.support.clock import ManualClock
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RefusalError, RpcServer

LENGTH = 48
NOW = 1_750_000_000 + 12 * LENGTH


class Net:
    """Servers on nodes with the same chain, and a pool over them."""

    def __init__(self, stack: ExitStack, count: int, **options: Any) -> None:
        self.clock = ManualClock(NOW)
        chain = synthetic(LENGTH)
        self.nodes = [RecordedNode(chain) for _ in range(count)]
        self.servers = [stack.enter_context(RpcServer(node)) for node in self.nodes]
        urls = [f"{server.url}/key{index}secret" for index, server in enumerate(self.servers)]
        self.pool = stack.enter_context(Endpoints(urls, clock=self.clock, timeout_s=2, **options))

    def extend(self, blocks: int = 1, *, on: list[int] | None = None) -> None:
        for index, node in enumerate(self.nodes):
            if on is None or index in on:
                for _ in range(blocks):
                    node.add(child_of(node.blocks[max(node.blocks)]))

    def in_use(self) -> int:
        return [health.in_use for health in self.pool.health()].index(True)

    def states(self) -> list[State]:
        return [health.state for health in self.pool.health()]


@pytest.fixture
def net() -> Iterator[Callable[..., Net]]:
    with ExitStack() as stack:
        yield lambda count, **options: Net(stack, count, **options)


# --- the block source ---


def test_a_block_source_reads_the_chain(net: Callable[..., Net]) -> None:
    source = net(1, blob_fee=lambda *_: Wei(5)).pool
    head = source.head()
    assert (head.number, source.finalized(), source.ref(BlockNumber(3))) == (
        LENGTH - 1,
        source.ref(BlockNumber(LENGTH - 33)),
        source.blocks(BlockNumber(3), BlockNumber(3))[0].ref,  # type: ignore[union-attr]
    )
    blocks = source.blocks(BlockNumber(0), BlockNumber(LENGTH + 1))
    assert [block and block.ref.number for block in blocks] == [*range(LENGTH), None, None]
    assert blocks[-3] == source.block_by_hash(head.hash)
    assert blocks[0] is not None
    assert blocks[0].row.blob_base_fee_wei == 5
    assert source.ref(BlockNumber(99)) is None
    assert source.block_by_hash(BlockHash("0x" + "12" * 32)) is None


def test_no_finalized_block_is_none_however_the_node_says_it(net: Callable[..., Net]) -> None:
    made = net(1)
    made.nodes[0].finality = 99
    assert made.pool.finalized() is None
    node = made.nodes[0]

    def geth(method: str, params: list[Any]) -> Any:
        if params and params[0] == "finalized":
            raise RefusalError(-39001, "finalized block not found")
        return node(method, params)

    made.servers[0].node = geth
    assert made.pool.finalized() is None


def test_another_block_than_the_one_asked_for_is_a_bad_answer(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    source = made.pool
    known = source.head().hash
    node.blocks[3] = node.blocks[4]
    for read in (
        lambda: source.ref(BlockNumber(3)),
        lambda: source.blocks(BlockNumber(3), BlockNumber(3)),
    ):
        with pytest.raises(BadAnswer):
            read()
    node.by_hash[known] = node.blocks[4]
    with pytest.raises(BadAnswer):
        source.block_by_hash(known)


def test_a_block_that_is_not_under_its_hash_is_refused(net: Callable[..., Net]) -> None:
    made = net(2)
    for name, value in (("gasUsed", "0x1"), ("baseFeePerGas", "0x5"), ("parentHash", "0x" + "ee" * 32)):
        made.nodes[0].blocks[5] = {**made.nodes[1].blocks[5], name: value}
        block = made.pool.blocks(BlockNumber(5), BlockNumber(5))[0]
        assert block is not None
        assert block.row.gas_used == 18_000_000  # the second endpoint's
        assert made.states()[0] is State.BAD
        made.clock.advance(100)
        made.pool.compare()


@pytest.mark.parametrize("field", ["hash", "parentHash", "timestamp", "number"])
def test_a_head_that_is_not_under_its_hash_is_refused(net: Callable[..., Net], field: str) -> None:
    made = net(2)
    lie = {"hash": "0x" + "dd" * 32, "parentHash": "0x" + "ee" * 32, "timestamp": "0x1", "number": "0x1"}[
        field
    ]
    node = made.nodes[0]
    last = node.blocks[LENGTH - 1]
    node.blocks[LENGTH - 1] = {**last, field: lie}
    assert made.pool.head().hash == last["hash"]
    assert made.in_use() == 1
    assert made.pool.finalized() is not None


def test_a_private_network_with_hashes_of_its_own_is_followed_unchecked(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    node.chain_id = 4_242
    for block in list(node.blocks.values()):
        node.add({**block, "hash": block["hash"][:-2] + "00"})
    assert made.pool.head().number == LENGTH - 1
    assert made.pool.health()[0].hashes_checked is False


def test_an_unknown_chain_whose_hashes_match_is_held_to_them(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    node.chain_id = 1337
    made.pool.head()
    node.blocks[5] = {**node.blocks[5], "gasUsed": "0x7"}
    with pytest.raises(BadAnswer, match="not that of its header"):
        made.pool.blocks(BlockNumber(5), BlockNumber(5))


@pytest.mark.parametrize(
    ("chain_id", "fork", "excused"),
    [
        (1, {}, False),
        (1, {"blockAccessListHash": "0x" + "ab" * 32}, True),
        (1337, {}, True),
    ],
    ids=["mainnet before Amsterdam", "mainnet after it", "a chain of one's own"],
)
def test_an_unknown_field_excuses_a_hash_only_where_there_can_be_one(
    net: Callable[..., Net], chain_id: int, fork: dict[str, Any], excused: bool
) -> None:
    made = net(1)
    node = made.nodes[0]
    node.chain_id = chain_id
    node.add({**node.blocks[5], **fork, "inclusionListRoot": "0x12", "gasUsed": "0x7"})
    number = BlockNumber(5)
    if not excused:
        with pytest.raises(BadAnswer, match="not that of its header"):
            made.pool.blocks(number, number)
        return
    read = made.pool.blocks(number, number)[0]
    assert read is not None
    assert read.row.gas_used == 7
    assert made.pool.health()[0].hashes_checked is False


# --- receipts (Amsterdam) ---


def amsterdam(node: RecordedNode) -> dict[str, Any]:
    block = child_of(node.head, blockAccessListHash="0x" + "ab" * 32, slotNumber=1, gasUsed=21_000_000)
    node.add(block)
    return block


def receipt_gas(made: Net) -> int | None:
    number = BlockNumber(LENGTH)
    block = made.pool.blocks(number, number)[0]
    assert block is not None
    assert block.row.burn_rule is BurnRule.RECEIPTS
    return block.row.receipt_gas


@pytest.mark.parametrize("missing", [set(), {"eth_getBlockReceipts"}], ids=["block receipts", "one receipt"])
def test_after_amsterdam_the_gas_comes_from_the_receipts(net: Callable[..., Net], missing: set[str]) -> None:
    made = net(1)
    node = made.nodes[0]
    block = amsterdam(node)
    node.receipts[block["hash"]] = [5_000_000, 7_000_000, 4_000_000]
    node.missing |= missing
    assert receipt_gas(made) == 16_000_000  # and not the header's 21,000,000


def test_a_list_of_transactions_that_was_left_out_is_no_burn_of_nothing(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    node.add(child_of(node.head, blockAccessListHash="0x" + "ab" * 32, gasUsed=21_000_000, transactions=[]))
    with pytest.raises(BadAnswer, match="its list of transactions is empty"):
        receipt_gas(made)


def test_a_block_without_transactions_needs_no_receipts(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    node.add(child_of(node.head, blockAccessListHash="0x" + "ab" * 32, gasUsed=0, transactions=[]))
    node.missing |= {"eth_getBlockReceipts", "eth_getTransactionReceipt"}
    assert receipt_gas(made) == 0


def test_receipts_that_nobody_has_leave_the_gas_unknown(net: Callable[..., Net]) -> None:
    made = net(2)
    for node in made.nodes:
        amsterdam(node)
        node.missing |= {"eth_getBlockReceipts", "eth_getTransactionReceipt"}
    assert receipt_gas(made) is None


def test_a_single_receipt_must_be_the_last_of_its_block(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    block = amsterdam(node)
    node.missing.add("eth_getBlockReceipts")
    honest = node._get_transaction_receipt(block["transactions"][-1])
    assert honest is not None
    for lie, kind in (
        (None, BlockGone),
        ({**honest, "blockHash": node.blocks[3]["hash"]}, BlockGone),
        ({**honest, "transactionIndex": "0x0"}, BadAnswer),
        ({**honest, "cumulativeGasUsed": "-0x1"}, BadAnswer),
    ):
        made.servers[0].node = lambda m, p, lie=lie: lie if m == "eth_getTransactionReceipt" else node(m, p)
        with pytest.raises(kind):
            receipt_gas(made)


def test_receipts_are_asked_by_number_where_a_hash_is_refused(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    block = amsterdam(node)
    node.receipts[block["hash"]] = [1, 2, 3]

    def by_number_only(method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockReceipts" and len(params[0]) == 66:
            raise RefusalError(-32602, "invalid argument 0: hex string has length 64, want at most 16")
        return node(method, params)

    made.servers[0].node = by_number_only
    assert receipt_gas(made) == 6


def test_receipts_that_contradict_the_block_are_a_bad_answer(net: Callable[..., Net]) -> None:
    made = net(1)
    block = amsterdam(made.nodes[0])
    node = made.nodes[0]
    honest = node._get_block_receipts(block["hash"])
    assert honest is not None
    lies = {
        "one missing": honest[:-1],
        "sum": [*honest[:-1], {**honest[-1], "gasUsed": "0x1"}],
        "no number": [*honest[:-1], {**honest[-1], "gasUsed": "x"}],
        "no hash": [{**honest[0], "blockHash": "0x"}, *honest[1:]],
    }
    for lie in lies.values():
        made.servers[0].node = lambda m, p, lie=lie: lie if m == "eth_getBlockReceipts" else node(m, p)
        with pytest.raises(BadAnswer):
            receipt_gas(made)
    other = [{**receipt, "blockHash": node.blocks[3]["hash"]} for receipt in honest]
    for gone in (None, other):
        made.servers[0].node = lambda m, p, gone=gone: gone if m == "eth_getBlockReceipts" else node(m, p)
        with pytest.raises(BlockGone):
            receipt_gas(made)


# --- fail-over ---


def test_the_first_healthy_endpoint_is_used_and_a_broken_one_left(net: Callable[..., Net]) -> None:
    made = net(3)
    made.pool.head()
    assert made.in_use() == 0
    made.servers[0].always = bad.status(503)
    assert made.pool.head().number == LENGTH - 1
    assert made.in_use() == 1
    assert made.states()[0] is State.DOWN
    made.servers[1].always = bad.html
    assert made.pool.ref(BlockNumber(1)) is not None
    assert made.in_use() == 2


@pytest.mark.parametrize(
    "fault",
    [
        bad.status(500),
        bad.hang_up,
        bad.cut_off,
        bad.html,
        bad.wrong_id,
        bad.rate_limited(5),
        bad.empty,
        bad.no_result,
    ],
    ids=["500", "hang up", "cut off", "html", "wrong id", "429", "empty", "no result"],
)
def test_any_fault_of_one_endpoint_is_answered_by_the_next(net: Callable[..., Net], fault: bad.Fault) -> None:
    made = net(2)
    made.servers[0].always = fault
    assert made.pool.head().number == LENGTH - 1
    assert len(made.pool.blocks(BlockNumber(0), BlockNumber(5))) == 6
    health = made.pool.health()[0]
    assert health.last_error is not None
    assert "secret" not in f"{health}"


def test_an_endpoint_that_was_left_is_taken_back_when_it_is_well(net: Callable[..., Net]) -> None:
    made = net(2)
    made.pool.head()
    made.servers[0].faults.append(bad.status(502))
    made.pool.head()
    assert made.in_use() == 1
    made.clock.advance(COMPARE_EVERY_S)
    made.pool.head()
    assert made.in_use() == 0
    assert made.states() == [State.OK, State.OK]


def test_the_back_off_grows_and_ends_with_success(net: Callable[..., Net]) -> None:
    made = net(1)
    made.servers[0].always = bad.status(500)
    pauses: list[float] = []
    for _ in range(8):
        with pytest.raises(NodeUnavailable):
            made.pool.head()
        pauses.append(made.pool.health()[0].pause_s)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    made.servers[0].always = None
    made.pool.head()  # a sole endpoint is asked all the same
    assert made.pool.health()[0].pause_s == 0


def test_retry_after_is_kept_even_by_a_sole_endpoint(net: Callable[..., Net]) -> None:
    made = net(1)
    made.pool.head()
    made.servers[0].faults.append(bad.rate_limited(20))
    with pytest.raises(RateLimited):
        made.pool.head()
    asked = len(made.servers[0].bodies)
    with pytest.raises(RateLimited) as caught:
        made.pool.head()
    assert caught.value.retry_after_s == pytest.approx(20)
    assert len(made.servers[0].bodies) == asked  # it was left alone
    made.clock.advance(20)
    assert made.pool.head().number == LENGTH - 1
    assert made.clock.slept  # and its pace is slower from now on


def test_what_a_live_node_says_comes_before_unavailable(net: Callable[..., Net]) -> None:
    made = net(2)
    made.servers[1].always = bad.status(500)
    with pytest.raises(Unsupported):
        made.pool.call("eth_nothing", [], TEXT)
    made.nodes[0].config = None
    assert made.states()[0] is State.OK  # "no" is an honest answer


def test_a_revert_is_an_answer_and_asks_nobody_else(net: Callable[..., Net]) -> None:
    made = net(2)

    def reverts(method: str, params: list[Any]) -> Any:
        if method == "eth_call":
            raise RefusalError(3, "execution reverted", "0x1234")
        return made.nodes[0](method, params)

    made.servers[0].node = reverts
    with pytest.raises(CallReverted) as caught:
        made.pool.call("eth_call", [{}, "0x1"], TEXT)
    assert caught.value.data == b"\x12\x34"
    assert "eth_call" not in made.servers[1].methods


def test_a_batch_comes_from_one_endpoint(net: Callable[..., Net]) -> None:
    made = net(2)
    made.pool.head()
    made.servers[0].faults.append(bad.short)
    assert made.pool.batch([Call("eth_chainId", [])] * 3, TEXT) == ["0x1"] * 3
    assert made.in_use() == 1


def test_all_endpoints_down_is_one_error(net: Callable[..., Net]) -> None:
    made = net(3)
    for server in made.servers:
        server.always = bad.status(500)
    with pytest.raises(NodeUnavailable, match="HTTP 500"):
        made.pool.head()


def test_at_the_start_dead_endpoints_are_tried_at_once_and_once(net: Callable[..., Net]) -> None:
    made = net(3, chain_id=1)
    for server in made.servers:
        server.always = bad.status(500)
    with pytest.raises(NodeUnavailable, match="HTTP 500"):
        made.pool.head()
    assert [len(server.bodies) for server in made.servers] == [1, 1, 1]
    with pytest.raises(NodeUnavailable):
        made.pool.ref(BlockNumber(1))
    assert sum(len(server.bodies) for server in made.servers) == 4  # while all are paused, one try at a time
    made.servers[2].always = None
    made.clock.advance(60)
    assert made.pool.head().number == LENGTH - 1


def test_no_endpoint_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="ETH_RPC_URLS"):
        Pool([], clock=ManualClock())


def test_after_abort_every_call_fails_at_once(net: Callable[..., Net]) -> None:
    made = net(1)
    made.pool.head()
    made.pool.abort()
    with pytest.raises(NodeUnavailable):
        made.pool.head()


# --- the right chain ---


def test_an_endpoint_on_another_chain_is_never_used(net: Callable[..., Net]) -> None:
    made = net(2, chain_id=1)
    made.nodes[0].chain_id = 11_155_111
    made.pool.head()
    assert made.in_use() == 1
    health = made.pool.health()[0]
    assert (health.state, health.chain_id) == (State.WRONG_CHAIN, 11_155_111)
    assert "eth_getBlockByNumber" not in made.servers[0].methods


def test_only_wrong_chains_is_that_error_every_time(net: Callable[..., Net]) -> None:
    made = net(1, chain_id=5)
    for _ in range(2):
        with pytest.raises(WrongChain, match="chain 1, not chain 5"):
            made.pool.head()


def test_without_a_chain_id_the_first_answer_decides(net: Callable[..., Net]) -> None:
    made = net(2)
    made.nodes[1].chain_id = 7
    assert made.pool.chain_id() == 1
    made.servers[0].always = bad.status(500)
    with pytest.raises(WrongChain):
        made.pool.head()


def test_the_chain_is_asked_again_at_every_switch(net: Callable[..., Net]) -> None:
    made = net(2, chain_id=1)
    made.pool.head()
    asked = made.servers[0].methods.count("eth_chainId")
    assert asked >= 1
    made.pool.head()
    assert made.servers[0].methods.count("eth_chainId") == asked
    made.servers[0].faults.append(bad.status(500))
    made.pool.head()
    assert made.in_use() == 1
    made.nodes[0].chain_id = 99  # the node came back on another chain
    made.clock.advance(COMPARE_EVERY_S)
    made.pool.head()
    assert made.in_use() == 1
    assert made.states()[0] is State.WRONG_CHAIN


# --- lag ---


def test_an_endpoint_that_answers_but_is_behind_is_left(net: Callable[..., Net]) -> None:
    made = net(2)
    made.pool.head()
    made.nodes[0].lag = MAX_LAG + 1
    made.clock.advance(COMPARE_EVERY_S)
    assert made.pool.head().number == LENGTH - 1
    assert made.in_use() == 1
    health = made.pool.health()[0]
    assert (health.state, health.lag_blocks) == (State.LAGGING, MAX_LAG + 1)
    made.nodes[0].lag = 0
    made.clock.advance(COMPARE_EVERY_S)
    made.pool.head()
    assert made.in_use() == 0


def test_a_little_lag_is_normal(net: Callable[..., Net]) -> None:
    made = net(2)
    made.nodes[0].lag = MAX_LAG
    made.pool.head()
    assert made.in_use() == 0


def test_one_block_behind_every_time_is_no_matter_of_propagation(net: Callable[..., Net]) -> None:
    made = net(2)
    made.nodes[0].lag = 1
    heads: list[int] = []
    for _ in range(4):
        heads.append(made.pool.head().number)
        made.clock.advance(COMPARE_EVERY_S)
    assert heads == [LENGTH - 2, LENGTH - 2, LENGTH - 1, LENGTH - 1]


def test_a_stale_head_is_compared_at_once(net: Callable[..., Net]) -> None:
    made = net(2)
    made.pool.head()
    for _ in range(4):
        made.extend(on=[1])
        made.clock.advance(12)
        head = made.pool.head()
    assert made.in_use() == 1
    assert head.number == LENGTH + 3


def test_a_lagging_endpoint_is_better_than_none(net: Callable[..., Net]) -> None:
    made = net(2)
    made.nodes[0].lag = 5
    made.pool.head()
    assert made.in_use() == 1
    made.servers[1].always = bad.status(500)
    assert made.pool.head().number == LENGTH - 6


def test_a_head_in_the_future_does_not_make_the_others_lag(net: Callable[..., Net]) -> None:
    made = net(2)
    made.nodes[1].add(child_of({**made.nodes[1].head, "number": hex(10**6), "timestamp": hex(NOW + 10**6)}))
    assert made.pool.head().number == LENGTH - 1
    assert made.states() == [State.OK, State.LAGGING]


def test_head_age_is_in_the_health(net: Callable[..., Net]) -> None:
    made = net(1)
    made.clock.advance(100)
    made.pool.head()
    assert made.pool.health()[0].head_age_s == 112


def test_distrust_leaves_an_endpoint_whose_answers_contradict(net: Callable[..., Net]) -> None:
    made = net(2)
    made.pool.head()
    made.pool.distrust("block 5 does not build on block 4.")
    made.pool.head()
    assert made.in_use() == 1
    assert made.pool.health()[0].last_error == "block 5 does not build on block 4."


# --- many threads ---


def test_threads_share_a_pool_while_endpoints_come_and_go(net: Callable[..., Net]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    made = net(3)
    made.servers[0].faults += [None, None, None, bad.status(500), None, bad.rate_limited(1), bad.hang_up] * 3
    made.servers[1].faults += [bad.html, None, None, bad.short, bad.cut_off] * 3

    def read(number: int) -> Any:
        first = BlockNumber(number % 6)
        return [b and b.ref.number for b in made.pool.blocks(first, BlockNumber(first + 4))]

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(read, range(120)))
    assert results == [list(range(n % 6, n % 6 + 5)) for n in range(120)]


# --- features ---


def test_features_are_probed_not_assumed(net: Callable[..., Net]) -> None:
    made = net(1)
    node = made.nodes[0]
    node.honours_overrides = False
    node.takes_hash_objects = False
    node.config = {}
    assert made.pool.features() == {
        Feature.CONFIG: True,
        Feature.HEADERS: False,
        Feature.BLOCK_RECEIPTS: True,
        Feature.OVERRIDES: False,
        Feature.BATCH: True,
        Feature.PIN_BY_HASH: False,
    }
    asked = len(made.servers[0].bodies)
    made.pool.features()
    assert len(made.servers[0].bodies) == asked


def test_the_head_is_read_as_a_header_where_the_node_has_headers(net: Callable[..., Net]) -> None:
    made = net(1)
    made.nodes[0].missing.clear()
    head = made.pool.head()
    assert head == made.pool.ref(BlockNumber(LENGTH - 1))
    before = len(made.servers[0].bodies)
    made.pool.head()
    assert made.servers[0].methods[before:] == ["eth_getHeaderByNumber"]


@pytest.mark.parametrize("left_out", ["hash", "logsBloom", "requestsHash"])
def test_headers_that_leave_fields_out_are_not_used(net: Callable[..., Net], left_out: str) -> None:
    made = net(1)
    node = made.nodes[0]
    node.missing.clear()

    def headless(method: str, params: list[Any]) -> Any:
        answer = node(method, params)
        if method == "eth_getHeaderByNumber":
            answer.pop(left_out)
        return answer

    made.servers[0].node = headless
    assert made.pool.head().number == LENGTH - 1
    assert made.pool.features()[Feature.HEADERS] is False


def test_a_node_that_is_down_has_not_said_no(net: Callable[..., Net]) -> None:
    made = net(1)
    made.pool.head()
    known = made.pool.health()[0].features
    made.servers[0].always = bad.status(500)
    with pytest.raises(NodeUnavailable):
        made.pool.features()
    assert made.pool.health()[0].features == known
