"""The files of geth's supply tracer: the current one and those that were rotated away."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from monitor.errors import UsageError
from monitor.supply.tracer import MAX_LINE_BYTES, TracerRow, parse_row
from monitor.units import BlockNumber

PATTERNS = ("supply.jsonl", "supply-*.jsonl", "supply-*.jsonl.gz")


def tracer_rows(folder: Path, first: BlockNumber, last: BlockNumber) -> Iterator[TracerRow]:
    """Every line of blocks `first` to `last`, in no order. Raises UsageError for a folder without such files.

    The last line of a file may be half written: geth is at work. Any other broken line is an error.
    """
    paths = sorted(path for pattern in PATTERNS for path in folder.glob(pattern))
    if not paths:
        raise UsageError(f"--tracer {folder}: no supply.jsonl there. Name geth's vmtrace.jsonconfig path.")
    for path in paths:
        yield from (row for row in _rows(path) if first <= row.number <= last)


def _rows(path: Path) -> Iterator[TracerRow]:
    try:
        with _opened(path) as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                try:
                    yield parse_row(line)
                except ValueError as error:
                    if line.endswith(b"\n") or len(line) > MAX_LINE_BYTES:
                        raise UsageError(f"--tracer: {path.name}, line {number}: {error}.") from None
    except (OSError, EOFError) as error:
        raise UsageError(
            f"--tracer: {path.name} cannot be read ({type(error).__name__}). Check its mode."
        ) from None


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
