"""Runs a script of tests/support/node_peers with the packages that are locked there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from monitor.localnet.packages import install

_SCRIPTS = Path(__file__).with_name("node_peers")


def ask_peer(script: str, question: Any) -> Any:
    """What a script answers to a question, both as JSON."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("node was not found: install Node.js 20 or newer")
    packages = install(_SCRIPTS)
    # The script stays in the project: NODE_PATH lets it find the packages in the cache.
    done = subprocess.run(
        [node, str(_SCRIPTS / script)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NODE_PATH": str(packages)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
