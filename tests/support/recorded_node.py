"""A node whose chain is a list of blocks: real headers on record, or synthetic ones with true hashes.

The hashes of synthetic blocks come from the `rlp` package and eth-utils, which we did not write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import rlp
from eth_utils import keccak

from tests.support.rpc_server import RefusalError

JsonBlock = dict[str, Any]

EMPTY_LIST_HASH = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
FIELDS = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom",
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce",
    "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot",
    "requestsHash", "blockAccessListHash", "slotNumber",
)  # fmt: skip
NUMBERS = frozenset(
    {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas", "slotNumber"}
)  # fmt: skip


def true_hash(block: JsonBlock) -> str:
    """keccak256(RLP(header)) by other people's code."""
    items: list[Any] = []
    for name in FIELDS:
        if block.get(name) is not None:
            text = block[name]
            items.append(int(text, 16) if name in NUMBERS else bytes.fromhex(text[2:]))
    return "0x" + keccak(rlp.encode(items)).hex()


def from_record(header: dict[str, Any]) -> JsonBlock:
    """A header of the data files (ints, nulls, extras) as a node's block."""
    block: JsonBlock = {}
    for name in (*FIELDS, "hash"):
        value = header.get(name)
        if value is not None:
            block[name] = hex(value) if isinstance(value, int) else value
    number = int(block["number"], 16)
    count = header.get("n_tx") or 0
    block["transactions"] = [f"0x{number:032x}{index:032x}" for index in range(count)]
    if block.get("withdrawalsRoot") is not None:
        block["withdrawals"] = [
            {"index": hex(i), "validatorIndex": hex(v), "address": a, "amount": hex(gwei)}
            for i, v, a, gwei in header.get("withdrawals") or []
        ]
    return block


def recorded(path: Path) -> list[JsonBlock]:
    """The blocks of a data file."""
    loaded = json.loads(path.read_text())
    headers = [entry["header"] for entry in loaded["headers"]] if isinstance(loaded, dict) else loaded
    return [from_record(header) for header in headers]


def child_of(parent: JsonBlock | None, **fields: Any) -> JsonBlock:
    """A synthetic block (Prague unless told otherwise) with a true hash; ints are written as hex."""
    zero = "0x" + "00" * 32
    number = 0 if parent is None else int(parent["number"], 16) + 1
    time = 1_750_000_000 if parent is None else int(parent["timestamp"], 16) + 12
    block: JsonBlock = {
        "number": number,
        "parentHash": zero if parent is None else parent["hash"],
        "timestamp": time,
        "gasLimit": 36_000_000,
        "gasUsed": 18_000_000,
        "baseFeePerGas": 10**9 if parent is None else int(parent["baseFeePerGas"], 16),
        "difficulty": 0,
        "sha3Uncles": EMPTY_LIST_HASH,
        "miner": "0x" + "11" * 20,
        "stateRoot": zero,
        "transactionsRoot": zero,
        "receiptsRoot": zero,
        "logsBloom": "0x" + "00" * 256,
        "extraData": "0x",
        "mixHash": zero,
        "nonce": "0x" + "00" * 8,
        "withdrawalsRoot": zero,
        "blobGasUsed": 0,
        "excessBlobGas": 0,
        "parentBeaconBlockRoot": zero,
        "requestsHash": zero,
        "transactions": [f"0x{number:032x}{index:032x}" for index in range(3)],
        "withdrawals": [
            {"index": "0x1", "validatorIndex": "0x2", "address": "0x" + "22" * 20, "amount": "0x1234"}
        ],
        **fields,
    }
    block = {
        name: hex(value) if isinstance(value, int) else value
        for name, value in block.items()
        if value is not None
    }
    block["hash"] = true_hash(block)
    return block


def synthetic(length: int, **fields: Any) -> list[JsonBlock]:
    """A linked chain from block 0."""
    chain: list[JsonBlock] = []
    for _ in range(length):
        chain.append(child_of(chain[-1] if chain else None, **fields))
    return chain


