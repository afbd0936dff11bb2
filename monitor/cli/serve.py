"""`ethmon serve`: the history in a browser."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import tempfile
from pathlib import Path

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
    "--port", default=8001, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on."
)
@click.pass_obj
def serve(app: App, host: str, port: int) -> int:
    """Show the database in a browser: tables, facets, canned queries, dashboards (Datasette).

    Read-only, safe next to a running daemon. Ctrl-C ends it.
    """
    from monitor.reports.pages.site import command, metadata
    from monitor.store.database import open_reader

    open_reader(app.settings.db).close()
    if importlib.util.find_spec("datasette") is None:
        raise UsageError("Datasette is not installed: pip install 'ethmon[serve]'.")
    with tempfile.TemporaryDirectory(prefix="ethmon-serve-") as folder:
        file = Path(folder) / "metadata.json"
        file.write_text(json.dumps(metadata(app.settings.db)))
        click.echo(f"http://{host}:{port}/-/dashboards   (ctrl-C ends it)")
        try:
            return subprocess.run(command(app.settings.db, file, host, port), check=False).returncode  # noqa: S603 (our own interpreter)
        except KeyboardInterrupt:
            return 0
