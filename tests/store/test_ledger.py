"""Appending, the cursor, links, rollback and what every table does then."""

from __future__ import annotations

import pytest

from monitor.domain import Block, BlockRow, BurnRule, Gap, GapKind
from monitor.errors import BrokenLink, ChainError, StoreError
from monitor.store import coverage, gaps, history, ledger, maintenance, rollback, schema
from monitor.store.database import Database
from monitor.units import MAX_INT64, BlockNumber, Gas, UnixTime, Wei
from tests.support.databases import block, block_hash, chain, ref

AT = UnixTime(1_800_000_000)


def test_the_cursor_follows_the_head_and_not_the_backfill(db: Database) -> None:
    ledger.append(db, chain(100, 110), AT)
    ledger.append(db, chain(50, 80), AT)
    assert ledger.cursor(db) == ref(110)
    ledger.append(db, chain(111, 111), AT)
    assert ledger.cursor(db) == ref(111)


def test_rows_come_back_as_they_were_stored(db: Database) -> None:
    rows = [item.row for item in chain(100, 120)]
    ledger.append(db, chain(100, 120), AT)
    assert list(history.blocks(db, BlockNumber(0), BlockNumber(1000))) == rows
    assert history.head(db) == rows[-1]
    assert history.recent_blocks(db, 2) == (rows[-1], rows[-2])
    assert history.block(db, BlockNumber(105)) == rows[5]
    assert history.block(db, BlockNumber(99)) is None


def test_nothing_is_appended_when_there_is_nothing(db: Database) -> None:
    ledger.append(db, [], AT)
    assert ledger.cursor(db) is None
    assert history.head(db) is None


def test_a_block_taken_again_with_less_keeps_what_was_known(db: Database) -> None:
    full = block(100)
    full = full._replace(row=full.row._replace(burn_rule=BurnRule.RECEIPTS, receipt_gas=Gas(21_000)))
    bare = full.row._replace(receipt_gas=None, tx_count=None, withdrawal_count=None, withdrawals_gwei=None)
    ledger.append(db, [full], AT)
    ledger.append(db, [full._replace(row=bare)], AT)
    assert history.head(db) == full.row


def test_a_blob_fee_that_came_into_doubt_is_not_kept(db: Database) -> None:
    full = block(100)
    ledger.append(db, [full], AT)
    ledger.append(db, [full._replace(row=full.row._replace(blob_base_fee_wei=None))], AT)
    frame = history.frame(db)
    assert (frame.totals.blob_burn_wei, frame.totals.blob_burn_unknown) == (0, 1)


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(chain(111, 112, parent_branch="other"), id="above the head"),
        pytest.param(chain(90, 99, branch="other"), id="below the first"),
        pytest.param([block(105, branch="other")], id="in place of a recent one"),
        pytest.param([block(120), block(121, parent_branch="other")], id="between two new ones"),
        pytest.param([*chain(95, 104), *chain(105, 112, branch="other")], id="over an end"),
    ],
)
def test_blocks_that_do_not_link_are_refused_whole(db: Database, blocks: list[Block]) -> None:
    ledger.append(db, chain(100, 110), AT)
    before = coverage.ranges(db)
    with pytest.raises(BrokenLink):
        ledger.append(db, blocks, AT)
    assert coverage.ranges(db) == before
    assert history.frame(db).totals.blocks == 11
    assert ledger.cursor(db) == ref(110)
    assert maintenance.integrity_problems(db) == ()


def test_a_broken_link_names_both_claims(db: Database) -> None:
    ledger.append(db, chain(100, 110), AT)
    with pytest.raises(BrokenLink) as caught:
        ledger.append(db, [block(111, parent_branch="other")], AT)
    assert caught.value.number == 110
    assert set(caught.value.claims) == {block_hash(110), block_hash(110, "other")}


def test_a_cursor_without_rows_is_linked_to_as_well(db: Database) -> None:
    ledger.set_cursor(db, ref(99))
    with pytest.raises(BrokenLink):
        ledger.append(db, [block(100, parent_branch="other")], AT)
    ledger.append(db, [block(100)], AT)
    with pytest.raises(StoreError, match="set already"):
        ledger.set_cursor(db, ref(5))


def test_blocks_must_ascend_in_number_and_never_fall_in_time(db: Database) -> None:
    with pytest.raises(ValueError, match="ascend"):
        ledger.append(db, [block(101), block(100)], AT)
    ledger.append(db, chain(100, 110), AT)
    early = block(111)
    early = early._replace(row=early.row._replace(timestamp=UnixTime(1)))
    with pytest.raises(StoreError, match="Block 111 is dated 1, before block 110"):
        ledger.append(db, [early], AT)
    late = block(99)
    late = late._replace(row=late.row._replace(timestamp=UnixTime(1_900_000_000)))
    with pytest.raises(StoreError, match="Block 100 is dated"):
        ledger.append(db, [late], AT)


