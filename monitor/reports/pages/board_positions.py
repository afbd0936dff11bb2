"""Dashboards of positions (distance, price against liquidation price, ladder) and of what was told."""

from __future__ import annotations

from monitor.reports.pages.vega import DAYS, Spec, amount, chart, kinds, time_axis, tips, utc

_KEY = "p.account = n.account AND p.protocol = n.protocol AND p.market = n.market AND p.position_id = n.position_id"
_NAME = (
    "coalesce(nullif(:name, ''), (SELECT name FROM position_now WHERE distance IS NOT NULL ORDER BY distance LIMIT 1),"
    " (SELECT name FROM position_now ORDER BY name LIMIT 1))"
)
NAMES = "SELECT DISTINCT name FROM position_now ORDER BY name LIMIT 500"
"""What the page offers."""
_SEVERITY = "CASE severity WHEN 0 THEN 'info' WHEN 1 THEN 'warning' ELSE 'critical' END"
_SEVERITIES = {"critical": "$danger", "warning": "$burn", "info": "$price"}
_POINTS = 900
"""Rows a line: more than a screen has room for."""


def positions() -> dict[str, Spec]:
    """How far, since when, and how much would fall together."""
    return {"distance": _distance(), "price": _price(), "ladder": _ladder(), "rungs": _rungs()}


def _distance() -> Spec:
    return chart(
        "Distance to liquidation, % of the protocol's price, nearest first",
        "SELECT name || ' · ' || market AS position, round(distance * 100, 2) AS percent, liquidation_usd, price_usd, collateral_usd,"
        " debt_usd, proof, CASE WHEN distance < 0.05 THEN 'under 5 %' WHEN distance < 0.15 THEN 'under 15 %' ELSE '15 % and more' END"
        " AS how_near FROM position_now WHERE distance IS NOT NULL ORDER BY distance LIMIT 25",
        {
            "height": {"step": 22},
            "mark": {"type": "bar", "cornerRadiusEnd": 2},
            "encoding": {
                "y": {"field": "position", "type": "nominal", "sort": {"field": "percent", "op": "min"}, "title": None, "axis": {"labelLimit": 170}},
                "x": amount("percent", "% away"),
                "color": kinds("how_near", {"under 5 %": "$danger", "under 15 %": "$burn", "15 % and more": "$price"}),
                "tooltip": tips(
                    ("position", "position", ""), ("percent", "% away", ",.2f"), ("liquidation_usd", "liquidated at, USD", ",.2f"),
                    ("price_usd", "protocol's price, USD", ",.2f"), ("collateral_usd", "collateral, USD", ",.0f"),
                    ("debt_usd", "debt, USD", ",.0f"), ("proof", "proof", ""),
                ),
            },
        },
        empty="No position with a liquidation price. `ethmon watch add` follows a wallet.",
    )  # fmt: skip


def _price() -> Spec:
    """The last row of each of `_POINTS` slices of the frame, from the index `position_by_time` alone."""
    query = (
        f"WITH n AS MATERIALIZED (SELECT name, account, protocol, market, position_id FROM position_now WHERE name = {_NAME}),"
        f" frame AS MATERIALIZED (SELECT max((SELECT max(block_time) FROM position_now) - {DAYS} * 86400,"
        f" (SELECT min(p.block_time) FROM n CROSS JOIN position AS p ON {_KEY})) AS first),"
        " edge AS MATERIALIZED (SELECT first,"
        f" max(1, ((SELECT max(block_time) FROM position_now) - first) / {_POINTS}) AS slice FROM frame),"
        " p AS MATERIALIZED (SELECT n.name, n.market, max(p.block_time) AS block_time, p.price_usd, p.liquidation_usd, p.outcome, edge.slice"
        f" FROM edge CROSS JOIN n CROSS JOIN position AS p ON {_KEY} AND p.block_time >= edge.first"
        " GROUP BY n.account, n.protocol, n.market, n.position_id, p.block_time / edge.slice)"
        f" SELECT {utc('block_time')} AS time, 'ETH price' AS line, name || ' · ' || market AS position, price_usd AS usd, outcome, max(1800, 3 * slice) AS step FROM p"
        f" UNION ALL SELECT {utc('block_time')}, 'liquidation price', name || ' · ' || market, liquidation_usd, outcome, max(1800, 3 * slice) FROM p"
    )
    return chart(
        "ETH price of the protocol against the liquidation price, USD",
        query,
        {
            "height": 320,
            "mark": {"type": "line", "interpolate": "step-after"},
            "encoding": {
                "x": time_axis(),
                "y": amount("usd", "USD", ",~f", scale={"zero": False}),
                "color": kinds("line", {"ETH price": "$price", "liquidation price": "$danger"}),
                "detail": {"field": "position"},
                "strokeDash": {
                    "field": "line",
                    "scale": {"domain": ["ETH price", "liquidation price"], "range": [[1, 0], [5, 3]]},
                    "legend": None,
                },
                "tooltip": tips(
                    ("time", "at", "time"), ("position", "position", ""), ("line", "line", ""), ("usd", "USD", ",.2f"), ("outcome", "outcome", "")
                ),
            },
        },
        holes="step",
        line="usd",
        series="line",
        detail="position",
        picks="name",
        empty="No history of this position yet.",
    )  # fmt: skip


