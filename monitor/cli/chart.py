"""`ethmon chart`: pictures of the history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli import App
from monitor.cli.families import Family
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.reports.charts.style import Look

SUFFIXES = {".png": False, ".svg": True}
"""Of files that can be written; True: vector."""


def picture_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--out, --dark, --phone."""
    function = click.option("--phone", is_flag=True, help="Narrower, with larger letters.")(function)
    function = click.option("--dark", is_flag=True, help="Light on dark.")(function)
    return click.option(
        "--out",
        type=click.Path(dir_okay=False, path_type=Path),
        help="FILE.png or FILE.svg; default: KIND.png.",
    )(function)


def since_option(default: str) -> Callable[..., Any]:
    """--since, as `ethmon supply` takes it."""
    return click.option(
        "--since",
        default=default,
        show_default=True,
        help="24h, 7d, 1y, merge, 2025-Q3, 2025-03-01, FROM..TO.",
    )


@click.group(cls=Family)
def chart() -> None:
    """Draw the history as PNG or SVG: burn, supply, fees, a position, the ladder, tokens.

    Stretches in which nothing was seen stay empty, estimates are bands, and every picture names
    the block that it is of.
    """


@chart.command()
@since_option("30d")
@picture_options
@click.pass_obj
def burn(app: App, since: str, **picture: Any) -> None:
    """ETH burned, base fee and blobs."""
    from monitor.reports.charts import supply
    from monitor.reports.charts.steps import steps
    from monitor.store.database import open_reader

    out, look = _target("burn", **picture)
    with open_reader(app.settings.db) as db:
        write(out, supply.burn(steps(db, since), look))


@chart.command()
@since_option("30d")
@picture_options
@click.pass_obj
def fees(app: App, since: str, **picture: Any) -> None:
    """Base fee and blob base fee: mean, lowest and highest."""
    from monitor.reports.charts import supply
    from monitor.reports.charts.steps import steps
    from monitor.store.database import open_reader

    out, look = _target("fees", **picture)
    with open_reader(app.settings.db) as db:
        write(out, supply.fees(steps(db, since), look))


@chart.command("supply")
@since_option("30d")
@picture_options
@click.pass_obj
def supply_(app: App, since: str, **picture: Any) -> None:
    """Net change of ETH supply, and what was issued and burned."""
    from monitor.reports.charts import supply
    from monitor.reports.charts.steps import net_steps, steps
    from monitor.store.database import open_reader

    out, look = _target("supply", **picture)
    with open_reader(app.settings.db) as db:
        found = steps(db, since)
        write(out, supply.supply(found, net_steps(db, found, app.settings.stake), look))


@chart.command()
@click.argument("name")
@since_option("7d")
@picture_options
@click.pass_obj
def position(app: App, name: str, since: str, **picture: Any) -> None:
    """Price against liquidation price of the position NAME (a wallet's name or address), with its alert levels.

    Of several positions of one wallet: the one nearest to liquidation; the others are listed.
    """
    from monitor.readings.positions import subject_of
    from monitor.reports.charts.position import position as draw
    from monitor.reports.charts.track import since_of, track, wanted
    from monitor.store.database import open_reader
    from monitor.watchlist import load_watchlist

    out, look = _target("position", **picture)
    rules = load_watchlist(app.settings.watchlist).rules
    with open_reader(app.settings.db) as db:
        now, *others = wanted(db, name)
        write(out, draw(track(db, now, since_of(db, since, now), rules), look))
    for other in others:
        click.echo(f"also: ethmon chart position {subject_of(other.key)}", err=True)


@chart.command()
@click.argument("name", required=False)
@click.option("--kind", help="Tokens of this kind, e.g. stablecoin (default: the kind with the most tokens).")
@click.option("--of", "denomination", help="Tokens of this denomination, e.g. USD.")
@since_option("30d")
@picture_options
@click.pass_obj
def tokens(
    app: App, name: str | None, kind: str | None, denomination: str | None, since: str, **picture: Any
) -> None:
    """Supply of stablecoins or tokenised assets together, and who was minted; or of the token NAME alone."""
    from monitor.reports.charts.money import money
    from monitor.reports.token_series import token_track
    from monitor.store.database import open_reader

    out, look = _target("tokens", **picture)
    with open_reader(app.settings.db) as db:
        write(out, money(token_track(db, since, name, kind, denomination), look))


@chart.command()
@picture_options
@click.pass_obj
def ladder(app: App, **picture: Any) -> None:
    """Collateral of the watched accounts that becomes liquidatable at each ETH price."""
    from monitor.reports.charts.ladder import ladder as draw
    from monitor.reports.ladder import stored_ladder
    from monitor.store.database import open_reader

    out, look = _target("ladder", **picture)
    with open_reader(app.settings.db) as db:
        write(out, draw(stored_ladder(db), look))


@chart.command()
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="BTC/USD|XAU/USD|NAME|FILE.csv",
    help="A feed, a [[series]] of the watchlist, or a CSV file; up to four (default: what there is).",
)
@click.option("--window", default="30d", show_default=True, help="Days that one figure is over, 14d or more.")
@click.option("--column", help="Column of a CSV file that holds the price (default: close).")
@since_option("1y")
@picture_options
@click.pass_obj
def correlation(
    app: App, others: tuple[str, ...], window: str, column: str | None, since: str, **picture: Any
) -> None:
    """How ETH moved with Bitcoin, gold or your own series: closes, and rolling correlation with its interval."""
    from monitor.comovement import Others
    from monitor.reports.charts.correlation import correlation as draw
    from monitor.reports.comovement import comovement, day_text, window_days
    from monitor.store.database import open_reader
    from monitor.watchlist import load_watchlist

    out, look = _target("correlation", **picture)
    series = load_watchlist(app.settings.watchlist).series
    with open_reader(app.settings.db) as db:
        found = comovement(db, others, window_days(window), since, Others(series), column=column)
    write(out, draw(found, look))
    if found.begins_late:
        click.echo(
            f"closes begin on {day_text(found.first)}; `ethmon backfill --prices --from {since}` reads older ones",
            err=True,
        )
    for cause in found.left_out.values():
        click.echo(f"left out: {cause}", err=True)


def _target(kind: str, out: Path | None, dark: bool, phone: bool) -> tuple[Path, Look]:
    return target(out or Path(f"{kind}.png"), dark=dark, phone=phone)


def target(out: Path, *, dark: bool = False, phone: bool = False) -> tuple[Path, Look]:
    """Where to write, and what. Raises UsageError."""
    from monitor.reports.charts.style import Look

    vector = SUFFIXES.get(out.suffix.lower())
    if vector is None:
        raise UsageError(f"{out}: the name must end in .png or .svg.")
    return out, Look(dark=dark, phone=phone, vector=vector)


def write(out: Path, content: bytes) -> None:
    """Write a file and say so. Raises UsageError."""
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror or type(error).__name__}).") from None
    click.echo(str(out))
