"""Dashboards of the ledger: burn, both sides of supply, fees."""

from __future__ import annotations

from monitor.reports.pages.vega import (
    DAYS,
    SINCE,
    Spec,
    amount,
    chart,
    kinds,
    pale_if_partly,
    time_axis,
    tips,
    utc,
)

_PARTS = {"base fee": "$burn", "blobs": "$blob"}
_SEEN = (
    "CASE WHEN burn_unknown + blob_burn_unknown = 0 AND blocks = last_block - first_block + 1"
    " AND lag(last_block) OVER w = first_block - 1 AND lead(first_block) OVER w = last_block + 1"
    " THEN 'whole' WHEN lead(start) OVER w IS NULL THEN 'still running' ELSE 'partly: at least this' END"
)
"""Neighbours that link on both sides prove that no block of the period is missing."""
_PAST_DAYS = f"{DAYS} > 31"


def _burned(table: str, where: str) -> str:
    """Two rows a period: what the base fee burned, and what blobs did."""
    return (
        f"WITH part AS (SELECT start, burn_gwei, blob_burn_gwei, {_SEEN} AS seen FROM {table}"
        f" WHERE {where} WINDOW w AS (ORDER BY start))"
        f" SELECT {utc('start')} AS time, 'base fee' AS part, burn_gwei / 1e9 AS eth, seen FROM part"
        f" UNION ALL SELECT {utc('start')}, 'blobs', blob_burn_gwei / 1e9, seen FROM part"
    )


def burn() -> dict[str, Spec]:
    """What is destroyed: exact, by day and hour, and the part that blobs pay."""
    return {
        "burn-day": chart(
            "ETH burned per day",
            _burned("rollup_day", f"start >= {SINCE}"),
            _stacked("utcyearmonthdate", "%Y-%m-%d"),
            holes=86_400,
        ),
        "burn-hour": chart(
            "ETH burned per hour, last seven days",
            _burned("rollup_hour", "start > (SELECT max(start) FROM rollup_hour) - 7 * 86400"),
            _stacked("utcyearmonthdatehours", "%Y-%m-%d %H:00"),
            holes=3_600,
        ),
        "blob-share": chart(
            "Share of the burn that blobs pay, % per day",
            f"SELECT {utc('start')} AS time, 100.0 * blob_burn_gwei / nullif(burn_gwei + blob_burn_gwei, 0) AS percent"
            f" FROM rollup_day WHERE start >= {SINCE} ORDER BY start",
            {
                "height": 160,
                "mark": {"type": "line", "color": "$blob"},
                "encoding": {
                    "x": time_axis(),
                    "y": amount("percent", "%"),
                    "tooltip": tips(("time", "day", "time"), ("percent", "%", ",.3f")),
                },
            },
            holes=86_400,
            line="percent",
        ),
    }


def _stacked(unit: str, form: str) -> Spec:
    return {
        "mark": {"type": "bar"},
        "encoding": {
            "x": time_axis(timeUnit=unit),
            "y": amount("eth", "ETH"),
            "color": kinds("part", _PARTS),
            "order": {"field": "part", "sort": "descending"},
            "opacity": pale_if_partly(),
            "tooltip": [
                {"field": "time", "type": "temporal", "timeUnit": unit, "format": form, "title": "UTC"},
                *tips(("part", "paid by", ""), ("eth", "ETH", ",.4f"), ("seen", "seen", "")),
            ],
        },
    }


def supply() -> dict[str, Spec]:
    """Issuance against burn. The figures come from our own code, because issuance may be an interval."""
    return {"net-so-far": _so_far(), "sides": _both_sides(), "issuance": _between_samples()}


def _so_far() -> Spec:
    return chart(
        "Net change of supply since the start of the frame, ETH",
        "",
        {
            "layer": [
                {
                    "transform": [{"filter": "datum.asked"}],
                    "mark": {"type": "area", "color": "$net", "opacity": 0.25},
                    "encoding": {
                        "x": time_axis("until"),
                        "y": amount("so_far_low", "ETH"),
                        "y2": {"field": "so_far_high"},
                    },
                },
                {
                    "transform": [{"filter": "datum.asked"}],
                    "mark": {"type": "line", "color": "$net"},
                    "encoding": {
                        "x": time_axis("until"),
                        "y": amount("so_far", "ETH"),
                        "tooltip": tips(
                            ("until", "until", "time"), ("so_far", "net change, ETH", ",.2f"),
                            ("so_far_low", "at least", ",.2f"), ("so_far_high", "at most", ",.2f"),
                        ),
                    },
                },
                {"mark": {"type": "rule", "color": "$faint"}, "encoding": {"y": {"datum": 0}}},
            ]
        },
        source="supply",
        note="A line with the band of its interval. It ends where blocks are missing: after that the sum is not known.",
    )  # fmt: skip


