"""Totals of any set of blocks, and the one list of columns that rollups and queries are made from.

    block rows --FROM_BLOCKS--> one row of COLUMNS --FROM_ROLLUPS--> one row of COLUMNS -> Totals

Rows of a rollup add up to rows of a rollup, so an hour, a day and any frame go through one path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from monitor.units import (
    WEI_PER_GWEI,
    BlobGas,
    BlockNumber,
    Gas,
    Gwei,
    Wei,
    half_up_div,
    join_wei,
)


class _Sum(NamedTuple):
    """How a column is summed from block rows; a `rest` column is carried into its `whole`."""

    column: str
    of_block: str


class _Pair(NamedTuple):
    """Two columns that hold one sum as multiples of 10**9 and a rest below it."""

    whole: str
    rest: str
    of_block_whole: str
    of_block_rest: str


def _split(whole: str, rest: str, value: str) -> _Pair:
    return _Pair(whole, rest, f"{value} / {WEI_PER_GWEI}", f"{value} % {WEI_PER_GWEI}")


# A fee that exists but whose burn cannot be computed is "unknown"; a fee that does not exist on the
# fork (base fee before London, blob gas before Cancun) burns nothing and is not unknown.
_SUMS: tuple[_Sum | _Pair, ...] = (
    _Sum("blocks", "1"),
    _Pair("burn_gwei", "burn_rem_wei", "burn_gwei", "burn_rem_wei"),
    _Sum("burn_unknown", "base_fee_wei IS NOT NULL AND burn_gwei IS NULL"),
    _Pair("blob_burn_gwei", "blob_burn_rem_wei", "blob_burn_gwei", "blob_burn_rem_wei"),
    _Sum("blob_burn_unknown", "blob_gas_used IS NOT NULL AND blob_burn_gwei IS NULL"),
    _Sum("fee_gas", "CASE WHEN burn_gwei IS NOT NULL THEN fee_gas END"),
    _Sum("gas_used", "gas_used"),
    _split("gas_limit_giga", "gas_limit_rem", "gas_limit"),
    _Sum("blob_gas_used", "blob_gas_used"),
    _Sum("base_fee_blocks", "base_fee_wei IS NOT NULL"),
    _split("base_fee_sum_gwei", "base_fee_sum_rem_wei", "base_fee_wei"),
    _Sum("blob_fee_blocks", "blob_base_fee_wei IS NOT NULL"),
    _split("blob_fee_sum_gwei", "blob_fee_sum_rem_wei", "blob_base_fee_wei"),
    _Sum("tx_count", "tx_count"),
    _Sum("tx_unknown", "tx_count IS NULL"),
    _Sum("withdrawal_count", "withdrawal_count"),
    _Sum("withdrawals_gwei", "withdrawals_gwei"),
    _Sum("withdrawals_unknown", "withdrawals_gwei IS NULL AND tx_count IS NULL"),
)

_FEES = (("base_fee", "base_fee_wei"), ("blob_fee", "blob_base_fee_wei"))
_EXTREMES = tuple(
    f"{fee}_{which}_{what}" for fee, _ in _FEES for which in ("min", "max") for what in ("wei", "block")
)


def _sum_columns() -> tuple[str, ...]:
    names: list[str] = []
    for entry in _SUMS:
        names.extend((entry.column,) if isinstance(entry, _Sum) else (entry.whole, entry.rest))
    return tuple(names)


COLUMNS = ("first_block", "last_block", *_sum_columns(), *_EXTREMES)
"""Of both rollup tables, after `start`."""


def _summed(expression: str) -> str:
    return f"coalesce(sum({expression}), 0)"


def _sums(of_blocks: bool) -> str:
    parts: list[str] = []
    for entry in _SUMS:
        if isinstance(entry, _Sum):
            parts.append(f"{_summed(entry.of_block if of_blocks else entry.column)} AS {entry.column}")
            continue
        whole = _summed(entry.of_block_whole if of_blocks else entry.whole)
        rest = _summed(entry.of_block_rest if of_blocks else entry.rest)
        parts.append(f"{whole} + {rest} / {WEI_PER_GWEI} AS {entry.whole}")
        parts.append(f"{rest} % {WEI_PER_GWEI} AS {entry.rest}")
    return ", ".join(parts)


def _select(table: str, where: str, of_blocks: bool) -> str:
    """One row of `COLUMNS` over the rows of `table` that match `where`, NULL bounds if there is none.

    The block of an extreme is the lowest one that has it: looked up after the extreme is known,
    because SQLite gives "the row of the maximum" for one aggregate of a query only.
    """
    first, last = ("number", "number") if of_blocks else ("first_block", "last_block")
    extremes: list[str] = []
    found: list[str] = []
    for fee, column in _FEES:
        for which in ("min", "max"):
            value, block = f"{fee}_{which}_wei", f"{fee}_{which}_block"
            source, source_block = (column, "number") if of_blocks else (value, block)
            extremes.append(f"{which}({source}) AS {value}")
            found.append(value)
            found.append(
                f"(SELECT min({source_block}) FROM {table} WHERE {where} AND {source} = total.{value}) AS {block}"
            )
    inner = (
        f"SELECT min({first}) AS first_block, max({last}) AS last_block, {_sums(of_blocks)}, "
        f"{', '.join(extremes)} FROM {table} WHERE {where}"
    )
    outer = ", ".join(("first_block", "last_block", *_sum_columns(), *found))
    return f"SELECT {outer} FROM ({inner}) AS total"


def from_blocks(where: str) -> str:
    """SQL for one row of `COLUMNS` over rows of `block`; `where` uses numbered parameters (?1, ?2)."""
    return _select("block", where, of_blocks=True)


def from_rollups(table: str, where: str) -> str:
    """SQL for one row of `COLUMNS` over rows of a rollup table."""
    return _select(table, where, of_blocks=False)


@dataclass(frozen=True, slots=True)
class FeeStats:
    """One fee per block over `blocks` blocks. Where several blocks share an extreme: the lowest."""

    blocks: int
    sum_wei: Wei
    min_wei: Wei
    min_block: BlockNumber
    max_wei: Wei
    max_block: BlockNumber

    @property
    def mean_wei(self) -> Wei:
        """Mean per block (not weighted by gas), to the nearest wei."""
        return Wei(half_up_div(self.sum_wei, self.blocks))

    def plus(self, other: FeeStats) -> FeeStats:
        """Of both sets of blocks, which must not overlap."""
        low = min((self.min_wei, self.min_block), (other.min_wei, other.min_block))
        high = min((-self.max_wei, self.max_block), (-other.max_wei, other.max_block))
        return FeeStats(
            blocks=self.blocks + other.blocks,
            sum_wei=Wei(self.sum_wei + other.sum_wei),
            min_wei=low[0],
            min_block=low[1],
            max_wei=Wei(-high[0]),
            max_block=high[1],
        )


def _both(one: FeeStats | None, other: FeeStats | None) -> FeeStats | None:
    if one is None or other is None:
        return one or other
    return one.plus(other)


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact sums over `blocks` stored blocks. What is not known is counted, never added as 0.

    `*_unknown` counts the blocks that the sum beside it leaves out: `burn_unknown` those whose
    receipts were not read, `blob_burn_unknown` those whose blob schedule is in doubt, `tx_unknown`
    and `withdrawals_unknown` those stored from headers alone.
    """

    blocks: int
    burn_wei: Wei
    burn_unknown: int
    blob_burn_wei: Wei
    blob_burn_unknown: int
    fee_gas: Gas
    """Gas that the known base burn was paid on; `burn_wei / fee_gas` is the mean fee weighted by gas."""
    gas_used: Gas
    gas_limit: Gas
    blob_gas_used: BlobGas
    base_fee: FeeStats | None
    """None where no block has a base fee."""
    blob_fee: FeeStats | None
    tx_count: int
    tx_unknown: int
    withdrawal_count: int
    withdrawals_gwei: Gwei
    withdrawals_unknown: int

    def plus(self, other: Totals) -> Totals:
        """Of both sets of blocks, which must not overlap."""
        return Totals(
            blocks=self.blocks + other.blocks,
            burn_wei=Wei(self.burn_wei + other.burn_wei),
            burn_unknown=self.burn_unknown + other.burn_unknown,
            blob_burn_wei=Wei(self.blob_burn_wei + other.blob_burn_wei),
            blob_burn_unknown=self.blob_burn_unknown + other.blob_burn_unknown,
            fee_gas=Gas(self.fee_gas + other.fee_gas),
            gas_used=Gas(self.gas_used + other.gas_used),
            gas_limit=Gas(self.gas_limit + other.gas_limit),
            blob_gas_used=BlobGas(self.blob_gas_used + other.blob_gas_used),
            base_fee=_both(self.base_fee, other.base_fee),
            blob_fee=_both(self.blob_fee, other.blob_fee),
            tx_count=self.tx_count + other.tx_count,
            tx_unknown=self.tx_unknown + other.tx_unknown,
            withdrawal_count=self.withdrawal_count + other.withdrawal_count,
            withdrawals_gwei=Gwei(self.withdrawals_gwei + other.withdrawals_gwei),
            withdrawals_unknown=self.withdrawals_unknown + other.withdrawals_unknown,
        )


