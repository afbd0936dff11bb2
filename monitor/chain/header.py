"""Recomputes a block hash from its header: what is under the hash cannot be changed by a liar.

    hash = keccak256(RLP(header fields in order of the forks that added them))

A header with a field that we do not know yet cannot be checked; that is not held against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from monitor.chain.blocks import BlockJson
from monitor.chain.quantity import data, number
from monitor.chain.rpc import Shape


class HeaderJson(BlockJson, gc=False, rename="camel"):
    """A block with every field of its header."""

    sha3_uncles: str = ""
    miner: str = ""
    state_root: str = ""
    transactions_root: str = ""
    receipts_root: str = ""
    logs_bloom: str = ""
    extra_data: str = ""
    mix_hash: str = ""
    nonce: str = ""
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    slot_number: str | None = None


HEADER: Shape[HeaderJson | None] = Shape(HeaderJson | None)
KEYS: Shape[dict[str, msgspec.Raw] | None] = Shape(dict[str, msgspec.Raw] | None)

_NOT_IN_HEADER = frozenset(
    {"hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals", "author", "sealFields"}
)
_KNOWN = frozenset(field.encode_name for field in msgspec.structs.fields(HeaderJson)) | _NOT_IN_HEADER


def hash_matches(header: HeaderJson) -> bool:
    """Whether the hash that the node gave is the hash of the fields that it gave."""
    try:
        return header_hash(header) == data(header.hash)
    except ValueError:
        return False


def unknown_fields(block: dict[str, Any]) -> list[str]:
    """Fields of a newer fork, which make the hash impossible to check."""
    return sorted(set(block) - _KNOWN)


def header_hash(header: HeaderJson) -> bytes:
    """keccak256 of the RLP of the header. Raises ValueError on text that is not hex."""
    from eth_hash.auto import keccak

    return keccak(_rlp_list(_fields(header)))


def _fields(header: HeaderJson) -> Iterable[bytes]:
    yield from map(
        data,
        (
            header.parent_hash, header.sha3_uncles, header.miner, header.state_root,
            header.transactions_root, header.receipts_root, header.logs_bloom,
        ),
    )  # fmt: skip
    yield from map(
        _integer,
        (header.difficulty or "0x0", header.number, header.gas_limit, header.gas_used, header.timestamp),
    )
    yield from map(data, (header.extra_data, header.mix_hash, header.nonce))
    later = (
        (header.base_fee_per_gas, _integer),  # London
        (header.withdrawals_root, data),  # Shanghai
        (header.blob_gas_used, _integer),  # Cancun
        (header.excess_blob_gas, _integer),
        (header.parent_beacon_block_root, data),
        (header.requests_hash, data),  # Prague
        (header.block_access_list_hash, data),  # Amsterdam
        (header.slot_number, _integer),
    )
    for text, convert in later:
        if text is not None:
            yield convert(text)


def _integer(text: str) -> bytes:
    value = number(text)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _rlp_list(items: Iterable[bytes]) -> bytes:
    body = b"".join(
        item if len(item) == 1 and item[0] < 0x80 else _rlp_prefix(len(item), 0x80) + item for item in items
    )
    return _rlp_prefix(len(body), 0xC0) + body


def _rlp_prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes((offset + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((offset + 55 + len(size),)) + size
