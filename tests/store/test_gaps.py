"""Gaps: merged, split, tried, closed; a block is in one open gap of a kind at most."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.domain import BurnRule, Gap, GapKind
from monitor.store import coverage, gaps, ledger
from monitor.store.database import Database
from monitor.units import BlockNumber, Gas, UnixTime
from tests.support.databases import block, chain

AT = UnixTime(1_800_000_000)


def gap(first: int, last: int, cause: str = "timed out", kind: GapKind = GapKind.BLOCKS) -> Gap:
    return Gap(kind, BlockNumber(first), BlockNumber(last), cause)


def open_ranges(db: Database, kind: GapKind | None = None) -> list[tuple[int, int, str]]:
    return [(r.gap.first, r.gap.last, r.gap.cause) for r in gaps.open_gaps(db, kind)]


def test_neighbours_of_the_same_cause_become_one(db: Database) -> None:
    gaps.open_gap(db, gap(10, 12), AT)
    gaps.open_gap(db, gap(16, 20), UnixTime(AT + 1))
    gaps.open_gap(db, gap(13, 15), UnixTime(AT + 2))
    assert open_ranges(db) == [(10, 20, "timed out")]
    assert gaps.open_gaps(db)[0].opened_at == AT


def test_another_cause_stands_beside_and_never_over(db: Database) -> None:
    gaps.open_gap(db, gap(10, 12), AT)
    gaps.open_gap(db, gap(11, 15, "bad answer"), AT)
    gaps.open_gap(db, gap(5, 20, "third"), AT)
    assert open_ranges(db) == [
        (5, 9, "third"),
        (10, 12, "timed out"),
        (13, 15, "bad answer"),
        (16, 20, "third"),
    ]


def test_kinds_do_not_touch_each_other(db: Database) -> None:
    for kind in GapKind:
        gaps.open_gap(db, gap(10, 12, kind=kind), AT)
    assert len(gaps.open_gaps(db)) == 3
    gaps.close(db, GapKind.RECEIPTS, BlockNumber(0), BlockNumber(99), AT)
    assert open_ranges(db, GapKind.RECEIPTS) == []
    assert len(gaps.open_gaps(db)) == 2


def test_what_is_stored_is_no_gap_of_blocks(db: Database) -> None:
    ledger.append(db, chain(12, 14), AT)
    gaps.open_gap(db, gap(10, 20), AT)
    assert open_ranges(db) == [(10, 11, "timed out"), (15, 20, "timed out")]
    gaps.open_gap(db, gap(13, 14), AT)
    assert len(gaps.open_gaps(db)) == 2


def test_closing_the_middle_leaves_both_ends_open(db: Database) -> None:
    gaps.open_gap(db, gap(10, 20), AT)
    gaps.record_attempt(db, gaps.open_gaps(db)[0], UnixTime(AT + 5), "refused")
    gaps.close(db, GapKind.BLOCKS, BlockNumber(13), BlockNumber(15), UnixTime(AT + 9))
    assert open_ranges(db) == [(10, 12, "refused"), (16, 20, "refused")]
    closed = [record for record in gaps.all_gaps(db) if record.closed_at is not None]
    assert [(r.gap.first, r.gap.last, r.closed_at) for r in closed] == [(13, 15, AT + 9)]
    assert {(r.attempts, r.last_attempt_at, r.opened_at) for r in gaps.all_gaps(db)} == {(1, AT + 5, AT)}


def test_appending_closes_what_it_fills(db: Database) -> None:
    gaps.open_gap(db, gap(10, 20), AT)
    ledger.append(db, chain(12, 15), UnixTime(AT + 3))
    assert open_ranges(db) == [(10, 11, "timed out"), (16, 20, "timed out")]


def test_receipts_close_only_when_they_are_there(db: Database) -> None:
    item = block(5)
    unread = item._replace(row=item.row._replace(burn_rule=BurnRule.RECEIPTS))
    ledger.append(db, [unread], AT)
    gaps.open_gap(db, gap(5, 5, kind=GapKind.RECEIPTS), AT)
    ledger.append(db, [unread], AT)
    assert open_ranges(db) == [(5, 5, "timed out")]
    ledger.append(db, [unread._replace(row=unread.row._replace(receipt_gas=Gas(21_000)))], AT)
    assert open_ranges(db) == []


def test_the_blob_fee_closes_only_when_it_is_known(db: Database) -> None:
    blocks = chain(5, 9)
    doubt = [b._replace(row=b.row._replace(blob_base_fee_wei=None)) for b in blocks]
    ledger.append(db, doubt, AT)
    gaps.open_gap(db, gap(5, 9, "schedule", GapKind.BLOB_FEE), AT)
    ledger.append(db, [blocks[0], doubt[1], blocks[2], blocks[3], doubt[4]], AT)
    assert open_ranges(db) == [(6, 6, "schedule"), (9, 9, "schedule")]


def test_missing_ranges_are_the_complement(db: Database) -> None:
    ledger.append(db, [*chain(10, 20), *chain(30, 40)], AT)

    def missing(first: int, last: int) -> list[tuple[int, int]]:
        return list(coverage.missing_ranges(db, BlockNumber(first), BlockNumber(last)))

    assert missing(0, 50) == [(0, 9), (21, 29), (41, 50)]
    assert missing(10, 20) == missing(15, 15) == []
    assert missing(21, 29) == [(21, 29)]
    assert missing(25, 35) == [(25, 29)]
    assert missing(41, 41) == [(41, 41)]
    assert missing(9, 10) == [(9, 9)]


operations = st.lists(
    st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 12), st.sampled_from(["a", "b"])),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_any_order_of_opening_and_closing(db: Database, steps: list[tuple[bool, int, int, str]]) -> None:
    """Against a set of numbers; and neighbours of one cause are never two rows."""
    with db.transaction() as connection:
        connection.execute("DELETE FROM gap")
    blind: dict[int, str] = {}
    for opens, first, size, cause in steps:
        wanted = range(first, first + size + 1)
        if opens:
            gaps.open_gap(db, gap(first, first + size, cause, GapKind.RECEIPTS), AT)
            blind = dict.fromkeys(wanted, cause) | blind
        else:
            gaps.close(db, GapKind.RECEIPTS, BlockNumber(first), BlockNumber(first + size), AT)
            blind = {number: why for number, why in blind.items() if number not in wanted}
    rows = open_ranges(db)
    listed = [(number, cause) for low, high, cause in rows for number in range(low, high + 1)]
    assert len(listed) == len(dict(listed))
    assert dict(listed) == blind
