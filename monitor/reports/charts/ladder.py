"""Picture of the liquidation ladder: collateral that becomes liquidatable as the ETH price moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.reports.charts.style import Look, Sheet, Words, quiet, ticks
from monitor.reports.charts.wording import compact
from monitor.reports.ladder import WIDTH, LadderView, Pile, Rung
from monitor.units import TICKS_PER_USD

POINTS = 160
_USD = 10**8


def ladder(found: LadderView, look: Look) -> bytes:
    """Longs to the left of the price, shorts to the right, protocols stacked; a step is a step."""
    words = Words(
        "Collateral liquidatable at each ETH price", _subtitle(found), found.at, f"Block {found.block:,}"
    )
    with quiet(look):
        sheet = Sheet(words, look)
        axes = sheet.axes[0]
        if not found.entries or not found.price:
            axes.set_yticks([])
            axes.set_xticks([])
            sheet.remark(axes, "no position here is liquidated by an ETH price")
            return sheet.save()
        rungs = fine_rungs(found)
        entries = _stack(sheet, axes, found, rungs)
        price = found.price / TICKS_PER_USD
        axes.axvline(price, color=sheet.palette.price, linewidth=1.6)
        axes.annotate(
            f"now ${price:,.2f}", (price, 1), xycoords=("data", "axes fraction"), xytext=(5, -3),
            textcoords="offset points", va="top", color=sheet.palette.price, fontsize=sheet.size.points * 0.9,
            fontweight="bold",
        )  # fmt: skip
        axes.set_xlim(rungs[0].tick / TICKS_PER_USD, rungs[-1].tick / TICKS_PER_USD)
        axes.set_ylim(bottom=0)
        axes.margins(y=0.12)
        sheet.amounts(axes, "$")
        axes.xaxis.set_major_formatter(ticks(lambda value: compact(value, "$")))
        axes.locator_params(axis="x", nbins=5 if look.phone else 9)
        sheet.legend(axes, entries)
        return sheet.save()


def fine_rungs(found: LadderView) -> list[Rung]:
    """More of them than a table has, over the prices where something happens."""
    low, high = (found.price * share // 100 for share in WIDTH)
    return [found.rung(low + (high - low) * index // POINTS) for index in range(POINTS + 1)]


def _stack(sheet: Sheet, axes: Any, found: LadderView, rungs: Sequence[Rung]) -> list[tuple[str, str, str]]:
    """One band per protocol; longs and shorts of one have its colour, shorts are hatched."""
    prices = [rung.tick / TICKS_PER_USD for rung in rungs]
    below = [0.0] * len(rungs)
    colours = sheet.palette.protocols
    for index, name in enumerate(found.protocols):
        colour = colours[index % len(colours)]
        for short in (False, True):
            values = [_usd((rung.shorts if short else rung.longs).get(name, Pile())) for rung in rungs]
            if not any(values):
                continue
            top: list[float] = [one + other for one, other in zip(below, values, strict=True)]
            axes.fill_between(
                prices, below, top, step="post" if short else "pre", facecolor=colour, edgecolor=sheet.palette.ground, linewidth=0,
                alpha=0.55 if short else 0.9, hatch="////" if short else None,
            )  # fmt: skip
            below = top
    entries = [("bar", colours[index % len(colours)], name) for index, name in enumerate(found.protocols)]
    if any(entry.short for entry in found.entries):
        entries.append(("bound", sheet.palette.faint, "hatched: short"))
    return entries


def _usd(pile: Pile) -> float:
    return pile.collateral / _USD


def _subtitle(found: LadderView) -> str:
    longs = sum(not entry.short for entry in found.entries)
    out = sum(found.left_out.values())
    parts = [
        "USD at present prices",
        f"{longs} long, {len(found.entries) - longs} short",
        f"{out} not on the ladder" if out else "",
    ]
    unpriced = sum(entry.collateral is None for entry in found.entries)
    parts.append(f"{unpriced} without a USD value" if unpriced else "")
    return " · ".join(part for part in parts if part)
