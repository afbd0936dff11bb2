"""JSON-RPC to a development node: what a test or the demo does to its chain."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from monitor.chain.transport import Transport
from monitor.errors import LocalnetError, NodeError
from monitor.supply.burn import next_base_fee_wei
from monitor.units import Address, BlockHash, BlockNumber, Gas, UnixTime, Wei

CALL_DEADLINE_S = 60
_WORD_HEX = 64


class ControlError(LocalnetError):
    """The development node refused a call; `code` is the JSON-RPC error code."""

    def __init__(self, method: str, code: int, problem: str) -> None:
        super().__init__(f"{method}: {problem} ({code})")
        self.method = method
        self.code = code


def word(value: int) -> str:
    """A 32-byte word in hex, as Anvil wants storage keys and values."""
    return f"0x{value % 2**256:0{_WORD_HEX}x}"


class Control:
    """Calls to a development node on this machine; safe to use from several threads.

    `call` raises `ControlError` for an error answer and `LocalnetError` when nobody answers.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._transport = Transport(f"http://{host}:{port}", label="the local chain")

    def call(self, method: str, *params: Any) -> Any:
        """The `result` of one call, decoded from JSON."""
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = msgspec.json.decode(self._post(body), type=_Answer)
        return _result(method, answer)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several calls sent as one request, in order."""
        requests = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(calls)
        ]
        answers = msgspec.json.decode(self._post(msgspec.json.encode(requests)), type=list[_Answer])
        return [_result(method, answer) for (method, _), answer in zip(calls, answers, strict=True)]

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def _post(self, body: bytes) -> bytes:
        try:
            return self._transport.post(body, time.monotonic() + CALL_DEADLINE_S).body
        except NodeError as error:
            raise LocalnetError(str(error)) from error

    # Blocks

    def head_number(self) -> BlockNumber:
        """The number of the newest block."""
        return BlockNumber(int(self.call("eth_blockNumber"), 16))

    def block(self, at: int | str = "latest", *, full: bool = False) -> dict[str, Any]:
        """A block by number or tag as the node gives it, with transactions where `full`."""
        tag = hex(at) if isinstance(at, int) else at
        found = self.call("eth_getBlockByNumber", tag, full)
        if found is None:
            raise LocalnetError(f"The local chain has no block {at}.")
        return found

    def block_hash(self, at: int | str = "latest") -> BlockHash:
        """The hash of a block by number or tag."""
        return BlockHash(self.block(at)["hash"])

    def mine(self, count: int = 1, interval_s: int | None = None) -> BlockHash:
        """Mine `count` blocks, `interval_s` apart where given; returns the new head's hash.

        Without an interval, times follow `set_block_interval`.
        """
        if interval_s is not None:
            self.call("anvil_mine", hex(count), hex(interval_s))
        elif count > 1:
            self.call("anvil_mine", hex(count))
        else:
            self.call("evm_mine")
        return self.block_hash()

    def reorg(self, depth: int, transactions: Sequence[tuple[Any, int]] = ()) -> BlockHash:
        """`anvil_reorg`: replace the last `depth` blocks by as many others; returns the new head's hash.

        `transactions` are put into the new blocks: (raw transaction or request, block index from 0).
        The base fee after it does not follow EIP-1559 (Anvil goes on from the discarded head); use
        `roll_back` and mine anew where that matters.
        """
        self.call("anvil_reorg", depth, [list(pair) for pair in transactions])
        return self.block_hash()

    def roll_back(self, depth: int) -> None:
        """Drop the last `depth` blocks and their transactions."""
        self.call("anvil_rollback", depth)
        self.follow_base_fee_rule()

    def follow_base_fee_rule(self) -> None:
        """Give the next block the base fee that EIP-1559 wants: Anvil's is wrong after block 0 and a rollback."""
        head = self.block()
        gas_limit, gas_used = Gas(int(head["gasLimit"], 16)), Gas(int(head["gasUsed"], 16))
        self.set_next_base_fee(next_base_fee_wei(gas_limit, gas_used, Wei(int(head["baseFeePerGas"], 16))))

    def set_next_base_fee(self, base_fee_wei: Wei | int) -> None:
        """The base fee of the next block; the one after follows EIP-1559 again."""
        self.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee_wei))

    def set_block_interval(self, seconds: int) -> None:
        """Seconds between the times of blocks mined from now on, whatever the wall clock says."""
        self.call("anvil_setBlockTimestampInterval", seconds)

    def set_next_time(self, at: UnixTime | int) -> None:
        """The time of the next block."""
        self.call("evm_setNextBlockTimestamp", hex(at))

    def set_gas_limit(self, gas: int) -> None:
        """The gas limit of the blocks to come."""
        self.call("evm_setBlockGasLimit", hex(gas))

    def set_automine(self, *, on: bool) -> None:
        """Mine a block for every transaction, or only when told."""
        self.call("evm_setAutomine", on)

    def set_coinbase(self, address: Address | str) -> None:
        """The fee recipient of the blocks to come."""
        self.call("anvil_setCoinbase", address)

    # State

    def snapshot(self) -> str:
        """A name for the chain as it is now, for one `revert`."""
        return self.call("evm_snapshot")

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot, which is used up by it."""
        if self.call("evm_revert", snapshot) is not True:
            raise LocalnetError(f"The local chain does not know the snapshot {snapshot}.")

    def set_code(self, address: Address | str, code: bytes | str) -> None:
        """Put runtime code at an address."""
        self.call("anvil_setCode", address, code if isinstance(code, str) else "0x" + code.hex())

    def set_storage(self, address: Address | str, slot: int, value: int) -> None:
        """Put a word into an account's storage."""
        self.call("anvil_setStorageAt", address, word(slot), word(value))

    def storage(self, address: Address | str, slot: int) -> int:
        """A word of an account's storage at the newest block."""
        return int(self.call("eth_getStorageAt", address, word(slot), "latest"), 16)

    def set_balance(self, address: Address | str, amount_wei: Wei | int) -> None:
        """Give an account ETH."""
        self.call("anvil_setBalance", address, hex(amount_wei))

    def set_nonce(self, address: Address | str, nonce: int) -> None:
        """Set an account's next nonce."""
        self.call("anvil_setNonce", address, hex(nonce))

    def impersonate(self, address: Address | str) -> None:
        """Let transactions come from this address without its key."""
        self.call("anvil_impersonateAccount", address)

    def accounts(self) -> list[Address]:
        """The funded accounts that the node signs for, lower case."""
        return [Address(a.lower()) for a in self.call("eth_accounts")]

    def state(self) -> dict[str, Any]:
        """All accounts as a genesis file wants them in `alloc`."""
        packed: str = self.call("anvil_dumpState")
        dump = msgspec.json.decode(gzip.decompress(bytes.fromhex(packed[2:])), type=_Dump)
        return {address: account.as_genesis() for address, account in dump.accounts.items()}


class _Account(msgspec.Struct):
    nonce: str | int
    balance: str
    code: str
    storage: dict[str, str]

    def as_genesis(self) -> dict[str, Any]:
        return {
            "nonce": hex(int(self.nonce)),
            "balance": self.balance,
            "code": self.code,
            "storage": {slot: word(int(value, 16)) for slot, value in self.storage.items()},
        }


class _Dump(msgspec.Struct):
    accounts: dict[str, _Account]


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    result: Any = None
    error: _Error | None = None


def _result(method: str, answer: _Answer) -> Any:
    if answer.error is not None:
        raise ControlError(method, answer.error.code, answer.error.message)
    return answer.result
