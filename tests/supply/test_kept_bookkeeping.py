"""Bookkeeping that is kept between looks: whatever is stored between them, it says what a new one says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.bookkeeping import Bookkeeping
from monitor.domain import Block
from monitor.issued import IssuanceSource
from monitor.store import flows, identity, issuance, ledger
from monitor.store.database import Database
from monitor.store.flows import DepositRange
from monitor.supply.issuance import ConsensusTotal, Unknown
from monitor.units import Gwei, UnixTime
from tests.support.databases import chain, new_database, ref

ETH = 10**9
STAKE = (36_000_000, ref(0, seconds=3_600).timestamp)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deposits"), st.integers(1, 12), st.integers(0, 500)),
        st.tuples(st.just("blocks"), st.integers(1, 30), st.booleans()),
        st.tuples(st.just("older"), st.integers(35, 45), st.just(0)),
        st.tuples(st.just("whole"), st.integers(50, 60), st.just(0)),
        st.tuples(st.just("sample"), st.integers(0, 6), st.just(0)),
        st.tuples(st.just("reorg"), st.integers(1, 5), st.just(0)),
    ),
    min_size=3,
    max_size=14,
)


class Ledger:
    """Hourly blocks from 50 on, and what happens to them."""

    def __init__(self, db: Database) -> None:
        self.db, self.branch = db, ""
        identity.bind_chain(db, 1, None, STAKE[1])
        self.head = 60
        self.append(chain(50, 60, seconds=3_600))

    def append(self, blocks: list[Block] | tuple[Block, ...]) -> None:
        ledger.append(self.db, list(blocks), STAKE[1])

    def do(self, what: str, number: int, more: int) -> None:
        getattr(self, f"_{what}")(number, more)

    def _deposits(self, length: int, eth: int) -> None:
        last = flows.newest(self.db)
        first = 41 if last is None else last.last + 1
        if first + length - 1 < self.head:
            flows.save(self.db, DepositRange(first, first + length - 1, Gwei(eth * ETH), None))

    def _blocks(self, count: int, headers: bool) -> None:
        new = self._made(self.head + 1, self.head + count)
        self.append(tuple(map(without_withdrawals, new)) if headers else new)
        self.head += count

    def _older(self, first: int, _: int) -> None:
        """A backfill: of blocks, it may be, whose deposits are known."""
        self.append(chain(first, 49, seconds=3_600))

    def _whole(self, first: int, _: int) -> None:
        """Blocks that were known by their headers are read again."""
        if not self.branch:
            self.append(chain(first, self.head, seconds=3_600))

    def _sample(self, back: int, _: int) -> None:
        at = ref(self.head - back, seconds=3_600)
        total = ConsensusTotal(
            at.number,
            at.number,
            at.hash,
            at.timestamp,
            at.number,
            Gwei(36_000_000 * ETH),
            0,
            0,
            finalized=True,
        )
        issuance.save(self.db, total, Unknown("the first sample"), None)

    def _reorg(self, depth: int, _: int) -> None:
        """As deep as it likes: ranges of deposits go with their blocks."""
        ancestor = self.head - depth
        if ancestor > 55 and not self.branch:
            old = ledger.recent_ref(self.db, ancestor)
            assert old is not None
            self.branch = "b"
            new = chain(ancestor + 1, self.head + 1, branch="b", parent_branch="", seconds=3_600)
            ledger.replace_branch(self.db, old, new, STAKE[1])
            self.head += 1

    def _made(self, first: int, last: int) -> tuple[Block, ...]:
        return tuple(chain(first, last, branch=self.branch, seconds=3_600))


def without_withdrawals(block: Block) -> Block:
    row = block.row._replace(tx_count=None, withdrawal_count=None, withdrawals_gwei=None)
    return block._replace(row=row)


@given(steps=STEPS)
@example([("older", 35, 0), ("blocks", 10, True), ("deposits", 10, 1), ("deposits", 12, 1), ("whole", 50, 0)])
@settings(max_examples=80, deadline=None)
def test_what_is_kept_is_what_a_new_one_finds(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, new_database(Path(folder) / "x.db") as db:
        books, mine = Bookkeeping(), Ledger(db)
        parts: dict[flows.Edition, list[flows.FlowPart]] = {}
        for step in steps:
            mine.do(*step)
            found = flows.parts(db, STAKE[1])
            assert parts.setdefault(flows.edition(db), found) == found
            end = ref(mine.head, seconds=3_600).timestamp
            for hours in (6, 30):
                start = UnixTime(end - hours * 3_600)
                assert IssuanceSource(db, STAKE, books).issued(start, end) == IssuanceSource(
                    db, STAKE
                ).issued(start, end)


@pytest.mark.parametrize("days", [20])
def test_while_nothing_changes_no_range_is_read(tmp_path: Path, days: int) -> None:
    with new_database(tmp_path / "x.db") as db:
        mine, books = Ledger(db), Bookkeeping()
        mine.do("blocks", 24 * days, 0)
        for _ in range(2 * days):
            mine.do("deposits", 12, 100)
        statements: list[str] = []
        end = ref(mine.head, seconds=3_600).timestamp
        first = IssuanceSource(db, STAKE, books).issued(UnixTime(end - 3_600), end)
        db.connection.set_trace_callback(statements.append)
        mine.do("blocks", 1, 0)
        asked = len(statements)
        assert IssuanceSource(db, STAKE, books).issued(UnixTime(end - 3_600), end) == first
        assert len(statements) - asked < 12
