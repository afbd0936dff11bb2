"""A figure is judged by its target, and what could not be measured never passes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import report
from bench.__main__ import BENCHES, summary
from bench.report import Options, Row, at_least, at_most, figure, save, skipped, table


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("speed", 10.0, "x", at_least(10)), "PASS"),
        (Row("speed", 9.99, "x", at_least(10)), "FALLS SHORT"),
        (Row("memory", 60.0, "MB", at_most(60)), "PASS"),
        (Row("memory", 60.1, "MB", at_most(60)), "FALLS SHORT"),
        (Row("speed", 10.0, "x"), ""),
        (skipped("speed", "x", "no compiler", at_least(1)), "SKIPPED"),
    ],
)
def test_a_verdict_follows_from_value_and_target(row: Row, verdict: str) -> None:
    assert row.verdict == verdict
    assert (verdict or row.what) in table([row])


def test_the_exit_code_tells_a_missed_or_unmeasured_target(capsys: pytest.CaptureFixture[str]) -> None:
    met, missed = Row("a", 2.0, "x", at_least(1)), Row("b", 0.5, "x", at_least(1))
    assert summary([met]) == 0
    assert summary([met, missed]) == 1
    assert summary([met, skipped("c", "x", "no npm", at_least(1))]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 targets met. Falls short: b." in said
    assert "Not measured: c." in said


def test_rows_are_kept_as_json(tmp_path: Path) -> None:
    kept = json.loads(save("speed", [Row("a", 2.0, "x", at_least(1))], tmp_path).read_text())
    assert kept["rows"][0]["target"] == {"bound": 1, "at_least": True}
    assert kept["rows"][0]["verdict"] == "PASS"


def test_figures_have_three_digits() -> None:
    assert [figure(value) for value in (None, 0.0123456, 12.345, 123.45, 12_345.6)] == [
        "-", "0.0123", "12.3", "123", "12,346",
    ]  # fmt: skip


def test_every_bench_is_there() -> None:
    here = Path(report.__file__).parent
    assert [name for name in BENCHES if not (here / f"{name}.py").is_file()] == []
    assert Options(quick=True).scaled(10, 1) == 1
