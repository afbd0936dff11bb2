"""Rows of the report: one measured figure beside its target.

A bench is a module with one function, `run(options: Options) -> Iterator[Row]`, listed in
`bench.__main__.BENCHES`. It yields rows as they are measured; what cannot be measured here is
yielded as `skipped(...)` with its cause, never left out and never a guess.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache"
"""Everything that a bench downloads, compiles or writes."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a bench is to run."""

    quick: bool = False
    """Smaller and shorter: finds breakage, not figures."""

    def scaled(self, full: int, quick: int) -> int:
        """A size or a number of rounds."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach."""

    bound: float
    at_least: bool

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


def at_least(bound: float) -> Target:
    """More is better."""
    return Target(bound, at_least=True)


def at_most(bound: float) -> Target:
    """Less is better."""
    return Target(bound, at_least=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. `value` is None where it could not be measured; `note` says why."""

    what: str
    value: float | None
    unit: str
    target: Target | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "SKIPPED"
        if self.target is None:
            return ""
        return "PASS" if self.target.met(self.value) else "FALLS SHORT"


def skipped(what: str, unit: str, cause: str, target: Target | None = None) -> Row:
    """A figure that cannot be measured on this machine."""
    return Row(what, None, unit, target, cause)


def figure(value: float | None) -> str:
    """Three significant digits, thousands separated."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


HEADINGS = ("", "measured", "", "target", "", "")


def table(rows: Iterable[Row]) -> str:
    """Rows as aligned text."""
    cells = [HEADINGS]
    for row in rows:
        target = f"{row.target} {row.unit}" if row.target else ""
        cells.append((row.what, figure(row.value), row.unit, target, row.verdict, row.note))
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS) - 1)]
    return "\n".join(line_of(line, widths) for line in cells)


def line_of(cells: tuple[str, ...], widths: list[int]) -> str:
    """The first column and the notes to the left, figures to the right."""
    what, value, unit, target, verdict, note = cells
    return (
        f"{what:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  "
        f"{target:<{widths[3]}}  {verdict:<{widths[4]}}  {note}"
    ).rstrip()


def save(name: str, rows: list[Row], folder: Path = CACHE / "bench") -> Path:
    """Keep the rows of one bench as JSON, with the machine and the time they were measured."""
    path = folder / f"{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "bench": name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path
