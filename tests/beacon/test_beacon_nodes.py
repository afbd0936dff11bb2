"""Beacon nodes fail in every way; what comes out is a reading or an error with its cause, never a wrong number."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Iterator

import pytest
from eth_abi import encode

from monitor.chain.beacon import Beacon
from monitor.chain.beacon_deposits import read_deposits
from monitor.chain.beacon_http import MAX_WHOLE_BYTES
from monitor.chain.beacon_pool import BeaconNodes, BeaconState
from monitor.chain.beacon_sample import sample, sample_epoch
from monitor.chain.beacon_step import Sampler
from monitor.chain.beacon_walk import walk
from monitor.domain import Block, BlockRef
from monitor.errors import (
    BadAnswer,
    BlockGone,
    ConfigError,
    NodeError,
    NodeUnavailable,
    RateLimited,
    Unsupported,
    WrongChain,
)
from monitor.supply.issuance import Measured
from tests.support.beacon_server import (
    GENESIS_TIME,
    BeaconServer,
    Prepared,
    as_json,
    beacon_server,
    payload,
    root,
)
from tests.support.block_rows import block_row

SYNCING = "/eth/v1/node/syncing"
BALANCES = "/eth/v1/beacon/states/16/validator_balances"


class Clock:
    """Stands at the head of the prepared chain."""

    def __init__(self, slot: int = 100) -> None:
        self.slot = slot

    def now(self) -> int:
        return GENESIS_TIME + 12 * self.slot

    def monotonic(self) -> float:
        raise AssertionError("not used")

    def sleep(self, seconds: float) -> None:
        raise AssertionError("not used")


def find(block_hash: str) -> BlockRef | None:
    """An execution node that has blocks 1 to 99, one a slot."""
    number = int(block_hash[3:], 16)
    return BlockRef(number, block_hash, "0x", GENESIS_TIME + 12 * number) if 0 < number < 100 else None


@pytest.fixture
def server() -> Iterator[BeaconServer]:
    with beacon_server() as node:
        node.in_order()
        yield node


@pytest.fixture
def second() -> Iterator[BeaconServer]:
    with beacon_server() as node:
        node.in_order()
        yield node


@pytest.fixture
def node(server: BeaconServer) -> Iterator[Beacon]:
    beacon = Beacon(server.url, timeout_s=5, list_timeout_s=5)
    yield beacon
    beacon.close()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Prepared(400), BadAnswer, "HTTP 400"),
        (Prepared(401), Unsupported, "Check the key"),
        (Prepared(403), Unsupported, "Check the key"),
        (Prepared(404), BlockGone, "no such"),
        (Prepared(405), Unsupported, "does not offer"),
        (Prepared(406), Unsupported, "not in the form"),
        (Prepared(429, headers=(("Retry-After", "7"),)), RateLimited, "too many"),
        (Prepared(500), NodeUnavailable, "failed"),
        (Prepared(503), NodeUnavailable, "syncing or overloaded"),
        (Prepared(302, headers=(("Location", "http://10.0.0.1/"),)), BadAnswer, "HTTP 302"),
        (Prepared(body=b"<html>", kind="text/html"), BadAnswer, "text/html"),
        (Prepared(body=b"{"), BadAnswer, "not what the Beacon API says"),
        (Prepared(body=b"[" * 100_000), BadAnswer, "not what the Beacon API says"),
        (Prepared(body=b'{"data":{"head_slot":"x"}}'), BadAnswer, "not what the Beacon API says"),
        (Prepared(body=b'{"data":{}}'), BadAnswer, "not what the Beacon API says"),
        (Prepared(body=b'{"data"', cut=50), NodeUnavailable, "cut off"),
        (Prepared(body=b"not gzip", headers=(("Content-Encoding", "gzip"),)), BadAnswer, "gzip"),
    ],
)
def test_each_failure_has_its_kind_and_words(
    server: BeaconServer, node: Beacon, answer: Prepared, kind: type[NodeError], words: str
) -> None:
    server.answers[SYNCING] = answer
    with pytest.raises(kind, match=words) as caught:
        node.syncing()
    assert type(caught.value) is kind or kind is Unsupported
    assert caught.value.endpoint == server.url
    server.in_order()
    assert node.syncing().head_slot == 100  # the connection, or a new one, still works
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 7


def test_keys_in_the_url_reach_the_node_and_no_message(server: BeaconServer) -> None:
    url = server.url.replace("http://", "http://user:hunter22@") + "/v1/secretkey123/?apikey=topsecret99"
    server.answers["/v1/secretkey123" + SYNCING] = server.answers[SYNCING]
    beacon = Beacon(url, timeout_s=5)
    assert beacon.syncing().head_slot == 100
    assert server.asked[-1] == f"/v1/secretkey123{SYNCING}?apikey=topsecret99"
    with pytest.raises(BlockGone) as caught:
        beacon.header(5)
    text = f"{caught.value} {caught.value!r} {beacon.label}"
    assert not any(secret in text for secret in ("hunter22", "secretkey123", "topsecret99"))
    beacon.close()


def test_nothing_listening_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(NodeUnavailable, match="connection refused"):
            Beacon(f"http://127.0.0.1:{port}", timeout_s=5).syncing()
    with pytest.raises(ConfigError, match="BEACON_URLS"):
        Beacon("ftp://example")
    with pytest.raises(ConfigError, match="BEACON_URLS"):
        BeaconNodes([], Clock(), 1)


def test_a_bomb_is_not_unpacked(server: BeaconServer, node: Beacon) -> None:
    bomb = gzip.compress(b'{"data":"' + bytes(MAX_WHOLE_BYTES))
    server.answers[SYNCING] = Prepared(body=bomb, headers=(("Content-Encoding", "gzip"),))
    with pytest.raises(BadAnswer, match="larger than 64 MiB"):
        node.syncing()


def test_balances_come_as_ssz_where_the_node_has_it_and_as_json_elsewhere(
    server: BeaconServer, node: Beacon
) -> None:
    raw = b"".join(struct.pack("<QQ", index, 32) for index in range(3))
    ssz = Prepared(body=raw, kind="application/octet-stream")
    rows = as_json([{"index": str(index), "balance": "32"} for index in range(3)])
    accepts: list[str] = []

    def picky(accept: str) -> Prepared:
        accepts.append(accept)
        return rows if accept == "application/json" else Prepared(406)

    server.answers[BALANCES] = ssz
    assert node.balances(16)[:2] == (96, 3)
    server.answers[BALANCES] = rows
    assert node.balances(16)[:2] == (96, 3)
    server.answers[BALANCES] = picky
    assert node.balances(16)[:2] == (96, 3)
    assert len(accepts) == 2
    assert accepts[0].startswith("application/octet-stream;q=1,application/json;q=0.9")
    packed = gzip.compress(rows.body)
    server.answers[BALANCES] = Prepared(body=packed, headers=(("Content-Encoding", "gzip"),))
    assert node.balances(16)[:2] == (96, 3)
    half = Prepared(body=packed[:-9], headers=(("Content-Encoding", "gzip"),))
    server.answers[BALANCES] = half
    with pytest.raises(NodeUnavailable, match="cut off"):
        node.balances(16)
    server.answers[BALANCES] = Prepared(body=iter([raw[:20], raw[20:]]), kind="application/octet-stream")
    assert node.balances(16)[:2] == (96, 3)


def test_optimistic_answers_are_no_facts(server: BeaconServer, node: Beacon) -> None:
    header = ("Eth-Execution-Optimistic", "true")
    server.answers[BALANCES] = Prepared(body=bytes(16), kind="application/octet-stream", headers=(header,))
    with pytest.raises(NodeUnavailable, match="optimistically"):
        node.balances(16)
    server.answers[BALANCES] = as_json([], execution_optimistic=True)
    with pytest.raises(NodeUnavailable, match="optimistically"):
        node.balances(16)
    server.block(16, 15, payload(16, 16))
    plain = server.answers["/eth/v1/beacon/headers/16"]
    assert isinstance(plain, Prepared)
    optimistic = plain.body.replace(b'"execution_optimistic": false', b'"execution_optimistic": true')
    server.answers["/eth/v1/beacon/headers/16"] = Prepared(body=optimistic)
    with pytest.raises(NodeUnavailable, match="optimistically"):
        node.header(16)
    server.answers["/eth/v1/beacon/headers/16"] = plain
    assert node.header(16).slot == 16


# ---------------------------------------------------------------- several nodes


def ask(nodes: BeaconNodes) -> str:
    return nodes.using(lambda node, _: node.label)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"chain_id": 5}, "follows chain 5, not 1"),
        ({"head": 80}, "20 slots behind the clock"),
        ({"is_syncing": True, "sync_distance": "40"}, "syncing, 40 slots to go"),
        ({"is_optimistic": True}, "optimistically"),
    ],
)
def test_an_unfit_node_is_passed_over(
    server: BeaconServer, second: BeaconServer, fault: dict[str, object], words: str
) -> None:
    if "chain_id" in fault or "head" in fault:
        server.in_order(**fault)  # type: ignore[arg-type]
    else:
        server.syncing(100, **fault)
    nodes = BeaconNodes([server.url, second.url], Clock(), 1)
    assert ask(nodes) == second.url
    health = nodes.health()
    assert words in health[0].problem
    assert [entry.state for entry in health] == [BeaconState.FAILED, BeaconState.OK]
    alone = BeaconNodes([server.url], Clock(), 1)
    assert alone.health()[0].state is BeaconState.NOT_ASKED
    with pytest.raises(WrongChain if "chain_id" in fault else NodeUnavailable, match=words):
        ask(alone)
    for each in (nodes, alone):
        each.close()


def test_a_node_that_recovers_is_used_again(server: BeaconServer, second: BeaconServer) -> None:
    nodes = BeaconNodes([server.url, second.url], Clock(), 1)
    server.answers[SYNCING] = Prepared(503)
    assert ask(nodes) == second.url
    server.syncing(100)
    assert ask(nodes) == server.url
    assert nodes.health()[0].state is BeaconState.OK
    nodes.close()


def test_what_a_fit_node_says_of_the_question_is_told_first(
    server: BeaconServer, second: BeaconServer
) -> None:
    server.answers[SYNCING] = Prepared(503)
    nodes = BeaconNodes([server.url, second.url], Clock(), 1)
    with pytest.raises(BlockGone, match="HTTP 404"):
        nodes.using(lambda node, _: node.header(7))
    nodes.close()


# ---------------------------------------------------------------- a sample


def prepare(server: BeaconServer, slot: int = 16) -> None:
    server.block(slot, slot - 1, payload(slot, slot, (5,)))
    server.balances(slot, [32, 33])
    server.pending(slot, [7, 1])


def take(node: Beacon, slot: int = 16):
    return sample(node, node.spec(), slot, find, finalized=True)


def test_a_sample_is_every_list_after_one_block(server: BeaconServer, node: Beacon) -> None:
    prepare(server)
    total = take(node)
    assert (total.slot, total.block_number, total.deposits_block) == (16, 16, 16)
    assert (total.block_hash, total.timestamp) == (root(16, "e"), GENESIS_TIME + 192)
    assert (total.validators_gwei, total.pending_deposits_gwei, total.builders_gwei) == (65, 8, 0)
    assert total.total_gwei == 73


def test_a_missed_slot_is_read_at_the_block_before(server: BeaconServer, node: Beacon) -> None:
    prepare(server, 14)
    assert take(node).slot == 14


def test_no_block_far_and_wide_is_an_error(node: Beacon) -> None:
    with pytest.raises(BlockGone, match="no block in the 64 slots"):
        take(node)


def test_before_electra_there_is_no_queue_and_after_it_there_must_be_one(
    server: BeaconServer, node: Beacon
) -> None:
    prepare(server)
    del server.answers["/eth/v1/beacon/states/16/pending_deposits"]
    with pytest.raises(BlockGone, match="pending_deposits"):
        take(node)
    server.in_order(electra=3)
    assert take(node).pending_deposits_gwei == 0


def test_a_reorg_while_the_lists_are_read_is_found(server: BeaconServer, node: Beacon) -> None:
    prepare(server)
    server.hooks["/eth/v1/beacon/states/16/pending_deposits"] = lambda: server.block(
        16, 15, payload(16, 16), branch="b"
    )
    with pytest.raises(BlockGone, match="was replaced"):
        take(node)


def test_a_state_that_is_not_the_blocks_is_refused(server: BeaconServer, node: Beacon) -> None:
    prepare(server)
    server.answers["/eth/v1/beacon/states/16/root"] = as_json({"root": root(99, "5")})
    with pytest.raises(BlockGone, match="was replaced"):
        take(node)


def test_another_slot_than_asked_for_is_refused(server: BeaconServer, node: Beacon) -> None:
    prepare(server)
    server.answers["/eth/v1/beacon/headers/15"] = server.answers["/eth/v1/beacon/headers/16"]
    with pytest.raises(BadAnswer, match="asked for slot 15"):
        node.header(15)


def test_an_empty_list_of_validators_is_not_a_supply_of_nothing(server: BeaconServer, node: Beacon) -> None:
    prepare(server)
    server.balances(16, [])
    with pytest.raises(BadAnswer, match="no validators"):
        take(node)


@pytest.mark.parametrize(
    ("number", "slot", "kind"), [(120, 16, NodeUnavailable), (17, 16, BadAnswer), (16, 17, BadAnswer)]
)
def test_both_layers_must_agree_on_the_block(
    server: BeaconServer, node: Beacon, number: int, slot: int, kind: type[NodeError]
) -> None:
    """Unknown to the execution node, or known with another number or time."""
    prepare(server)
    body = payload(number, slot)
    if number == 17:
        body["execution_payload"]["block_hash"] = root(16, "e")
    server.block(16, 15, body)
    with pytest.raises(kind):
        take(node)


def test_since_gloas_builders_count_and_the_payload_is_one_ahead_of_its_deposits(
    server: BeaconServer, node: Beacon
) -> None:
    server.in_order(gloas=1)
    bid = {
        "signed_execution_payload_bid": {"message": {"block_hash": root(15, "e"), "parent_block_hash": "0x"}}
    }
    prepare(server)
    server.block(16, 15, bid)
    server.balances(16, [1_000, 1], "builder_balances")
    total = take(node)
    assert (total.block_number, total.deposits_block) == (15, 14)
    assert total.total_gwei == 73 + 1_001
    # A bid whose payload never came: the block before stands for it.
    late = {"signed_execution_payload_bid": {"message": {"block_hash": root(777, "e")}}}
    server.block(17, 16, late)
    assert take(node, 17).slot == 16
    del server.answers["/eth/v1/beacon/states/16/builder_balances"]
    with pytest.raises(BlockGone, match="builder_balances"):
        take(node)


def test_samples_lie_at_multiples_of_the_interval() -> None:
    assert [sample_epoch(epoch, 10) for epoch in (9, 10, 19, 20)] == [0, 10, 10, 20]


# ---------------------------------------------------------------- what passes between the layers


def test_the_walk_sums_every_block_and_arrives(server: BeaconServer, node: Beacon) -> None:
    requests = {
        "execution_requests": {"deposits": [{"amount": "40"}], "withdrawals": [], "consolidations": []}
    }
    server.block(10, 9, payload(10, 10, (99,)))
    server.block(11, 10, payload(11, 11, (1, 2)) | requests)
    server.block(13, 11, payload(12, 13, (4,)) | {"deposits": [{"proof": [], "data": {"amount": "300"}}]})
    passed = walk(node, node.header(10), node.header(13))
    assert passed == (340, 7, 2)
    assert walk(node, node.header(13), node.header(13)) == (0, 0, 0)
    with pytest.raises(BadAnswer, match="does not descend"):
        walk(node, node.header(13), node.header(11))
    server.block(12, 10, payload(11, 12))
    with pytest.raises(BadAnswer, match="does not descend"):
        walk(node, node.header(12), node.header(13))


def test_since_gloas_the_walk_has_no_withdrawals(server: BeaconServer, node: Beacon) -> None:
    bid = {"signed_execution_payload_bid": {"message": {"block_hash": root(15, "e")}}}
    entering = {"deposits": [{"amount": "3"}], "builder_deposits": [{"amount": "50"}]}
    server.block(10, 9, bid)
    server.block(11, 10, bid | {"parent_execution_requests": entering})
    assert walk(node, node.header(10), node.header(11)) == (53, None, 1)


class Logs:
    """An execution node's `eth_getLogs`."""

    def __init__(self, logs: list[dict[str, object]]) -> None:
        self.logs = logs
        self.ranges: list[tuple[int, int]] = []
        self.count: bytes | None = None
        """What the contract has counted; None: the state is pruned."""

    def call(self, method: str, params, shape):
        import msgspec

        if method == "eth_call":
            if self.count is None:
                raise Unsupported("logs", "missing trie node")
            return "0x" + self.count.hex()
        wanted = params[0]
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        self.ranges.append((first, last))
        found = [
            log
            for log in self.logs
            if log["address"] == wanted["address"] and first <= int(str(log["blockNumber"]), 16) <= last
        ]
        return shape.bare.decode(msgspec.json.encode(found))