_LADDER = (
    "WITH RECURSIVE now AS (SELECT price_usd AS usd FROM position_now WHERE price_usd IS NOT NULL ORDER BY block_number DESC, price_usd LIMIT 1),"
    " one AS MATERIALIZED (SELECT liquidation_usd AS at, collateral_usd / 1e6 AS millions,"
    " CASE WHEN outcome = 'above' OR (outcome = 'already' AND liquidation_usd < price_usd) THEN 'short' ELSE 'long' END AS side"
    " FROM position_now WHERE liquidation_usd IS NOT NULL AND collateral_usd IS NOT NULL),"
    " rung(k) AS (SELECT 16 UNION ALL SELECT k + 1 FROM rung WHERE k < 80),"
    " side(side) AS (VALUES ('long'), ('short'))"
)
_SIDES = {"long": "$danger", "short": "$price"}


def _ladder() -> Spec:
    return chart(
        "Ladder: collateral that is liquidatable with ETH at this price, million USD, cumulative",
        f"{_LADDER} SELECT usd * k / 40 AS usd, side.side, coalesce(sum(millions), 0) AS millions, count(at) AS positions, now.usd AS now"
        " FROM rung JOIN now JOIN side LEFT JOIN one ON one.side = side.side AND CASE side.side WHEN 'long' THEN at >= usd * k / 40 ELSE at <= usd * k / 40 END"
        " GROUP BY k, side.side ORDER BY side.side, k",
        {
            "layer": [
                {
                    "mark": {"type": "area", "interpolate": "step-after", "opacity": 0.55, "line": True},
                    "encoding": {
                        "x": _price_axis("usd"),
                        "y": amount("millions", "million USD", stack=None),
                        "color": kinds("side", _SIDES),
                        "tooltip": tips(("usd", "ETH at, USD", ",.0f"), ("side", "side", ""), ("millions", "million USD", ",.2f"), ("positions", "positions", "")),
                    },
                },
                _now_rule(),
            ]
        },
        note="Longs fall as the price falls, shorts as it rises; values at the protocols' prices of now. The line is the price now.",
        empty="No position with a liquidation price.",
    )  # fmt: skip


def _rungs() -> Spec:
    return chart(
        "Ladder: what each 2.5 % of price adds, million USD",
        f"{_LADDER} SELECT usd * k / 40 AS usd, usd * (k + 1) / 40 AS until, side.side, coalesce(sum(millions), 0) AS millions, count(at) AS positions, now.usd AS now"
        " FROM rung JOIN now JOIN side LEFT JOIN one ON one.side = side.side AND at >= usd * k / 40 AND at < usd * (k + 1) / 40"
        " GROUP BY k, side.side ORDER BY k",
        {
            "height": 180,
            "layer": [
                {
                    "mark": {"type": "bar", "stroke": "$ground", "strokeWidth": 0.5},
                    "encoding": {
                        "x": {**_price_axis("usd"), "bin": {"binned": True}},
                        "x2": {"field": "until"},
                        "y": amount("millions", "million USD", stack="zero"),
                        "color": kinds("side", _SIDES),
                        "tooltip": tips(("usd", "from, USD", ",.0f"), ("until", "to, USD", ",.0f"), ("side", "side", ""), ("millions", "million USD", ",.2f"), ("positions", "positions", "")),
                    },
                },
                _now_rule(),
            ],
        },
        empty="No position with a liquidation price.",
    )  # fmt: skip


