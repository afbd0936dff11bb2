"""A backfill into a real database: resumed, beside a live head, with gaps, against a lying node."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from monitor.chain.bulk import ReadBlocks
from monitor.chain.pace import Pace
from monitor.domain import Block, BlockRef, BurnRule, GapKind
from monitor.errors import BadAnswer, BrokenLink, NodeUnavailable
from monitor.past.blocks import ATTEMPTS, WRITE_BLOCKS, Backfilled, run_backfill
from monitor.store import coverage, gaps, ledger
from monitor.store.database import Database, open_beside
from tests.support.clock import ManualClock
from tests.support.databases import chain, new_database

LENGTH = 5_000
CHAIN = chain(0, LENGTH - 1)
TIP = CHAIN[-1]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A daemon follows the head: its newest block is stored."""
    with new_database(tmp_path / "ethmon.db") as database:
        ledger.append(database, [TIP], TIP.ref.timestamp)
        yield database


def node(first: int, last: int) -> Sequence[Block]:
    return CHAIN[first : last + 1]


def backfill(
    db: Database,
    read: ReadBlocks = node,
    first: int = 0,
    last: int = LENGTH - 1,
    *,
    cancel: threading.Event | None = None,
    seen: list[Backfilled] | None = None,
    in_flight: int = 3,
    source: ForkingNode | None = None,
) -> Backfilled:
    def progress(state: Backfilled) -> None:
        if seen is not None:
            seen.append(state)
            if cancel is not None:
                cancel.set()

    return run_backfill(
        read,
        db,
        first,  # type: ignore[arg-type]
        last,  # type: ignore[arg-type]
        clock=ManualClock(),
        cancel=cancel or threading.Event(),
        progress=progress,
        pace=Pace(in_flight, in_flight),
        source=source,
        pause_s=0.0,
    )


def stored(db: Database) -> list[tuple[object, ...]]:
    return [
        tuple(row) for row in db.rows(f"SELECT {', '.join(CHAIN[0].row._fields)} FROM block ORDER BY number")
    ]


def test_every_block_is_stored_once_and_the_cursor_stays(db: Database) -> None:
    seen: list[Backfilled] = []
    done = backfill(db, seen=seen)
    assert done == Backfilled(total=LENGTH - 1, stored=LENGTH - 1, unreadable=0)
    assert stored(db) == [tuple(block.row) for block in CHAIN]
    (covered,) = coverage.ranges(db)
    assert (covered.first, covered.last) == (0, LENGTH - 1)
    assert ledger.cursor(db) == TIP.ref
    assert [state.left for state in seen] == sorted((state.left for state in seen), reverse=True)
    assert seen[-1] == done


def test_newest_blocks_come_first(db: Database) -> None:
    cancel = threading.Event()
    backfill(db, cancel=cancel, seen=[], in_flight=1)
    assert db.row("SELECT min(number) FROM block")[0] > LENGTH - 2 * WRITE_BLOCKS - 200


def test_a_cancelled_backfill_goes_on_where_it_was(db: Database) -> None:
    cancel, asked = threading.Event(), list[tuple[int, int]]()

    def read(first: int, last: int) -> Sequence[Block]:
        asked.append((first, last))
        return node(first, last)

    begun = backfill(db, read, cancel=cancel, seen=[])
    assert 0 < begun.stored < LENGTH - 1
    assert begun.left == LENGTH - 1 - begun.stored
    asked.clear()
    rest = backfill(db, read)
    assert rest.total == rest.stored == begun.left
    assert sum(last - first + 1 for first, last in asked) == rest.total
    assert stored(db) == [tuple(block.row) for block in CHAIN]


def test_what_was_read_before_the_node_went_away_is_kept(db: Database) -> None:
    cancel = threading.Event()

    def read(first: int, last: int) -> Sequence[Block]:
        if first < 1_500:
            cancel.set()
            raise NodeUnavailable("node", "gone")
        return node(first, last)

    done = backfill(db, read, cancel=cancel, in_flight=1)
    assert 0 < done.stored < LENGTH - 1_500
    assert coverage.missing_ranges(db, 0, LENGTH - 1)[-1][1] == LENGTH - 2 - done.stored  # type: ignore[arg-type]


def test_the_head_goes_on_beside_a_backfill(db: Database) -> None:
    head = chain(LENGTH, LENGTH + 59)
    heads, failures = iter(head), list[Exception]()

    def follow() -> None:
        try:
            with db.sibling() as mine:
                for block in heads:
                    ledger.append(mine, [block], block.ref.timestamp)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    daemon = threading.Thread(target=follow)

    def read(first: int, last: int) -> Sequence[Block]:
        if not daemon.ident:
            daemon.start()
        return node(first, last)

    backfill(db, read, in_flight=1)
    daemon.join()
    assert not failures
    (covered,) = coverage.ranges(db)
    assert (covered.first, covered.last) == (0, LENGTH + 59)
    assert ledger.cursor(db) == head[-1].ref
    assert stored(db) == [tuple(block.row) for block in [*CHAIN, *head]]


