"""Pictures of the history: PNG or SVG, wide or for a phone, light or dark.

    store --> exact integers (`steps`, `track`, `reports.ladder`) --> `Sheet` --> bytes

The integers are what is tested against the store; floats begin where something is drawn.
"""

from __future__ import annotations

from monitor.reports.charts.style import Look

__all__ = ["Look"]
