"""What the chain says, as frozen values. No I/O, no defaults for what was not read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from monitor.units import Address, BlobGas, BlockHash, BlockNumber, Gas, Gwei, UnixTime, Wei


class BurnRule(IntEnum):
    """Which gas the base fee of a block was paid on."""

    HEADER = 0
    """London to Osaka: the header's `gasUsed`."""
    RECEIPTS = 1
    """From Amsterdam (header has `blockAccessListHash`): the sum of the receipts' gas, EIP-7778."""


class BlockRef(NamedTuple):
    """A block's place in the chain."""

    number: BlockNumber
    hash: BlockHash
    parent_hash: BlockHash
    timestamp: UnixTime


class BlockRow(NamedTuple):
    """One row of table `block`, in column order.

    `None` is "does not exist on this fork" or "not known": the other columns tell which.

    All ints are below 2**63; `monitor.chain.blocks` refuses others as a bad answer.
    """

    number: BlockNumber
    timestamp: UnixTime
    gas_limit: Gas
    gas_used: Gas
    base_fee_wei: Wei | None
    """None before London."""
    burn_rule: BurnRule
    receipt_gas: Gas | None
    """Sum of the receipts' gas; read where `burn_rule` needs it. None there = burn not known."""
    blob_gas_used: BlobGas | None
    """None before Cancun."""
    excess_blob_gas: BlobGas | None
    blob_base_fee_wei: Wei | None
    """None before Cancun, or where the blob schedule is in doubt: blob burn not known."""
    tx_count: int | None
    """None in header mode."""
    withdrawal_count: int | None
    withdrawals_gwei: Gwei | None
    """None before Shanghai and in header mode."""


class Block(NamedTuple):
    """A block as followed: its place in the chain and its row."""

    ref: BlockRef
    row: BlockRow


@dataclass(frozen=True, slots=True)
class BlobSchedule:
    """Blob parameters from an activation time on (EIP-7840, EIP-7892). Counts are blobs."""

    activation_time: UnixTime
    target: int
    max: int
    base_fee_update_fraction: int


class GapKind(StrEnum):
    """What is missing in a range of blocks."""

    BLOCKS = "blocks"
    """The rows themselves."""
    RECEIPTS = "receipts"
    """Row present, gas of the receipts not read: base burn not known."""
    BLOB_FEE = "blob_fee"
    """Row present, blob schedule in doubt: blob burn not known."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Blocks `first` to `last` inclusive that could not be read in full, and why."""

    kind: GapKind
    first: BlockNumber
    last: BlockNumber
    cause: str


@dataclass(frozen=True, slots=True)
class Reorg:
    """Blocks above `ancestor` were replaced: `depth` of ours, by the branch that ends in `new`."""

    ancestor: BlockNumber
    depth: int
    old_head: BlockRef
    new_head: BlockRef


@dataclass(frozen=True, slots=True)
class FeedPrice:
    """A price feed's answer at a block. Never zero or negative: that is "cannot see"."""

    feed: str
    """"ETH/USD"."""
    address: Address
    answer: int
    decimals: int
    updated_at: UnixTime | None
    """Block time of the answer; None where the feed does not tell."""


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token whose supply is read, as the watchlist or the shipped list names it."""

    name: str
    address: Address
    kind: str
    """"stablecoin", "tokenised fund": what it is summed with."""
    denomination: str
    """What one token stands for at face value ("USD", "EUR", "oz gold"); empty: a share with a price of its own."""
    source: str
    """Where the address is from."""


@dataclass(frozen=True, slots=True)
class TokenSupply:
    """`totalSupply()` of a token at a block, exact, in units of `10**-decimals` tokens."""

    units: int
    decimals: int
    symbol: str
    """The contract's own text, made printable; nothing is decided by it."""
