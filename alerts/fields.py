"""Values in a rule's table: levels, widths, times and names; what is not understood is refused by its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeGuard

from alerts.model import Band, Direction, Level, ReadingSpec, Severity, Unit
from alerts.quantity import SECONDS, example, parse_duration, parse_number

Table = Mapping[str, Any]

_BAND = Band(Decimal("0.1"), relative=True)


class RuleError(ValueError):
    """A table that cannot become rules. `setting` names the place, `fix` what to write instead."""

    def __init__(self, setting: str, problem: str, fix: str) -> None:
        super().__init__(f"{setting}: {problem} {fix}".rstrip())
        self.setting = setting
        self.problem = problem
        self.fix = fix


def direction_of(place: str, spec: ReadingSpec, table: Table) -> tuple[Direction, Any]:
    """Which of above and below is given, and what stands there; exactly one of them must."""
    given = [side for side in Direction if side.value in table]
    if len(given) != 1:
        problem = "has both above and below." if given else "has neither above nor below."
        raise RuleError(place, problem, f"Write {spec.worse} = {example(spec.unit)}.")
    return given[0], table[given[0].value]


def levels_of(
    place: str, spec: ReadingSpec, direction: Direction, raw: Any, table: Table
) -> tuple[Level, ...]:
    """Mildest first, whatever the order they are written in."""
    thresholds = {_threshold(place, spec.unit, one) for one in (raw if is_list(raw) else [raw])}
    if not thresholds:
        raise RuleError(place, "is an empty list.", f"Write {example(spec.unit)}.")
    ordered = sorted(thresholds, reverse=direction is Direction.BELOW)
    severities = _severities(place, spec, len(ordered), table)
    return tuple(Level(threshold, severity) for threshold, severity in zip(ordered, severities, strict=True))


def _threshold(place: str, unit: Unit, raw: Any) -> Decimal:
    value = parse_number(raw, unit)
    if value is None:
        raise RuleError(place, f"{raw!r} is not a value in {unit}.", f"Write for instance {example(unit)}.")
    return value


def _severities(place: str, spec: ReadingSpec, count: int, table: Table) -> list[Severity]:
    """As written; else the worst two of several are critical and the first sight of trouble is quiet."""
    raw = table.get("severity")
    if raw is None:
        ladder = [Severity.INFO] * (count - 3) + [Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL]
        return {1: [spec.severity], 2: ladder[-3:-1]}.get(count, ladder)
    names = raw if is_list(raw) else [raw] * count
    known = {severity.name.lower(): severity for severity in Severity}
    wrong = [name for name in names if not isinstance(name, str) or name.lower() not in known]
    if wrong:
        raise RuleError(f"{place}: severity", f"{wrong[0]!r} is not known.", nearest(str(wrong[0]), known))
    if len(names) != count:
        raise RuleError(
            f"{place}: severity", f"has {len(names)} values for {count} levels.", "Give one each."
        )
    return [known[name.lower()] for name in names]


def band_of(place: str, unit: Unit, table: Table) -> Band:
    """Hysteresis: a share of the threshold or a width; 10% where none is given."""
    raw = table.get("hysteresis")
    if raw is None:
        return _BAND
    share = parse_number(raw, Unit.PERCENT) if isinstance(raw, str) and raw.strip().endswith("%") else None
    width = share / 100 if share is not None else parse_number(raw, unit)
    if width is None or width < 0:
        fix = f'Write a share of the threshold, "10%", or a width such as {example(unit)}.'
        raise RuleError(f"{place}: hysteresis", f"{raw!r} is not a width.", fix)
    return Band(width, relative=share is not None)


def window_of(place: str, spec: ReadingSpec, table: Table) -> int | None:
    """Seconds; the reading's own where none is given, None where it has no window."""
    if not spec.windowed and "window" in table:
        raise RuleError(f"{place}: window", f"{spec.key} has no window.", "Remove the key.")
    window = duration_of(place, "window", table, spec.window_s if spec.windowed else None)
    if window is not None and window < spec.least_window_s:
        least = f'"{spec.least_window_s // SECONDS["d"]}d"'
        raise RuleError(f"{place}: window", f"{table['window']!r} is too short.", f"Write {least} or more.")
    return window


def duration_of(place: str, key: str, table: Table, default: int | None) -> int | None:
    """Seconds, or `default`."""
    if key not in table:
        return default
    seconds = parse_duration(table[key])
    if seconds is None:
        raise RuleError(
            f"{place}: {key}", f"{table[key]!r} is not a time.", 'Write "90s", "5m", "24h" or "7d".'
        )
    return seconds


def text_of(place: str, key: str, table: Table) -> str:
    """Without spaces around it; empty where there is none."""
    raw = table.get(key, "")
    if not isinstance(raw, str):
        raise RuleError(f"{place}: {key}", "is not text.", f'Write {key} = "…".')
    return raw.strip()


def flag_of(place: str, key: str, table: Table) -> bool:
    """True where none is given."""
    raw = table.get(key, True)
    if not isinstance(raw, bool):
        raise RuleError(f"{place}: {key}", "is neither true nor false.", f"Write {key} = false.")
    return raw


def refuse_unknown(table: Table, known: Iterable[str], place: str) -> None:
    """Raise `RuleError` for the first key that is not known, with the nearest that is."""
    for key in table:
        if key not in (known := tuple(known)):
            raise RuleError(place, f"{key!r} is not a key.", nearest(key, known))


def nearest(name: str, known: Iterable[str]) -> str:
    """The fix for a name that is not known."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    # A right last word in the wrong area ("pool.distance") is worth a guess as well.
    tail = [one for one in choices if one.rpartition(".")[2] == name.rpartition(".")[2]]
    guess = (close or tail)[:1]
    return f"Did you mean {guess[0]!r}?" if guess else f"Known are {', '.join(choices)}."


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a value is a TOML array."""
    return isinstance(value, list)


def is_table(value: object) -> TypeGuard[Table]:
    """Whether a value is a TOML table."""
    return isinstance(value, Mapping)