CONTRACT = "0x00000000219ab540356cbb839cbe05303d7705fa"
BUILDERS = "0x0000bff46984e3725691fa540a8c7589300d8282"


def event(number: int, amount: int) -> bytes:
    fields = (bytes(48), bytes(32), amount.to_bytes(8, "little"), bytes(96), number.to_bytes(8, "little"))
    return encode(["bytes"] * 5, fields)


def log(block: int, place: int, data: bytes, address: str = CONTRACT) -> dict[str, object]:
    return {"address": address, "data": "0x" + data.hex(), "blockNumber": hex(block), "logIndex": hex(place)}


class Execution(Logs):
    """An execution node of blocks 1 to 99, as the sampler asks for it."""

    def ref(self, number: int) -> BlockRef | None:
        return find(root(number, "e"))

    def block_by_hash(self, block_hash: str) -> Block | None:
        ref = find(block_hash)
        return None if ref is None else Block(ref, block_row(ref.number, ref.timestamp))


def test_on_a_network_of_ones_own_the_beacon_node_names_the_deposit_contract(
    server: BeaconServer, node: Beacon
) -> None:
    mine = "0x" + "42" * 20
    server.answers["/eth/v1/beacon/states/head/finality_checkpoints"] = as_json(
        {
            name: {"epoch": "2", "root": "0x"}
            for name in ("previous_justified", "current_justified", "finalized")
        }
    )
    prepare(server, 8)
    before = sample(node, node.spec(), 8, find, finalized=True)
    prepare(server, 16)
    server.in_order(contract=mine)
    nodes = BeaconNodes([server.url], Clock(), 1)
    execution = Execution([log(12, 0, event(0, 5), mine)])
    sampler = Sampler(nodes, execution, None, lambda _first, _last: 0, every_epochs=1)
    step = sampler.step(before, None)
    assert step is not None
    assert step.issued == Measured(step.total.total_gwei - before.total_gwei - 5)
    nodes.close()


