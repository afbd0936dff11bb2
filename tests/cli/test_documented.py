"""Every command line of the documents is one that the program takes; those of the README are run, on the demo's chain."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.exceptions import NoArgsIsHelpError

from monitor.cli import main
from tests.support.commands import ROOT, ethmon, eventually, started

PAGES = [ROOT / "README.md", ROOT / "watchlist.example.toml", *sorted((ROOT / "docs").rglob("*.md"))]
STAYS = {"run", "init", "serve", "demo"}
"""They ask, or do not end by themselves; each is started by tests of its own."""
NEEDS_MORE = {
    "ethmon backfill --from london": "is not a time frame",  # the demo's chain has no London
    "ethmon correlate --with XAU/USD": "no price of XAU/USD",  # nor gold
    "ethmon restore --from copy.db": "exists",
}
"""Lines that the demo's chain answers with one line about what is missing."""


def _lines(text: str) -> list[str]:
    """Of the code blocks, to be copied as they stand."""
    blocks = "\n".join(re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL))
    return re.findall(r"^(?:\$ )?((?:[A-Z_]+=\S+ )*ethmon .*)$", blocks, re.MULTILINE)


def _mentions(text: str) -> list[str]:
    """In running text, where they may leave out what a command is given; not those with a placeholder."""
    inline = re.findall(r"`(ethmon [a-z][^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line for line in inline if not re.search(r"\b[A-Z]{3,}\b|[|…\[]|--\w+$", line)]


def _arguments(line: str) -> list[str]:
    words = shlex.split(
        line.replace("0xe5c2…4e4c", "0xe5c248d8d3f3871bd0f68e9c4743459c43bb4e4c"), comments=True
    )
    return words[words.index("ethmon") + 1 :]


LINES = sorted({(page.name, line) for page in PAGES for line in _lines(page.read_text())})
MENTIONS = sorted({(page.name, line) for page in PAGES for line in _mentions(page.read_text())})


def test_there_are_many() -> None:
    assert len(LINES) > 60
    assert len(MENTIONS) > 40


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_documented_line_is_understood(page: str, line: str) -> None:
    """Names, options and values; nothing is run."""
    _understand(line)


@pytest.mark.parametrize(("page", "line"), MENTIONS)
def test_every_command_that_is_mentioned_exists(page: str, line: str) -> None:
    with suppress(click.MissingParameter, NoArgsIsHelpError):
        _understand(line)


def _understand(line: str) -> None:
    command: click.Command = main
    parent: click.Context | None = None
    arguments = _arguments(line)
    while True:
        context = command.make_context(command.name or "ethmon", list(arguments), parent=parent)
        unread = context._protected_args  # pyright: ignore[reportPrivateUsage] it has no public name
        rest = [*unread, *context.args]
        if not isinstance(command, click.Group) or not rest:
            return
        _, found, arguments = command.resolve_command(context, rest)
        assert found is not None
        command, parent = found, context


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a demo that goes on."""
    folder = tmp_path_factory.mktemp("readme")
    with started(folder, "demo", "--fast", "--keep") as process:
        log = folder / "stderr.log"
        eventually(lambda: "ctrl-C ends it" in log.read_text() or process.poll() is not None, timeout=120)
        assert process.poll() is None, log.read_text()
        yield folder / "ethmon-demo"


@pytest.mark.localnet
def test_what_the_readme_shows_works_where_the_demo_runs(demo: Path) -> None:
    node = re.findall(r"ETH_RPC_URLS=(\S+)", (demo / "config.env").read_text())[0]
    failed: list[str] = []
    for line in _lines((ROOT / "README.md").read_text()):
        arguments = _arguments(line.replace("http://other:8545", node))
        shown = shlex.join(["ethmon", *arguments])
        if arguments and arguments[0] not in STAYS and "--watch" not in arguments:
            done = ethmon(demo, *arguments)
            missing = NEEDS_MORE.get(shown)
            good = done.returncode == 0 if missing is None else missing in done.stderr
            if not good or "Traceback" in done.stderr:
                failed.append(f"{shown}: {done.returncode} {done.stderr[-300:]}")
    assert failed == []