NOTHING = Totals(
    blocks=0,
    burn_wei=Wei(0),
    burn_unknown=0,
    blob_burn_wei=Wei(0),
    blob_burn_unknown=0,
    fee_gas=Gas(0),
    gas_used=Gas(0),
    gas_limit=Gas(0),
    blob_gas_used=BlobGas(0),
    base_fee=None,
    blob_fee=None,
    tx_count=0,
    tx_unknown=0,
    withdrawal_count=0,
    withdrawals_gwei=Gwei(0),
    withdrawals_unknown=0,
)
"""Of no block at all."""


def read(row: tuple[Any, ...]) -> Totals:
    """`Totals` of one row of `COLUMNS`."""
    value = dict(zip(COLUMNS, row, strict=True))
    return Totals(
        blocks=value["blocks"],
        burn_wei=join_wei(value["burn_gwei"], value["burn_rem_wei"]),
        burn_unknown=value["burn_unknown"],
        blob_burn_wei=join_wei(value["blob_burn_gwei"], value["blob_burn_rem_wei"]),
        blob_burn_unknown=value["blob_burn_unknown"],
        fee_gas=Gas(value["fee_gas"]),
        gas_used=Gas(value["gas_used"]),
        gas_limit=Gas(value["gas_limit_giga"] * WEI_PER_GWEI + value["gas_limit_rem"]),
        blob_gas_used=BlobGas(value["blob_gas_used"]),
        base_fee=_fee_stats(value, "base_fee"),
        blob_fee=_fee_stats(value, "blob_fee"),
        tx_count=value["tx_count"],
        tx_unknown=value["tx_unknown"],
        withdrawal_count=value["withdrawal_count"],
        withdrawals_gwei=Gwei(value["withdrawals_gwei"]),
        withdrawals_unknown=value["withdrawals_unknown"],
    )


def _fee_stats(value: dict[str, Any], fee: str) -> FeeStats | None:
    if not value[f"{fee}_blocks"]:
        return None
    return FeeStats(
        blocks=value[f"{fee}_blocks"],
        sum_wei=join_wei(value[f"{fee}_sum_gwei"], value[f"{fee}_sum_rem_wei"]),
        min_wei=Wei(value[f"{fee}_min_wei"]),
        min_block=BlockNumber(value[f"{fee}_min_block"]),
        max_wei=Wei(value[f"{fee}_max_wei"]),
        max_block=BlockNumber(value[f"{fee}_max_block"]),
    )
