"""Correlations that rules ask for: judged when a UTC day has settled, the same on a replay.

A day's closes are those before its midnight, so what is told at a block depends on its time alone, once
they are stored; until then it cannot be seen. Between midnights no close is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alerts.model import BlockStamp, Reading, Rule
from monitor.comovement import Others, settled_day
from monitor.errors import EthmonError
from monitor.macro.correlation import Return, at_day, change
from monitor.readings.correlation import CHANGE_KEY, KEY, change_reading, correlation_reading
from monitor.store import closes
from monitor.store.database import Database
from monitor.units import SECONDS_PER_DAY, UnixTime

FEED_SOURCE = "Chainlink rounds"


@dataclass
class ComovementWatch:
    """Remembers what it found, until another day settles, closes arrive or a file changes."""

    others: Others = field(default_factory=Others)
    _mark: tuple[object, ...] = ()
    _names: Sequence[str] = ()
    _returns: dict[str, list[Return] | str] = field(default_factory=dict[str, list[Return] | str])

    def prepare(self, rules: Sequence[Rule]) -> None:
        """Read the user's files before anything is written."""
        if _wanted(rules):
            self.others.read_files()

    def readings(self, db: Database, rules: Sequence[Rule], at: BlockStamp) -> Iterator[Reading]:
        """Of every series and window that a rule asks for; nothing where none asks."""
        wanted = _wanted(rules)
        if not wanted:
            return
        day = settled_day(at.time)
        self._refresh(db, day)
        places = {
            (key, one, window) for key, name, window in wanted for one in ([name] if name else self._names)
        }
        for key, name, window in sorted(places):
            returns, days, source = self._of(db, name, day), window // SECONDS_PER_DAY, self._source(name)
            if key == KEY:
                found = returns if isinstance(returns, str) else at_day(returns, day, days)
                yield correlation_reading(name, window, found, at, source)
            else:
                moved = returns if isinstance(returns, str) else change(returns, day, days)
                yield change_reading(name, window, moved, at, source)

    def _refresh(self, db: Database, day: int) -> None:
        mark = (day, closes.mark(db), self.others.mark())
        if mark != self._mark:
            self._mark, self._names = mark, self.others.names(db)
            self._returns.clear()

    def _of(self, db: Database, name: str, day: int) -> list[Return] | str:
        if name not in self._returns:
            try:
                self.others.refuse_half_read(db, name, day)
                self._returns[name] = self.others.returns(db, name, UnixTime((day + 1) * SECONDS_PER_DAY))
            except EthmonError as error:
                self._returns[name] = str(error)
        return self._returns[name]

    def _source(self, name: str) -> str:
        one = next((one for one in self.others.series if one.name == name), None)
        return FEED_SOURCE if one is None else f"{name}: {one.source or one.file.name}, as the user gave it"


def _wanted(rules: Sequence[Rule]) -> set[tuple[str, str, int]]:
    """Key, series (empty: every one that there is) and window."""
    return {
        (rule.spec.key, rule.select.get("with", ""), rule.window_s)
        for rule in rules
        if rule.spec.key in {KEY, CHANGE_KEY} and rule.window_s is not None
    }
