"""Installs a locked set of npm packages once, into a cache folder that all processes share.

A package set is a folder with `package.json` and `package-lock.json`; the installed copy lives in
`<cache>/localnet-<hash of the lock file>`. Packages are checked against the hashes of the lock
file (Anvil's binaries for other platforms than linux/x64 are pinned by version only) and none of
their scripts is run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import LocalnetError

LOCALNET_PACKAGES = Path(__file__).parent / "node"
"""Anvil and Aave v3: all that the demo needs."""

INSTALL_DEADLINE_S = 600
_LOCK_FILE = "package-lock.json"


def _no_progress(_line: str) -> None:
    """Say nothing."""


def cache_root() -> Path:
    """`$ETHMON_CACHE`, else `$XDG_CACHE_HOME/ethmon`, else `~/.cache/ethmon`."""
    own = os.environ.get("ETHMON_CACHE")
    if own:
        return Path(own)
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "ethmon"


def install(source: Path = LOCALNET_PACKAGES, *, say: Callable[[str], None] = _no_progress) -> Path:
    """The `node_modules` folder of the package set at `source`, installed on first use.

    Processes that ask at the same time wait for one of them. `say` gets a progress line before a
    wait that a person would notice. Raises `LocalnetError` when npm is missing or fails.
    """
    digest = hashlib.sha256((source / _LOCK_FILE).read_bytes()).hexdigest()[:16]
    target = cache_root() / f"localnet-{digest}"
    if not target.is_dir():
        with exclusive(target):
            if not target.is_dir():
                say("Installing the local chain's packages from npm (once, about 50 MB) ...")
                _install_into(source, target)
    return target / "node_modules"


@contextmanager
def exclusive(target: Path) -> Generator[None]:
    """Hold the lock beside `target`, a file or folder in the cache that is being made."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(target.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise LocalnetError(
            f"ETHMON_CACHE: {target.parent} cannot be written ({error.strerror}). Set it to a folder that can."
        ) from error


def _install_into(source: Path, target: Path) -> None:
    """Install beside `target` and rename, so that `target` exists only when it is complete."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for name in ("package.json", _LOCK_FILE):
        shutil.copyfile(source / name, part / name)
    _npm_ci(part)
    part.rename(target)


def _npm_ci(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise LocalnetError("npm was not found. The local chain comes from npm: install Node.js 20 or newer.")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, found on PATH
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise LocalnetError(
            f"npm did not finish within {INSTALL_DEADLINE_S} s. Check the connection and try again."
        ) from None
    if done.returncode != 0:
        raise LocalnetError(f"npm ci failed: {_reason(done.stderr)}. Check the connection and try again.")


def _reason(stderr: str) -> str:
    """The error code that npm gives; its text may hold addresses and tokens, so it is not shown."""
    for line in stderr.splitlines():
        _, found, code = line.partition("npm error code ")
        if found:
            return code.strip()
    return "no reason given"
