"""docs/alerts.md and the code say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click

from alerts import rules
from alerts.rules import parse_rules
from monitor.cli import main
from monitor.readings.catalogue import CATALOGUE

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "alerts.md").read_text()
RUNBOOK = (DOCS / "runbook.md").read_text()


def test_every_example_is_understood() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        channels = ("telegram", "email", "webhook", "apprise", "console")
        assert parse_rules(tomllib.loads(example), CATALOGUE, channels)


def test_every_key_of_a_rule_has_its_line() -> None:
    documented = {
        key
        for line in PAGE.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert set(rules._RULE_KEYS) <= documented


def test_every_default_rule_is_named() -> None:
    for table in CATALOGUE.defaults:
        assert f"`{table['name']}`" in PAGE


def test_the_runbook_has_an_entry_for_every_default_rule() -> None:
    headings = set(re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE))
    assert {table["name"] for table in CATALOGUE.defaults} <= headings
    assert {"NAME: alert at", "Cannot see NAME", "CORRECTION"} <= headings


def test_the_runbook_names_commands_that_exist() -> None:
    spoken = {
        words
        for code in re.findall(r"```sh\n(.*?)```|`([^`]+)`", RUNBOOK, re.DOTALL)
        for words in re.findall(r"ethmon ([a-z]+)(?: ([a-z]+)\b)?", " ".join(code))
    }
    assert len(spoken) > 8
    for name, second in spoken:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        if isinstance(command, click.Group) and second:
            assert command.get_command(click.Context(command), second) is not None, second
