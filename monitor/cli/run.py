"""`ethmon run`: the daemon."""

from __future__ import annotations

import click

from monitor.cli import App


@click.command()
@click.pass_obj
def run(app: App) -> None:
    """Follow the chain and keep the ledger until stopped (ctrl-C or SIGTERM).

    Needs no configuration: mainnet over public endpoints, ./ethmon.db, alerts to the console. Set
    ETH_RPC_URLS to your own node for anything serious; `ethmon check` tests it first.
    """
    from monitor import logs
    from monitor.chain.redact import Redactor
    from monitor.daemon import Daemon, handle_signals

    settings = app.settings
    logs.configure(settings.log_level, settings.log_format, Redactor(settings.secrets()), debug=app.debug)
    daemon = Daemon(settings)
    handle_signals(daemon)
    daemon.run()