def test_unreadable_blocks_are_gap_rows_until_they_can_be_read(db: Database) -> None:
    def read(first: int, last: int) -> Sequence[Block]:
        if first <= 4_321 <= last:
            raise BadAnswer("node", "block 4321 holds not a hex quantity.")
        return node(first, last)

    done = backfill(db, read, first=4_000)
    assert done == Backfilled(total=LENGTH - 1 - 4_000, stored=LENGTH - 2 - 4_000, unreadable=1)
    assert done.left == 0
    (record,) = gaps.open_gaps(db)
    assert (record.gap.first, record.gap.last, record.gap.cause) == (
        4_321,
        4_321,
        "block 4321 holds not a hex quantity.",
    )
    again = backfill(db, first=4_000)
    assert again == Backfilled(total=1, stored=1, unreadable=0)
    assert gaps.open_gaps(db) == ()


def test_what_blocks_do_not_tell_is_a_gap_row_too(db: Database) -> None:
    def read(first: int, last: int) -> Sequence[Block]:
        blocks = node(first, last)
        return [
            Block(ref, row._replace(burn_rule=BurnRule.RECEIPTS, blob_base_fee_wei=None))
            if 4_400 <= ref.number < 4_500
            else Block(ref, row)
            for ref, row in blocks
        ]

    done = backfill(db, read, first=4_000)
    assert (done.unreadable, done.left) == (0, 0)
    found = {(one.gap.kind, one.gap.first, one.gap.last) for one in gaps.open_gaps(db)}
    assert found == {(GapKind.RECEIPTS, 4_400, 4_499), (GapKind.BLOB_FEE, 4_400, 4_499)}


def test_what_a_backfill_leaves_out_below_the_new_cursor_is_a_gap_until_it_is_read(tmp_path: Path) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        ledger.append(db, node(0, 9), CHAIN[9].ref.timestamp)
        cancel = threading.Event()
        backfill(db, cancel=cancel, seen=[], in_flight=1)
        assert ledger.cursor(db) == TIP.ref
        assert sum(one.gap.last - one.gap.first + 1 for one in gaps.open_gaps(db)) == sum(
            last - first + 1
            for first, last in coverage.missing_ranges(db, 0, LENGTH - 1)  # type: ignore[arg-type]
        )
        assert gaps.open_gaps(db)
        backfill(db)
        assert gaps.open_gaps(db) == ()


def test_blocks_of_another_branch_are_never_counted(db: Database) -> None:
    with pytest.raises(BrokenLink):
        backfill(db, lambda first, last: chain(first, last, branch="other"), first=4_500)
    assert stored(db) == [tuple(TIP.row)]
    assert coverage.missing_ranges(db, 4_500, LENGTH - 2) == ((4_500, LENGTH - 2),)  # type: ignore[arg-type]


class ForkingNode:
    """Blocks of one branch; from the read that reaches `turn` on, those above `fork` are of another."""

    def __init__(self, turn: int, fork: int, final: int = 0) -> None:
        self.chain, self.turn, self.fork, self.final = list(CHAIN), turn, fork, final
        self.flips = 1

    def read(self, first: int, last: int) -> Sequence[Block]:
        if first <= self.turn <= last and self.flips:
            self.flips -= 1
            name = f"other {self.flips}"
            new = chain(self.fork + 1, LENGTH, branch=name, parent_branch="")
            self.chain[self.fork + 1 :] = new
        return self.chain[first : last + 1]

    def head(self) -> BlockRef:
        return self.chain[-1].ref

    def finalized(self) -> BlockRef | None:
        return self.chain[self.final].ref

    def ref(self, number: int) -> BlockRef | None:
        return self.chain[number].ref if number < len(self.chain) else None

    def blocks(self, first: int, last: int) -> Sequence[Block]:
        return self.chain[first : last + 1]

    def block_by_hash(self, block_hash: str) -> Block | None:
        return next((one for one in self.chain if one.ref.hash == block_hash), None)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Database]:
    """No daemon runs."""
    new_database(tmp_path / "ethmon.db").close()
    with open_beside(tmp_path / "ethmon.db") as database:
        yield database


@pytest.mark.parametrize(("turn", "fork"), [(4_700, 4_650), (1_500, 1_450), (2_950, 2_900), (100, 20)])
def test_a_head_that_reorganises_meanwhile_is_read_again(alone: Database, turn: int, fork: int) -> None:
    """The break may lie in what is held, or at a joint with what is stored already."""
    node = ForkingNode(turn, fork)
    done = backfill(alone, node.read, in_flight=1, source=node)
    assert (done.left, done.unreadable) == (0, 0)
    assert stored(alone) == [tuple(block.row) for block in node.chain[:LENGTH]]
    (covered,) = coverage.ranges(alone)
    assert (covered.first, covered.last_hash) == (0, node.chain[LENGTH - 1].ref.hash)
    assert gaps.open_gaps(alone) == ()


def test_a_break_below_the_finalized_block_is_an_error(alone: Database) -> None:
    node = ForkingNode(1_500, 1_450, final=2_000)
    with pytest.raises(BrokenLink):
        backfill(alone, node.read, in_flight=1, source=node)


def test_a_node_that_never_settles_is_an_error_at_last(alone: Database) -> None:
    node = ForkingNode(4_700, 4_650)
    node.flips = 99
    with pytest.raises(BrokenLink):
        backfill(alone, node.read, first=4_000, in_flight=1, source=node)
    assert 99 - node.flips == ATTEMPTS + 1


def test_nothing_missing_asks_nothing(db: Database) -> None:
    def read(_first: int, _last: int) -> Sequence[Block]:
        raise AssertionError("asked")

    assert backfill(db, read, LENGTH - 1, LENGTH - 1) == Backfilled(0, 0, 0)
