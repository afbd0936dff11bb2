"""The user's tables become rules; what is not understood is refused by name.

    [[wallet]]                                   # an entry: shorthand that its table declares
    name = "Whale"
    alert_at = ["20%", "10%", "5%"]

    [[rule]]                                     # anything in the catalogue of readings
    reading = "supply.net_change_eth"
    window = "7d"
    above = 0
    message = "ETH is inflationary over 7 days"

Which readings, tables and shorthands exist is data (`Catalogue`) that the caller brings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeGuard

from alerts.model import Band, Direction, Kind, Level, ReadingSpec, Rule, Severity, Unit
from alerts.quantity import SECONDS, example, parse_duration, parse_number

Table = Mapping[str, Any]

_TUNING = ("for", "hysteresis", "cool_down", "remind", "blind_after", "channels", "severity")
_RULE_KEYS = ("name", "reading", "above", "below", "window", "message", "enabled", *_TUNING)
_EVENT_COOL_DOWN_S = 300
_FLOW_COOL_DOWN_S = 3_600
_BAND = Band(Decimal("0.1"), relative=True)


class RuleError(ValueError):
    """A table that cannot become rules. `setting` names the place, `fix` what to write instead."""

    def __init__(self, setting: str, problem: str, fix: str) -> None:
        super().__init__(f"{setting}: {problem} {fix}".rstrip())
        self.setting = setting
        self.problem = problem
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A key of an entry that stands for a rule: thresholds of `reading` where `label` is its name."""

    key: str
    reading: str
    label: str


