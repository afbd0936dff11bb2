"""The last page of the demo: what the database holds, that it is right, and how to go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from monitor.cli.demo_positions import liquidation_words, table_lines
from monitor.cli.demo_window import Seen
from monitor.cli.demo_words import reorg_words
from monitor.store.history import FeeStats
from monitor.units import format_eth, format_gwei


def last_page(seen: Seen, before: int, after: int, database: Path, alerts: Iterator[str]) -> Iterator[str]:
    """All of it. `before` and `after`: wei of all accounts of the chain, at block 0 and now."""
    yield f"\nWhat is stored in {database}"
    yield from _indented(_history(seen))
    yield "\nPositions now"
    yield from _indented(_positions(seen))
    yield "\nAlerts that were sent"
    yield from _indented(alerts)
    yield "\nIs it right?"
    yield from _indented(_proof(seen, before - after))
    yield "\nGo on with"
    yield from _indented(_commands(database.parent))


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _history(seen: Seen) -> Iterator[str]:
    totals = seen.totals
    missing = f"{seen.missing:,} missing" if seen.missing else "none missing"
    yield f"{totals.blocks:,} blocks, {missing}; {totals.tx_count:,} transactions"
    yield f"burned by base fee   {format_eth(totals.burn_wei)} ETH"
    yield f"burned by blobs      {format_eth(totals.blob_burn_wei)} ETH"
    yield f"base fee             {_fee_words(totals.base_fee)}"
    for record in seen.reorgs:
        yield reorg_words(record)


def _positions(seen: Seen) -> Iterator[str]:
    danger = seen.danger
    yield from table_lines(danger.positions)
    yield from map(liquidation_words, danger.liquidations)


def _proof(seen: Seen, gone: int) -> Iterator[str]:
    """The ledger against the chain's own accounts: nobody issues ETH here, so what is gone was burned."""
    counted = seen.totals.burn_wei + seen.totals.blob_burn_wei
    yield f"The ETH of all accounts on the chain together fell by {format_eth(gone)} ETH."
    if gone == counted:
        yield "The ledger counted exactly that as burned, to the wei."
    else:
        yield f"The ledger counted {format_eth(counted)} ETH. This is an error: please report it."


def _commands(folder: Path) -> Iterator[str]:
    """As they can be typed here."""
    command = _command_in(folder)
    ask = "SELECT number, base_fee_wei, gas_used FROM block ORDER BY base_fee_wei DESC LIMIT 5"
    yield f"cd {folder}        (with its config.env every command asks the demo)"
    for one in ("supply", "positions", "tokens", "status --watch", f'query "{ask}"'):
        yield f"{command} {one}"
    yield f"cd ..; {_command_in(Path())} run        (mainnet: public endpoints, or your own in ETH_RPC_URLS)"


def _command_in(folder: Path) -> str:
    """How `ethmon` is called from `folder`."""
    if which("ethmon"):
        return "ethmon"
    typed = Path(sys.argv[0]).absolute()
    if typed.suffix == ".py":
        return f"{sys.executable} -m monitor"
    return min(str(typed), os.path.relpath(typed, folder), key=len)


def _fee_words(fee: FeeStats | None) -> str:
    if fee is None:
        return "none"
    return (
        f"min {format_gwei(fee.min_wei, 3)} (block {fee.min_block:,}), mean {format_gwei(fee.mean_wei, 3)}, "
        f"max {format_gwei(fee.max_wei, 3)} gwei (block {fee.max_block:,})"
    )