def _price_axis(field: str) -> Spec:
    return amount(field, "ETH price, USD", ",~f", scale={"zero": False, "nice": False})


def _now_rule() -> Spec:
    return {
        "transform": [{"aggregate": [{"op": "max", "field": "now", "as": "now"}]}],
        "mark": {"type": "rule", "color": "$ink", "strokeDash": [4, 3]},
        "encoding": {
            "x": {"field": "now", "type": "quantitative"},
            "tooltip": tips(("now", "price now, USD", ",.2f")),
        },
    }


def alerts() -> dict[str, Spec]:
    """What was said, when, and what could not be seen."""
    recent = f"at_time >= (SELECT max(at_time) FROM alert) - {DAYS} * 86400"
    return {"alerts-day": _told_per_day(recent), "timeline": _timeline(recent), "gaps": _gaps()}


def _told_per_day(recent: str) -> Spec:
    return chart(
        "Alerts per day, by severity",
        f"SELECT at_time / 86400 * 86400000 AS time, {_SEVERITY} AS severity, count(*) AS alerts FROM alert WHERE {recent} GROUP BY 1, 2",
        {
            "height": 160,
            "mark": "bar",
            "encoding": {
                "x": time_axis(timeUnit="utcyearmonthdate"),
                "y": amount("alerts", "alerts", "~d"),
                "color": kinds("severity", _SEVERITIES),
                "tooltip": [
                    {"field": "time", "type": "temporal", "timeUnit": "utcyearmonthdate", "format": "%Y-%m-%d", "title": "day"},
                    *tips(("severity", "severity", ""), ("alerts", "alerts", "")),
                ],
            },
        },
        empty="No alert was raised yet.",
    )  # fmt: skip


def _timeline(recent: str) -> Spec:
    return chart(
        "Timeline: the newest 1,000 alerts, by rule",
        f"SELECT {utc('at_time')} AS time, rule, {_SEVERITY} AS severity, title, transition, CASE standing WHEN 0 THEN 'taken back by a reorg' ELSE 'stands' END AS standing"
        f" FROM alert WHERE {recent} ORDER BY serial DESC LIMIT 1000",
        {
            "height": {"step": 26},
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.75},
            "encoding": {
                "x": time_axis(),
                "y": {"field": "rule", "type": "nominal", "title": None, "axis": {"labelLimit": 150, "grid": True}},
                "color": kinds("severity", _SEVERITIES),
                "shape": {
                    "field": "transition",
                    "type": "nominal",
                    "legend": {
                        "orient": "bottom", "title": None, "symbolFillColor": "$faint", "symbolStrokeColor": "$faint"
                    },
                },
                "tooltip": tips(("time", "block time", "time"), ("title", "alert", ""), ("transition", "what", ""), ("standing", "now", "")),
            },
        },
        empty="No alert was raised yet.",
    )  # fmt: skip


def _gaps() -> Spec:
    return chart(
        "Gaps: what could not be read, from when it was noticed until it was filled",
        f"SELECT {utc('opened_at')} AS time, {utc('coalesce(closed_at, max((SELECT timestamp FROM cursor), opened_at + 1))')} AS until, kind, cause,"
        " last - first + 1 AS blocks, CASE WHEN closed_at IS NULL THEN 'open' ELSE 'filled' END AS state FROM gap ORDER BY id DESC LIMIT 500",
        {
            "height": {"step": 30},
            "mark": {"type": "bar", "minBandSize": 3, "cornerRadius": 2, "opacity": 0.65},
            "encoding": {
                "x": time_axis(),
                "x2": {"field": "until"},
                "y": {"field": "kind", "type": "nominal", "title": None},
                "color": kinds("state", {"open": "$danger", "filled": "$faint"}),
                "tooltip": tips(("time", "noticed", "time"), ("blocks", "blocks", ","), ("cause", "cause", ""), ("state", "state", "")),
            },
        },
        empty="No gap: everything between the first and the newest stored block was read.",
    )  # fmt: skip
