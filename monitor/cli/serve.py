"""`ethmon serve`: the history in a browser."""

from __future__ import annotations

import click

from monitor.cli import App
from monitor.errors import UsageError


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Anybody who reaches it can read everything.",
)
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--base-url", default="/", show_default=True, help="Path under which a proxy shows the site.")
@click.option(
    "--name", "names", multiple=True, help="Host name by which a proxy asks (others are refused); repeatable."
)
@click.pass_obj
def serve(app: App, host: str, port: int, base_url: str, names: tuple[str, ...]) -> int:
    """Show the database in a browser: tables, facets, canned queries, dashboards (Datasette).

    Read-only, safe next to a running daemon. Ctrl-C ends it.
    """
    from monitor.reports.pages import server
    from monitor.store.database import open_reader

    if not base_url.startswith("/"):
        raise UsageError(f"--base-url: {base_url} is not a path. Start it with /, as in /ethmon/.")
    open_reader(app.settings.db).close()
    base_url = base_url.rstrip("/") + "/"
    with server.listen(host, port) as listening:
        site = server.application(server.Site(app.settings.db, app.settings.stake, base_url, names))
        if not server.is_loopback(host):
            click.echo(
                f"Warning: everybody who reaches {host} can read this database, without a password.", err=True
            )
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}{base_url}"
        server.serve(site, listening, lambda: click.echo(f"{address}   (ctrl-C ends it)"))
    return 0
