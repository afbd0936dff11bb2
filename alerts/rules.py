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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.fields import (
    RuleError,
    Table,
    band_of,
    direction_of,
    duration_of,
    flag_of,
    is_list,
    is_table,
    levels_of,
    nearest,
    refuse_unknown,
    text_of,
    window_of,
)
from alerts.model import Direction, Kind, ReadingSpec, Rule

_TUNING = ("for", "hysteresis", "cool_down", "remind", "blind_after", "channels", "severity")
_RULE_KEYS = ("name", "reading", "above", "below", "window", "message", "enabled", *_TUNING)
_EVENT_COOL_DOWN_S = 300
_FLOW_COOL_DOWN_S = 3_600


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
    refuse_unknown(document, (*catalogue.entries, "rule"), "watchlist")
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
    if not is_list(tables) or not all(is_table(table) for table in tables):
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
        refuse_unknown(entry, (*table.keys, *shorthands, *_TUNING), place)
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise RuleError(place, "has no name.", 'Write name = "…".')
        used = [shorthand for shorthand in table.shorthands if shorthand.key in entry]
        return [self._shorthand(place, shorthand, name, entry) for shorthand in used]

    def _shorthand(self, place: str, shorthand: Shorthand, name: str, entry: Table) -> Rule:
        spec = self._catalogue.readings[shorthand.reading]
        levels = levels_of(f"{place}: {shorthand.key}", spec, spec.worse, entry[shorthand.key], entry)
        rule_name = f"{name}: {shorthand.key.replace('_', ' ')}"
        tuning = self._tuning(place, spec, entry)
        window = window_of(place, spec, entry)
        return Rule(rule_name, spec, spec.worse, levels, {shorthand.label: name}, window_s=window, **tuning)

    def rule(self, place: str, table: Table) -> tuple[Rule, bool]:
        """One `[[rule]]`, and whether it is enabled."""
        spec = self._spec(place, table)
        refuse_unknown(table, (*_RULE_KEYS, *spec.labels), place)
        direction, raw = direction_of(place, spec, table)
        levels = levels_of(f"{place}: {direction}", spec, direction, raw, table)
        select = {label: text_of(place, label, table) for label in spec.labels if label in table}
        window = window_of(place, spec, table)
        name = text_of(place, "name", table) or _default_name(spec, direction, raw, select, window)
        tuning = self._tuning(place, spec, table)
        message = text_of(place, "message", table)
        rule = Rule(name, spec, direction, levels, select, window_s=window, message=message, **tuning)
        return rule, flag_of(place, "enabled", table)

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
            "for_s": duration_of(place, "for", table, 0),
            "band": band_of(place, spec.unit, table),
            "cool_down_s": duration_of(place, "cool_down", table, default_cool_down),
            "remind_s": duration_of(place, "remind", table, None),
            "blind_after_s": duration_of(place, "blind_after", table, 300),
            "channels": self._audience(place, table),
        }

    def _audience(self, place: str, table: Table) -> tuple[str, ...]:
        raw = table.get("channels", [])
        names = [raw] if isinstance(raw, str) else raw
        if not is_list(names) or not all(isinstance(name, str) for name in names):
            raise RuleError(f"{place}: channels", "is not a list of names.", 'Write ["telegram", "email"].')
        for name in names:
            if self._channels and name not in self._channels:
                raise RuleError(
                    f"{place}: channels", f"{name!r} is not configured.", nearest(name, self._channels)
                )
        return tuple(names)


def _default_name(
    spec: ReadingSpec, direction: Direction, raw: Any, select: Mapping[str, str], window: int | None
) -> str:
    """Says what the rule is, so that an edited rule is another rule with a fresh state."""
    where = "".join(f" {value}" for value in select.values())
    over = f" over {window}s" if window is not None else ""
    return f"{spec.key}{where} {direction} {raw}{over}"