def test_equal_times_are_fine(db: Database) -> None:
    ledger.append(db, chain(0, 10, seconds=0), AT)
    assert history.frame(db).totals.blocks == 11


@pytest.mark.parametrize(
    ("fee", "gas"),
    [
        (MAX_INT64, 1),
        (1, MAX_INT64),
        (999_999_999, 9_000_000_000_999_999_999),
        (8_999_999_999_999_999_999, 999_999_999),
        (0, MAX_INT64),
        (MAX_INT64, 0),
        (3_000_000_007, 2_999_999_999),
    ],
)
def test_burn_is_exact_at_the_edges_of_64_bits(db: Database, fee: int, gas: int) -> None:
    item = block(5)
    row = item.row._replace(
        base_fee_wei=Wei(fee),
        gas_used=Gas(gas),
        blob_base_fee_wei=Wei(gas),
        blob_gas_used=fee,  # type: ignore[arg-type]
    )
    ledger.append(db, [item._replace(row=row)], AT)
    totals = history.frame(db).totals
    assert totals.burn_wei == totals.blob_burn_wei == fee * gas
    assert maintenance.integrity_problems(db) == ()


def test_a_burn_that_no_64_bits_hold_is_refused_not_rounded(db: Database) -> None:
    item = block(5)
    huge = item.row._replace(base_fee_wei=Wei(MAX_INT64), gas_used=Gas(10**9))
    with pytest.raises(StoreError, match="refused"):
        ledger.append(db, [item._replace(row=huge)], AT)
    over = item.row._replace(base_fee_wei=Wei(MAX_INT64 + 1))
    with pytest.raises(StoreError, match="exceeds 64 bits"):
        ledger.append(db, [item._replace(row=over)], AT)
    assert history.head(db) is None


def test_hashes_are_kept_below_the_head_and_above_finality(db: Database) -> None:
    ledger.append(db, chain(0, 999), AT)
    ledger.prune(db, BlockNumber(990))
    assert len(ledger.recent_refs(db, 10_000)) == ledger.KEEP_RECENT
    ledger.append(db, chain(1000, 1400), AT)
    assert ledger.recent_ref(db, BlockNumber(991)) == ref(991)
    assert ledger.prune(db, BlockNumber(1399)) == 1145 - 744
    assert len(ledger.recent_refs(db, 10_000)) == ledger.KEEP_RECENT
    assert ledger.recent_refs(db, 2) == (ref(1400), ref(1399))


def test_a_lagging_endpoint_does_not_take_finality_back(db: Database) -> None:
    ledger.append(db, chain(0, 10), AT)
    ledger.prune(db, BlockNumber(8))
    ledger.prune(db, BlockNumber(3))
    ledger.prune(db, None)
    assert ledger.finalized(db) == 8
    with pytest.raises(ChainError, match="below the finalized block 8"):
        ledger.rollback_to(db, ref(7), AT)
    assert ledger.rollback_to(db, ref(8), AT).depth == 2


def test_the_same_block_is_no_reorg(db: Database) -> None:
    ledger.append(db, chain(0, 10), AT)
    taken = ledger.rollback_to(db, ref(10), AT)
    assert (taken.depth, taken.burn_wei) == (0, 0)
    assert history.frame(db).totals.blocks == 11


@pytest.mark.parametrize("ancestor", [ref(5, branch="other"), ref(11)])
def test_a_rollback_to_a_block_that_is_not_ours_is_refused(db: Database, ancestor: object) -> None:
    ledger.append(db, chain(0, 10), AT)
    with pytest.raises(StoreError):
        ledger.rollback_to(db, ancestor, AT)  # type: ignore[arg-type]
    assert ledger.cursor(db) == ref(10)


def test_a_rollback_deeper_than_the_hashes_that_are_kept_is_refused(db: Database) -> None:
    """On a chain that never names a finalized block."""
    ledger.append(db, chain(0, 8_300), AT)
    assert ledger.prune(db, None) == 0  # what is below was never kept
    with pytest.raises(StoreError, match="Our block 100 has no hash kept any more"):
        ledger.rollback_to(db, ref(100), AT)
    assert ledger.rollback_to(db, ref(8_300 - ledger.KEEP_WITHOUT_FINALITY + 1), AT).depth == 8_191


def test_there_is_nothing_to_roll_back_before_the_first_block(db: Database) -> None:
    with pytest.raises(StoreError, match="no cursor"):
        ledger.rollback_to(db, ref(0), AT)


