"""`ethmon positions`: where each watched position gets liquidated, and how near that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.account import typed_account
from monitor.cli.output import Cell, as_json, console, emit, table_options
from monitor.cli.when import utc
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.reports.positions import PositionLine, PositionView
    from monitor.units import Address
    from monitor.watch.snapshot import Snapshot
    from monitor.watchlist import Wallet

HEADINGS = (
    "name", "where", "collateral", "debt", "health", "liquidated", "distance", "price (age)", "proof", "a day", "24 h",
)  # fmt: skip


@click.command()
@click.argument("addresses", nargs=-1)
@click.option(
    "--at",
    "block",
    type=click.IntRange(0),
    help="As of this block: reads the node, which must be an archive.",
)
@click.option("--live", is_flag=True, help="Read the node now, not what the daemon stored.")
@click.option(
    "--if-eth",
    "supposed",
    multiple=True,
    metavar="USD",
    help="Suppose this ETH price: health and verdict there, by each protocol's own arithmetic. Several times.",
)
@table_options
@click.pass_obj
def positions(
    app: App,
    addresses: tuple[str, ...],
    block: int | None,
    live: bool,
    supposed: tuple[str, ...],
    shape: str,
) -> None:
    """Liquidation price of every watched position, the distance to it, and whether the node proved it.

    Without arguments: what the daemon saw at the newest block. With ADDRESSES: a one-off look at
    these accounts on every supported protocol, no watchlist needed.
    """
    if supposed:
        from monitor.cli.whatif import show, ticks_of

        ticks = ticks_of(supposed)
        snapshot, names = _snapshot(app, addresses, block, proves=False)
        show(snapshot, names, ticks, shape)
        return
    if addresses or block is not None or live:
        view = _read(app, addresses, block)
    else:
        from monitor.reports.positions import stored_view
        from monitor.store.database import open_reader

        with open_reader(app.settings.db) as db:
            view = stored_view(db)
    if shape == "json":
        click.echo(as_json(_record(view)))
    elif shape == "csv":
        from monitor.store.positions import COLUMNS

        emit(COLUMNS[:-1], [tuple(line.row[:-1]) for line in view.lines], shape)
    else:
        _print(view, addresses)


def _read(app: App, addresses: Sequence[str], block: int | None) -> PositionView:
    from monitor.reports.positions import live_view

    snapshot, names = _snapshot(app, addresses, block, proves=True)
    return live_view(snapshot.at, snapshot.seen, names)


def _snapshot(
    app: App, addresses: Sequence[str], block: int | None, *, proves: bool
) -> tuple[Snapshot, dict[Address, str]]:
    """What the node says now, or at a block, and how the accounts are called."""
    from monitor.cli.live import read_live

    wallets = _wallets(app, addresses)
    snapshot = read_live(app, [wallet.address for wallet in wallets], block, proves=proves)
    return snapshot, {wallet.address: wallet.name for wallet in wallets}


def _wallets(app: App, addresses: Sequence[str]) -> tuple[Wallet, ...]:
    from monitor.watchlist import Wallet, load_watchlist

    watched = load_watchlist(app.settings.watchlist)
    if not addresses:
        if not watched.wallets:
            raise UsageError(
                "Nothing is watched: give an address, or `ethmon watch add ADDRESS --name NAME`."
            )
        return watched.wallets
    asked = dict.fromkeys(map(typed_account, addresses))
    return tuple(Wallet(watched.name_of(address), address) for address in asked)


def _print(view: PositionView, addresses: Sequence[str]) -> None:
    if not view.lines:
        hint = "" if addresses else " Watch an account with `ethmon watch add ADDRESS --name NAME`."
        click.echo(f"No positions on the protocols of docs/protocols.md.{hint}")
        return
    row = view.lines[0].row
    hash_text = "" if view.at is None else f"  {view.at.hash}"
    console().print(
        f"Block {row.block_number:,}{hash_text}  {utc(row.block_time)}\n", highlight=False, markup=False
    )
    emit(HEADINGS, [_cells(line) for line in view.lines], "table")
    for line in view.lines:
        for text in _remarks(line):
            console().print(f"{line.row.name}: {text}", highlight=False, markup=False)


def _cells(line: PositionLine) -> tuple[Cell, ...]:
    from monitor.reports import positions as words

    row, detail = line.row, line.row.detail
    return (
        row.name,
        words.protocol_name(row),
        words.legs_words(detail.get("collaterals", [])) or "-",
        words.legs_words(detail.get("debts", [])) or "-",
        words.health_words(row),
        words.liquidation_words(row),
        words.distance_words(row),
        words.price_with_age(row),
        words.proof_words(row),
        "-" if row.drift_usd_per_day is None else f"{row.drift_usd_per_day:+.2f}",
        "-" if line.moved_usd is None else f"{line.moved_usd:+.2f} {line.main_cause}".strip(),
    )


def _remarks(line: PositionLine) -> list[str]:
    row = line.row
    found = [str(note) for note in row.detail.get("notes", [])]
    if row.outcome == "unseen":
        found.append(f"cannot see {row.market}: {row.cause}")
    if row.is_refuted:
        found.append(f"the contract refutes this price: {row.proof_cause}")
    return found


def _record(view: PositionView) -> dict[str, object]:
    at = view.at
    return {
        "block": None if at is None else {"number": at.number, "hash": at.hash, "time": utc(at.timestamp)},
        "positions": [
            {**line.row._asdict(), "moved_24h": {cause: str(moved) for cause, moved in line.moves.items()}}
            for line in view.lines
        ],
    }
