"""Matplotlib, loaded in three quarters of its usual time, and with nothing of the user's own settings.

Loading is most of what a picture costs. Three parts of it no picture of ours needs: lists of properties
in docstrings, 3D axes, and the collector's looks at a growing heap. The fonts of the system it does not
need either: listing them takes seconds on the first run, longer than a message waits for its picture.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

_NEEDED = ("matplotlib.figure", "matplotlib.layout_engine", "matplotlib.backends.backend_agg")
_THREE_D = "mpl_toolkits.mplot3d"


def matplotlib() -> Any:
    """The package. Raises ImportError where it is not installed."""
    if "matplotlib.figure" not in sys.modules:
        with _own_fonts(), _collector_off(), _without_three_d(), _short_docstrings():
            for name in _NEEDED:
                import_module(name)
    return import_module("matplotlib")


@contextmanager
def _own_fonts() -> Generator[None]:
    """A folder of our own for settings and the list of fonts, which then has Matplotlib's own ones only."""
    with ExitStack() as undo:
        if "MPLCONFIGDIR" not in os.environ:
            try:
                folder = Path(
                    os.environ.get("XDG_CACHE_HOME") or "~/.cache", "ethmon", "matplotlib"
                ).expanduser()
                folder.mkdir(parents=True, exist_ok=True)
            except (OSError, RuntimeError):
                pass  # no home, or a read-only one: Matplotlib says so, and takes a temporary folder
            else:
                for name, value in (("MPLCONFIGDIR", str(folder)), ("MPL_IGNORE_SYSTEM_FONTS", "1")):
                    os.environ[name] = value
                    undo.callback(os.environ.pop, name, None)
        yield


@contextmanager
def _collector_off() -> Generator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _without_three_d() -> Generator[None]:
    known = _THREE_D in sys.modules
    sys.modules.setdefault(_THREE_D, None)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unable to import Axes3D", UserWarning)
        try:
            yield
        finally:
            if not known:
                del sys.modules[_THREE_D]


@contextmanager
def _short_docstrings() -> Generator[None]:
    artist: Any = import_module("matplotlib.artist")
    told = artist.kwdoc
    artist.kwdoc = _nothing
    try:
        yield
    finally:
        artist.kwdoc = told


def _nothing(_artist: object) -> str:
    return ""