def _both_sides() -> Spec:
    return chart(
        "Issued (up) against burned (down), ETH",
        "",
        {
            "layer": [
                _side("burned", "$burn"),
                _side("issued", "$issued"),
                {
                    "mark": {"type": "rule", "color": "$ink", "opacity": 0.55},
                    "encoding": {
                        "x": time_axis("middle"),
                        "y": amount("issued_low", "ETH"),
                        "y2": {"field": "issued_high"},
                    },
                },
                {
                    "mark": {"type": "circle", "color": "$net", "size": 46, "opacity": 1, "stroke": "$ground", "strokeWidth": 1},
                    "encoding": {"x": time_axis("middle"), "y": amount("net", "ETH"), "tooltip": _SUPPLY_TIPS},
                },
            ]
        },
        source="supply",
        legend={"issued": "$issued", "burned": "$burn", "net": "$net"},
    )  # fmt: skip


def _between_samples() -> Spec:
    return chart(
        "ETH issued between samples of the consensus layer, per day",
        f"SELECT {utc('timestamp')} AS time, issued_gwei / 1e9 * 86400.0 / nullif(timestamp - lag(timestamp)"
        " OVER (ORDER BY slot), 0) AS eth FROM (SELECT * FROM issuance_sample WHERE timestamp >="
        f" (SELECT max(timestamp) FROM issuance_sample) - {DAYS} * 86400 ORDER BY slot DESC LIMIT 4500) ORDER BY slot",
        {
            "height": 160,
            "mark": {"type": "line", "color": "$issued", "interpolate": "step-before"},
            "encoding": {
                "x": time_axis(),
                "y": amount("eth", "ETH a day", scale={"zero": False}),
                "tooltip": tips(("time", "sample", "time"), ("eth", "ETH a day", ",.1f")),
            },
        },
        empty="No samples: set BEACON_URLS and `ethmon run` measures issuance instead of estimating it.",
    )  # fmt: skip


_SUPPLY_TIPS = tips(
    ("time", "from", "time"), ("issued", "issued, ETH", ",.2f"), ("issued_low", "at least", ",.2f"),
    ("issued_high", "at most", ",.2f"), ("burned", "burned, ETH", ",.2f"), ("net", "net, ETH", ",.2f"), ("seen", "blocks", ""),
)  # fmt: skip


def _side(field: str, colour: str) -> Spec:
    opacity = {"opacity": pale_if_partly()} if field == "burned" else {}
    return {
        "mark": {"type": "rect", "color": colour},
        "encoding": {
            "x": time_axis(),
            "x2": {"field": "until"},
            "y": amount(field, "ETH"),
            "y2": {"datum": 0},
            "tooltip": _SUPPLY_TIPS,
            **opacity,
        },
    }


def fees() -> dict[str, Spec]:
    """Base fee and blob base fee, by the hour up to a month and by the day beyond it."""
    return {
        "fees": chart(
            "Base fee and blob base fee, mean, gwei (log scale)",
            _fees("base", "base fee") + " UNION ALL " + _fees("blob", "blob base fee"),
            {
                "height": 300,
                "mark": {"type": "line"},
                "encoding": {
                    "x": time_axis(),
                    "y": amount("mean", "gwei", "~g", scale={"type": "log"}),
                    "color": kinds("fee", {"base fee": "$burn", "blob base fee": "$blob"}),
                    "tooltip": [*tips(("fee", "fee", "")), *_FEE_TIPS],
                },
            },
            holes="step",
            line="mean",
            series="fee",
        ),
        "base-fee": chart(
            "Base fee: mean, and lowest to highest block, gwei (log scale)",
            _fees("base", "base fee"),
            _banded("$burn"),
            holes="step",
            line="mean",
        ),
        "blob-fee": chart(
            "Blob base fee: mean, and lowest to highest block, gwei (log scale)",
            _fees("blob", "blob base fee"),
            _banded("$blob"),
            holes="step",
            line="mean",
            empty="No blob fee in these blocks.",
        ),
    }


def _fees(kind: str, name: str) -> str:
    return " UNION ALL ".join(
        f"SELECT {utc('start')} AS time, {step} AS step, '{name}' AS fee, {kind}_fee_min_wei / 1e9 AS low,"
        f" ({kind}_fee_sum_gwei + {kind}_fee_sum_rem_wei / 1e9) / {kind}_fee_blocks AS mean, {kind}_fee_max_wei / 1e9 AS high"
        f" FROM rollup_{table} WHERE {kind}_fee_blocks > 0 AND {when} AND start >= {SINCE}"
        for table, step, when in (("hour", 3_600, f"NOT {_PAST_DAYS}"), ("day", 86_400, _PAST_DAYS))
    )


_FEE_TIPS = tips(
    ("time", "from", "time"),
    ("mean", "mean, gwei", ",.6~g"),
    ("low", "lowest", ",.6~g"),
    ("high", "highest", ",.6~g"),
)


def _banded(colour: str) -> Spec:
    log = {"type": "log"}
    return {
        "layer": [
            {
                "mark": {"type": "area", "color": colour, "opacity": 0.22},
                "encoding": {
                    "x": time_axis(),
                    "y": amount("low", "gwei", "~g", scale=log),
                    "y2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "line", "color": colour},
                "encoding": {
                    "x": time_axis(),
                    "y": amount("mean", "gwei", "~g", scale=log),
                    "tooltip": _FEE_TIPS,
                },
            },
        ]
    }
