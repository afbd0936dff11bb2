"""Recorded answers of real contracts: `tests/vectors`, and any directory that ETHMON_EXTRA_VECTORS names."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

COMMITTED = Path(__file__).parents[1] / "vectors"


@functools.cache
def load(path: Path) -> Any:
    return json.loads(path.read_text())


def files() -> list[Path]:
    """Every vector file, the committed ones first."""
    extra = os.environ.get("ETHMON_EXTRA_VECTORS")
    folders = [COMMITTED] + ([Path(extra)] if extra else [])
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def of_protocol(name: str) -> list[tuple[str, Any]]:
    """Each file whose `protocol` is `name`: a label for test ids, and its contents."""
    found = [(path, load(path)) for path in files()]
    return [(f"{path.parent.name}-{path.stem}", data) for path, data in found if data.get("protocol") == name]
