"""`ethmon watch`: who is watched. Edits watchlist.toml; comments survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from monitor.cli import App
from monitor.cli.account import typed_account
from monitor.cli.families import Listing
from monitor.cli.output import emit, table_options
from monitor.errors import ConfigError, EthmonError, UsageError

DEFAULT_ALERTS = ("20%", "10%", "5%", "2%")


@click.group(cls=Listing)
def watch() -> None:
    """Add, list and remove watched accounts (watchlist.toml; your comments survive). Without a command: `list`."""


@watch.command()
@click.argument("address")
@click.option("--name", required=True, help="How messages call it.")
@click.option(
    "--alert-at",
    "alert_at",
    multiple=True,
    help="Distance from liquidation, e.g. 10%; several times. Default: 20%, 10%, 5%, 2%.",
)
@click.option("--offline", is_flag=True, help="Do not look for its positions now.")
@click.pass_obj
def add(app: App, address: str, name: str, alert_at: tuple[str, ...], offline: bool) -> None:
    """Watch ADDRESS: its positions on every supported protocol are found by themselves."""
    import tomlkit

    path = app.settings.watchlist
    account = typed_account(address)
    document = _document(path)
    if any(str(table.get("address", "")).lower() == account for table in document.get("wallet", [])):
        raise UsageError(f"{address} is watched already. `ethmon watch list` shows it.")
    entry = tomlkit.table()
    for key, value in (("name", name), ("address", address), ("alert_at", list(alert_at or DEFAULT_ALERTS))):
        entry.append(key, value)
    if "wallet" not in document:
        document.append("wallet", tomlkit.aot())
    document["wallet"].append(entry)
    _write(path, document)
    click.echo(f"Watching {name} in {path}. A running daemon takes it up within half a minute.")
    if not offline:
        _show(app, account)


@watch.command("list")
@table_options
@click.pass_obj
def list_(app: App, shape: str) -> None:
    """What is watched, and what was reported by others."""
    from monitor.readings.words import price_words
    from monitor.watchlist import load_watchlist

    found = load_watchlist(app.settings.watchlist)
    rows = [("wallet", one.name, one.address, "") for one in found.wallets]
    rows += [("token", one.listed.name, one.listed.address, one.listed.source) for one in found.tokens]
    rows += [("level", one.name, price_words(one.price, 8), one.source) for one in found.levels]
    rows += [
        (
            "holding",
            one.name,
            f"{one.amount_wei // 10**18:,} ETH at {price_words(one.cost_low, 8)} to {price_words(one.cost_high, 8)}",
            one.source,
        )
        for one in found.holdings
    ]
    if not rows and shape == "table":
        click.echo(
            f"Nothing is watched in {app.settings.watchlist}. Begin with `ethmon watch add ADDRESS --name NAME`."
        )
        return
    emit(("kind", "name", "what", "source"), rows, shape)


@watch.command()
@click.argument("who")
@click.pass_obj
def remove(app: App, who: str) -> None:
    """Stop watching WHO, an address or a name."""
    path = app.settings.watchlist
    document = _document(path)
    wanted = who.lower()
    for kind in ("wallet", "token", "level", "holding"):
        tables = document.get(kind, [])
        for index, table in enumerate(tables):
            if wanted in {str(table.get("address", "")).lower(), str(table.get("name", "")).lower()}:
                del tables[index]
                if not tables:
                    document.remove(kind)
                _write(path, document)
                click.echo(
                    f"Removed {kind} {table.get('name')} from {path}. A running daemon follows within half a minute."
                )
                return
    raise UsageError(f"{who} is not in {path}. `ethmon watch list` shows what is.")


def _document(path: Path) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if not path.exists():
        return tomlkit.document()
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except (TOMLKitError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), f"cannot be edited: {error}.", "Compare it with watchlist.example.toml."
        ) from None


def _write(path: Path, document: Any) -> None:
    """Checked before it replaces the old file, and replaced whole."""
    import tomlkit

    from monitor.watchlist import parse_watchlist

    parse_watchlist(document.unwrap())
    partial = path.with_name(path.name + ".partial")
    partial.write_text(tomlkit.dumps(document), encoding="utf-8")
    partial.replace(path)


def _show(app: App, account: str) -> None:
    from monitor.cli.positions import positions

    try:
        click.get_current_context().invoke(
            positions, addresses=(account,), block=None, live=True, supposed=(), shape="table"
        )
    except (EthmonError, click.ClickException) as error:
        click.echo(f"Its positions cannot be shown now: {error}", err=True)
    del app