@dataclass(frozen=True, slots=True)
class EntryTable:
    """A kind of entry, such as `[[wallet]]`: the keys it may have besides shorthands and tuning."""

    keys: tuple[str, ...]
    shorthands: tuple[Shorthand, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be watched. `defaults` are `[[rule]]` tables that hold unless one of that name is given."""

    readings: Mapping[str, ReadingSpec]
    entries: Mapping[str, EntryTable]
    defaults: tuple[Table, ...] = ()


def parse_rules(document: Table, catalogue: Catalogue, channels: Iterable[str] = ()) -> tuple[Rule, ...]:
    """All rules of a document: entries' shorthands, its own rules, and the defaults it leaves.

    `channels` are the names that a rule may send to; empty leaves them unchecked. Raises
    `RuleError` for the first thing that is not understood.
    """
    parser = _Parser(catalogue, tuple(channels))
    _refuse_unknown(document, (*catalogue.entries, "rule"), "watchlist")
    rules: list[Rule] = []
    for kind, table in catalogue.entries.items():
        for place, entry in _numbered(document, kind):
            rules += parser.entry(place, table, entry)
    own = [parser.rule(place, table) for place, table in _numbered(document, "rule")]
    given = {rule.name for rule, _ in own}
    defaults = [parser.rule(f"default rule {table['name']!r}", table) for table in catalogue.defaults]
    rules += [rule for rule, enabled in own if enabled]
    rules += [rule for rule, enabled in defaults if enabled and rule.name not in given]
    _refuse_twins(rules)
    return tuple(rules)


def _numbered(document: Table, kind: str) -> list[tuple[str, Table]]:
    """Each `[[kind]]` table with the name that an error gives it."""
    tables = document.get(kind, [])
    if not _is_list(tables) or not all(_is_table(table) for table in tables):
        raise RuleError(kind, "is not a list of tables.", f"Write [[{kind}]].")
    return [(_place(kind, number, table), table) for number, table in enumerate(tables, 1)]


def _place(kind: str, number: int, table: Table) -> str:
    name = table.get("name")
    return f"[[{kind}]] {name!r}" if isinstance(name, str) and name else f"[[{kind}]] number {number}"


def _refuse_twins(rules: Sequence[Rule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise RuleError(f"rule {rule.name!r}", "exists twice.", "Give each its own name.")
        seen.add(rule.name)


class _Parser:
    """Tables to rules against one catalogue."""

    def __init__(self, catalogue: Catalogue, channels: tuple[str, ...]) -> None:
        self._catalogue = catalogue
        self._channels = channels

    def entry(self, place: str, table: EntryTable, entry: Table) -> list[Rule]:
        """The rules that an entry's shorthands stand for."""
        shorthands = [shorthand.key for shorthand in table.shorthands]
        _refuse_unknown(entry, (*table.keys, *shorthands, *_TUNING), place)
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise RuleError(place, "has no name.", 'Write name = "…".')
        used = [shorthand for shorthand in table.shorthands if shorthand.key in entry]
        return [self._shorthand(place, shorthand, name, entry) for shorthand in used]

    def _shorthand(self, place: str, shorthand: Shorthand, name: str, entry: Table) -> Rule:
        spec = self._catalogue.readings[shorthand.reading]
        levels = _levels(f"{place}: {shorthand.key}", spec, spec.worse, entry[shorthand.key], entry)
        rule_name = f"{name}: {shorthand.key.replace('_', ' ')}"
        tuning = self._tuning(place, spec, entry)
        window = _window(place, spec, entry)
        return Rule(rule_name, spec, spec.worse, levels, {shorthand.label: name}, window_s=window, **tuning)

    def rule(self, place: str, table: Table) -> tuple[Rule, bool]:
        """One `[[rule]]`, and whether it is enabled."""
        spec = self._spec(place, table)
        _refuse_unknown(table, (*_RULE_KEYS, *spec.labels), place)
        direction, raw = _direction(place, spec, table)
        levels = _levels(f"{place}: {direction}", spec, direction, raw, table)
        select = {label: _text(place, label, table) for label in spec.labels if label in table}
        window = _window(place, spec, table)
        name = _text(place, "name", table) or _default_name(spec, direction, raw, select, window)
        tuning = self._tuning(place, spec, table)
        message = _text(place, "message", table)
        rule = Rule(name, spec, direction, levels, select, window_s=window, message=message, **tuning)
        return rule, _flag(place, "enabled", table)

    def _spec(self, place: str, table: Table) -> ReadingSpec:
        key = table.get("reading")
        if not isinstance(key, str):
            raise RuleError(
                place, "names no reading.", 'Write reading = "…", one of `ethmon alerts readings`.'
            )
        if key not in self._catalogue.readings:
            problem = f"{key!r} is not a reading."
            raise RuleError(f"{place}: reading", problem, nearest(key, self._catalogue.readings))
        return self._catalogue.readings[key]

    def _tuning(self, place: str, spec: ReadingSpec, table: Table) -> dict[str, Any]:
        event = spec.kind is Kind.EVENT
        default_cool_down = _EVENT_COOL_DOWN_S if event else _FLOW_COOL_DOWN_S
        return {
            "for_s": _duration(place, "for", table, 0),
            "band": _band(place, spec.unit, table),
            "cool_down_s": _duration(place, "cool_down", table, default_cool_down),
            "remind_s": _duration(place, "remind", table, None),
            "blind_after_s": _duration(place, "blind_after", table, 300),
            "channels": self._audience(place, table),
        }

    def _audience(self, place: str, table: Table) -> tuple[str, ...]:
        raw = table.get("channels", [])
        names = [raw] if isinstance(raw, str) else raw
        if not _is_list(names) or not all(isinstance(name, str) for name in names):
            raise RuleError(f"{place}: channels", "is not a list of names.", 'Write ["telegram", "email"].')
        for name in names:
            if self._channels and name not in self._channels:
                raise RuleError(
                    f"{place}: channels", f"{name!r} is not configured.", nearest(name, self._channels)
                )
        return tuple(names)


def _direction(place: str, spec: ReadingSpec, table: Table) -> tuple[Direction, Any]:
    given = [side for side in Direction if side.value in table]
    if len(given) != 1:
        problem = "has both above and below." if given else "has neither above nor below."
        raise RuleError(place, problem, f"Write {spec.worse} = {example(spec.unit)}.")
    return given[0], table[given[0].value]


def _levels(place: str, spec: ReadingSpec, direction: Direction, raw: Any, table: Table) -> tuple[Level, ...]:
    """Mildest first, whatever the order they are written in."""
    thresholds = {_threshold(place, spec.unit, one) for one in (raw if _is_list(raw) else [raw])}
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
    names = raw if _is_list(raw) else [raw] * count
    known = {severity.name.lower(): severity for severity in Severity}
    wrong = [name for name in names if not isinstance(name, str) or name.lower() not in known]
    if wrong:
        raise RuleError(f"{place}: severity", f"{wrong[0]!r} is not known.", nearest(str(wrong[0]), known))
    if len(names) != count:
        raise RuleError(
            f"{place}: severity", f"has {len(names)} values for {count} levels.", "Give one each."
        )
    return [known[name.lower()] for name in names]


def _band(place: str, unit: Unit, table: Table) -> Band:
    raw = table.get("hysteresis")
    if raw is None:
        return _BAND
    share = parse_number(raw, Unit.PERCENT) if isinstance(raw, str) and raw.strip().endswith("%") else None
    width = share / 100 if share is not None else parse_number(raw, unit)
    if width is None or width < 0:
        fix = f'Write a share of the threshold, "10%", or a width such as {example(unit)}.'
        raise RuleError(f"{place}: hysteresis", f"{raw!r} is not a width.", fix)
    return Band(width, relative=share is not None)


def _window(place: str, spec: ReadingSpec, table: Table) -> int | None:
    if not spec.windowed and "window" in table:
        raise RuleError(f"{place}: window", f"{spec.key} has no window.", "Remove the key.")
    window = _duration(place, "window", table, spec.window_s if spec.windowed else None)
    if window is not None and window < spec.least_window_s:
        least = f'"{spec.least_window_s // SECONDS["d"]}d"'
        raise RuleError(f"{place}: window", f"{table['window']!r} is too short.", f"Write {least} or more.")
    return window


def _duration(place: str, key: str, table: Table, default: int | None) -> int | None:
    if key not in table:
        return default
    seconds = parse_duration(table[key])
    if seconds is None:
        raise RuleError(
            f"{place}: {key}", f"{table[key]!r} is not a time.", 'Write "90s", "5m", "24h" or "7d".'
        )
    return seconds


def _default_name(
    spec: ReadingSpec, direction: Direction, raw: Any, select: Mapping[str, str], window: int | None
) -> str:
    """Says what the rule is, so that an edited rule is another rule with a fresh state."""
    where = "".join(f" {value}" for value in select.values())
    over = f" over {window}s" if window is not None else ""
    return f"{spec.key}{where} {direction} {raw}{over}"


def _text(place: str, key: str, table: Table) -> str:
    raw = table.get(key, "")
    if not isinstance(raw, str):
        raise RuleError(f"{place}: {key}", "is not text.", f'Write {key} = "…".')
    return raw.strip()


def _flag(place: str, key: str, table: Table) -> bool:
    raw = table.get(key, True)
    if not isinstance(raw, bool):
        raise RuleError(f"{place}: {key}", "is neither true nor false.", f"Write {key} = false.")
    return raw


def _refuse_unknown(table: Table, known: Iterable[str], place: str) -> None:
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


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_table(value: object) -> TypeGuard[Table]:
    return isinstance(value, Mapping)
