"""Build `BlockRow`s in tests: from keywords, or from a header as JSON-RPC or a file gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.domain import BlobSchedule, BlockRow, BurnRule
from monitor.supply.blobs import blob_base_fee_wei


def block_row(number: int = 1, timestamp: int = 12, **values: Any) -> BlockRow:
    """A row with nothing in it but what is named."""
    empty = dict.fromkeys(BlockRow._fields)
    base = {"gas_limit": 30_000_000, "gas_used": 0, "burn_rule": BurnRule.HEADER}
    return BlockRow(**{**empty, **base, "number": number, "timestamp": timestamp, **values})


def _int(value: Any) -> int | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, int) else int(value, 0)


def row_of_header(header: Mapping[str, Any], schedule: BlobSchedule | None = None) -> BlockRow:
    """A row from a header with JSON-RPC's names; hex, decimal text and plain numbers are all taken."""
    excess = _int(header.get("excessBlobGas"))
    fee = None
    if excess is not None and schedule is not None:
        fee = blob_base_fee_wei(excess, schedule.base_fee_update_fraction)
    return block_row(
        _int(header["number"]),
        _int(header["timestamp"]),
        gas_limit=_int(header["gasLimit"]),
        gas_used=_int(header["gasUsed"]),
        base_fee_wei=_int(header.get("baseFeePerGas")),
        blob_gas_used=_int(header.get("blobGasUsed")),
        excess_blob_gas=excess,
        blob_base_fee_wei=fee,
    )
