"""The history as DataFrames: `from monitor import History`.

Every frame has a UTC DatetimeIndex and says its units in the column names. `*_eth`, `*_gwei` and
`*_usd` are floats for looking and plotting; `*_wei` are Python ints (dtype object), exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from monitor.comovement import eth_with, feed_closes, now
from monitor.domain import ListedToken
from monitor.errors import UsageError
from monitor.reports.burn import BurnFrame, burn_series
from monitor.reports.comovement import window_days
from monitor.reports.supply import method_words, supply_series
from monitor.reports.supply_frame import SupplyFrame
from monitor.reports.tokens import span_of
from monitor.store import tokens
from monitor.store.database import Database, open_reader
from monitor.store.history import Period
from monitor.store.tokens import SupplyRow
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.units import SECONDS_PER_DAY, WEI_PER_ETH, WEI_PER_GWEI
from monitor.watchlist import load_watchlist

if TYPE_CHECKING:
    import pandas as pd

By = Literal["block", "hour", "day", "week", "month"]
_TOKEN_COLUMNS = (
    "start", "block_number", "name", "kind", "denomination", "address", "supply_units", "decimals", "tokens", "cause",
)  # fmt: skip
_COUNTS = {"blobs", "tx_count", "decimals"}
"""Whole numbers that may be unknown: dtype Int64, where a missing one is <NA> and not a float."""


class History:
    """A database of ethmon, read-only: safe next to a running daemon.

    `History("ethmon.db").burn(since="30d", by="day")`. Time frames are those of `ethmon supply
    --since`: `24h`, `30d`, `merge`, `2025-Q3`, `2025-03-01`, `A..B`.
    """

    def __init__(self, database: str | Path = "ethmon.db") -> None:
        """Raises StoreError when there is no such database."""
        self._path = Path(database)
        open_reader(self._path).close()

    def burn(self, since: str = "30d", by: By = "day") -> pd.DataFrame:
        """Burn and fees, a row per block or period that has stored blocks.

        Columns: blocks, missing (blocks not stored), base_burn_wei, blob_burn_wei, total_burn_wei,
        the same in `_eth`, base_fee_mean_gwei, base_fee_min_gwei, base_fee_max_gwei, blob_fee_mean_gwei.
        A block whose burn is not known is counted in `unknown` and not in the sums. By block the same, and
        number, gas_used, gas_limit, base_fee_gwei, blob_fee_gwei, blobs and tx_count; what is not known is None. Raises UsageError for a `since` or `by` that is not one.
        """
        if by == "block":
            return self._blocks(since)
        with open_reader(self._path) as db:
            return _frame([_burn_row(part) for part in burn_series(db, since, _period(by))], "start")

    def supply(
        self, since: str = "30d", by: By = "day", stake: tuple[int, int] | None = None
    ) -> pd.DataFrame:
        """Issuance, burn and net change of ETH supply per period; `stake` as ETHMON_STAKE: (ETH, Unix time of that day).

        Columns: burned_wei, issued_low_wei, issued_high_wei, net_low_wei, net_high_wei, the same in `_eth`, and
        `method`, which says how issuance is known. Bounds meet where it was measured; where issuance is not
        known, or blocks are missing (net), they are None.
        """
        with open_reader(self._path) as db:
            parts = supply_series(db, since, _period(by), stake)
        return _frame([_supply_row(part) for part in parts], "start")

    def positions(self, name: str | None = None) -> pd.DataFrame:
        """The history of watched positions, a row per sample. `name` picks one wallet.

        Columns: name, protocol, market, account, position_id, outcome, liquidation_usd, price_usd, distance
        (fraction of the price), health_factor, collateral_usd, debt_usd, proof.
        """
        return self._query(
            "SELECT block_time, block_number, name, protocol, market, account, position_id, outcome, liquidation_usd,"
            " price_usd, distance, CAST(health_factor AS REAL) / 1e18 AS health_factor, collateral_usd, debt_usd, proof"
            " FROM position WHERE name = coalesce(?, name) ORDER BY id",
            "block_time", name,
        )  # fmt: skip

    def prices(self, feed: str = "ETH/USD") -> pd.DataFrame:
        """Answers of a price feed as they changed: usd, block_number, feed."""
        return self._query(
            "SELECT block_time, block_number, feed, usd FROM price WHERE feed = ? ORDER BY id",
            "block_time",
            feed,
        )

    def tokens(self, name: str | None = None, since: str = "30d") -> pd.DataFrame:
        """Supply of stablecoins and tokenised assets as it changed, hourly at least. `name` picks one token.

        Columns: block_number, name, kind, denomination, address, supply_units (Python ints, exact; of
        `10**-decimals` tokens), decimals, tokens (float), cause (why a row has no supply; else empty). Raises
        UsageError for a `since` that is not one.
        """
        with open_reader(self._path) as db:
            start, end = span_of(db, since)
            rows = [_supply_of_token(row) for row in tokens.rows_of_listed(db, start, end, name)]
        return _frame(rows, "start", _TOKEN_COLUMNS)

    def closes(self, feed: str = "ETH/USD") -> pd.DataFrame:
        """A feed at the end of each UTC day, from its own rounds where they were read: usd.

        The index is the midnight that ends the day. Days without an answer of their own are absent.
        """
        with open_reader(self._path) as db:
            found = feed_closes(db, feed, now(db))
        return _frame([{"end": _end(day), "usd": usd} for day, usd in found.items()], "end", ["end", "usd"])

    def correlation(
        self, other: str, window: str = "30d", column: str | None = None, watchlist: str | Path | None = None
    ) -> pd.DataFrame:
        """Rolling correlation of ETH/USD with `other`: a feed, a CSV file, or a [[series]] of `watchlist`.

        Columns: r (Pearson's, of log returns of daily closes over the window that ends at the index), its 95 %
        interval low_95 and high_95, returns (how many are behind it), cause (why r is None). All without a unit.
        Raises EthmonError where no price of a feed is stored, UsageError for what is not understood.
        """
        series = () if watchlist is None else load_watchlist(Path(watchlist)).series
        found = eth_with(self._path, other, window_days(window), column, series)
        names = ["end", "r", "low_95", "high_95", "returns", "cause"]
        return _frame(
            [dict(zip(names, (_end(one.day), *one[1:]), strict=True)) for one in found], "end", names
        )

    def alerts(self) -> pd.DataFrame:
        """What was told: rule, name, transition, severity (0 info, 1 warning, 2 critical), title, at_block."""
        return self._query(
            "SELECT at_time, at_block, rule, name, transition, severity, title, standing FROM alert ORDER BY serial",
            "at_time",
        )

    def query(self, sql: str) -> pd.DataFrame:
        """Any read-only SQL; times stay as they are."""
        import pandas as pd

        from monitor.store.query import run

        result = run(self._path, sql, row_limit=10_000_000, time_limit_s=600)
        return pd.DataFrame(list(result.rows), columns=list(result.columns))

    def _blocks(self, since: str) -> pd.DataFrame:
        with open_reader(self._path) as db:
            first, last = _span(db, since)
            rows = db.rows(
                "SELECT timestamp, number, base_fee_wei, gas_used, gas_limit, burn_gwei, burn_rem_wei, blob_burn_gwei,"
                " blob_burn_rem_wei, blob_base_fee_wei, blob_gas_used, tx_count FROM block"
                " WHERE number BETWEEN ? AND ? ORDER BY number",
                *(first, last),
            )
        return _frame([_block_row(row) for row in rows], "start")

    def _query(self, sql: str, index: str, *parameters: Any) -> pd.DataFrame:
        with open_reader(self._path) as db:
            cursor = db.connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return _frame(rows, index, names)


def _end(day: int) -> int:
    return (day + 1) * SECONDS_PER_DAY


def _period(by: str) -> Period:
    if by not in set(Period):
        raise UsageError(f"by={by!r}: write one of {', '.join(('block', *Period))}.")
    return Period(by)


def _span(db: Database, since: str) -> tuple[int, int]:
    parts = burn_series(db, since, Period.DAY)
    seen = [part.coverage for part in parts if part.coverage.first is not None]
    if not seen:
        raise UsageError(f"No block of {since} is stored.")
    return seen[0].first or 0, seen[-1].last or 0


def _burn_row(part: BurnFrame) -> dict[str, Any]:
    totals, coverage = part.totals, part.coverage
    base, blob = totals.base_fee, totals.blob_fee
    return {
        "start": part.start + 1,
        "blocks": totals.blocks,
        "missing": coverage.missing + coverage.maybe_missing,
        "unknown": max(totals.burn_unknown, totals.blob_burn_unknown),
        **_wei_and_eth("base_burn", totals.burn_wei),
        **_wei_and_eth("blob_burn", totals.blob_burn_wei),
        **_wei_and_eth("total_burn", part.total_wei),
        "base_fee_mean_gwei": None if base is None else base.mean_wei / WEI_PER_GWEI,
        "base_fee_min_gwei": None if base is None else base.min_wei / WEI_PER_GWEI,
        "base_fee_max_gwei": None if base is None else base.max_wei / WEI_PER_GWEI,
        "blob_fee_mean_gwei": None if blob is None else blob.mean_wei / WEI_PER_GWEI,
    }


def _supply_row(part: SupplyFrame) -> dict[str, Any]:
    issued, net = part.issuance, part.net
    low, high = (None, None) if isinstance(issued, Unknown) else bounds_gwei(issued)
    bounds = (None, None) if isinstance(net, Unknown) else (net.low_wei, net.high_wei)
    return {
        "start": part.burn.start + 1,
        **_wei_and_eth("burned", part.burn.total_wei),
        **_wei_and_eth("issued_low", None if low is None else low * WEI_PER_GWEI),
        **_wei_and_eth("issued_high", None if high is None else high * WEI_PER_GWEI),
        **_wei_and_eth("net_low", bounds[0]),
        **_wei_and_eth("net_high", bounds[1]),
        "method": method_words(issued),
    }


def _block_row(row: Sequence[Any]) -> dict[str, Any]:
    base = None if row[5] is None else row[5] * WEI_PER_GWEI + row[6]
    blob = None if row[7] is None else row[7] * WEI_PER_GWEI + row[8]
    base_fee, blob_fee = (None if fee is None else fee / WEI_PER_GWEI for fee in (row[2], row[9]))
    return {
        "start": row[0],
        "number": row[1],
        "blocks": 1,
        "missing": 0,
        "unknown": int(base is None or blob is None),
        "base_fee_gwei": base_fee,
        "gas_used": row[3],
        "gas_limit": row[4],
        **_wei_and_eth("base_burn", base),
        **_wei_and_eth("blob_burn", blob),
        **_wei_and_eth("total_burn", None if base is None or blob is None else base + blob),
        **dict.fromkeys(("base_fee_mean_gwei", "base_fee_min_gwei", "base_fee_max_gwei"), base_fee),
        "blob_fee_mean_gwei": blob_fee,
        "blob_fee_gwei": blob_fee,
        "blobs": None if row[10] is None else row[10] // 131_072,
        "tx_count": row[11],
    }


def _supply_of_token(found: tuple[ListedToken, SupplyRow]) -> dict[str, Any]:
    listed, row = found
    amount = None if row.units is None else row.units / 10 ** (row.decimals or 0)
    values = (
        row.block_time, row.block_number, listed.name, listed.kind, listed.denomination, listed.address,
        row.units, row.decimals, amount, row.cause,
    )  # fmt: skip
    return dict(zip(_TOKEN_COLUMNS, values, strict=True))


def _wei_and_eth(name: str, wei: int | None) -> dict[str, Any]:
    return {f"{name}_wei": wei, f"{name}_eth": None if wei is None else wei / WEI_PER_ETH}


def _dtype(name: str) -> str | None:
    if name.endswith(("_wei", "_units")):
        return "object"
    return "Int64" if name in _COUNTS else None


def _frame(rows: Sequence[dict[str, Any]], index: str, names: Sequence[str] = ()) -> pd.DataFrame:
    """A DataFrame on a UTC index; wei columns stay Python ints."""
    pandas: Any = import_module("pandas")  # its annotations are incomplete
    columns = list(rows[0]) if rows else list(names) or [index]
    data = {name: pandas.Series([row[name] for row in rows], dtype=_dtype(name)) for name in columns}
    seconds = data.pop(index).astype("int64")
    return pandas.DataFrame(data).set_index(
        pandas.DatetimeIndex(pandas.to_datetime(seconds, unit="s", utc=True), name="time")
    )
