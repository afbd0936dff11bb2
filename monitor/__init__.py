"""ethmon: what Ethereum says, kept exactly. `from monitor import History` reads it with pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.reports.pandas_history import History

__all__ = ["History"]


def __getattr__(name: str) -> Any:
    """`History`, imported when it is asked for: the daemon never pays for pandas."""
    if name == "History":
        from monitor.reports.pandas_history import History

        return History
    raise AttributeError(name)
