"""Pictures of the ledger: what was burned, both sides of supply, and the fees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.reports.burn import coverage_words
from monitor.reports.charts.bars import Bar, draw_bars
from monitor.reports.charts.steps import Fees, NetStep, Step, Steps
from monitor.reports.charts.style import Look, Sheet, Words, days, quiet, ticks
from monitor.reports.charts.wording import moment
from monitor.reports.supply import method_words
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.supply.total import NetChange
from monitor.units import WEI_PER_ETH, WEI_PER_GWEI, format_eth

NAN = float("nan")


def burn(found: Steps, look: Look) -> bytes:
    """Base and blob burn as bars; a step that was not wholly seen is hatched, a hole is a hole."""
    bound = "" if found.whole.exact else "at least "
    title = f"{bound}{_eth(found.whole.total_wei)} ETH burned, {found.whole.name}"
    words = Words(_capital(title), f"ETH per {found.by} · {_seen(found)}", found.at)
    with quiet(look):
        sheet = Sheet(words, look)
        axes = sheet.axes[0]
        seen = [step for step in found.steps if step.blocks]
        base = [_bar(step, 0.0, step.burn_wei / WEI_PER_ETH) for step in seen]
        both = [_bar(step, step.burn_wei / WEI_PER_ETH, step.total_wei / WEI_PER_ETH) for step in seen]
        draw_bars(axes, base, sheet.palette.burn, sheet.palette)
        draw_bars(axes, both, sheet.palette.blob, sheet.palette)
        entries = [
            ("bar", sheet.palette.burn, "base fee"),
            ("bar", sheet.palette.blob, f"blobs ({_share(found)})"),
        ]
        if any(not step.exact for step in seen):
            entries.append(("bound", sheet.palette.burn, "partly seen: at least"))
        _finish(sheet, found, entries)
        axes.set_ylim(bottom=0)
        return sheet.save()


def supply(found: Steps, net: Sequence[NetStep], look: Look) -> bytes:
    """Net change since the start as a line (a band where issuance is an interval), and its two sides."""
    words = Words(_net_title(found, net), _net_subtitle(found, net), found.at)
    known = [one.so_far for one in net if isinstance(one.so_far, NetChange)]
    with quiet(look):
        sheet = Sheet(words, look, (3, 2))
        top, below = sheet.axes
        _running(sheet, top, net)
        _sides(sheet, below, net)
        below.set_title(
            f"ETH per {found.by}", loc="right", fontsize=sheet.size.points * 0.86, color=sheet.palette.faint
        )
        entries = [("line", sheet.palette.net, "net change so far, ETH")] if known else []
        if any(not one.is_exact for one in known):
            entries.append(("band", sheet.palette.net, "interval of the estimate"))
        _finish(sheet, found, entries)
        sides = [("bar", sheet.palette.issued, "issued"), ("bar", sheet.palette.burn, "burned")]
        sheet.legend(below, sides)
        return sheet.save()


def fees(found: Steps, look: Look) -> bytes:
    """Base fee and blob base fee: mean as a line, lowest to highest as a band."""
    fee = found.whole.totals.base_fee
    mean = "" if fee is None else f": mean {fee.mean_wei / WEI_PER_GWEI:,.3g} gwei"
    words = Words(f"Base fee{mean}, {found.whole.name}", f"gwei · {_seen(found)}", found.at)
    with quiet(look):
        sheet = Sheet(words, look, (3, 2))
        top, below = sheet.axes
        _fee_line(top, found.steps, [step.base_fee for step in found.steps], sheet.palette.burn)
        _fee_line(below, found.steps, [step.blob_fee for step in found.steps], sheet.palette.blob)
        top.set_ylim(bottom=0)
        ranged = found.by != "block"
        about = f"base fee, mean per {found.by}" if ranged else "base fee, each block"
        entries = [("line", sheet.palette.burn, about)]
        if ranged:
            entries.append(("band", sheet.palette.burn, "lowest to highest block"))
        _finish(sheet, found, entries)
        sheet.legend(below, [("line", sheet.palette.blob, "blob base fee (log scale)")])
        _log_scale(sheet, below, [step.blob_fee for step in found.steps if step.blob_fee])
        return sheet.save()


def _log_scale(sheet: Sheet, axes: Any, fee: Sequence[Fees]) -> None:
    """The blob fee is 1 wei for months and then millions of it."""
    if not fee:
        axes.set_yticks([])
        sheet.remark(axes, "no blob fee in these blocks")
        return
    axes.set_yscale("log")
    axes.set_ylim(
        min(one.low for one in fee) / WEI_PER_GWEI * 0.6, max(one.high for one in fee) / WEI_PER_GWEI * 3
    )
    axes.yaxis.set_major_formatter(ticks(_gwei_tick))
    axes.minorticks_off()


def _running(sheet: Sheet, axes: Any, net: Sequence[NetStep]) -> None:
    """From 0 at the first start; it ends where something is missing, because then it is not known."""
    low, high = [0.0], [0.0]
    times = [days(net[0].step.start)] if net else []
    for one in net:
        if one.so_far is None:
            continue
        times.append(days(one.step.end))
        known = one.so_far if isinstance(one.so_far, NetChange) else None
        low.append(known.low_wei / WEI_PER_ETH if known else NAN)
        high.append(known.high_wei / WEI_PER_ETH if known else NAN)
    unknown = next((one.so_far.cause for one in net if isinstance(one.so_far, Unknown)), "")
    if not any(isinstance(one.so_far, NetChange) for one in net):
        axes.set_yticks([])
        sheet.remark(axes, f"net change is not known: {unknown or 'no step was wholly seen'}")
        return
    middle = [(one + other) / 2 for one, other in zip(low, high, strict=True)]
    axes.fill_between(times, low, high, color=sheet.palette.net, alpha=0.28, linewidth=0)
    axes.plot(times, middle, color=sheet.palette.net, linewidth=2)
    axes.axhline(0, color=sheet.palette.faint, linewidth=0.8)
    if unknown:
        _note_where_it_ends(sheet, axes, net)


def _note_where_it_ends(sheet: Sheet, axes: Any, net: Sequence[NetStep]) -> None:
    first = next(one.step for one in net if isinstance(one.so_far, Unknown))
    axes.axvline(days(first.start), color=sheet.palette.faint, linewidth=1, linestyle=(0, (2, 2)))
    late = first.start - net[0].step.start > (net[-1].step.end - net[0].step.start) / 2
    axes.annotate(
        "not known from here:\nblocks are missing", (days(first.start), 0.95), xycoords=("data", "axes fraction"),
        xytext=(-6 if late else 6, 0), textcoords="offset points", ha="right" if late else "left", va="top",
        color=sheet.palette.faint, zorder=3,
        bbox={"facecolor": sheet.palette.ground, "edgecolor": "none", "alpha": 0.85, "pad": 2},
        fontsize=sheet.size.points * 0.86,
    )  # fmt: skip


def _sides(sheet: Sheet, axes: Any, net: Sequence[NetStep]) -> None:
    """Issued up, burned down; an interval of issuance shows as a paler top."""
    parts = [one for one in net if one.step.blocks]
    burned = [_bar(one.step, 0.0, -one.step.total_wei / WEI_PER_ETH) for one in parts]
    draw_bars(axes, burned, sheet.palette.burn, sheet.palette)
    known = [(one.step, bounds_gwei(one.issued)) for one in parts if not isinstance(one.issued, Unknown)]
    gwei = WEI_PER_ETH // WEI_PER_GWEI
    # Issuance does not depend on which blocks are stored.
    sure = [_bar(step, 0.0, low / gwei)._replace(sure=True) for step, (low, _) in known]
    maybe = [_bar(step, low / gwei, high / gwei)._replace(sure=True) for step, (low, high) in known]
    draw_bars(axes, sure, sheet.palette.issued, sheet.palette)
    draw_bars(axes, maybe, sheet.palette.issued, sheet.palette, alpha=0.35)
    axes.axhline(0, color=sheet.palette.faint, linewidth=0.8)


def _bar(step: Step, low: float, high: float) -> Bar:
    return Bar(step.start, step.end, low, high, step.exact)


def _fee_line(axes: Any, parts: Sequence[Step], fee: Sequence[Fees | None], colour: str) -> None:
    """A flat piece per step, broken where a step has no block."""
    times = [days(moment) for step in parts for moment in (step.start, step.end)]
    unseen = (NAN, NAN, NAN)
    gwei = [unseen if one is None else tuple(part / WEI_PER_GWEI for part in one) for one in fee]
    low, mean, high = ([one[place] for one in gwei for _ in range(2)] for place in range(3))
    axes.fill_between(times, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(times, mean, color=colour, linewidth=1.8)


def _finish(sheet: Sheet, found: Steps, entries: list[tuple[str, str, str]]) -> None:
    """Holes, legend, axes: the same on every picture of the ledger."""
    if sheet.holes((step.start, step.end) for step in found.holes):
        entries = [*entries, ("hole", "", "not stored")]
    sheet.legend(sheet.axes[0], entries)
    for axes in sheet.axes:
        if axes.get_yscale() == "linear" and len(axes.get_yticks()):
            sheet.amounts(axes)
    sheet.time_axis(found.steps[0].start, found.steps[-1].end)


def _net_title(found: Steps, net: Sequence[NetStep]) -> str:
    """The change over the frame; where something is missing, until then and no further."""
    known = [one for one in net if isinstance(one.so_far, NetChange)]
    if not known or not isinstance(known[-1].so_far, NetChange):
        return f"ETH supply, {found.whole.name}: net change not known"
    last = known[-1]
    until = found.whole.name if last is net[-1] else f"until {moment(last.step.end)}, then not known"
    low, high = known[-1].so_far.low_wei, known[-1].so_far.high_wei
    if low == high:
        return f"ETH supply {_signed(low)} ETH, {until}"
    half = format_eth((high - low + 1) // 2, 4 if high - low < 10 * WEI_PER_ETH else 0)
    return f"ETH supply {_signed((low + high) // 2)} ±{half} ETH, {until}"


def _signed(amount: int) -> str:
    return ("+" if amount >= 0 else "") + _eth(amount)


def _net_subtitle(found: Steps, net: Sequence[NetStep]) -> str:
    known = [one.so_far.issuance for one in net if isinstance(one.so_far, NetChange)]
    newest = known[-1] if known else net[-1].issued if net else Unknown("no step was wholly seen")
    issued = f"issuance {'not known: ' if isinstance(newest, Unknown) else ''}{method_words(newest)}"
    return f"Burn exact, {issued}" + ("" if found.whole.exact else f" · {_lacks(found)}")


def _seen(found: Steps) -> str:
    """What the picture covers, and what it lacks."""
    blocks = f"{found.whole.totals.blocks:,} blocks from {moment(found.steps[0].start)}"
    return blocks if found.whole.exact else f"{blocks}, {_lacks(found)}"


def _lacks(found: Steps) -> str:
    return coverage_words(found.whole).replace(" missing", " blocks missing")


def _share(found: Steps) -> str:
    total, blobs = found.whole.total_wei, found.whole.totals.blob_burn_wei
    if not blobs or not total:
        return "0 %"
    return "< 0.01 %" if blobs * 10_000 < total else f"{100 * blobs / total:.2g} %"


def _eth(amount: int) -> str:
    """As many places as can be read."""
    size = abs(amount)
    places = 0 if size >= 10_000 * WEI_PER_ETH else 2 if size >= 10 * WEI_PER_ETH else 4
    return format_eth(amount, places)


def _gwei_tick(value: float) -> str:
    """Down to one wei, which is where the blob fee mostly lies."""
    return f"{value * WEI_PER_GWEI:,.0f} wei" if value < 1e-4 else f"{value:,.4g} gwei"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
