"""A header that its parent excludes is a lie of the node, whatever its hash; true headers are never refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.chain.parentage import check_parentage
from monitor.domain import Block, BlockRow
from monitor.errors import BadAnswer
from monitor.store import history, identity, ledger
from monitor.store.database import Database
from monitor.supply.burn import next_base_fee_wei
from monitor.tick import Tick
from monitor.units import BlockNumber, Gas
from tests.support.block_rows import row_of_header
from tests.support.clock import ManualClock
from tests.support.databases import new_database, ref
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RpcServer

BLOCKS = synthetic(120)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        identity.bind_chain(database, 1, None, ManualClock().now())
        yield database


def as_block(row: BlockRow) -> Block:
    return Block(ref(row.number), row)


def judged(headers: list[dict[str, Any]]) -> None:
    rows = [row_of_header(header) for header in headers]
    check_parentage(1, None, [as_block(row) for row in rows])
    for parent, child in itertools.pairwise(rows):
        check_parentage(1, parent, [as_block(child)])


@pytest.mark.shared
def test_true_headers_of_mainnet_are_never_refused(shared_data: Path) -> None:
    """Across London, the Merge, Shanghai, Cancun, Prague, Osaka and both changes of blob parameters."""
    pairs = json.loads((shared_data / "blocks/fork_boundary_headers.json").read_text())
    for parent, child in zip(pairs[::2], pairs[1::2], strict=True):
        judged([parent, child])
    judged(json.loads((shared_data / "blocks/consecutive_18090205_18090218_full_headers.json").read_text()))
    found = json.loads((shared_data / "supply/mainnet_headers_forks.json").read_text())["headers"]
    headers = {int(one["number"], 16): one for one in (entry.get("header", entry) for entry in found)}
    neighbours = [(headers[number - 1], headers[number]) for number in headers if number - 1 in headers]
    assert len(neighbours) == 3
    for pair in neighbours:
        judged(list(pair))


def lie(**fields: Any) -> dict[str, Any]:
    return child_of(BLOCKS[-1], **fields)


LIES = [
    ({"baseFeePerGas": 2 * 10**9}, "base fee 2000000000 instead of 1000000000"),
    ({"baseFeePerGas": 10**9 - 1}, "base fee 999999999 instead of 1000000000"),
    ({"gasLimit": 37_000_000}, "gas limit 37000000"),
    ({"gasUsed": 36_000_001}, "gas used 36000001"),
    ({"timestamp": int(BLOCKS[-1]["timestamp"], 16)}, "timestamp"),
]


@pytest.mark.parametrize(("fields", "told"), LIES)
def test_a_lie_in_the_newest_block_is_refused_and_nothing_is_stored(
    db: Database, fields: dict[str, Any], told: str
) -> None:
    node = RecordedNode(BLOCKS)
    with RpcServer(node) as server, Endpoints([server.url], clock=ManualClock()) as source:
        tick = Tick(source, db, ManualClock(), start_blocks=0)
        assert isinstance(tick.run(), Advance)
        node.add(lie(**fields))
        with pytest.raises(BadAnswer, match=told):
            tick.run()
        assert ledger.cursor(db) == source.ref(BlockNumber(119))
        node.add(lie())
        assert isinstance(tick.run(), Advance)  # the truth, when it is told, is followed
        assert ledger.cursor(db) == source.head()


def test_a_lie_between_blocks_that_come_together_is_refused(db: Database) -> None:
    node = RecordedNode(BLOCKS)
    with RpcServer(node) as server, Endpoints([server.url], clock=ManualClock()) as source:
        tick = Tick(source, db, ManualClock(), start_blocks=0)
        tick.run()
        for block in (lie(), None, None):
            node.add(block or child_of(node.head, baseFeePerGas=3 * 10**9))
        with pytest.raises(BadAnswer, match="block 121 has base fee"):
            tick.run()


def test_a_stored_row_that_was_the_lie_is_read_again(db: Database) -> None:
    """A backfill takes block hashes as they are stated: an honest child must not wait for ever."""
    node = RecordedNode(BLOCKS)
    with RpcServer(node) as server, Endpoints([server.url], clock=ManualClock()) as source:
        tick = Tick(source, db, ManualClock(), start_blocks=0)
        tick.run()
        true = history.block(db, BlockNumber(119))
        assert true is not None
        ledger.amend(db, [true._replace(gas_used=Gas(30_000_000))], ManualClock().now())
        node.add(lie())
        assert isinstance(tick.run(), Advance)
        assert history.block(db, BlockNumber(119)) == true


@pytest.mark.parametrize(
    ("chain_id", "fields"),
    [(31_337, {}), (None, {}), (1, {"blockAccessListHash": "0x" + "ab" * 32})],
)
def test_unknown_chains_and_later_forks_are_not_judged(chain_id: int | None, fields: dict[str, Any]) -> None:
    node = RecordedNode([*BLOCKS, lie(baseFeePerGas=5 * 10**9, **fields)])
    with RpcServer(node) as server, Endpoints([server.url], clock=ManualClock()) as source:
        parent, child = source.blocks(BlockNumber(119), BlockNumber(120))
    assert parent is not None
    assert child is not None
    check_parentage(chain_id, parent.row, [child])
    if chain_id != 1:
        with pytest.raises(BadAnswer):
            check_parentage(1, parent.row, [child])


def test_a_parent_that_is_not_stored_judges_nobody() -> None:
    row = row_of_header(
        {
            **{name: int(BLOCKS[5][name], 16) for name in ("number", "timestamp", "gasLimit", "gasUsed")},
            "baseFeePerGas": 1,
        }
    )
    check_parentage(1, None, [as_block(row)])


def test_a_chain_of_any_gas_is_not_refused() -> None:
    row = row_of_header(BLOCKS[0])
    rows = [row]
    for number in range(1, 200):
        used = (number * 7_919_000) % 36_000_001
        fee = next_base_fee_wei(rows[-1].gas_limit, rows[-1].gas_used, rows[-1].base_fee_wei)
        limit = rows[-1].gas_limit + (35_000 if number % 2 else -35_000)
        rows.append(
            row._replace(
                number=number,
                timestamp=row.timestamp + number,
                gas_used=used % limit,
                base_fee_wei=fee,
                gas_limit=limit,
            )
        )
    check_parentage(1, None, [as_block(one) for one in rows])
