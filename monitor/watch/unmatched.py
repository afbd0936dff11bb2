"""Rules that have nothing to look at: a name that was misspelt would be silent for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alerts.compose import notice
from alerts.engine import selects
from alerts.model import Kind, Message, Reading, Rule, Severity
from alerts.telling import digest
from monitor.readings.catalogue import CATALOGUE

PATIENCE_S = 900
"""Block time; the slowest reading is made every few minutes."""
ORDINARY = frozenset(str(table["name"]) for table in CATALOGUE.defaults)
"""Rules that may well have nothing: no fork is ahead most of the time."""


@dataclass
class Unmatched:
    """Which rules found no reading since the watchlist was taken up."""

    _since: int | None = None
    _left: dict[str, Rule] = field(default_factory=dict[str, Rule])
    _told: bool = False

    def restart(self) -> None:
        """The watchlist is another one."""
        self._since, self._told = None, False

    def look(self, rules: Sequence[Rule], readings: Sequence[Reading], time: int) -> Message | None:
        """What to tell, once, when the patience is over; `readings` are those of a block at `time`."""
        if self._told:
            return None
        if self._since is None:
            self._since = time
            self._left = {rule.name: rule for rule in rules if self._is_expected(rule)}
        self._left = {
            name: rule
            for name, rule in self._left.items()
            if not any(selects(rule, reading) for reading in readings)
        }
        if time - self._since < PATIENCE_S:
            return None
        self._told = True
        return _message(sorted(self._left), time) if self._left else None

    @staticmethod
    def _is_expected(rule: Rule) -> bool:
        return rule.spec.kind is Kind.GAUGE and rule.spec.on_chain and rule.name not in ORDINARY


def _message(names: Sequence[str], time: int) -> Message:
    one = len(names) == 1
    return notice(
        digest("unmatched", *names),
        f"{len(names)} {'rule has' if one else 'rules have'} nothing to look at",
        f"{'; '.join(names[:10])}{'; and others' if len(names) > 10 else ''}. "
        "As things are this cannot alert: the wallet has no position, or a name in the watchlist is not one that is read.",
        Severity.INFO,
        time,
    )
