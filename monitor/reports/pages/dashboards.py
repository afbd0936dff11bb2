"""Dashboards for datasette-dashboards: Vega-Lite charts over short queries, one column on a phone."""

from __future__ import annotations

from typing import Any

_TIME = "strftime('%Y-%m-%dT%H:%M:%SZ', {}, 'unixepoch')"


def dashboards(database: str) -> dict[str, Any]:
    """Plugin settings. `database` is the name under which Datasette serves the file."""
    charts = {
        "supply": ("Burn and fees", "What is burned, exactly, and what blocks cost.", _supply()),
        "positions": (
            "Positions and alerts",
            "Where watched positions are liquidated, and what was said.",
            _positions(),
        ),
    }
    return {
        name: {
            "title": title,
            "description": what,
            "layout": [[chart] for chart in parts],
            "charts": {chart: {**spec, "db": database} for chart, spec in parts.items()},
        }
        for name, (title, what, parts) in charts.items()
    }


def _supply() -> dict[str, Any]:
    return {
        "burn-day": _chart(
            "ETH burned per day",
            f"SELECT {_TIME.format('start')} AS time, (burn_gwei + blob_burn_gwei) / 1e9 AS eth FROM rollup_day ORDER BY start",
            {"type": "bar", "color": "#e4572e"}, _axis("eth", "ETH"),
        ),
        "burn-hour": _chart(
            "ETH burned per hour, last week",
            f"SELECT {_TIME.format('start')} AS time, (burn_gwei + blob_burn_gwei) / 1e9 AS eth FROM rollup_hour ORDER BY start DESC LIMIT 168",
            {"type": "bar", "color": "#e4572e"}, _axis("eth", "ETH"),
        ),
        "base-fee": _chart(
            "Mean base fee per hour, last week",
            f"SELECT {_TIME.format('start')} AS time, base_fee_sum_gwei * 1.0 / base_fee_blocks AS gwei FROM rollup_hour WHERE base_fee_blocks > 0 ORDER BY start DESC LIMIT 168",
            {"type": "line", "color": "#4c78a8"}, _axis("gwei", "gwei"),
        ),
        "blob-share": _chart(
            "Share of the burn that blobs pay, per day",
            f"SELECT {_TIME.format('start')} AS time, 100.0 * blob_burn_gwei / nullif(burn_gwei + blob_burn_gwei, 0) AS percent FROM rollup_day ORDER BY start",
            {"type": "line", "color": "#54a24b"}, _axis("percent", "%"),
        ),
        "issuance": _chart(
            "ETH issued between samples of the consensus layer",
            f"SELECT {_TIME.format('timestamp')} AS time, issued_gwei / 1e9 AS eth FROM issuance_sample WHERE issued_gwei IS NOT NULL ORDER BY slot DESC LIMIT 500",
            {"type": "line", "color": "#72b7b2", "point": True}, _axis("eth", "ETH"),
        ),
    }  # fmt: skip


def _positions() -> dict[str, Any]:
    return {"distance": _distance(), "history": _history(), "ladder": _ladder(), "alerts": _alerts()}


def _distance() -> dict[str, Any]:
    return {
        "title": "Distance to liquidation, %",
        "query": "SELECT name, round(distance * 100, 2) AS percent FROM position_now WHERE distance IS NOT NULL ORDER BY distance LIMIT 40",
        "library": "vega-lite",
        "display": {
            "mark": {"type": "bar", "tooltip": True},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "sort": "x",
                    "title": None,
                    "axis": {"labelLimit": 160},
                },
                "x": {"field": "percent", "type": "quantitative", "title": "% of the protocol's price"},
                "color": {
                    "field": "percent",
                    "type": "quantitative",
                    "legend": None,
                    "scale": {"scheme": "redyellowgreen", "domain": [0, 30], "clamp": True},
                },
            },
        },
    }


def _history() -> dict[str, Any]:
    return {
        "title": "Liquidation prices against the protocol's price, last samples",
        "query": (
            f"SELECT {_TIME.format('block_time')} AS time, name || ' liquidated' AS line, liquidation_usd AS usd FROM (SELECT * FROM position ORDER BY id DESC LIMIT 2000) WHERE liquidation_usd IS NOT NULL"
            f" UNION ALL SELECT {_TIME.format('block_time')}, 'ETH price', price_usd FROM (SELECT * FROM position ORDER BY id DESC LIMIT 2000) WHERE price_usd IS NOT NULL"
        ),
        "library": "vega-lite",
        "display": {
            "mark": {"type": "line", "tooltip": True, "interpolate": "step-after"},
            "encoding": {
                "x": _time_axis(),
                "y": {"field": "usd", "type": "quantitative", "title": "USD", "scale": {"zero": False}},
                "color": {
                    "field": "line",
                    "type": "nominal",
                    "legend": {"orient": "bottom", "columns": 1, "title": None, "labelLimit": 280},
                },
            },
        },
    }


def _ladder() -> dict[str, Any]:
    return _chart_xy(
        "Collateral that becomes liquidatable at each ETH price, million USD",
        "SELECT round(liquidation_usd, 0) AS usd, collateral_usd / 1e6 AS millions, CASE outcome WHEN 'above' THEN 'short' ELSE 'long' END AS side FROM position_now WHERE liquidation_usd IS NOT NULL",
    )


def _alerts() -> dict[str, Any]:
    return {
        "title": "Alerts",
        "query": f"SELECT {_TIME.format('at_time')} AS time, title, CASE severity WHEN 0 THEN 'info' WHEN 1 THEN 'warning' ELSE 'critical' END AS severity FROM alert ORDER BY serial DESC LIMIT 500",
        "library": "vega-lite",
        "display": {
            "mark": {"type": "point", "filled": True, "size": 90, "tooltip": True},
            "encoding": {
                "x": _time_axis(),
                "y": {
                    "field": "severity",
                    "type": "nominal",
                    "sort": ["critical", "warning", "info"],
                    "title": None,
                },
                "color": {
                    "field": "severity",
                    "type": "nominal",
                    "legend": None,
                    "scale": {
                        "domain": ["critical", "warning", "info"],
                        "range": ["#d62728", "#ff9f1c", "#4c78a8"],
                    },
                },
                "tooltip": [{"field": "title"}, {"field": "time"}],
            },
        },
    }


def _chart(title: str, query: str, mark: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    display = {"mark": {**mark, "tooltip": True}, "encoding": {"x": _time_axis(), "y": y}}
    return {"title": title, "query": query, "library": "vega-lite", "display": display}


def _chart_xy(title: str, query: str) -> dict[str, Any]:
    return {
        "title": title,
        "query": query,
        "library": "vega-lite",
        "display": {
            "mark": {"type": "bar", "tooltip": True, "width": 8},
            "encoding": {
                "x": {
                    "field": "usd",
                    "type": "quantitative",
                    "title": "ETH price, USD",
                    "scale": {"zero": False},
                },
                "y": {"field": "millions", "type": "quantitative", "title": "million USD"},
                "color": {"field": "side", "type": "nominal", "legend": {"orient": "bottom", "title": None}},
            },
        },
    }


def _time_axis() -> dict[str, Any]:
    return {"field": "time", "type": "temporal", "title": "UTC", "scale": {"type": "utc"}}


def _axis(field: str, unit: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": unit}
