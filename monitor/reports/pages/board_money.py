"""Dashboard of money on chain, and of what ETH moves with."""

from __future__ import annotations

from monitor.reports.pages.vega import DAYS, Spec, amount, chart, kinds, pale_if_partly, time_axis, tips, utc

_KINDS = {"stablecoin": "$price", "tokenised fund": "$net", "tokenised commodity": "$burn"}
_SERIES = {"ETH/USD": "$blob", "BTC/USD": "$burn", "XAU/USD": "$net", "other": "$faint"}
_MONEY_DAYS = (
    "WITH RECURSIVE edge AS (SELECT max(block_time) / 86400 AS last FROM token_supply),"
    f" day(day) AS (SELECT last FROM edge WHERE last IS NOT NULL UNION ALL SELECT day - 1 FROM day, edge WHERE day > last - {DAYS} + 1)"
)
_LAST_OF_DAY = (
    "(SELECT id FROM token_supply WHERE token_id = token.id AND supply IS NOT NULL AND block_time >= day * 86400"
    " AND block_time < (day + 1) * 86400 ORDER BY block_time DESC, id DESC LIMIT 1)"
)


def money() -> dict[str, Spec]:
    """Dollars on chain by class, who grew, and how ETH moves with Bitcoin, gold or the user's own series."""
    return {
        "money": _by_class(),
        "growth": _growth(),
        "correlation": _correlation(),
        "closes": _closes(),
    }


def _by_class() -> Spec:
    return chart(
        "Tokens that stand for dollars, by class, billion USD nominal",
        f"{_MONEY_DAYS} SELECT {utc('day * 86400')} AS time, kind, sum(tokens) / 1e9 AS billions, count(tokens) AS tokens,"
        " CASE WHEN count(tokens) = count(*) THEN 'whole' ELSE 'partly: a listed token was not read that day' END AS seen"
        f" FROM day JOIN token LEFT JOIN token_supply AS s ON s.id = {_LAST_OF_DAY}"
        " WHERE listed = 1 AND denomination = 'USD' GROUP BY day, kind HAVING count(tokens) > 0 ORDER BY day",
        {
            "mark": {"type": "bar"},
            "encoding": {
                "x": time_axis(timeUnit="utcyearmonthdate"),
                "y": amount("billions", "billion USD"),
                "color": kinds("kind", _KINDS),
                "opacity": pale_if_partly(),
                "tooltip": tips(
                    ("time", "day", "time"),
                    ("kind", "class", ""),
                    ("billions", "billion USD", ",.3f"),
                    ("tokens", "tokens read", ""),
                    ("seen", "seen", ""),
                ),
            },
        },
        holes=86_400,
        note="Supply on this chain alone; one token is taken as one dollar.",
        empty="No token supplies yet: `ethmon run` reads those of the list.",
    )


def _growth() -> Spec:
    return chart(
        "Change of each dollar token's supply over the frame, million",
        f"SELECT name, kind, (last.tokens - first.tokens) / 1e6 AS millions, {utc('first.block_time')} AS since, {utc('last.block_time')} AS until"
        " FROM token JOIN token_supply AS last ON last.id = (SELECT id FROM token_supply WHERE token_id = token.id AND supply IS NOT NULL"
        " ORDER BY block_time DESC, id DESC LIMIT 1)"
        " JOIN token_supply AS first ON first.id = (SELECT id FROM token_supply WHERE token_id = token.id AND supply IS NOT NULL"
        f" AND block_time >= (SELECT max(block_time) FROM token_supply) - {DAYS} * 86400 ORDER BY block_time, id LIMIT 1)"
        " WHERE listed = 1 AND denomination = 'USD' ORDER BY millions DESC",
        {
            "height": {"step": 22},
            "mark": {"type": "bar", "cornerRadius": 2},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "title": None,
                    "sort": {"field": "millions", "order": "descending"},
                },
                "x": amount("millions", "million tokens"),
                "color": kinds("kind", _KINDS),
                "tooltip": tips(
                    ("name", "token", ""),
                    ("millions", "million", ",.3f"),
                    ("since", "from", "time"),
                    ("until", "to", "time"),
                ),
            },
        },
        empty="No token supplies yet: `ethmon run` reads those of the list.",
    )


def _correlation() -> Spec:
    return chart(
        "Correlation of ETH with other series, Pearson's r of daily log returns",
        f"SELECT {utc('day * 86400')} AS time, series, CASE WHEN series IN ('BTC/USD', 'XAU/USD') THEN series ELSE 'other' END AS kind,"
        f" series || ', ' || window_days || ' days' AS line, r, low_95, high_95, returns FROM correlation WHERE r IS NOT NULL"
        f" AND day > (SELECT max(day) FROM correlation) - {DAYS} ORDER BY day",
        {
            "layer": [
                {
                    "mark": {"type": "area", "opacity": 0.14},
                    "encoding": {
                        "x": time_axis(),
                        "y": amount("low_95", "r", scale={"domain": [-1, 1]}),
                        "y2": {"field": "high_95"},
                        "color": kinds("kind", _SERIES),
                        "detail": {"field": "line"},
                    },
                },
                {
                    "mark": {"type": "line"},
                    "encoding": {
                        "x": time_axis(),
                        "y": amount("r", "r"),
                        "color": kinds("kind", _SERIES),
                        "detail": {"field": "line"},
                        "tooltip": tips(
                            ("time", "window ends", "time"),
                            ("line", "with", ""),
                            ("r", "r", ".2f"),
                            ("low_95", "at least (95 %)", ".2f"),
                            ("high_95", "at most", ".2f"),
                            ("returns", "returns", ""),
                        ),
                    },
                },
                {"mark": {"type": "rule", "color": "$faint"}, "encoding": {"y": {"datum": 0}}},
            ]
        },
        holes=86_400 * 4,
        line="r",
        series="line",
        note="Estimates: the band is the 95 % interval, which takes returns as independent.",
        empty="No correlation yet: `ethmon backfill --prices` reads the daily closes that it follows from.",
    )


def _closes() -> Spec:
    return chart(
        "Daily closes of the feeds, first day of the frame = 100",
        f"WITH part AS (SELECT feed, day, usd FROM price_close WHERE day > (SELECT max(day) FROM price_close) - {DAYS} AND usd > 0)"
        f" SELECT {utc('day * 86400')} AS time, feed, CASE WHEN feed IN ('ETH/USD', 'BTC/USD', 'XAU/USD') THEN feed ELSE 'other' END AS kind,"
        " 100.0 * usd / first_value(usd) OVER (PARTITION BY feed ORDER BY day) AS level, usd FROM part ORDER BY day",
        {
            "mark": {"type": "line"},
            "encoding": {
                "x": time_axis(),
                "y": amount("level", "first day = 100", scale={"zero": False}),
                "color": kinds("kind", _SERIES),
                "detail": {"field": "feed"},
                "tooltip": tips(
                    ("time", "day", "time"),
                    ("feed", "feed", ""),
                    ("level", "level", ",.1f"),
                    ("usd", "USD", ",.2f"),
                ),
            },
        },
        holes=86_400 * 4,
        line="level",
        series="feed",
        empty="No closes yet: `ethmon backfill --prices` reads them from the feeds' own rounds.",
    )
