"""Our figures against every other source, range by range, in wei."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from monitor.chain.bulk import ReadBlocks
from monitor.domain import Block, BlockRow, BurnRule
from monitor.errors import NodeError
from monitor.issued import IssuanceSource
from monitor.store import history, issuance, ledger
from monitor.store.database import Database
from monitor.supply.burn import base_burn_wei, blob_burn_wei
from monitor.supply.issuance import Measured, Unknown, bounds_gwei
from monitor.supply.tracer import TracerRow, branch
from monitor.units import WEI_PER_GWEI, BlockNumber, UnixTime, Wei

BATCH = 100
BASE, BLOB, WITHDRAWN, ISSUED = "base burn", "blob burn", "withdrawals", "issuance"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of one range by two sources. What could not be compared says why, and is never equal."""

    source: str
    what: str
    first: BlockNumber | None
    last: BlockNumber | None
    compared: int
    """Blocks (of issuance: samples) that both have."""
    differing: Sequence[BlockNumber]
    """The blocks that differ, ascending."""
    ours_low_wei: Wei | None
    ours_high_wei: Wei | None
    """Equal to the lower end where ours is exact."""
    theirs_wei: Wei | None
    note: str = ""

    @property
    def difference_wei(self) -> Wei | None:
        """Theirs less ours: 0 inside our interval, else to its nearer end. None where it was not compared."""
        if self.ours_low_wei is None or self.ours_high_wei is None or self.theirs_wei is None:
            return None
        below, above = self.theirs_wei - self.ours_low_wei, self.theirs_wei - self.ours_high_wei
        return Wei(below if below < 0 else max(above, 0))

    @property
    def agrees(self) -> bool:
        """Compared, and nothing differs, in no block."""
        return self.difference_wei == 0 and not self.differing


def not_compared(source: str, what: str, cause: str) -> Comparison:
    """A source that is configured and could not be used."""
    return Comparison(source, what, None, None, 0, (), None, None, None, cause)


def against_beacon(
    db: Database, stake: tuple[int, int] | None, start: UnixTime, end: UnixTime
) -> list[Comparison]:
    """Each unbroken run of samples in the range: issuance measured from balances against our estimate."""
    source, found = IssuanceSource(db, stake), list(_runs(db, start, end))
    if not found:
        return [not_compared("beacon balances", ISSUED, "fewer than two samples in the range (BEACON_URLS)")]
    return [_against_run(source, run) for run in found]


def _runs(db: Database, start: UnixTime, end: UnixTime) -> Iterator[list[issuance.StoredSample]]:
    run: list[issuance.StoredSample] = []
    for one in issuance.samples(db):
        if not start <= one.total.timestamp <= end:
            continue
        if isinstance(one.issued, Unknown):
            if len(run) > 1:
                yield run
            run = []
        run.append(one)
    if len(run) > 1:
        yield run


def _against_run(source: IssuanceSource, run: Sequence[issuance.StoredSample]) -> Comparison:
    first, last = run[0].total, run[-1].total
    measured = sum(one.issued.gwei for one in run[1:] if isinstance(one.issued, Measured))
    ours = source.estimated(first.timestamp, last.timestamp)
    low, high, note = None, None, ""
    if isinstance(ours, Unknown):
        note = ours.cause
    else:
        low, high = (Wei(bound * WEI_PER_GWEI) for bound in bounds_gwei(ours))
        note = f"ours is the estimate: {getattr(ours, 'anchor', '')}"
    theirs = Wei(measured * WEI_PER_GWEI)
    return Comparison(
        "beacon balances",
        ISSUED,
        first.block_number,
        last.block_number,
        len(run),
        (),
        low,
        high,
        theirs,
        note,
    )


