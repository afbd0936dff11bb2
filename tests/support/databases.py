"""Real database files for tests, and blocks to fill them with."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.store.database import Database, open_writer
from monitor.units import BlobGas, BlockHash, BlockNumber, Gas, Gwei, UnixTime, Wei

GENESIS_TIME = 1_700_000_000


@cache
def _template() -> bytes:
    """A migrated empty database: a fresh `open_writer` starts a child process, this is a copy."""
    folder = Path(tempfile.mkdtemp(prefix="ethmon-template-"))
    try:
        open_writer(folder / "template.db").close()
        return (folder / "template.db").read_bytes()
    finally:
        shutil.rmtree(folder)


def new_database(path: Path) -> Database:
    """An empty, migrated database at `path`, opened for writing. Close it (it is a context manager)."""
    path.write_bytes(_template())
    return open_writer(path)


def block_hash(number: int, branch: str = "") -> BlockHash:
    """A hash that depends on number and branch alone."""
    return BlockHash("0x" + hashlib.sha256(f"{branch}/{number}".encode()).hexdigest())


def ref(number: int, *, branch: str = "", parent_branch: str | None = None, seconds: int = 12) -> BlockRef:
    """The place of a made-up block; times are `seconds` apart from GENESIS_TIME on."""
    parent = block_hash(number - 1, branch if parent_branch is None else parent_branch)
    return BlockRef(
        BlockNumber(number), block_hash(number, branch), parent, UnixTime(GENESIS_TIME + seconds * number)
    )


def block(
    number: int, *, branch: str = "", parent_branch: str | None = None, seconds: int = 12, salt: int = 0
) -> Block:
    """A plausible block after Cancun; figures follow from number and `salt`."""
    at = ref(number, branch=branch, parent_branch=parent_branch, seconds=seconds)
    mix = int(hashlib.sha256(f"{number}/{salt}".encode()).hexdigest()[:12], 16)
    row = BlockRow(
        number=at.number,
        timestamp=at.timestamp,
        gas_limit=Gas(36_000_000),
        gas_used=Gas(mix % 36_000_000),
        base_fee_wei=Wei(7 + mix % 90_000_000_000),
        burn_rule=BurnRule.HEADER,
        receipt_gas=None,
        blob_gas_used=BlobGas(131_072 * (mix % 10)),
        excess_blob_gas=BlobGas(mix % 80_000_000),
        blob_base_fee_wei=Wei(1 + mix % 3_000_000_000),
        tx_count=mix % 400,
        withdrawal_count=16,
        withdrawals_gwei=Gwei(16 * 18_500_000 + mix % 1000),
    )
    return Block(at, row)


def chain(
    first: int, last: int, *, branch: str = "", parent_branch: str | None = None, seconds: int = 12
) -> Sequence[Block]:
    """Linked blocks `first` to `last`; the first one's parent is of `parent_branch`."""
    return [
        block(
            number,
            branch=branch,
            parent_branch=parent_branch if number == first else None,
            seconds=seconds,
            salt=len(branch),
        )
        for number in range(first, last + 1)
    ]
