"""The one list of summed columns, and the SQL made from it: rollups and queries cannot drift apart.

    block rows --from_blocks--> one row of COLUMNS --from_rollups--> one row of COLUMNS

Rows of a rollup add up to a row of a rollup, so an hour, a day and any frame go through one path.
"""

from __future__ import annotations

from typing import NamedTuple

from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, WEI_PER_GWEI


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
# fork (base fee before London, blob gas before Cancun) burns nothing and is not unknown. Nor is a
# block without blobs, whatever the fee.
_SUMS: tuple[_Sum | _Pair, ...] = (
    _Sum("blocks", "1"),
    _Pair("burn_gwei", "burn_rem_wei", "burn_gwei", "burn_rem_wei"),
    _Sum("burn_unknown", "base_fee_wei IS NOT NULL AND fee_gas IS NULL"),
    _Pair("blob_burn_gwei", "blob_burn_rem_wei", "blob_burn_gwei", "blob_burn_rem_wei"),
    _Sum("blob_burn_unknown", "blob_gas_used > 0 AND blob_base_fee_wei IS NULL"),
    _Sum("fee_gas", "CASE WHEN base_fee_wei IS NOT NULL THEN fee_gas END"),
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


class _Extreme(NamedTuple):
    """The lowest or highest fee, and the lowest block that has it: where both come from."""

    which: str
    value: str
    block: str
    of_block: tuple[str, str]

    @property
    def of_rollup(self) -> tuple[str, str]:
        return (self.value, self.block)


_EXTREMES = tuple(
    _Extreme(which, f"{fee}_{which}_wei", f"{fee}_{which}_block", (column, "number"))
    for fee, column in (("base_fee", "base_fee_wei"), ("blob_fee", "blob_base_fee_wei"))
    for which in ("min", "max")
)


def _sum_columns() -> tuple[str, ...]:
    names: list[str] = []
    for entry in _SUMS:
        names.extend((entry.column,) if isinstance(entry, _Sum) else (entry.whole, entry.rest))
    return tuple(names)


COLUMNS = (
    "first_block",
    "last_block",
    *_sum_columns(),
    *(name for extreme in _EXTREMES for name in (extreme.value, extreme.block)),
)
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
    found: list[str] = []
    for extreme in _EXTREMES:
        source, block = extreme.of_block if of_blocks else extreme.of_rollup
        found.append(extreme.value)
        found.append(
            f"(SELECT min({block}) FROM {table} WHERE {where} AND {source} = total.{extreme.value})"
            f" AS {extreme.block}"
        )
    outer = ", ".join(("first_block", "last_block", *_sum_columns(), *found))
    return f"SELECT {outer} FROM (SELECT {_aggregates(of_blocks)} FROM {table} WHERE {where}) AS total"


def _aggregates(of_blocks: bool) -> str:
    first, last = ("number", "number") if of_blocks else ("first_block", "last_block")
    extremes = (
        f"{extreme.which}({(extreme.of_block if of_blocks else extreme.of_rollup)[0]}) AS {extreme.value}"
        for extreme in _EXTREMES
    )
    return (
        f"min({first}) AS first_block, max({last}) AS last_block, {_sums(of_blocks)}, {', '.join(extremes)}"
    )


def from_blocks(where: str) -> str:
    """SQL for one row of `COLUMNS` over rows of `block`; `where` uses numbered parameters (?1, ?2)."""
    return _select("block", where, of_blocks=True)


def from_rollups(table: str, where: str) -> str:
    """SQL for one row of `COLUMNS` over rows of a rollup table."""
    return _select(table, where, of_blocks=False)


def rollup_differences(period: str) -> str:
    """SQL for the `start` of every row of a rollup that differs from what it was made from.

    Hours are compared with block rows, days with hours; everything is read, so this takes seconds.
    """
    of_blocks = period == "hour"
    source, time, seconds = (
        ("block", "timestamp", SECONDS_PER_HOUR) if of_blocks else ("rollup_hour", "start", SECONDS_PER_DAY)
    )
    names = ", ".join(
        ("start", "first_block", "last_block", *_sum_columns(), *(extreme.value for extreme in _EXTREMES))
    )
    return (
        f"WITH made AS MATERIALIZED (SELECT {time} - {time} % {seconds} AS start, {_aggregates(of_blocks)}"
        f" FROM {source} GROUP BY 1), stored AS (SELECT {names} FROM rollup_{period})"
        f" SELECT start FROM (SELECT {names} FROM made EXCEPT SELECT * FROM stored)"
        f" UNION SELECT start FROM (SELECT * FROM stored EXCEPT SELECT {names} FROM made)"
    )
