"""The command line: parses and prints, nothing else.

`ethmon --help` must not import a command: names and one-line helps are listed here, the module
of a command is imported when it runs.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.errors import EthmonError

if TYPE_CHECKING:
    from monitor.config import Settings


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives: `monitor.cli.<module>`, attribute `<attribute>`."""

    module: str
    attribute: str
    help: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo", "demo", "Run the whole thing against a local chain, no network needed."),
    "init": Entry("init", "init", "Ask a few questions and write config.env and watchlist.toml."),
    "check": Entry("check", "check", "Test every endpoint, channel, file and clock before you rely on them."),
    "run": Entry("run", "run", "Follow the chain: the daemon."),
    "status": Entry("status", "status", "Chain, burn, positions, alerts at a glance; --watch is live."),
    "positions": Entry(
        "positions", "positions", "Liquidation prices of watched accounts, and how near they are."
    ),
    "ladder": Entry("ladder", "ladder", "Collateral that becomes liquidatable at each ETH price."),
    "watch": Entry("watch", "watch", "Add, list and remove watched accounts."),
    "alerts": Entry("alerts", "alerts", "What is open, answers to it, and test messages."),
    "outbox": Entry("outbox", "outbox", "Messages on their way, and those that did not arrive."),
    "supply": Entry("supply", "supply", "Burn and fees over any time frame."),
    "backfill": Entry("backfill", "backfill", "Read history into the database; resumable."),
    "gaps": Entry("gaps", "gaps", "What could not be read, and its repair."),
    "replay": Entry("replay", "replay", "Which alerts would your rules have sent? Sends none."),
    "chart": Entry("chart", "chart", "Pictures of burn, supply, fees, a position, the ladder."),
    "report": Entry("report", "report", "One HTML file with charts and tables, to send on."),
    "serve": Entry("serve", "serve", "The history in a browser: tables, queries, dashboards."),
    "correlate": Entry("correlate", "correlate", "Does ETH move with Bitcoin, gold or your own series?"),
    "tokens": Entry("tokens", "tokens", "Supply of stablecoins and tokenised assets."),
    "export": Entry("export", "export", "Tables and views as Parquet or CSV, a file a day."),
    "backup": Entry("backup", "backup", "A sound copy of the database while the daemon writes."),
    "restore": Entry("backup", "restore", "Put a backup in the place of the database."),
    "query": Entry("query", "query", "Ask the database in SQL, read-only."),
}
"""In the order of `ethmon --help`."""


@dataclass(slots=True)
class App:
    """What every command may ask for."""

    config: Path | None
    db: Path | None
    debug: bool
    _settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """Checked settings; `--db` wins over ETHMON_DB."""
        if self._settings is None:
            from dataclasses import replace

            from monitor.config import load_settings

            loaded = load_settings(file=self.config)
            self._settings = replace(loaded, db=self.db) if self.db else loaded
        return self._settings


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command itself."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(import_module(f"monitor.cli.{entry.module}"), entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Click's own, with the nearest name in the error."""
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Click's own, but a reader that has enough (`| head`) is no failure: click ends with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"ethmon {version('ethmon')}")
        ctx.exit()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", type=click.Path(path_type=Path), help="Settings file (default: ./config.env if it exists)."
)
@click.option(
    "--db", type=click.Path(path_type=Path), help="Database file (default: ETHMON_DB, else ./ethmon.db)."
)
@click.option("--debug", is_flag=True, help="Show tracebacks and debug logs.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None, db: Path | None, debug: bool) -> None:
    """Is ETH inflating or being burned, and at what price does this whale get liquidated?

    Start with `ethmon demo` (no network needed) or `ethmon run` (mainnet, no configuration
    needed). Settings come from the environment and config.env: see config.example.env.
    """
    ctx.obj = App(config, db, debug)


def run(args: list[str] | None = None) -> None:
    """Run the command line; expected errors are one line on stderr. Exit codes: 0 fine, 1 not, 2 wrong use."""
    from monitor.cli.charset import tolerate_poor_terminals

    argv = sys.argv[1:] if args is None else args
    tolerate_poor_terminals()
    try:
        code: object = main.main(args=argv, prog_name="ethmon", standalone_mode=False)
    except EthmonError as error:
        _fail(error, "--debug" in argv)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _say(_wrong_use(error))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _wrong_use(error: click.ClickException) -> str:
    """One line instead of click's four."""
    said = " ".join(error.format_message().split())
    said += "" if said.endswith((".", "?")) else "."
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"ethmon: {said} `{context.command_path} --help` explains." if context else f"ethmon: {said}"


def _fail(error: EthmonError, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exception(error)
    _say(f"ethmon: {error}")


def _say(text: str) -> None:
    from monitor.cli.charset import printable

    click.echo(printable(text), err=True)
