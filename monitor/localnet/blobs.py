"""Blob transactions without a KZG library: a blob of zeros has the point at infinity for its proofs.

The polynomial of an all-zero blob is zero, so its commitment and its proof are both the identity,
whatever the trusted setup. The node verifies them as it does any others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from monitor.units import Address, Wei

BLOB_BYTES = 131_072
_IDENTITY = b"\xc0" + bytes(47)
_VERSIONED_HASH = b"\x01" + hashlib.sha256(_IDENTITY).digest()[1:]
_TYPE = b"\x03"

RlpItem = int | bytes | Sequence["RlpItem"]


class BlobFees(NamedTuple):
    """What a blob transaction offers, per gas."""

    max_fee_wei: Wei
    priority_fee_wei: Wei
    max_blob_fee_wei: Wei


class BlobSender:
    """Signs blob transactions with a key of its own. The account needs ETH."""

    def __init__(self, chain_id: int, seed: bytes = b"ethmon local blob sender") -> None:
        self._key = PrivateKey(keccak(seed))
        self._chain_id = chain_id
        self.address = Address(self._key.public_key.to_address().lower())

    def sign(self, nonce: int, blobs: int, fees: BlobFees) -> str:
        """A raw transaction with `blobs` empty blobs (EIP-4844 network form), in hex."""
        body: list[RlpItem] = [
            *(self._chain_id, nonce, fees.priority_fee_wei, fees.max_fee_wei, 21_000),
            *(bytes.fromhex(self.address[2:]), 0, b"", []),
            *(fees.max_blob_fee_wei, [_VERSIONED_HASH] * blobs),
        ]
        signature = self._key.sign_msg_hash(keccak(_TYPE + rlp_encode(body)))
        signed = [*body, signature.v, signature.r, signature.s]
        blank: list[RlpItem] = [bytes(BLOB_BYTES)] * blobs
        proofs: list[RlpItem] = [_IDENTITY] * blobs
        return "0x" + (_TYPE + rlp_encode([signed, blank, proofs, proofs])).hex()


def rlp_encode(item: RlpItem) -> bytes:
    """Recursive Length Prefix: integers big-endian without leading zeros, bytes, and lists of these."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(0x80, len(item)) + item
    body = b"".join(rlp_encode(one) for one in item)
    return _prefix(0xC0, len(body)) + body


def _prefix(kind: int, length: int) -> bytes:
    if length < 56:
        return bytes([kind + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(size)]) + size
