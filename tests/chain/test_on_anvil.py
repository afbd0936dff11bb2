"""Chain access on a real node: Anvil, directly and through a faulty proxy."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.member import Feature, State
from monitor.chain.pinned import Override
from monitor.chain.schedule import Agreed, find_blob_fees
from monitor.chain.wakeup import Wakeup
from monitor.errors import BadAnswer, BlockGone, CallReverted, NodeUnavailable, Unsupported, WrongChain
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.units import Address, BlockNumber, Wei
from tests.support import rpc_server as bad
from tests.support.rpc_server import RpcServer, forward_to

pytestmark = pytest.mark.localnet

SOMEBODY = Address("0x" + "5a" * 20)
RETURN_9 = bytes.fromhex("600960005260206000f3")
REVERT = bytes.fromhex("602a60005260206000fd")
ERC20_ABI = [
    {
        "name": "totalSupply",
        "type": "function",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]


@pytest.fixture
def pool(anvil: Anvil) -> Iterator[Endpoints]:
    anvil.call("anvil_mine", hex(10), hex(12))
    with Endpoints([anvil.url], clock=SystemClock(), chain_id=1337, timeout_s=5) as made:
        yield made


def test_blocks_of_a_real_node_are_under_their_hashes(pool: Endpoints, anvil: Anvil) -> None:
    sender = anvil.call("eth_accounts")[0]
    for _ in range(3):
        anvil.call("eth_sendTransaction", {"from": sender, "to": SOMEBODY, "value": "0x1"})
    anvil.call("anvil_mine", hex(1), hex(12))
    head = pool.head()
    blocks = [block for block in pool.blocks(BlockNumber(0), head.number) if block]
    assert len(blocks) == head.number + 1
    assert all(b.ref.parent_hash == a.ref.hash for a, b in itertools.pairwise(blocks))
    newest = blocks[-1].row
    assert (newest.tx_count, newest.gas_used) == (3, 63_000)
    assert newest.base_fee_wei == int(
        anvil.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16
    )


def test_what_anvil_can_do(pool: Endpoints) -> None:
    assert pool.features() == {
        Feature.CONFIG: True,
        Feature.HEADERS: False,
        Feature.BLOCK_RECEIPTS: True,
        Feature.OVERRIDES: True,
        Feature.BATCH: True,
        Feature.PIN_BY_HASH: True,
    }


def test_state_is_that_of_the_pinned_block(pool: Endpoints, anvil: Anvil) -> None:
    before = pool.head()
    anvil.call("anvil_mine", hex(1), hex(12))  # what is set by hand belongs to the newest block
    anvil.call("anvil_setBalance", SOMEBODY, hex(7))
    anvil.call("anvil_setCode", SOMEBODY, "0x" + RETURN_9.hex())
    anvil.call("anvil_setStorageAt", SOMEBODY, "0x" + "00" * 32, "0x" + "00" * 31 + "05")
    anvil.call("anvil_mine", hex(1), hex(12))
    then, now = pool.pinned(before), pool.pinned(pool.head())
    assert (then.get_balance(SOMEBODY), now.get_balance(SOMEBODY)) == (0, 7)
    assert now.get_code(SOMEBODY) == RETURN_9
    assert int.from_bytes(now.get_storage(SOMEBODY, 0), "big") == 5
    assert int.from_bytes(now.eth_call(SOMEBODY, b""), "big") == 9
    assert now.eth_call(SOMEBODY, b"", {SOMEBODY: Override(code=b"", balance_wei=Wei(1))}) == b""
    with pytest.raises(CallReverted) as caught:
        now.eth_call(SOMEBODY, b"", {SOMEBODY: Override(code=REVERT)})
    assert int.from_bytes(caught.value.data, "big") == 42


@pytest.mark.parametrize("depth", [1, 3])
def test_a_real_reorg_makes_pinned_reads_fail(pool: Endpoints, anvil: Anvil, depth: int) -> None:
    head = pool.head()
    reader = pool.pinned(head)
    assert reader.get_balance(SOMEBODY) == 0
    anvil.call("anvil_reorg", depth, [])
    assert pool.block_by_hash(head.hash) is None
    for read in (lambda: reader.get_balance(SOMEBODY), lambda: reader.get_logs([SOMEBODY])):
        with pytest.raises(BlockGone):
            read()
    assert pool.head().hash != head.hash
    kept = pool.ref(BlockNumber(head.number - depth))
    assert kept is not None
    assert pool.pinned(kept).get_balance(SOMEBODY) == 0


def test_logs_of_one_block(pool: Endpoints, anvil: Anvil) -> None:
    code = "0x7f" + "11" * 32 + "60206000a100"  # PUSH32 topic, PUSH1 32, PUSH1 0, LOG1
    anvil.call("anvil_setCode", SOMEBODY, code)
    sender = anvil.call("eth_accounts")[0]
    anvil.call("eth_sendTransaction", {"from": sender, "to": SOMEBODY, "gas": hex(100_000)})
    anvil.call("anvil_mine", hex(1), hex(12))
    head = pool.head()
    logs = pool.pinned(head).get_logs([SOMEBODY], [b"\x11" * 32])
    assert [(log.address, log.topics, log.data) for log in logs] == [(SOMEBODY, (b"\x11" * 32,), b"\0" * 32)]
    parent = pool.ref(BlockNumber(head.number - 1))
    assert parent is not None
    assert pool.pinned(parent).get_logs([SOMEBODY]) == []


def test_the_blob_schedule_of_a_devnet_comes_from_the_node(pool: Endpoints) -> None:
    findings = find_blob_fees(pool, None, pool.head())
    assert isinstance(findings.verdict, Agreed)
    pool.blob_fee = findings.fees
    block = pool.blocks(BlockNumber(5), BlockNumber(5))[0]
    assert block is not None
    assert block.row.blob_base_fee_wei == 1


def test_a_node_that_hangs_is_left_for_one_that_answers(
    start_anvil: Callable[[ChainSpec], Anvil],
) -> None:
    first, second = start_anvil(ChainSpec()), start_anvil(ChainSpec())
    # Long enough for a live node on a busy machine; the hanging one has stopped for certain.
    with Endpoints([first.url, second.url], clock=SystemClock(), chain_id=1337, timeout_s=5) as pool:
        pool.head()
        first.freeze()
        assert pool.head().number == 0
        assert [health.in_use for health in pool.health()] == [False, True]
        first.thaw()
        first.stop()
        assert pool.head().number == 0
        assert pool.health()[0].state is State.DOWN


def test_another_chain_behind_the_second_url_is_refused(
    start_anvil: Callable[[ChainSpec], Anvil],
) -> None:
    first, second = start_anvil(ChainSpec()), start_anvil(ChainSpec(chain_id=5))
    with Endpoints([first.url, second.url], clock=SystemClock(), timeout_s=5) as pool:
        assert pool.chain_id() == 1337
        first.stop()
        with pytest.raises(WrongChain):
            pool.head()


FAULTS: list[Any] = [
    bad.status(502), bad.html, bad.cut_off, bad.cut_json, bad.wrong_id, bad.hang_up, bad.empty, bad.not_http,
]  # fmt: skip


def test_a_real_node_behind_a_faulty_line_is_read_right_or_not_at_all(anvil: Anvil) -> None:
    anvil.call("anvil_mine", hex(20), hex(12))
    with RpcServer(forward_to(anvil.url)) as proxy:
        with Endpoints([anvil.url], clock=SystemClock()) as direct:
            truth = [direct.ref(BlockNumber(number)) for number in range(20)]
        with Endpoints([proxy.url], clock=SystemClock(), timeout_s=5) as pool:
            right = failed = 0
            for number in range(20):
                proxy.faults.append(FAULTS[number % len(FAULTS)] if number % 3 == 0 else None)
                try:
                    assert pool.ref(BlockNumber(number)) == truth[number]
                    right += 1
                except (NodeUnavailable, BadAnswer):
                    failed += 1
                    proxy.faults.clear()
    assert failed >= 5
    assert right >= 10


# --- web3 ---


def test_web3_reads_contracts_at_the_pinned_block(pool: Endpoints, anvil: Anvil) -> None:
    from eth_utils.address import to_checksum_address
    from web3 import Web3

    from monitor.chain.web3_provider import PinnedProvider

    before = pool.head()
    anvil.call("anvil_mine", hex(1), hex(12))  # what is set by hand belongs to the newest block
    anvil.call("anvil_setCode", SOMEBODY, "0x" + RETURN_9.hex())
    anvil.call("anvil_mine", hex(1), hex(12))
    w3 = Web3(PinnedProvider(pool.pinned(pool.head())))
    token = to_checksum_address(SOMEBODY)
    contract = w3.eth.contract(address=token, abi=ERC20_ABI)
    assert contract.functions.totalSupply().call() == 9
    assert (
        contract.functions.totalSupply().call(
            state_override={token: {"code": "0x" + RETURN_9.hex().replace("6009", "6007")}}
        )
        == 7
    )
    assert w3.eth.chain_id == 1337
    assert w3.is_connected()
    assert w3.provider.global_ccip_read_enabled is False
    with pytest.raises(Unsupported, match="bound to"):
        contract.functions.totalSupply().call(block_identifier=before.number)
    with pytest.raises(Unsupported, match="not a read"):
        w3.eth.send_raw_transaction(b"\x01")
    with pytest.raises(CallReverted):
        contract.functions.totalSupply().call(state_override={token: {"code": "0x" + REVERT.hex()}})
    then = Web3(PinnedProvider(pool.pinned(before)))
    assert then.eth.get_code(token) == b""


def test_a_contract_cannot_make_web3_fetch_a_url(pool: Endpoints, anvil: Anvil) -> None:
    """CCIP-read (EIP-3668): the revert names a URL; it comes back as a revert, and nobody calls there."""
    from eth_abi.abi import encode
    from eth_utils.address import to_checksum_address
    from web3 import Web3

    from monitor.chain.web3_provider import PinnedProvider

    with RpcServer(lambda *_: None) as trap:
        lookup = bytes.fromhex("556f1830") + encode(
            ["address", "string[]", "bytes", "bytes4", "bytes"],
            [SOMEBODY, [f"{trap.url}/{{sender}}/{{data}}.json"], b"", b"\0" * 4, b""],
        )
        padded = lookup.ljust(-(-len(lookup) // 32) * 32, b"\0")
        code = b"".join(
            b"\x7f" + padded[at : at + 32] + b"\x61" + at.to_bytes(2, "big") + b"\x52"
            for at in range(0, len(padded), 32)
        )
        code += b"\x61" + len(lookup).to_bytes(2, "big") + b"\x60\x00\xfd"
        anvil.call("anvil_setCode", SOMEBODY, "0x" + code.hex())
        anvil.call("anvil_mine", hex(1), hex(12))
        w3 = Web3(PinnedProvider(pool.pinned(pool.head())))
        contract = w3.eth.contract(address=to_checksum_address(SOMEBODY), abi=ERC20_ABI)
        with pytest.raises(CallReverted) as caught:
            contract.functions.totalSupply().call()
        assert caught.value.data == lookup
        assert trap.connections == 0


# --- wake-up ---


def test_a_new_head_wakes_the_poll_and_a_dead_line_does_no_harm(anvil: Anvil) -> None:
    event = threading.Event()
    wakeup = Wakeup(anvil.ws_url, event)
    wakeup.start()
    assert event.wait(5)  # subscribed
    event.clear()
    anvil.call("anvil_mine", hex(1), hex(12))
    assert event.wait(5)
    wakeup.stop()
    wrong = Wakeup(anvil.ws_url + "/verysecretkey", event)
    wrong.start()
    for _ in range(500):
        if wrong.last_error:
            break
        time.sleep(0.01)
    assert wrong.last_error is not None
    assert "verysecretkey" not in wrong.last_error
    assert "verysecretkey" not in wrong.label
    wrong.stop()