def test_deposits_are_summed_from_logs_in_ranges_that_providers_allow() -> None:
    logs = Logs([log(5, 1, event(8, 2)), log(5, 0, event(7, 1)), log(900, 0, event(9, 32 * 10**9))])
    assert read_deposits(logs, CONTRACT, 1, 1_200) == (32 * 10**9 + 3, 10)
    assert logs.ranges == [(1, 500), (501, 1_000), (1_001, 1_200)]
    assert read_deposits(logs, CONTRACT, 1, 1_200, next_number=7).next_number == 10
    assert read_deposits(logs, CONTRACT, 10, 20, next_number=9) == (0, 9)
    assert read_deposits(logs, CONTRACT, 10, 20) == (0, None)


def test_a_log_that_is_missing_at_the_end_is_missed_in_the_contracts_count() -> None:
    logs = Logs([log(5, 0, event(7, 1))])
    logs.count = encode(["bytes"], [(8).to_bytes(8, "little")])
    assert read_deposits(logs, CONTRACT, 1, 10, next_number=7) == (1, 8)
    assert read_deposits(logs, CONTRACT, 6, 10, next_number=8) == (0, 8)
    logs.logs.clear()
    with pytest.raises(BadAnswer, match="has counted 8 deposits, its logs end at 7"):
        read_deposits(logs, CONTRACT, 1, 10, next_number=7)
    assert read_deposits(logs, CONTRACT, 1, 10) == (0, None)  # of what was before nothing is known
    logs.count = b""
    assert read_deposits(logs, CONTRACT, 1, 10, next_number=7) == (0, 7)  # no such contract there
    logs.count = bytes(32)
    with pytest.raises(BadAnswer, match="another layout"):
        read_deposits(logs, CONTRACT, 1, 10, next_number=7)


