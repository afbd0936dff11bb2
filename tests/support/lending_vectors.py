"""Recorded answers of real lending contracts: the project's own, and any directory named beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OWN = Path(__file__).resolve().parents[1] / "vectors"
EXTRA = "ETHMON_EXTRA_VECTORS"
"""Environment variable: a directory of other vectors in the same format (see tests/vectors/README.md)."""


def vector_files(*names: str) -> Iterator[Path]:
    """Files with these stems, the project's own first."""
    directories = [OWN, *map(Path, filter(None, [os.environ.get(EXTRA)]))]
    for directory in directories:
        for name in names:
            yield from sorted(directory.glob(f"{name}*.json"))


def load(path: Path) -> dict[str, Any]:
    """The content of one vector file."""
    return json.loads(path.read_text())