def test_a_young_ledger_may_lose_all_its_blocks(db: Database) -> None:
    """Started at block 100, and 100 was orphaned: the ancestor is below everything stored."""
    ledger.append(db, chain(100, 102), AT)
    new = chain(99, 104, branch="new", parent_branch="")
    reorg = ledger.replace_branch(db, ref(98), new, AT)
    assert (reorg.ancestor, reorg.depth, reorg.old_head, reorg.new_head) == (98, 4, ref(102), new[-1].ref)
    assert [part[:2] for part in coverage.ranges(db)] == [(99, 104)]


def test_a_reorg_is_logged_with_the_burn_taken_back(db: Database) -> None:
    old = chain(0, 10)
    ledger.append(db, old, AT)
    new = chain(8, 9, branch="new", parent_branch="")
    reorg = ledger.replace_branch(db, ref(7), new, AT)
    record = history.reorgs(db)[0]
    assert record.reorg == reorg
    assert (reorg.depth, reorg.old_head, reorg.new_head) == (3, old[10].ref, new[-1].ref)
    assert record.at == AT
    gone = [item.row for item in old[8:]]
    assert record.burn_wei == sum((row.base_fee_wei or 0) * row.gas_used for row in gone)
    assert record.blob_burn_wei == sum(
        (row.blob_base_fee_wei or 0) * (row.blob_gas_used or 0) for row in gone
    )
    assert ledger.recent_ref(db, BlockNumber(8)) == new[0].ref
    assert ledger.recent_ref(db, BlockNumber(10)) is None


def test_a_branch_that_cannot_be_stored_leaves_the_old_one(db: Database) -> None:
    ledger.append(db, chain(0, 10), AT)
    with pytest.raises(BrokenLink):
        ledger.replace_branch(db, ref(7), chain(8, 9, branch="new", parent_branch="nobody"), AT)
    assert ledger.cursor(db) == ref(10)
    assert history.reorgs(db) == ()


def test_sums_that_no_64_bits_hold_are_refused_too(db: Database) -> None:
    huge = [
        item._replace(row=item.row._replace(base_fee_wei=Wei(8 * 10**18), gas_used=Gas(10**9)))
        for item in chain(0, 1)
    ]
    with pytest.raises(StoreError, match="sum over blocks exceeds 64 bits"):
        ledger.append(db, huge, AT)
    assert history.head(db) is None


def test_rollups_are_right_wherever_the_chain_is_cut(db: Database) -> None:
    """At the edge of an hour, of a day, and inside both."""
    ledger.append(db, chain(0, 300, seconds=600), AT)
    for ancestor in range(299, -1, -7):
        ledger.rollback_to(db, ref(ancestor, seconds=600), AT)
        assert maintenance.rollup_problems(db) == ()
        hours = db.row("SELECT sum(blocks), max(last_block) FROM rollup_hour")
        assert tuple(hours) == tuple(db.row("SELECT sum(blocks), max(last_block) FROM rollup_day"))
        assert tuple(hours) == (ancestor + 1, ancestor)


def _tables(db: Database) -> list[str]:
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%sqlite_%'"
    return [name for (name,) in db.rows(sql)]


def _some_row(db: Database, table: str, column: str, number: int) -> tuple[str, list[object]]:
    """An INSERT that any strict table takes: the column types say what to put in."""
    names: list[str] = []
    values: list[object] = []
    for _, name, kind, _, _, key in db.rows("SELECT * FROM pragma_table_info(?)", table):
        if name == column:
            value: object = number
        else:
            fill = 1 if not key else number
            value = {"INTEGER": fill, "TEXT": f"text {number}", "REAL": 1.0, "BLOB": b"x", "ANY": 1}[kind]
        names.append(f'"{name}"')
        values.append(value)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values


def test_every_table_follows_from_blocks_or_says_why_not(db: Database) -> None:
    found = dict(rollback.block_tables(db))
    assert found["block"] == "number"
    assert {"block", "recent_block", "rollup_hour", "rollup_day"} <= found.keys()
    assert set(_tables(db)) - found.keys() == set(schema.KEPT_ON_ROLLBACK)
    assert not found.keys() & schema.KEPT_ON_ROLLBACK.keys()


def test_every_table_that_follows_from_blocks_is_emptied_above_the_ancestor(db: Database) -> None:
    """For tables of today and of tomorrow: filled by their declared types, foreign keys off."""
    ledger.append(db, chain(0, 60), AT)
    db.connection.execute("PRAGMA foreign_keys = OFF")
    db.connection.execute("PRAGMA ignore_check_constraints = ON")
    for table, column in rollback.block_tables(db):
        if table not in {"block", "recent_block", "rollup_hour", "rollup_day"}:
            for number in (40, 55):
                sql, values = _some_row(db, table, column, number)
                db.connection.execute(sql, values)
        above = db.row(f"SELECT count(*) FROM {table} WHERE {column} > 50")[0]
        assert above, table
    ledger.rollback_to(db, ref(50), AT)
    for table, column in rollback.block_tables(db):
        assert db.row(f"SELECT count(*) FROM {table} WHERE {column} > 50")[0] == 0, table
        assert db.row(f"SELECT count(*) FROM {table} WHERE {column} <= 50")[0] > 0, table


