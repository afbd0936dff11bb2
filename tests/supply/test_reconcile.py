"""Ours against other sources: equal to the wei where they are, named where they are not, never equal by default."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.errors import UsageError
from monitor.reports.reconcile import against_beacon, against_tracer
from monitor.reports.tracer_files import tracer_rows
from monitor.store import identity, issuance, ledger
from monitor.store.database import Database
from monitor.supply.burn import burn_of
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown
from tests.support.clock import ManualClock
from tests.support.commands import ethmon
from tests.support.databases import block_hash, chain, new_database, ref
from tests.support.recorded_node import RecordedNode, synthetic
from tests.support.rpc_server import RpcServer

LAST = 60
CHAIN = chain(0, LAST)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        identity.bind_chain(database, 1337, None, 1)
        ledger.append(database, CHAIN, 1)
        yield database


def line(number: int, *, branch: str = "", more: int = 0, misc: int = 0) -> str:
    burn = burn_of(CHAIN[number].row)
    parts = {"1559": hex(burn.base_wei + more), "blob": hex(burn.blob_wei)}
    row = {
        "issuance": {"withdrawals": hex(CHAIN[number].row.withdrawals_gwei * 10**9)},
        "burn": {**parts, "misc": hex(misc)} if misc else parts,
        "blockNumber": number,
        "hash": block_hash(number, branch),
        "parentHash": block_hash(number - 1, branch if branch and number > 31 else ""),
    }
    return json.dumps(row) + "\n"


def traced(folder: Path, **wrong: int) -> Path:
    """geth's folder: a rotated file, a packed one, the current one with an abandoned branch and a torn end."""
    found = [line(number, more=wrong.get(f"b{number}", 0)) for number in range(1, LAST + 1)]
    with gzip.open(folder / "supply-2026-01-01T00-00-00.000.jsonl.gz", "wt") as file:
        file.writelines(found[:20])
    (folder / "supply-2026-01-02T00-00-00.000.jsonl").write_text("".join(found[20:40]))
    stray = [line(number, branch="x", more=5) for number in range(31, 36)]
    (folder / "supply.jsonl").write_text("".join(stray + found[40:]) + '{"blockNumber":61,"ha')
    return folder


def test_the_tracer_agrees_to_the_wei_whatever_else_its_files_hold(db: Database, tmp_path: Path) -> None:
    found = against_tracer(db, tracer_rows(traced(tmp_path), 1, LAST), 1, LAST)
    assert [(one.what, one.compared, one.difference_wei, one.agrees) for one in found] == [
        ("base burn", LAST, 0, True),
        ("blob burn", LAST, 0, True),
        ("withdrawals", LAST, 0, True),
    ]
    assert found[0].theirs_wei == sum(burn_of(one.row).base_wei for one in CHAIN[1:])


def test_differences_that_cancel_out_are_still_named(db: Database, tmp_path: Path) -> None:
    base, blob, _ = against_tracer(db, tracer_rows(traced(tmp_path, b7=3, b50=-3), 1, LAST), 1, LAST)
    assert (base.difference_wei, list(base.differing), base.agrees) == (0, [7, 50], False)
    assert blob.agrees


def test_a_branch_that_is_not_ours_is_not_compared(db: Database, tmp_path: Path) -> None:
    (tmp_path / "supply.jsonl").write_text("".join(line(n, branch="x") for n in range(31, 40)))
    (only,) = against_tracer(db, tracer_rows(tmp_path, 1, LAST), 1, LAST)
    assert only.difference_wei is None
    assert not only.agrees


def test_self_destructs_are_shown_and_not_called_an_error(db: Database, tmp_path: Path) -> None:
    (tmp_path / "supply.jsonl").write_text("".join(line(n, misc=9 * (n == 40)) for n in range(31, 61)))
    *rest, destroyed = against_tracer(db, tracer_rows(tmp_path, 1, LAST), 1, LAST)
    assert all(one.agrees for one in rest)
    assert (destroyed.what, destroyed.theirs_wei, destroyed.note) == (
        "self-destructs",
        9,
        "not counted by us",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "no supply.jsonl"), ("nonsense\n", "line 1"), (line(5) + "x" * 9_000 + "\n", "line 2")],
)
def test_a_folder_that_is_not_the_tracers_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "supply.jsonl").write_text(text)
    with pytest.raises(UsageError, match=words):
        list(tracer_rows(tmp_path, 1, LAST))


def sampled(db: Database, gwei: int) -> None:
    for number in (0, 30, 60):
        at = ref(number)
        total = ConsensusTotal(
            number, number, at.hash, at.timestamp, number, 34 * 10**15, 0, 0, finalized=True
        )  # fmt: skip
        issuance.save(db, total, Measured(gwei) if number else Unknown("first"), None)


def test_measured_issuance_outside_our_interval_shows_by_how_much(db: Database) -> None:
    """36 M ETH issue about 22 ETH in twelve minutes; one wei outside is one wei of difference."""
    stake = (36_000_000, ref(0).timestamp)
    sampled(db, 11_150_000_000)
    (inside,) = against_beacon(db, stake, ref(0).timestamp, ref(60).timestamp)
    assert (inside.difference_wei, inside.compared) == (0, 3)
    db.connection.execute("DELETE FROM issuance_sample")
    sampled(db, 20 * 10**9)
    (outside,) = against_beacon(db, stake, ref(0).timestamp, ref(60).timestamp)
    assert outside.difference_wei == 40 * 10**18 - outside.ours_high_wei > 0
    (unknown,) = against_beacon(db, None, ref(0).timestamp, ref(60).timestamp)
    assert unknown.difference_wei is None


def test_a_second_node_through_the_command_line(tmp_path: Path) -> None:
    """The same blocks agree; one block with other gas is found, and the exit code says so."""
    blocks = synthetic(40)
    node = RecordedNode(blocks, chain_id=1337)
    with RpcServer(node) as server, new_database(tmp_path / "ethmon.db") as db:
        source = Endpoints([server.url], clock=ManualClock())
        identity.bind_chain(db, 1337, None, 1)
        ledger.append(db, [one for one in source.blocks(0, 39) if one], 1)
        source.close()
    with RpcServer(node) as server:
        asked = ("supply", "--reconcile", "--since", "1h", "--node", server.url, "--json")
        same = ethmon(tmp_path, *asked)
        node.blocks[17] = {**node.blocks[17], "gasUsed": hex(18_000_001)}
        other = ethmon(tmp_path, *asked)
    assert same.returncode == 0, same.stderr
    by_name = {(row["source"], row["what"]): row for row in json.loads(same.stdout)}
    assert by_name["second node", "base burn"]["difference_wei"] == "0"
    assert by_name["second node", "base burn"]["compared"] == 40
    assert by_name["beacon balances", "issuance"]["difference_wei"] is None
    assert other.returncode == 1
    wrong = {(row["source"], row["what"]): row for row in json.loads(other.stdout)}[
        "second node", "base burn"
    ]
    assert (wrong["differing_blocks"], wrong["first_differing_block"]) == (1, 17)
    assert wrong["difference_wei"] == str(10**9)


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for options in (
        ("--node", "http://127.0.0.1:1"),
        ("--reconcile", "--blobs"),
        ("--records", "--since", "1h"),
    ):
        done = ethmon(tmp_path, "supply", *options)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
