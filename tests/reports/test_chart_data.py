"""What charts draw equals what the chain burned, to the wei; a hole is a hole and never a 0."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import Block
from monitor.errors import UsageError
from monitor.reports.charts.steps import MOST_TOTALS, Steps, net_steps, steps
from monitor.store import identity, ledger, rewards
from monitor.store.database import Database, open_reader
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.supply.total import NetChange
from monitor.units import SECONDS_PER_HOUR, BlobGas, UnixTime, Wei
from tests.support.databases import GENESIS_TIME, chain, new_database

AT = UnixTime(1_800_000_000)
STAKE = (36_000_000, GENESIS_TIME)


def filled(path: Path, parts: Iterable[Sequence[Block]]) -> Database:
    db = new_database(path)
    for part in parts:
        ledger.append(db, part, AT)
    return db


def burned(blocks: Iterable[Block]) -> tuple[int, int]:
    """By the definition: base fee x gas, blob base fee x blob gas."""
    rows = [block.row for block in blocks]
    return (
        sum((row.base_fee_wei or 0) * row.gas_used for row in rows),
        sum((row.blob_base_fee_wei or 0) * (row.blob_gas_used or 0) for row in rows),
    )


@pytest.mark.parametrize(
    ("last", "seconds", "since", "by"),
    [
        (120, 12, "1h", "block"),
        (4_000, 12, "12h", "hour"),
        (4_000, 240, "30d", "day"),
        (900, 90_000, "5y", "month"),
    ],
)
def test_every_wei_is_in_one_step(tmp_path: Path, last: int, seconds: int, since: str, by: str) -> None:
    blocks = chain(0, last, seconds=seconds)
    with filled(tmp_path / "x.db", [blocks]) as db:
        found = steps(db, since)
    assert found.by == by
    seen = [block for block in blocks if block.row.timestamp > found.whole.start]
    assert len(seen) > len(found.steps) or by == "block"
    for step in found.steps:
        mine = [block for block in seen if step.start < block.row.timestamp <= step.end]
        assert (step.burn_wei, step.blob_burn_wei) == burned(mine)
        assert step.blocks == len(mine)
        fees = [block.row.base_fee_wei or 0 for block in mine]
        assert step.base_fee is not None
        assert (step.base_fee.low, step.base_fee.high) == (min(fees), max(fees))
    assert sum(step.blocks for step in found.steps) == len(seen)
    assert sum(step.total_wei for step in found.steps) == sum(burned(seen))


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=2, max_size=40).filter(any))
def test_holes_are_the_missing_blocks_and_nothing_else(kept: list[bool]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        blocks = [block for block, keep in zip(chain(0, len(kept) - 1), kept, strict=True) if keep]
        with filled(folder / "x.db", ([block] for block in blocks)) as db:
            found = steps(db, "24h")
    finally:
        shutil.rmtree(folder)
    assert sum(step.blocks for step in found.steps) == len(blocks)
    assert sum(step.missing for step in found.holes) == blocks[-1].ref.number - blocks[
        0
    ].ref.number + 1 - len(blocks)
    assert sum(step.total_wei for step in found.steps) == sum(burned(blocks))
    times = {block.row.timestamp for block in blocks}
    for hole in found.holes:
        assert not hole.exact
        assert hole.base_fee is None
        assert not any(hole.start < time <= hole.end for time in times)
    assert all(one.end <= after.start for one, after in zip(found.steps, found.steps[1:], strict=False))


def test_hours_without_a_block_are_holes_and_their_neighbours_lower_bounds(tmp_path: Path) -> None:
    with filled(tmp_path / "x.db", [chain(0, 900), chain(2_000, 3_000)]) as db:
        found = steps(db, "24h")
    seen = [bool(step.blocks) for step in found.steps]
    first, last = seen.index(False), len(seen) - seen[::-1].index(False)
    assert not any(seen[first:last])
    assert last - first == 2
    assert [step.end - step.start for step in found.holes] == [SECONDS_PER_HOUR] * 2
    assert [found.steps[place].exact for place in (first - 2, first - 1, last, last + 1)] == [
        True,
        False,
        False,
        True,
    ]
    assert not found.whole.exact


def test_the_running_total_is_issuance_less_burn_and_ends_at_a_hole(tmp_path: Path) -> None:
    blocks = [*chain(0, 60), *chain(70, 90)]
    with filled(tmp_path / "x.db", [blocks[:61], blocks[61:]]) as db:
        found = steps(db, "24h")
        net = net_steps(db, found, STAKE)
    before = [one for one in net if one.step.end <= blocks[60].row.timestamp]
    assert len(before) == 61
    for count, one in enumerate(before, 1):
        assert isinstance(one.so_far, NetChange)
        issued = one.so_far.high_wei + sum(burned(blocks[:count]))
        assert one.so_far.low_wei < one.so_far.high_wei
        assert 0 < issued < 61 * 10**18
    after = net[61:]
    assert len(after) == 22
    assert all(isinstance(one.so_far, Unknown) for one in after)
    assert all(isinstance(one.net, NetChange) for one in after if one.step.blocks)


def test_a_long_chart_has_fewer_totals_and_always_the_last_before_a_hole(tmp_path: Path) -> None:
    blocks = [*chain(0, 300), *chain(310, 330)]
    with filled(tmp_path / "x.db", [blocks[:301], blocks[301:]]) as db:
        net = net_steps(db, steps(db, "24h"), STAKE)
    known = [place for place, one in enumerate(net) if isinstance(one.so_far, NetChange)]
    assert len(known) <= MOST_TOTALS
    assert known[-1] == 300
    total = net[300].so_far
    assert isinstance(total, NetChange)
    assert total.burn.known_wei == sum(burned(blocks[:301]))
    assert all(isinstance(one.so_far, Unknown) for one in net[301:])


def test_blocks_before_the_merge_issue_what_was_mined(tmp_path: Path) -> None:
    merge = 15_537_394
    shift = 1_663_224_179 - GENESIS_TIME - 12 * merge
    blocks = [
        Block(one.ref._replace(timestamp=UnixTime(one.ref.timestamp + shift)),
              one.row._replace(timestamp=UnixTime(one.row.timestamp + shift)))
        for one in chain(merge - 40, merge + 20)
    ]  # fmt: skip
    with filled(tmp_path / "x.db", [blocks]) as db:
        identity.bind_chain(db, 1, None, AT)
        unread = net_steps(db, steps(db, "24h"), STAKE)
        rewards.save(db, [(number, 0, Wei(2 * 10**18)) for number in range(merge - 40, merge)])
        read = net_steps(db, steps(db, "24h"), STAKE)
    assert all(isinstance(one.so_far, Unknown | None) for one in unread)
    assert all(isinstance(one.net, NetChange) is (one.step.first >= merge) for one in unread)
    total = read[-1].so_far
    assert isinstance(total, NetChange)
    low, _ = bounds_gwei(total.issuance)
    assert total.low_wei == low * 10**9 + 40 * 2 * 10**18 - sum(burned(blocks))


def test_a_block_without_blobs_is_known_whatever_their_price(tmp_path: Path) -> None:
    blocks = [
        Block(ref, row._replace(blob_gas_used=BlobGas(0), blob_base_fee_wei=None)) for ref, row in chain(0, 9)
    ]
    with filled(tmp_path / "x.db", [blocks]) as db:
        found = steps(db, "24h")
    assert found.whole.exact
    assert all(step.exact for step in found.steps)


def test_without_issuance_there_is_no_net(tmp_path: Path) -> None:
    with filled(tmp_path / "x.db", [chain(0, 20)]) as db:
        net = net_steps(db, steps(db, "24h"), None)
    assert all(isinstance(one.net, Unknown) and isinstance(one.so_far, Unknown | None) for one in net)


def test_a_frame_without_a_block_is_refused_by_name(tmp_path: Path) -> None:
    with filled(tmp_path / "x.db", [chain(0, 20)]) as db, pytest.raises(UsageError, match="No block of 2020"):
        steps(db, "2020")


def test_reading_leaves_the_database_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    filled(path, [chain(0, 20)]).close()
    with open_reader(path) as db:
        found: Steps = steps(db, "24h")
    assert found.at.number == 20
