"""Laws: whatever is appended, taken again, filled in or rolled back, the sums are those of the rows."""

from __future__ import annotations

import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.domain import Block, BlockRow, Gap, GapKind
from monitor.errors import BrokenLink, ChainError
from monitor.store import coverage, gaps, history, ledger, maintenance
from monitor.store.frames import Frame
from monitor.store.periods import Period, end_of, start_of
from monitor.store.totals import NOTHING, Totals, read
from monitor.units import BlockNumber, UnixTime
from tests.support.databases import new_database
from tests.support.ledger_model import time_of, totals_of, varied_block

AT = UnixTime(1_800_000_000)
ORIGIN = 1_000
HIGHEST = ORIGIN + 900

numbers = st.integers(ORIGIN, HIGHEST)
sizes = st.integers(1, 60)


class LedgerMachine(RuleBasedStateMachine):
    """A chain that reorganises, seen in pieces, in any order, some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.db = new_database(self.folder / "laws.db")
        self.branch = [""] * (HIGHEST + 200)
        self.rows: dict[int, BlockRow] = {}
        self.head: int | None = None
        self.lowest_ancestor = 0
        self.branches = 0

    def teardown(self) -> None:
        self.db.close()
        shutil.rmtree(self.folder)

    def _block(self, number: int) -> Block:
        return varied_block(number, self.branch[number], self.branch[number - 1])

    def _append(self, wanted: list[int]) -> None:
        blocks = [self._block(number) for number in wanted]
        ledger.append(self.db, blocks, AT)
        self.rows.update({block.row.number: block.row for block in blocks})
        self.head = max(wanted[-1], self.head or 0)

    @rule(size=sizes, hole=st.integers(0, 3))
    def follow(self, size: int, hole: int) -> None:
        """New blocks at the head, sometimes after a hole."""
        first = (self.head or ORIGIN + 400) + 1 + hole
        if first + size < HIGHEST:
            self._append(list(range(first, first + size)))

    @rule(first=numbers, size=sizes)
    def backfill(self, first: int, size: int) -> None:
        """Any range below the head: filled in, overlapped, or taken a second time."""
        last = min(first + size, self.head or first + size)
        if first <= last:
            self._append(list(range(first, last + 1)))

    @rule(first=numbers, picks=st.sets(st.integers(0, 50), min_size=1))
    def backfill_pieces(self, first: int, picks: set[int]) -> None:
        """Ranges with holes in one call."""
        wanted = sorted(first + pick for pick in picks if first + pick <= (self.head or HIGHEST))
        if wanted:
            self._append(wanted)

    @precondition(lambda self: self.head is not None)
    @rule(depth=st.integers(1, 64), size=sizes)
    def reorg(self, depth: int, size: int) -> None:
        """The last blocks are replaced by another branch of any length."""
        assert self.head is not None
        ancestor = self.head - depth
        if ancestor not in self.rows or ledger.recent_ref(self.db, BlockNumber(ancestor)) is None:
            return
        if ancestor < (ledger.finalized(self.db) or 0):
            with pytest.raises(ChainError):
                ledger.rollback_to(self.db, self._block(ancestor).ref, AT)
            return
        gone = [row for number, row in self.rows.items() if number > ancestor]
        self.branches += 1
        for number in range(ancestor + 1, len(self.branch)):
            self.branch[number] = str(self.branches)
        new = [self._block(number) for number in range(ancestor + 1, ancestor + 1 + size)]
        ledger.replace_branch(self.db, self._block(ancestor).ref, new, AT)
        self.rows = {number: row for number, row in self.rows.items() if number <= ancestor}
        self.rows.update({block.row.number: block.row for block in new})
        self.head = ancestor + size
        logged = history.reorgs(self.db, 1)[0]
        expected = totals_of(gone)
        assert (logged.burn_wei, logged.burn_unknown) == (expected.burn_wei, expected.burn_unknown)
        assert (logged.blob_burn_wei, logged.reorg.depth) == (expected.blob_burn_wei, depth)

    @rule(number=numbers)
    def foreign_block(self, number: int) -> None:
        """A block of another branch never gets in between blocks that are linked."""
        if {number - 1, number, number + 1} <= self.rows.keys():
            before = coverage.ranges(self.db)
            stranger = varied_block(number, "stranger", self.branch[number - 1])
            # Deep inside a range its own hash is no longer kept: the successor proves it.
            with pytest.raises(BrokenLink):
                ledger.append(self.db, [stranger, self._block(number + 1)], AT)
            assert coverage.ranges(self.db) == before

    @precondition(lambda self: len(self.rows) > 0)
    @rule(data=st.data(), above=st.booleans())
    def foreign_neighbour(self, data: st.DataObject, above: bool) -> None:
        """Nor does it attach to either end of a range."""
        ranges = coverage.ranges(self.db)
        part = data.draw(st.sampled_from(ranges))
        number = part.last + 1 if above else part.first - 1
        stranger = varied_block(number, "stranger", "stranger")
        with pytest.raises(BrokenLink):
            ledger.append(self.db, [stranger], AT)
        assert coverage.ranges(self.db) == ranges

    @precondition(lambda self: self.head is not None)
    @rule(depth=st.integers(1, 20))
    def roll_back(self, depth: int) -> None:
        """The branch that follows is not there yet."""
        assert self.head is not None
        ancestor = self.head - depth
        known = ledger.recent_ref(self.db, BlockNumber(ancestor))
        if ancestor not in self.rows or known is None or ancestor < (ledger.finalized(self.db) or 0):
            return
        ledger.rollback_to(self.db, known, AT)
        self.rows = {number: row for number, row in self.rows.items() if number <= ancestor}
        self.head = ancestor

    @rule(first=numbers, size=sizes)
    def gap(self, first: int, size: int) -> None:
        """What is not stored may be recorded as a gap; what is stored never is."""
        gaps.open_gap(
            self.db, Gap(GapKind.BLOCKS, BlockNumber(first), BlockNumber(first + size), "made up"), AT
        )

    @precondition(lambda self: self.head is not None)
    @rule(back=st.integers(0, 100))
    def prune(self, back: int) -> None:
        """Old hashes go; what is finalized stays where it is."""
        assert self.head is not None
        floor = max(ledger.finalized(self.db) or 0, self.head - 64 - back)
        if back % 2:
            ledger.prune(self.db, None)
        elif floor <= self.head - 64:
            ledger.prune(self.db, BlockNumber(floor))

    @invariant()
    def coverage_is_what_is_stored(self) -> None:
        ranges = coverage.ranges(self.db)
        covered = {n for part in ranges for n in range(part.first, part.last + 1)}
        assert covered == self.rows.keys()
        assert all(low.last + 1 < high.first for low, high in pairwise(ranges))
        for record in gaps.open_gaps(self.db, GapKind.BLOCKS):
            assert not covered & set(range(record.gap.first, record.gap.last + 1))

    @rule(data=st.data())
    def frames_add_up(self, data: st.DataObject) -> None:
        """Any frame equals the sum of its rows, and the parts of a series the frame."""
        edges = st.integers(time_of(ORIGIN) - 5_000, time_of(HIGHEST) + 5_000)
        start, end = sorted((data.draw(edges), data.draw(edges)))
        got = history.frame(self.db, UnixTime(start), UnixTime(end))
        inside = [row for row in self.rows.values() if start <= row.timestamp < end]
        assert got.totals == totals_of(inside)
        self._check_coverage(got, {row.number for row in inside})
        period = data.draw(st.sampled_from(Period))
        parts = history.series(self.db, UnixTime(start), UnixTime(end), period)
        self._check_series(parts, got, period)

    def _check_coverage(self, frame: Frame, inside: set[int]) -> None:
        """Judged against the whole chain, of which the store has seen a part."""
        assert frame.start is not None
        assert frame.end is not None
        seen = frame.coverage
        chain = {n for n in range(len(self.branch)) if frame.start <= time_of(n) < frame.end}
        assert seen.stored == len(inside)
        unseen = len(chain) - len(inside)
        if seen.complete:
            assert unseen == 0 or max(chain) > (self.head or 0)
        if not (seen.starts_late or seen.ends_early):
            assert seen.missing <= unseen <= seen.missing + seen.maybe_missing

    def _check_series(self, parts: tuple[Frame, ...], whole: Frame, period: Period) -> None:
        total = NOTHING
        for part in parts:
            total = total.plus(part.totals)
            assert part.start is not None
            assert part.end is not None
            rows = [row for row in self.rows.values() if part.start <= row.timestamp < part.end]
            assert part.totals == totals_of(rows)
            assert start_of(period, part.start) == start_of(period, UnixTime(part.end - 1))
            assert history.frame(self.db, part.start, part.end).coverage == part.coverage
        assert total == whole.totals
        for one, after in pairwise(parts):
            assert one.end == after.start

    @rule()
    def rollups_are_what_the_rows_say(self) -> None:
        """Every hour and day, recomputed in Python from the rows alone."""
        for period in (Period.HOUR, Period.DAY):
            expected: dict[int, list[BlockRow]] = {}
            for row in self.rows.values():
                expected.setdefault(start_of(period, row.timestamp), []).append(row)
            stored = self.db.rows(f"SELECT * FROM rollup_{period} ORDER BY start")
            got: dict[int, tuple[int, int, Totals]] = {
                row[0]: (row[1], row[2], read(row[1:])) for row in stored
            }
            assert got == {
                start: (min(r.number for r in rows), max(r.number for r in rows), totals_of(rows))
                for start, rows in expected.items()
            }
            assert all(end_of(period, UnixTime(start)) > start for start in got)

    @rule()
    def the_file_is_sound(self) -> None:
        assert maintenance.integrity_problems(self.db) == ()
        at = ledger.cursor(self.db)
        assert (at.number if at else None) == self.head
        if at is not None and self.head in self.rows:
            assert at == self._block(at.number).ref


LedgerMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLaws = LedgerMachine.TestCase
