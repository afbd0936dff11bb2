"""The programs that ethmon is measured against, installed in an environment of their own.

Pins with hashes are in `requirements.txt`, made from `peers.in` by `python -m bench.peers`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from bench.report import CACHE

HERE = Path(__file__).parent
PINS = HERE / "requirements.txt"
OVERRIDES = "parsimonious>=0.10\n"
"""What ethereum-etl's web3.py 5 asks for does not start on Python 3.11."""


class NoPeerError(Exception):
    """A peer could not be installed here; the message is the installer's last line."""


@cache
def environment() -> Path:
    """The Python of an environment with every peer, installed on first use. Raises NoPeerError."""
    home = CACHE / "bench-venv"
    python = home / "bin" / "python"
    ready = home / ".ready"
    if ready.exists() and ready.read_text() == PINS.read_text():
        return python
    print(
        "   installing ethereum-etl and cryo in .cache/bench-venv (once, about a minute) ...", file=sys.stderr
    )
    command([sys.executable, "-m", "venv", "--clear", str(home)])
    # --no-deps: the pins are complete, and one of them is not what ethereum-etl asks for.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command([*pip, "--require-hashes", "-r", str(PINS)])
    ready.write_text(PINS.read_text())
    return python


def command(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [
            done.stderr.strip()
        ]
        raise NoPeerError(f"could not be installed: {lines[-1][:160]}")


def lock() -> None:
    """Write the pins anew (needs uv)."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
        overrides.write(OVERRIDES)
        overrides.flush()
        words = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", str(HERE / "peers.in")]
        words += ["--override", overrides.name, "--python-version", "3.11", "--generate-hashes"]
        words += ["--no-header", "--no-annotate", "--no-emit-index-url", "--output-file", str(PINS)]
        command(words)


if __name__ == "__main__":
    lock()