class RecordedNode:
    """Answers from a list of blocks. Attributes change how it behaves while it runs."""

    def __init__(self, blocks: Iterable[JsonBlock], chain_id: int = 1) -> None:
        self.chain_id = chain_id
        self.blocks: dict[int, JsonBlock] = {}
        self.by_hash: dict[str, JsonBlock] = {}
        self.lag = 0
        """Blocks by which this node is behind."""
        self.finality = 32
        self.missing: set[str] = {"eth_getHeaderByNumber"}
        """Methods that it does not have."""
        self.receipts: dict[str, list[int] | None] = {}
        """Gas per transaction by block hash, where it is not an even share of `gasUsed`."""
        self.config: Any = None
        self.blob_fees: dict[int, int] = {}
        """What `eth_feeHistory` says, by block."""
        self.honours_overrides = True
        self.takes_hash_objects = True
        for block in blocks:
            self.add(block)

    def add(self, block: JsonBlock) -> None:
        """A new head, or a replacement at its height."""
        self.blocks[int(block["number"], 16)] = block
        self.by_hash[block["hash"]] = block

    @property
    def head(self) -> JsonBlock:
        return self.blocks[sorted(self.blocks)[-1 - self.lag]]

    def __call__(self, method: str, params: list[Any]) -> Any:
        words = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", method.removeprefix("eth_"))
        answer = getattr(self, f"_{words}", None)
        if answer is None or method in self.missing:
            raise RefusalError(-32601, f"the method {method} does not exist/is not available")
        return answer(*params)

    def _chain_id(self) -> str:
        return hex(self.chain_id)

    def _get_block_by_number(self, tag: str, _full: bool) -> JsonBlock | None:
        if tag == "latest":
            return self.head
        if tag == "finalized":
            return self.blocks.get(int(self.head["number"], 16) - self.finality)
        block = self.blocks.get(int(tag, 16))
        return block if block and int(block["number"], 16) <= int(self.head["number"], 16) else None

    def _get_block_by_hash(self, block_hash: str, _full: bool) -> JsonBlock | None:
        return self.by_hash.get(block_hash)

    def _get_header_by_number(self, tag: str) -> JsonBlock | None:
        block = self._get_block_by_number(tag, False)
        hidden = {"transactions", "withdrawals"}
        return block and {name: value for name, value in block.items() if name not in hidden}

    def _get_block_receipts(self, which: str) -> list[JsonBlock] | None:
        block = self.by_hash.get(which) if len(which) == 66 else self._get_block_by_number(which, False)
        if block is None:
            return None
        gas = self.receipts.get(block["hash"], _even_shares(block))
        return None if gas is None else _receipts(block, gas)

    def _get_transaction_receipt(self, tx: str) -> JsonBlock | None:
        for block in self.by_hash.values():
            if tx in block["transactions"]:
                receipts = self._get_block_receipts(block["hash"])
                return receipts and receipts[block["transactions"].index(tx)]
        return None

    def _config(self) -> Any:
        if self.config is None:
            raise RefusalError(-32601, "the method eth_config does not exist/is not available")
        return self.config

    def _fee_history(self, count: str, newest: str, _percentiles: Sequence[int]) -> JsonBlock:
        last = int(newest, 16)
        first = last - int(count, 16) + 1
        fees = [hex(self.blob_fees.get(number, 0)) for number in range(first, last + 2)]
        return {
            "oldestBlock": hex(first),
            "baseFeePerGas": [],
            "gasUsedRatio": [],
            "baseFeePerBlobGas": fees,
            "blobGasUsedRatio": [],
        }

    def _state_block(self, at: Any) -> JsonBlock:
        if isinstance(at, dict):
            if not self.takes_hash_objects:
                raise RefusalError(
                    -32602, "invalid argument 1: json: cannot unmarshal object into Go value of type string"
                )
            block = self.by_hash.get(at["blockHash"])
        else:
            block = self._get_block_by_number(at, False)
        if block is None:
            raise RefusalError(-32000, "header not found")
        return block

    def _call(self, call: dict[str, str], at: Any, overrides: Any = None) -> str:
        """The block's number at every address; an overridden code must be PUSH1 x ... RETURN."""
        block = self._state_block(at)
        if overrides and self.honours_overrides:
            code = bytes.fromhex(overrides[call["to"]]["code"][2:])
            return f"0x{code[1]:064x}"
        return f"0x{int(block['number'], 16):064x}"

    def _get_balance(self, _address: str, at: Any) -> str:
        return self._state_block(at)["number"]


def _even_shares(block: JsonBlock) -> list[int]:
    count, total = len(block["transactions"]), int(block["gasUsed"], 16)
    return [total // count] * (count - 1) + [total - total // count * (count - 1)] if count else []


def _receipts(block: JsonBlock, gas: Sequence[int]) -> list[JsonBlock]:
    return [
        {
            "blockHash": block["hash"],
            "blockNumber": block["number"],
            "transactionIndex": hex(index),
            "gasUsed": hex(used),
            "cumulativeGasUsed": hex(sum(gas[: index + 1])),
            "logs": [],
        }
        for index, used in enumerate(gas)
    ]
