"""Parts of Vega-Lite charts. Colours are names of the palette (`$burn`), which the page's script fills in."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

DAYS = "CAST(coalesce(nullif(:days, ''), '30') AS INTEGER)"
"""The frame that the page's `days` chooses."""
SINCE = f"(SELECT max(start) FROM rollup_day) - ({DAYS} - 1) * 86400"
"""Days since 1970 in seconds from which days belong to the frame."""

_POWER_OF_TEN = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 0.001"


def utc(column: str) -> str:
    """Milliseconds since 1970, which Vega takes as a time without reading text."""
    return f"{column} * 1000"


def chart(title: str, query: str, display: Spec, **more: Any) -> Spec:
    """A chart for datasette-dashboards. `more` is for our script: `holes`, `note`, `source`, `empty`."""
    return {
        "title": title,
        "query": query,
        "library": "vega-lite",
        "display": {"height": 260, **display},
        **more,
    }


def time_axis(field: str = "time", **more: Any) -> Spec:
    """UTC along the bottom, without a title: every page says that times are UTC."""
    return {"field": field, "type": "temporal", "title": None, "scale": {"type": "utc"}, **more}


def amount(field: str, unit: str, form: str = ",~f", **more: Any) -> Spec:
    """A quantity up the side with its unit."""
    axis: Spec = {"format": form}
    if more.get("scale", {}).get("type") == "log":
        axis["gridOpacity"] = {"condition": {"test": _POWER_OF_TEN, "value": 1}, "value": 0}
    return {"field": field, "type": "quantitative", "title": unit, "axis": axis, **more}


def kinds(field: str, colours: dict[str, str]) -> Spec:
    """Colour by kind. The page writes the legend: Vega's own is cut off on a phone."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(colours), "range": list(colours.values())},
        "legend": None,
    }


def tips(*fields: tuple[str, str, str]) -> list[Spec]:
    """What is said of a mark: field, title, format (`time` for a moment, empty for text)."""
    return [_tip(field, title, form) for field, title, form in fields]


def _tip(field: str, title: str, form: str) -> Spec:
    if form == "time":
        return {
            "field": field,
            "type": "temporal",
            "title": title,
            "timeUnit": "utcyearmonthdatehoursminutes",
            "format": "%Y-%m-%d %H:%M UTC",
        }
    return {
        "field": field,
        "title": title,
        **({"type": "quantitative", "format": form} if form else {"type": "nominal"}),
    }


def pale_if_partly() -> Spec:
    """A bar of which blocks are missing is paler: it is a lower bound."""
    return {"condition": {"test": "datum.seen == 'whole'", "value": 1}, "value": 0.45}
