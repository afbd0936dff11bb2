"""Both sides of supply as JSON for the charts: what SQL cannot say, because issuance may be an interval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitor.reports.burn import coverage_words
from monitor.reports.charts.steps import NetStep, net_steps, steps
from monitor.reports.supply import method_words
from monitor.store.database import open_reader
from monitor.supply.issuance import Issuance, Unknown, bounds_gwei
from monitor.supply.total import NetChange
from monitor.units import GWEI_PER_ETH, WEI_PER_ETH

FRAMES = ("7", "30", "90", "365")
"""Days that the pages offer."""


def supply_json(database: Path, stake: tuple[int, int] | None, days: int) -> dict[str, Any]:
    """`rows` by hour or day in ETH (display only), and `note`: how the figures are known. Raises EthmonError."""
    with open_reader(database) as db, db.snapshot():
        found = steps(db, f"{days}d")
        net = net_steps(db, found, stake)
    known = [one.issued for one in net if not isinstance(one.issued, Unknown)]
    newest: Issuance = known[-1] if known else net[-1].issued if net else Unknown("no step was wholly seen")
    lacks = "" if found.whole.exact else f" Burn: {coverage_words(found.whole)}."
    note = f"Issuance per {found.by}: {method_words(newest)}.{lacks}"
    return {"rows": list(_rows(net)), "note": note, "by": found.by, "truncated": False}


def _rows(net: list[NetStep]) -> Iterator[dict[str, Any]]:
    for one in net:
        if not one.step.blocks:
            continue
        low, high = _issued(one.issued)
        net_low, net_high = _change(one.net)
        sum_low, sum_high = _change(one.so_far)
        yield {
            "time": one.step.start * 1000,
            "until": one.step.end * 1000,
            "burned": -one.step.total_wei / WEI_PER_ETH,
            "issued": None if low is None or high is None else (low + high) / 2,
            "issued_low": low,
            "issued_high": high,
            "net": None if net_low is None or net_high is None else (net_low + net_high) / 2,
            "net_low": net_low,
            "net_high": net_high,
            "so_far": None if sum_low is None or sum_high is None else (sum_low + sum_high) / 2,
            "so_far_low": sum_low,
            "so_far_high": sum_high,
            "asked": one.so_far is not None,
            "seen": "whole" if one.step.exact else "partly seen",
        }


def _issued(found: Issuance) -> tuple[float | None, float | None]:
    if isinstance(found, Unknown):
        return None, None
    low, high = bounds_gwei(found)
    return low / GWEI_PER_ETH, high / GWEI_PER_ETH


def _change(found: NetChange | Unknown | None) -> tuple[float | None, float | None]:
    if not isinstance(found, NetChange):
        return None, None
    return found.low_wei / WEI_PER_ETH, found.high_wei / WEI_PER_ETH
