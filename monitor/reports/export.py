"""Tables and views as CSV or Parquet files, one a UTC day, for DuckDB, Spark or a warehouse.

    DIR/v_block/day=2026-02-04/data.parquet      the layout that all of them read as partitions
    DIR/v_block/_days.json                       what each file was made from

A day is written again when its rows are not those its file was made from: the running day, a
repaired gap, a backfill, a reorg. A file is replaced whole, by a rename; what was cut off is made
up for by the next run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monitor.errors import UsageError
from monitor.store.database import Database
from monitor.store.partitions import Part, Source, parts, source

FORMATS = ("parquet", "csv")
_MANIFEST = "_days.json"
_TEXTS = {"burn_rule", "supply_tokens"}
"""Expressions of views that are text; every other one without a unit in its name is a whole number."""

Rows = Sequence[tuple[Any, ...]]


@dataclass(slots=True)
class Exported:
    """What a run did with the days of one view."""

    folder: Path
    written: int = 0
    unchanged: int = 0
    removed: int = 0


def export(db: Database, view: str, to: Path, form: str) -> Exported:
    """Bring `to`/`view` up to date. Raises UsageError: no such view, no pyarrow, not writable."""
    if form == "parquet" and find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow: pip install 'ethmon[export]'; or use --format csv.")
    of = source(db, view)
    write = _parquet_writer(of) if form == "parquet" else _csv_writer(of)
    try:
        with db.snapshot():
            return _export(db, of, to / view, form, write)
    except OSError as error:
        raise UsageError(
            f"--to {to}: cannot be written ({error.strerror or type(error).__name__})."
        ) from None


def _export(
    db: Database, of: Source, folder: Path, form: str, write: Callable[[Rows, Path], None]
) -> Exported:
    folder.mkdir(parents=True, exist_ok=True)
    done, known, marks = Exported(folder), _read_manifest(folder), dict[str, str]()
    for part in parts(db, of):
        file = _file(folder, part.day, form)
        name = file.relative_to(folder).as_posix()
        mark = f"{part.mark} {of.columns!r}"
        if known.get(name) == mark and file.is_file():
            done.unchanged += 1
        else:
            _replace(file, part, write)
            done.written += 1
        marks[name] = mark
        if done.written % 100 == 99:  # a run that is cut off goes on about here
            _write_manifest(folder, {**known, **marks})
    done.removed = _remove_stale(folder, set(known) - set(marks), form)
    kept = {name: mark for name, mark in known.items() if not name.endswith(f".{form}")}
    _write_manifest(folder, {**kept, **marks})
    return done


def _file(folder: Path, day: str | None, form: str) -> Path:
    return (folder if day is None else folder / f"day={day}") / f"data.{form}"


def _replace(file: Path, part: Part, write: Callable[[Rows, Path], None]) -> None:
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    try:
        write(part.rows(), partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _remove_stale(folder: Path, names: set[str], form: str) -> int:
    """Days that no longer have rows (a reorg at midnight): a file of them would be wrong."""
    stale = [folder / name for name in names if name.endswith(f"data.{form}") and ".." not in name]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)


def _read_manifest(folder: Path) -> dict[str, str]:
    """What the files were made from; nothing is known where it cannot be read, and all is written anew."""
    try:
        found: object = json.loads((folder / _MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _write_manifest(folder: Path, marks: dict[str, str]) -> None:
    partial = folder / f".{_MANIFEST}.partial"
    partial.write_text(json.dumps(marks, indent=0, sort_keys=True))
    partial.replace(folder / _MANIFEST)


def _csv_writer(of: Source) -> Callable[[Rows, Path], None]:
    def write(rows: Rows, file: Path) -> None:
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(name for name, _ in of.columns)
            writer.writerows(rows)

    return write


def _parquet_writer(of: Source) -> Callable[[Rows, Path], None]:
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    kinds = [_kind(arrow, name, declared) for name, declared in of.columns]
    schema = arrow.schema([(name, kind[0]) for (name, _), kind in zip(of.columns, kinds, strict=True)])

    def write(rows: Rows, file: Path) -> None:
        columns = [
            arrow.array([None if row[index] is None else read(row[index]) for row in rows], type=kind)
            for index, (kind, read) in enumerate(kinds)
        ]
        table = arrow.Table.from_arrays(columns, schema=schema)
        parquet.write_table(table, file, compression="zstd")

    return write


def _kind(arrow: Any, name: str, declared: str) -> tuple[Any, Callable[[Any], Any]]:
    """The Arrow type of a column, and how a value of SQLite becomes one. No float but where SQLite has one.

    uint256 as TEXT stays text: it has up to 78 digits, Parquet's decimals 76.
    """
    by_declared = {
        "INTEGER": (arrow.int64(), int),
        "REAL": (arrow.float64(), float),
        "TEXT": (arrow.string(), str),
    }
    by_unit = {
        "eth": (arrow.decimal128(38, 18), Decimal),
        "gwei": (arrow.decimal128(38, 9), Decimal),
        "utc": (arrow.timestamp("s", tz="UTC"), datetime.fromisoformat),
    }
    if declared in by_declared:
        return by_declared[declared]
    return by_unit.get(name.rpartition("_")[2], by_declared["TEXT" if name in _TEXTS else "INTEGER"])
