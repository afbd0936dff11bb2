"""`ethmon check`: the preflight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import console, emit, table_options

if TYPE_CHECKING:
    from monitor.preflight import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command()
@table_options
@click.pass_obj
def check(app: App, shape: str) -> int:
    """Test every endpoint, channel, file and clock. Exit code 1 when something would not work."""
    from alerts.wording import counted
    from monitor.chain.clock import SystemClock
    from monitor.notify import channel_makers
    from monitor.preflight import Grade, preflight

    findings: list[Finding] = []
    for finding in preflight(app.settings, SystemClock(), channel_makers(app.settings)):
        findings.append(finding)
        if shape == "table":
            _print(finding)
    failed = sum(finding.grade is Grade.FAIL for finding in findings)
    if shape != "table":
        emit(
            ("grade", "area", "subject", "text"),
            [(f.grade.value, f.area, f.subject, f.text) for f in findings],
            shape,
        )
    else:
        warned = sum(finding.grade is Grade.WARN for finding in findings)
        click.echo(
            f"\n{failed} failed, {counted(warned, 'warning')}, {len(findings) - failed - warned} fine."
        )
    return 1 if failed else 0


def _print(finding: Finding) -> None:
    from rich.text import Text

    line = Text.assemble(
        (f"{finding.grade.value:<5}", _STYLES[finding.grade.value]),
        f"{finding.area:<9} ",
        (finding.subject, "bold"),
        f"  {finding.text}",
    )
    console().print(line)
