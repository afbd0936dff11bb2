"""`ethmon backfill`: history into the database."""

from __future__ import annotations

import signal
from contextlib import suppress
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.chain.endpoints import Endpoints
    from monitor.store.database import Database
    from monitor.units import BlockNumber


@click.command()
@click.option(
    "--from",
    "first",
    required=True,
    help="Block number, fork (london, merge, pectra), date (2025-03-01) or time back (30d).",
)
@click.option("--to", "last", default="head", show_default=True, help="The same, or head.")
@click.option(
    "--headers",
    is_flag=True,
    help="Headers alone where the node gives them: a thirteenth of the bytes, no transaction counts or withdrawals.",
)
@click.option(
    "--uncles", is_flag=True, help="Rewards of blocks before the Merge too: issuance back to the first block."
)
@click.option(
    "--prices", is_flag=True, help="Daily closes of the price feeds instead of blocks, from any full node."
)
@click.option(
    "--tokens",
    is_flag=True,
    help="Supply of the listed tokens every 500 blocks instead of blocks; needs an archive node.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def backfill(
    app: App, first: str, last: str, headers: bool, uncles: bool, prices: bool, tokens: bool, quiet: bool
) -> None:
    """Read blocks into the database, newest first. Resumable: what is stored is never read again.

    Works next to a running daemon. Stop it with ctrl-C at any time and start it again.
    """
    from monitor.chain.clock import SystemClock
    from monitor.chain.connect import connect
    from monitor.rule_check import resume
    from monitor.store import identity

    clock = SystemClock()
    with _database(app) as db:
        source = connect(app.settings, clock, identity.chain_id(db))
        _claim(db, source, clock.now())
        resume(db, source)
        if prices:
            from monitor.cli.backfill_prices import run_prices

            run_prices(app, db, source, (first, last), _stoppable(), quiet=quiet)
            source.close()
            return
        start, end = _left_to_us(db, _range(source, first, last))
        cancel = _stoppable()
        if tokens:
            from monitor.cli.backfill_tokens import run_tokens

            run_tokens(app, db, source, (start, end), cancel, quiet=quiet)
            source.close()
            return
        _run(db, source, (start, end), cancel, headers=headers, quiet=quiet)
        if uncles:
            _run_uncles(db, source, (start, end), cancel, quiet=quiet)
        source.close()


def _database(app: App) -> Database:
    """As the owner only to make or migrate the file: a daemon may be started while this runs."""
    from monitor.errors import StoreBusy
    from monitor.store.database import open_beside, open_writer

    with suppress(StoreBusy):
        open_writer(app.settings.db).close()
    return open_beside(app.settings.db)


def _claim(db: Database, source: Endpoints, now: int) -> None:
    from monitor.chain.connect import genesis_hash
    from monitor.store import identity
    from monitor.units import UnixTime

    identity.bind_chain(db, source.chain_id(), genesis_hash(source), UnixTime(now))


def _range(source: Endpoints, first: str, last: str) -> tuple[BlockNumber, BlockNumber]:
    from monitor.chain.search import block_of
    from monitor.supply.forks import CHAINS

    head, chain = source.head(), CHAINS.get(source.chain_id())
    start = block_of(source, head, first, chain)
    end = head.number if last == "head" else block_of(source, head, last, chain)
    if start > end:
        raise UsageError(f"--from {first} is block {start:,}, after --to {last}, block {end:,}.")
    return start, end


def _left_to_us(db: Database, span: tuple[BlockNumber, BlockNumber]) -> tuple[BlockNumber, BlockNumber]:
    """What a running daemon has yet to follow is its own: of a block that is stored already it alerts nobody."""
    from monitor.errors import StoreError
    from monitor.store import ledger, lock

    if lock.holder(db.path) is None:
        return span
    at = ledger.cursor(db)
    if at is None or at.number < span[0]:
        raise StoreError(
            f"The daemon has not come to block {span[0]:,} yet and will read from there by itself. "
            "Stop it first, or give an earlier --from."
        )
    return span[0], min(span[1], at.number)


def _stoppable() -> Event:
    """Set by ctrl-C or SIGTERM: what was read is kept."""
    cancel = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        cancel.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return cancel


def _run_uncles(
    db: Database, source: Endpoints, span: tuple[BlockNumber, BlockNumber], cancel: Event, *, quiet: bool
) -> None:
    from rich.progress import Progress

    from monitor.past.rewards import read_rewards
    from monitor.store import rewards
    from monitor.supply.forks import CHAINS
    from monitor.units import BlockNumber, format_eth

    chain = CHAINS.get(source.chain_id())
    merge = chain.fork("merge") if chain else None
    if chain is None or merge is None or merge.block is None:
        raise UsageError("--uncles: where the Merge of this chain was is not known.")
    first, last = BlockNumber(max(span[0], 1)), BlockNumber(min(span[1], merge.block - 1))
    if first > last:
        raise UsageError(f"--uncles: all of these blocks are after the Merge (block {merge.block:,}).")
    wanted = sum(end - start + 1 for start, end in rewards.missing(db, first, last))
    with Progress(disable=quiet) as bar:
        task = bar.add_task(f"rewards of blocks {first:,} to {last:,}", total=wanted)
        done = read_rewards(
            source, db, first, last, cancel=cancel, reward=chain.mined_wei,
            progress=lambda count: bar.update(task, completed=count),
        )  # fmt: skip
    found = rewards.total(db, first, last)
    click.echo(
        f"{done:,} rewards read, {wanted - done:,} left; {found.blocks:,} blocks with {found.uncles:,} uncles "
        f"issued {format_eth(found.issued_wei)} ETH."
    )


def _run(
    db: Database,
    source: Endpoints,
    span: tuple[BlockNumber, BlockNumber],
    cancel: Event,
    *,
    headers: bool,
    quiet: bool,
) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from monitor.chain.bulk import block_reader
    from monitor.chain.clock import SystemClock
    from monitor.past.blocks import run_backfill

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=quiet, transient=False) as bar:
        task = bar.add_task(f"blocks {span[0]:,} to {span[1]:,}", total=None, speed="")
        done = run_backfill(
            block_reader(source, source.blob_fee, headers=headers), db, span[0], span[1],
            clock=SystemClock(), cancel=cancel, source=source,
            progress=lambda state: bar.update(task, total=state.total, completed=state.stored + state.unreadable, speed=_speed(bar.tasks[0].speed)),
        )  # fmt: skip
    if not done.total:
        click.echo("Nothing to do: all of these blocks are stored.")
        return
    click.echo(
        f"{done.stored:,} blocks stored, {done.unreadable:,} not readable (`ethmon gaps`), {done.left:,} left."
    )
    if done.left:
        click.echo("Run the same command again to go on.")


def _speed(blocks_per_second: float | None) -> str:
    return "" if blocks_per_second is None else f"{blocks_per_second:,.0f} blocks/s"
