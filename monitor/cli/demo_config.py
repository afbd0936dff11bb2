"""The demo's `config.env`: its daemon runs on it, and so does every command that is typed in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.init import quoted, write_private
from monitor.config import Settings, load_settings

if TYPE_CHECKING:
    from monitor.localnet.anvil import Anvil

_HEAD = """\
# Written by `ethmon demo`. In this folder every command asks the demo's chain and database.
# The chain, the chat and the mailbox are there as long as the demo runs: `ethmon demo --keep`.
"""
_TOKENS_EVERY_S = 12


def write(folder: Path, anvil: Anvil, receivers: Mapping[str, str], *, fast: bool) -> Settings:
    """Write `config.env` into `folder`; what it says, whatever the user's own environment says.

    Paths are absolute, so that `ethmon --config FOLDER/config.env` does as well.
    """
    here = folder.absolute()
    values = {
        "ETH_RPC_URLS": anvil.url,
        "ETHMON_CHAIN_ID": str(anvil.spec.chain_id),
        "ETHMON_POLL_SECONDS": "0.05" if fast else "0.5",
        "ETHMON_DB": str(here / "ethmon.db"),
        "ETHMON_WATCHLIST": str(here / "watchlist.toml"),
        "ETHMON_TOKEN_SECONDS": str(_TOKENS_EVERY_S),
        **receivers,
    }
    file = folder / "config.env"
    write_private(file, _HEAD + "".join(f"{name}={quoted(value)}\n" for name, value in values.items()))
    return load_settings({}, file)
