"""Matplotlib is loaded with what pictures need, and is itself again afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CODE = """
import gc, json, os, sys
from monitor.reports.charts.loading import matplotlib
before = dict(os.environ)
mpl = matplotlib()
from matplotlib import font_manager
from matplotlib.artist import kwdoc
from matplotlib.lines import Line2D
print(json.dumps({
    "environment": dict(os.environ) == before, "collector": gc.isenabled(), "properties": "linewidth" in kwdoc(Line2D),
    "stub": "mpl_toolkits.mplot3d" in sys.modules, "pyplot": "matplotlib.pyplot" in sys.modules,
    "settings": mpl.get_configdir(), "fonts": sorted({font.fname for font in font_manager.fontManager.ttflist}),
    "data": mpl.get_data_path(), "usetex": mpl.rcParams["text.usetex"],
}))
"""


def loaded(home: Path) -> dict[str, Any]:
    """What loading left behind, in a process of its own."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_loading_leaves_no_trace(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found["environment"]
    assert found["collector"]
    assert found["properties"]
    assert not found["stub"]
    assert not found["pyplot"]


def test_neither_fonts_nor_settings_of_the_system_are_taken(tmp_path: Path) -> None:
    theirs = tmp_path / ".config" / "matplotlib" / "matplotlibrc"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("text.usetex: True\n")
    found = loaded(tmp_path)
    assert found["settings"] == str(tmp_path / ".cache" / "ethmon" / "matplotlib")
    assert not found["usetex"]
    fonts: list[str] = found["fonts"]
    assert any(name.endswith("DejaVuSans.ttf") for name in fonts)
    assert all(name.startswith(str(found["data"])) for name in fonts)
