"""Killed at any moment, the file holds exactly what was committed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.domain import BlockRow
from monitor.errors import StoreError
from monitor.store import gaps, history, ledger, maintenance, schema
from monitor.store.database import Database, open_reader, open_writer
from monitor.units import BlockNumber, UnixTime
from tests.support.databases import block_hash, new_database
from tests.support.ledger_model import totals_of, varied_block

ROOT = Path(__file__).resolve().parents[2]
KILLS = 50
ORIGIN = 50_000


class Model:
    """The chain that the writer is told to store: rows by number, and the branch of every number."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.rows: dict[int, BlockRow] = {}
        self.branch: dict[int, str] = {}
        self.head = ORIGIN
        self.lowest = ORIGIN
        self.reorgs = 0

    def copy(self) -> Model:
        twin = Model(self.chance)
        twin.rows, twin.branch = dict(self.rows), dict(self.branch)
        twin.head, twin.lowest, twin.reorgs = self.head, self.lowest, self.reorgs
        return twin

    def _arguments(self, number: int) -> tuple[int, str, str]:
        return number, self.branch.get(number, ""), self.branch.get(number - 1, "")

    def next_operation(self) -> dict[str, Any]:
        """Decide one and apply it to the model."""
        kind = self.chance.choices(
            ["follow", "backfill", "again", "reorg", "gap", "checkpoint"], [8, 5, 3, 2, 1, 1]
        )[0]
        if kind == "follow" or not self.rows:
            return self._append(range(self.head + 1, self.head + 1 + self.chance.randint(1, 30)))
        if kind == "backfill":
            return self._append(range(self.lowest - self.chance.randint(1, 60), self.lowest))
        if kind == "again":
            return self._append(range(max(self.lowest, self.head - 40), self.head - 10))
        if kind == "reorg" and self.head - 12 > ORIGIN:
            return self._reorg(self.chance.randint(1, 12))
        if kind == "gap":
            return {"do": "gap", "range": [self.lowest - 100, self.head + 20]}
        return {"do": "checkpoint"}

    def _append(self, numbers: range) -> dict[str, Any]:
        blocks = [self._arguments(number) for number in numbers]
        self.rows.update({number: varied_block(*self._arguments(number)).row for number in numbers})
        self.head, self.lowest = max(self.rows), min(self.rows)
        return {"do": "append", "blocks": blocks}

    def _reorg(self, depth: int) -> dict[str, Any]:
        ancestor = self.head - depth
        where = self._arguments(ancestor)
        self.reorgs += 1
        for number in range(ancestor + 1, self.head + 1000):
            self.branch[number] = str(self.reorgs)
        self.rows = {number: row for number, row in self.rows.items() if number <= ancestor}
        operation = self._append(range(ancestor + 1, ancestor + 1 + self.chance.randint(1, 15)))
        return operation | {"do": "replace", "ancestor": where}


def holds(db: Database, model: Model) -> bool:
    """The file is the model: every row, the cursor, the reorgs; and is consistent in itself."""
    rows = history.blocks(db, BlockNumber(0), BlockNumber(10**9))
    at = ledger.cursor(db)
    head = None if not model.rows else (model.head, block_hash(model.head, model.branch.get(model.head, "")))
    return (
        {row.number: row for row in rows} == model.rows
        and len(rows) == len(model.rows)
        and (at and (at.number, at.hash)) == head
        and len(history.reorgs(db, 10_000)) == model.reorgs
    )


def run_and_kill(path: Path, operations: list[dict[str, Any]], chance: random.Random) -> int:
    """Start the writer, kill it some time after it is ready; how many operations it reported."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ledger_writer", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        child.stdin.write("\n".join(json.dumps(operation) for operation in operations))
        child.stdin.close()
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.random() ** 2 * 0.05)
        child.kill()
        reported = child.stdout.read().split()
        child.wait()
    return int(reported[-1]) + 1 if reported else 0


def test_after_fifty_kills_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    """What was reported is there; of what was not, at most the one commit that was under way."""
    path = tmp_path / "x.db"
    chance = random.Random(2)
    model = Model(chance)
    new_database(path).close()
    interrupted = 0
    for _ in range(KILLS):
        states = [model.copy()]
        operations: list[dict[str, Any]] = []
        for _ in range(60):
            operations.append(model.next_operation())
            states.append(model.copy())
        done = run_and_kill(path, operations, chance)
        interrupted += done < len(operations)
        with open_reader(path) as db:
            model = next(state for state in states[done : done + 2] if holds(db, state))
            assert maintenance.integrity_problems(db) == ()
            covered = set(model.rows)
            for record in gaps.open_gaps(db):
                assert covered.isdisjoint(range(record.gap.first, record.gap.last + 1))
            assert history.frame(db).totals == totals_of(model.rows.values())
    assert interrupted > KILLS / 2
    assert model.reorgs, "branches were replaced; how many depends on when the kills fell"


def test_a_first_start_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    """The next start goes on from there; it never takes its own half-made file for a stranger's."""
    chance = random.Random(3)
    for index in range(10):
        path = tmp_path / f"{index}.db"
        child = subprocess.Popen([sys.executable, "-m", "monitor.store.migrate", str(path)], cwd=ROOT)
        while not path.exists() and child.poll() is None:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.03)
        child.kill()
        child.wait()
        with suppress(StoreError):  # half made: told, not crashed
            open_reader(path).close()
        with open_writer(path) as db:
            assert db.row("PRAGMA user_version")[0] == schema.VERSION
            ledger.append(db, [varied_block(5)], UnixTime(1))
            assert maintenance.integrity_problems(db) == ()
