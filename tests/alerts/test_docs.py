"""docs/alerts.md and the code say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from alerts import rules
from alerts.rules import parse_rules
from monitor.readings.catalogue import CATALOGUE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text()


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