def against_tracer(
    db: Database, rows: Iterable[TracerRow], first: BlockNumber, last: BlockNumber
) -> list[Comparison]:
    """The tracer's lines of blocks `first` to `last`, on the branch that is ours, against stored blocks."""
    source, wanted = "geth supply tracer", [row for row in rows if first <= row.number <= last]
    head = _head_of(db, wanted)
    if head is None:
        return [not_compared(source, "burn", "its files have none of these blocks on our branch")]
    theirs = sorted(branch(wanted, head.hash))
    ours = {row.number: row for row in history.blocks(db, first, last)}
    pairs = [(ours[row.number], row) for row in theirs if row.number in ours]
    amsterdam = sum(row.burn_rule is BurnRule.RECEIPTS for row, _ in pairs)
    note = f"{amsterdam:,} blocks since Amsterdam: the tracer counts the header's gas" if amsterdam else ""
    parts = [
        _part(source, BASE, [(row.number, base_burn_wei(row), traced.base_burn_wei) for row, traced in pairs], note),
        _part(source, BLOB, [(row.number, blob_burn_wei(row), traced.blob_burn_wei) for row, traced in pairs]),
        _part(source, WITHDRAWN, [(row.number, _withdrawn(row), traced.withdrawals_wei) for row, traced in pairs]),
    ]  # fmt: skip
    destroyed = sum(traced.destroyed_wei for _, traced in pairs)
    if destroyed:
        numbers = [traced.number for _, traced in pairs if traced.destroyed_wei]
        parts.append(
            Comparison(
                source, "self-destructs", numbers[0], numbers[-1], len(pairs), (), None, None,
                Wei(destroyed), "not counted by us",
            )
        )  # fmt: skip
    return parts


def _head_of(db: Database, rows: Sequence[TracerRow]) -> TracerRow | None:
    """The newest line whose hash is ours; where we keep no hashes any more, the newest line."""
    for row in sorted(rows, key=lambda one: one.number, reverse=True):
        ref = ledger.recent_ref(db, row.number)
        if ref is None or ref.hash == row.hash:
            return row
    return None


def against_node(
    db: Database, read: ReadBlocks, label: str, first: BlockNumber, last: BlockNumber
) -> list[Comparison]:
    """Blocks `first` to `last` read again from another node: burn and withdrawals counted anew."""
    pairs: list[tuple[BlockRow, BlockRow]] = []
    try:
        for start in range(first, last + 1, BATCH):
            end = BlockNumber(min(start + BATCH - 1, last))
            ours = {row.number: row for row in history.blocks(db, BlockNumber(start), end)}
            pairs += _both(ours, read(BlockNumber(start), end))
    except NodeError as error:
        return [not_compared(label, "burn", error.problem)]
    return [
        _part(label, BASE, [(a.number, base_burn_wei(a), base_burn_wei(b)) for a, b in pairs]),
        _part(label, BLOB, [(a.number, blob_burn_wei(a), blob_burn_wei(b)) for a, b in pairs]),
        _part(label, WITHDRAWN, [(a.number, _withdrawn(a), _withdrawn(b)) for a, b in pairs]),
    ]


def _both(
    ours: dict[BlockNumber, BlockRow], theirs: Iterable[Block | None]
) -> Iterator[tuple[BlockRow, BlockRow]]:
    for block in theirs:
        if block is not None and block.row.number in ours:
            yield ours[block.row.number], block.row


def _withdrawn(row: BlockRow) -> Wei | None:
    if row.withdrawals_gwei is None:
        return None if row.tx_count is None else Wei(0)
    return Wei(row.withdrawals_gwei * WEI_PER_GWEI)


def _part(
    source: str, what: str, entries: Sequence[tuple[BlockNumber, Wei | None, Wei | None]], note: str = ""
) -> Comparison:
    """Sums over the blocks of which both sides know the figure."""
    known = [(number, a, b) for number, a, b in entries if a is not None and b is not None]
    if not known:
        return not_compared(source, what, "no block of the range is known to both")
    left_out = len(entries) - len(known)
    words = f"{left_out:,} blocks not known to both" if left_out else ""
    ours = Wei(sum(a for _, a, _ in known))
    return Comparison(
        source, what, known[0][0], known[-1][0], len(known), [number for number, a, b in known if a != b],
        ours, ours, Wei(sum(b for _, _, b in known)), "; ".join(filter(None, (note, words))),
    )  # fmt: skip