def test_builders_deposits_count_where_asked_for() -> None:
    data = bytes(80) + (5 * 10**9).to_bytes(8, "big") + bytes(96)
    logs = Logs([log(5, 0, event(0, 3)), log(6, 0, data, BUILDERS)])
    assert read_deposits(logs, CONTRACT, 1, 10, builders=True).gwei == 5 * 10**9 + 3
    assert read_deposits(logs, CONTRACT, 1, 10).gwei == 3
    logs.logs[1] = log(6, 0, data[1:], BUILDERS)
    with pytest.raises(BadAnswer, match="184 bytes"):
        read_deposits(logs, CONTRACT, 1, 10, builders=True)


@pytest.mark.parametrize(
    ("logs", "words"),
    [
        ([log(5, 0, event(9, 1))], "deposit 7 is missing"),
        ([log(5, 0, event(7, 1)), log(6, 0, event(9, 1))], "deposit 8 is missing"),
        ([log(5, 0, event(7, 1)), log(5, 0, event(8, 1))], "comes twice"),
        ([log(5, 0, event(7, 1)) | {"removed": True}], "taken back"),
        ([log(5, 0, event(7, 1)[:-1])], "576 bytes"),
        ([log(5, 0, event(7, 1)[:160] + bytes(416))], "another layout"),
        ([log(5, 0, b"") | {"data": "0xzz"}], "blocks 1 to 10"),
    ],
)
def test_logs_that_do_not_add_up_are_refused(logs: list[dict[str, object]], words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        read_deposits(Logs(logs), CONTRACT, 1, 10, next_number=7)