def test_rollback_finds_its_rows_by_an_index(db: Database) -> None:
    for table, column in rollback.block_tables(db):
        plan = db.rows(f"EXPLAIN QUERY PLAN DELETE FROM {table} WHERE {column} > 5")
        assert all("SEARCH" in row[3] for row in plan), f"{table} needs an index that begins with {column}"


def test_rollback_needs_no_order_of_tables(db: Database) -> None:
    """A parent emptied before its child is fine, as long as nothing refers to nothing at the end."""
    db.rows("CREATE TABLE a_parent (id INTEGER PRIMARY KEY, block_number INTEGER NOT NULL) STRICT")
    db.rows("CREATE TABLE b_child (block_number INTEGER NOT NULL, a INTEGER REFERENCES a_parent (id)) STRICT")
    ledger.append(db, chain(0, 10), AT)
    db.rows("INSERT INTO a_parent VALUES (1, 4), (2, 9)")
    db.rows("INSERT INTO b_child VALUES (4, 1), (9, 2)")
    ledger.rollback_to(db, ref(5), AT)
    assert db.rows("SELECT * FROM a_parent") == [(1, 4)]
    assert db.rows("SELECT * FROM b_child") == [(4, 1)]


def test_rollback_closes_the_gaps_of_the_lost_branch(db: Database) -> None:
    ledger.append(db, [*chain(0, 10), *chain(13, 20)], AT)
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(11), BlockNumber(12), "timed out"), AT)
    gaps.open_gap(db, Gap(GapKind.RECEIPTS, BlockNumber(4), BlockNumber(15), "timed out"), AT)
    ledger.rollback_to(db, ref(10), UnixTime(AT + 1))
    assert [record.gap for record in gaps.open_gaps(db)] == [
        Gap(GapKind.RECEIPTS, BlockNumber(4), BlockNumber(10), "timed out")
    ]


def test_a_header_row_is_a_row(db: Database) -> None:
    """What header mode and blocks before London leave out is None, and is counted, not added."""
    item = block(7)
    bare = BlockRow(
        number=item.row.number,
        timestamp=item.row.timestamp,
        gas_limit=Gas(30_000_000),
        gas_used=Gas(21_000),
        base_fee_wei=None,
        burn_rule=BurnRule.HEADER,
        receipt_gas=None,
        blob_gas_used=None,
        excess_blob_gas=None,
        blob_base_fee_wei=None,
        tx_count=None,
        withdrawal_count=None,
        withdrawals_gwei=None,
    )
    ledger.append(db, [item._replace(row=bare)], AT)
    totals = history.frame(db).totals
    assert (totals.burn_wei, totals.burn_unknown, totals.blob_burn_unknown) == (0, 0, 0)
    assert (totals.tx_unknown, totals.withdrawals_unknown) == (1, 1)
    assert totals.base_fee is totals.blob_fee is None
    assert history.head(db) == bare


@pytest.mark.parametrize(
    "offered",
    [
        pytest.param(chain(105, 115, branch="other"), id="over the upper end"),
        pytest.param(chain(95, 104, branch="other"), id="over the lower end"),
        pytest.param(chain(95, 115, branch="other"), id="over both"),
        pytest.param(chain(111, 115, branch="other"), id="next to the upper end"),
        pytest.param(chain(95, 99, branch="other"), id="next to the lower end"),
    ],
)
def test_old_ranges_prove_their_ends_without_kept_hashes(db: Database, offered: list[Block]) -> None:
    ledger.set_cursor(db, ref(1_000_000))
    ledger.append(db, chain(100, 110), AT)
    assert ledger.recent_refs(db) == ()
    with pytest.raises(BrokenLink):
        ledger.append(db, offered, AT)
    ledger.append(db, chain(95, 115), AT)
    assert [part[:2] for part in coverage.ranges(db)] == [(95, 115)]


def test_a_block_taken_again_with_another_time_leaves_its_old_hour(db: Database) -> None:
    """Old rows have no hash to compare; whatever is written over them, the rollups are those of the rows."""
    ledger.set_cursor(db, ref(1_000_000))
    blocks = chain(0, 60, seconds=600)
    ledger.append(db, blocks, AT)
    first_of_hour = next(b for b in blocks[1:] if b.row.timestamp % 3600 < 600)
    earlier = UnixTime(first_of_hour.row.timestamp // 3600 * 3600 - 1)
    moved = first_of_hour._replace(row=first_of_hour.row._replace(timestamp=earlier))
    ledger.append(db, [moved], AT)
    assert maintenance.integrity_problems(db) == ()
