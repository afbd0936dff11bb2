"""A process that writes a ledger and may be killed at any moment.

    python -m tests.support.ledger_writer DATABASE < operations

Reads operations (JSON lines) and prints the index of each one after its commit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from monitor.domain import Gap, GapKind
from monitor.store import gaps, ledger, maintenance
from monitor.store.database import Database, open_writer
from monitor.units import BlockNumber, UnixTime
from tests.support.ledger_model import varied_block

AT = UnixTime(1_800_000_000)


def perform(db: Database, operation: dict[str, Any]) -> None:
    """`append` blocks, `replace` a branch, record a `gap`, or `checkpoint` the log."""
    blocks = [varied_block(*item) for item in operation.get("blocks", [])]
    match operation["do"]:
        case "append":
            ledger.append(db, blocks, AT)
        case "replace":
            ledger.replace_branch(db, varied_block(*operation["ancestor"]).ref, blocks, AT)
        case "gap":
            first, last = operation["range"]
            gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(first), BlockNumber(last), "unread"), AT)
        case _:
            maintenance.checkpoint(db)


def main() -> None:
    operations = [json.loads(line) for line in sys.stdin]
    with open_writer(Path(sys.argv[1])) as db:
        db.connection.execute("PRAGMA wal_autocheckpoint = 25")  # be killed inside checkpoints too
        print("ready", flush=True)
        for index, operation in enumerate(operations):
            perform(db, operation)
            print(index, flush=True)


if __name__ == "__main__":
    main()
