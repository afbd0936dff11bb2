"""Picture of how ETH moved with other prices: indexed closes, and the rolling correlation with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from monitor.macro.correlation import LONGEST_STEP_DAYS, Correlation
from monitor.reports.charts.style import Look, Sheet, Words, days, quiet, ticks
from monitor.reports.charts.wording import compact
from monitor.reports.comovement import CHAINLINK, Closes, Comovement, Pair
from monitor.units import SECONDS_PER_DAY

NAN = float("nan")
_TALLER = {1: 1.0, 2: 1.25, 3: 1.55, 4: 1.85}


def correlation(found: Comovement, look: Look) -> bytes:
    """A panel of closes, then one for each series."""
    with quiet(look):
        taller = _TALLER[len(found.pairs)] * (1.15 if look.phone else 1)
        sheet = Sheet(_words(found), look, (1.2, *(1.0 for _ in found.pairs)), taller=taller)
        _indexed(sheet, found)
        for axes, pair, colour in zip(sheet.axes[1:], found.pairs, sheet.palette.protocols, strict=False):
            _rolling(sheet, axes, found, pair, colour)
        sheet.time_axis(_end(found.first), _end(found.last))
        return sheet.save()


def _words(found: Comovement) -> Words:
    told = [f"{pair.other} {pair.newest.value:.2f}" for pair in found.pairs if pair.newest]
    title = f"ETH correlation over {found.window_days} days: {', '.join(told)}"
    read = "" if found.read_at is None else f", rounds as of block {found.read_at:,}"
    given = [f"{pair.other}: {pair.source}" for pair in found.pairs if pair.source != CHAINLINK]
    sources = "; ".join([f"Feeds: {CHAINLINK}{read}", *given])
    method = f"Pearson's r of daily log returns (UTC closes) in the {found.window_days} days up to each day, an estimate with its 95 % interval"
    return Words(title, f"{method} · {sources}", found.at)


def _indexed(sheet: Sheet, found: Comovement) -> None:
    """Every series is 100 on the first day that all have."""
    axes, series = sheet.axes[0], [("ETH/USD", found.eth, sheet.palette.ink)]
    for pair, colour in zip(found.pairs, sheet.palette.protocols, strict=False):
        series.append((pair.other, pair.closes, colour))
    common = set(found.eth).intersection(*(pair.closes for pair in found.pairs))
    if not common:
        axes.set_yticks([])
        sheet.remark(axes, "no day has a close of every series")
        return
    for _, closes, colour in series:
        times, values = _line(closes, closes[min(common)])
        axes.plot(times, values, color=colour, linewidth=1.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ticks(compact))
    axes.yaxis.set_minor_formatter(ticks(lambda _value: ""))
    axes.set_yticks(_round_levels(*axes.get_ylim()))
    axes.minorticks_off()
    entries = [("line", colour, name) for name, _, colour in series]
    entries[0] = ("line", sheet.palette.ink, "ETH/USD (first day = 100, log scale)")
    sheet.legend(axes, entries)


def _round_levels(low: float, high: float) -> list[float]:
    """Round numbers of a log scale, five at most."""
    levels = [
        float(part) * 10**power
        for power in range(-6, 9)
        for part in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
        if low <= part * 10**power <= high
    ]
    while len(levels) > 5:
        levels = levels[levels.index(100) % 2 :: 2] if 100 in levels else levels[::2]
    return levels


def _line(closes: Closes, base: float) -> tuple[list[float], list[float]]:
    """Broken where days are missing, but for weekends."""
    times, values = list[float](), list[float]()
    before: int | None = None
    for day in sorted(closes):
        if before is not None and day - before > LONGEST_STEP_DAYS:
            times.append(days(_end(before)))
            values.append(NAN)
        times.append(days(_end(day)))
        values.append(closes[day] / base * 100)
        before = day
    return times, values


def _rolling(sheet: Sheet, axes: Any, found: Comovement, pair: Pair, colour: str) -> None:
    known = [one for one in pair.points if one.value is not None]
    runs = list(_runs(known))
    for run in runs:
        times = [days(_end(one.day)) for one in run]
        axes.fill_between(times, [one.low for one in run], [one.high for one in run], color=colour, alpha=0.25, linewidth=0)  # fmt: skip
        axes.plot(times, [one.value for one in run], color=colour, linewidth=2)
    axes.axhline(0, color=sheet.palette.faint, linewidth=1.1)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["\N{MINUS SIGN}1", "\N{MINUS SIGN}0.5", "0", "0.5", "1"])
    newest = pair.newest
    told = "not known" if newest is None else f"{newest.value:.2f} ({newest.low:.2f} to {newest.high:.2f}), {newest.returns} returns"  # fmt: skip
    entries = [("line", colour, f"with {pair.other}: {told}")]
    if sheet.holes(_holes(found, runs), [axes]):
        entries.append(("hole", "", "not known"))
    sheet.legend(axes, entries)
    if newest is None:
        sheet.remark(axes, pair.points[-1].cause if pair.points else "no close on the days of ETH's")


def _runs(known: Sequence[Correlation]) -> Iterator[list[Correlation]]:
    """Stretches without a hole."""
    run: list[Correlation] = []
    for one in known:
        if run and one.day - run[-1].day > LONGEST_STEP_DAYS:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _holes(found: Comovement, runs: Sequence[Sequence[Correlation]]) -> list[tuple[float, float]]:
    """Between the runs, and at the ends where more than a weekend is missing."""
    ends = [found.first, *(day for run in runs for day in (run[0].day, run[-1].day)), found.last]
    spans = [(ends[index], ends[index + 1]) for index in range(0, len(ends), 2)]
    return [(_end(start), _end(end)) for start, end in spans if end - start > LONGEST_STEP_DAYS]


def _end(day: int) -> int:
    """The midnight that closes a day."""
    return (day + 1) * SECONDS_PER_DAY
