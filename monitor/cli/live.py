"""One look at positions on the node, for commands that do not ask the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.chain.endpoints import Endpoints
    from monitor.domain import BlockRef
    from monitor.units import Address
    from monitor.watch.snapshot import Snapshot


def read_live(app: App, accounts: Sequence[Address], block: int | None, *, proves: bool = True) -> Snapshot:
    """Every position of `accounts` at `block` (None: the head). Raises NodeError, UsageError, ClickException."""
    from monitor.adapters import FEEDS, adapters_for
    from monitor.chain.clock import SystemClock
    from monitor.chain.connect import connect
    from monitor.watch import SnapshotReader

    source = connect(app.settings, SystemClock())
    try:
        at = _block(source, block)
        chain_id = source.chain_id()
        adapters = adapters_for(chain_id, app.settings.deployments)
        reader = SnapshotReader(source, adapters, FEEDS.get(chain_id, {}), proves=proves)
        if not reader.adapters:
            raise UsageError(f"No lending protocol is known on chain {chain_id}.")
        snapshot = reader.read(at, accounts)
    finally:
        source.close()
    if snapshot.blind:
        raise click.ClickException(f"The positions cannot be read at block {at.number:,}: {snapshot.blind}")
    return snapshot


def _block(source: Endpoints, number: int | None) -> BlockRef:
    from monitor.units import BlockNumber

    if number is None:
        return source.head()
    ref = source.ref(BlockNumber(number))
    if ref is None:
        raise UsageError(f"The node has no block {number:,}.")
    return ref
