"""`ethmon ladder`: how much collateral becomes liquidatable at each ETH price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import Cell, as_json, console, emit, table_options
from monitor.cli.when import utc
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.reports.ladder import LadderView, Pile, Rung
    from monitor.units import Address

HEADINGS = (
    "ETH price",
    "from now",
    "long",
    "collateral",
    "debt",
    "short",
    "collateral",
    "debt",
    "by protocol",
)
MOST_RUNGS = 10_000
COLUMNS = (
    "price_usd", "from_now", "side", "protocol", "positions", "unpriced", "collateral_usd", "debt_usd",
)  # fmt: skip
"""Of --csv: a row per price, side and protocol. Amounts are exact decimals of USD."""


@click.command()
@click.option(
    "--file", "addresses", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Accounts, one address a line (# for remarks): read from the node now.",
)  # fmt: skip
@click.option(
    "--live", is_flag=True, help="Read the watched accounts from the node now, not from the database."
)
@click.option(
    "--step", type=click.FloatRange(min=0.01), help="USD between two rungs; default: a round fortieth."
)
@click.option(
    "--chart",
    "out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a picture too: FILE.png or FILE.svg.",
)
@table_options
@click.pass_obj
def ladder(
    app: App, addresses: Path | None, live: bool, step: float | None, out: Path | None, shape: str
) -> None:
    """Collateral that becomes liquidatable at each ETH price, per protocol, longs and shorts apart.

    Over the watched accounts as the daemon saw them last, or over a file of addresses. Exact: with
    --file or --live each position is asked with its protocol's own test, else by its stored liquidation
    price. Values are at the protocols' present prices.
    """
    view = _view(app, addresses, live=live)
    if out is not None:
        _draw(view, out)
    rungs = _rungs(view, step)
    if shape == "json":
        click.echo(as_json(_record(view, rungs)))
    elif shape == "csv":
        emit(COLUMNS, [row for rung in rungs for row in _rows(view, rung)], shape)
    else:
        _print(view, rungs)


def _rungs(view: LadderView, step: float | None) -> list[Rung]:
    if not view.price:
        return []
    if step is not None and not isfinite(step):
        raise UsageError(f"--step {step}: is no number of USD.")
    ticks = None if step is None else round(step * 10**8)
    if ticks and view.price // ticks > MOST_RUNGS:
        raise UsageError(f"--step {step}: makes more than {MOST_RUNGS:,} rungs. Take a larger one.")
    return view.rungs(ticks)


def _view(app: App, addresses: Path | None, *, live: bool) -> LadderView:
    from monitor.reports.ladder import live_ladder, stored_ladder
    from monitor.store.database import open_reader
    from monitor.watchlist import load_watchlist

    if addresses is None and not live:
        with open_reader(app.settings.db) as db:
            return stored_ladder(db)
    from monitor.cli.live import read_live

    watched = [wallet.address for wallet in load_watchlist(app.settings.watchlist).wallets]
    accounts = _addresses(addresses) if addresses else watched
    if not accounts:
        raise UsageError("Nothing is watched: give --file, or `ethmon watch add ADDRESS --name NAME`.")
    snapshot = read_live(app, accounts, None, proves=False)
    return live_ladder(snapshot.at, snapshot.seen)


def _addresses(file: Path) -> list[Address]:
    """Raises UsageError, and ConfigError naming the line."""
    from monitor.fields import parse_address

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--file {file}: cannot be read ({type(error).__name__}).") from None
    words = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    found = [parse_address(f"--file {file}, line {number}", word) for number, word in words if word]
    return list(dict.fromkeys(found))


def _draw(view: LadderView, out: Path) -> None:
    from monitor.cli.chart import target, write
    from monitor.reports.charts.ladder import ladder as draw

    out, look = target(out)
    write(out, draw(view, look))


def _print(view: LadderView, rungs: Sequence[Rung]) -> None:
    if not view.entries:
        click.echo("No position here is liquidated by an ETH price.")
    else:
        head = f"Block {view.block:,}" + (f"  {view.at.hash}  {utc(view.at.timestamp)}" if view.at else "")
        console().print(f"{head}\nETH now: ${_usd(view.price)}\n", highlight=False, markup=False)
        emit(HEADINGS, [_cells(view, rung) for rung in _telling(view, rungs)], "table")
    for cause, count in view.left_out.items():
        console().print(f"not on the ladder: {count} ({cause})", highlight=False, markup=False)


def _telling(view: LadderView, rungs: Sequence[Rung]) -> list[Rung]:
    """Those at which more is liquidatable than one step nearer to the price, and the price itself."""
    now = view.rung(view.price)
    below = [rung for rung in rungs if rung.tick < view.price]
    above = [rung for rung in rungs if rung.tick > view.price]
    return [*reversed(_changes([now, *reversed(below)])), now, *_changes([now, *above])]


def _changes(outward: Sequence[Rung]) -> list[Rung]:
    return [
        rung
        for nearer, rung in pairwise(outward)
        if (rung.longs, rung.shorts) != (nearer.longs, nearer.shorts)
    ]


def _cells(view: LadderView, rung: Rung) -> tuple[Cell, ...]:
    from monitor.readings.words import dollars

    longs, shorts = _sum(rung.longs), _sum(rung.shorts)
    by = _merged(rung)
    return (
        f"${_usd(rung.tick, 2)}",
        "now" if rung.tick == view.price else f"{rung.tick / view.price - 1:+.1%}",
        *_side(longs),
        *_side(shorts),
        ", ".join(f"{name} {dollars(_decimal(amount))}" for name, amount in by.items()),
    )


def _side(pile: Pile) -> tuple[Cell, ...]:
    from monitor.readings.words import dollars

    if not pile.positions:
        return ("-", "-", "-")
    least = "≥ " if pile.unpriced else ""
    return (
        f"{pile.positions}", f"{least}{dollars(_decimal(pile.collateral))}", f"{least}{dollars(_decimal(pile.debt))}",
    )  # fmt: skip


def _sum(piles: Mapping[str, Pile]) -> Pile:
    from monitor.reports.ladder import Pile

    return Pile(*(sum(column) for column in zip(*piles.values(), strict=True))) if piles else Pile()


def _merged(rung: Rung) -> dict[str, int]:
    found: dict[str, int] = {}
    for side in (rung.longs, rung.shorts):
        for name, pile in side.items():
            found[name] = found.get(name, 0) + pile.collateral
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _rows(view: LadderView, rung: Rung) -> list[tuple[Cell, ...]]:
    return [
        (
            *(_plain(rung.tick), f"{rung.tick / view.price - 1:.6f}", side, name),
            *(pile.positions, pile.unpriced, _plain(pile.collateral), _plain(pile.debt)),
        )
        for side, piles in (("long", rung.longs), ("short", rung.shorts))
        for name, pile in piles.items()
    ]


def _record(view: LadderView, rungs: Sequence[Rung]) -> dict[str, object]:
    return {
        "block": view.block if view.entries or view.left_out else None,
        "hash": None if view.at is None else view.at.hash,
        "price_usd": _plain(view.price) if view.price else None,
        "rungs": [
            {
                "price_usd": _plain(rung.tick),
                "long": {name: _pile_record(pile) for name, pile in rung.longs.items()},
                "short": {name: _pile_record(pile) for name, pile in rung.shorts.items()},
            }
            for rung in rungs
        ],
        "left_out": dict(view.left_out),
    }


def _pile_record(pile: Pile) -> dict[str, object]:
    return {
        "positions": pile.positions,
        "unpriced": pile.unpriced,
        "collateral_usd": _plain(pile.collateral),
        "debt_usd": _plain(pile.debt),
    }


def _plain(amount: int) -> str:
    """Exact, without separators."""
    return _usd(amount, None).replace(",", "")


def _usd(amount: int, places: int | None = 2) -> str:
    from monitor.units import format_fixed

    return format_fixed(amount, 8, places)


def _decimal(amount: int) -> Decimal:
    return Decimal(amount) / 10**8
