"""Tables of the watchlist become rules, or an error that names the key and the nearest valid one."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.fields import RuleError
from alerts.model import Band, Direction, Kind, Rule, Severity, Unit
from alerts.quantity import example, parse_duration, parse_number
from alerts.rules import parse_rules
from monitor.errors import ConfigError
from monitor.readings.catalogue import CATALOGUE
from monitor.watchlist import parse_watchlist

S = Severity


def parse(text: str, channels: tuple[str, ...] = ("telegram", "email")) -> dict[str, Rule]:
    return {rule.name: rule for rule in parse_rules(tomllib.loads(text), CATALOGUE, channels)}


def one(text: str) -> Rule:
    return next(rule for name, rule in parse(text).items() if name not in parse(""))


def test_alert_at_is_enough() -> None:
    rule = one('[[wallet]]\nname = "Whale"\naddress = "0x00"\nalert_at = ["5%", "20%", "10%", "2%"]')
    assert rule.spec.key == "position.distance"
    assert rule.direction is Direction.BELOW
    assert rule.select == {"wallet": "Whale"}
    assert [(level.threshold, level.severity) for level in rule.levels] == [
        (Decimal(20), S.INFO),
        (Decimal(10), S.WARNING),
        (Decimal(5), S.CRITICAL),
        (Decimal(2), S.CRITICAL),
    ]


def test_levels_and_holdings_have_their_own_shorthand() -> None:
    rule = one('[[level]]\nname = "press"\nprice_usd = 1780\nalert_at = ["10%", "5%"]\ncool_down = "2h"')
    assert (rule.spec.key, rule.select, rule.cool_down_s) == ("level.distance", {"level": "press"}, 7200)
    rule = one(
        '[[holding]]\nname = "T"\neth = 1\ncost_usd = [1, 2]\nalert_at_loss_usd = [8_000_000_000, 6e9]'
    )
    assert rule.direction is Direction.ABOVE
    assert [level.threshold for level in rule.levels] == [Decimal(6 * 10**9), Decimal(8 * 10**9)]


def test_a_rule_takes_every_tuning_key() -> None:
    rule = one(
        """
        [[rule]]
        name = "inflation"
        reading = "supply.net_change_eth"
        window = "7d"
        above = 0
        for = "10m"
        hysteresis = 5
        cool_down = "1d"
        remind = "3d"
        blind_after = "1h"
        channels = ["email"]
        severity = "critical"
        message = "ETH is inflationary over 7 days"
        """
    )
    assert rule.window_s == 604_800
    assert (rule.for_s, rule.cool_down_s, rule.remind_s, rule.blind_after_s) == (600, 86_400, 259_200, 3_600)
    assert rule.band == Band(Decimal(5), relative=False)
    assert (rule.channels, rule.levels[0].severity) == (("email",), S.CRITICAL)
    assert rule.message == "ETH is inflationary over 7 days"


def test_rules_select_by_the_labels_of_their_reading() -> None:
    rule = one('[[rule]]\nreading = "price.usd"\nfeed = "ETH/USD"\nbelow = [2000, 1800.5]')
    assert rule.select == {"feed": "ETH/USD"}
    assert [level.threshold for level in rule.levels] == [Decimal(2000), Decimal("1800.5")]


def test_defaults_hold_until_a_rule_of_that_name_replaces_or_disables_them() -> None:
    assert "head stale" in parse("")
    replaced = parse('[[rule]]\nname = "head stale"\nreading = "chain.head_age"\nabove = "10m"')
    assert replaced["head stale"].levels[0].threshold == 600
    disabled = '[[rule]]\nname = "head stale"\nreading = "chain.head_age"\nabove = 1\nenabled = false'
    assert "head stale" not in parse(disabled)


def test_every_reading_of_the_catalogue_makes_a_rule() -> None:
    for key, spec in CATALOGUE.readings.items():
        rule = one(f'[[rule]]\nreading = "{key}"\n{spec.worse} = {example(spec.unit)}')
        assert rule.spec is spec
        assert spec.phrase.count("{value}") == (key not in {"fork.gas_rule_mismatch"}), (
            "yes or no needs no number"
        )
        assert rule.cool_down_s == (300 if spec.kind is Kind.EVENT else 3600)


@pytest.mark.parametrize(
    ("text", "named", "fix"),
    [
        ('[[wallets]]\nname = "a"', "'wallets'", "'wallet'"),
        ('[[wallet]]\nname = "a"\nalert_att = "5%"', "'alert_att'", "'alert_at'"),
        ('[[wallet]]\nalert_at = "5%"', "no name", "name ="),
        ('[[rule]]\nreading = "position.health"\nbelow = 1', "'position.health'", "'position.health_factor'"),
        ('[[rule]]\nreading = "pool.distance"\nbelow = 1', "'pool.distance'", "distance'"),
        ('[[rule]]\nabove = 1', "no reading", "reading ="),
        ('[[rule]]\nreading = "price.usd"', "neither above nor below", "below = 1780"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nabove = 2', "both above and below", "below"),
        ('[[rule]]\nreading = "price.usd"\nbellow = 1', "'bellow'", "'below'"),
        ('[[rule]]\nreading = "price.usd"\nbelow = "10%"', "'10%'", "1780"),
        ('[[rule]]\nreading = "price.usd"\nbelow = []', "empty", "1780"),
        ('[[rule]]\nreading = "price.usd"\nbelow = nan', "nan", "1780"),
        ('[[rule]]\nreading = "price.usd"\nbelow = inf', "inf", "1780"),
        ('[[rule]]\nreading = "price.usd"\nbelow = true', "True", "1780"),
        ('[[rule]]\nreading = "price.usd"\nwallet = "x"\nbelow = 1', "'wallet'", "feed"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nfor = "5 minutes"', "'5 minutes'", '"5m"'),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nwindow = "7d"', "no window", "Remove"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nhysteresis = "wide"', "'wide'", "10%"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nhysteresis = -1', "-1", "10%"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nseverity = "high"', "'high'", "critical"),
        ('[[rule]]\nreading = "price.usd"\nbelow = [1, 2]\nseverity = ["info"]', "1 values for 2", "one each"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nchannels = ["telegrm"]', "'telegrm'", "'telegram'"),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nmessage = 3', "not text", "message ="),
        ('[[rule]]\nreading = "price.usd"\nbelow = 1\nenabled = "no"', "neither true nor false", "false"),
        ('[rule]\nreading = "price.usd"', "not a list of tables", "[[rule]]"),
        ('[[rule]]\nname="a"\nreading="price.usd"\nbelow=1\n[[rule]]\nname="a"\nreading="price.usd"\nbelow=1',
         "exists twice", "own name"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(text: str, named: str, fix: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert named in f"{caught.value.setting}: {caught.value.problem}"
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(
        ["reading", "above", "for", "hysteresis", "severity", "channels", "name", "remind", "enabled"]
    ),
)
def test_any_value_in_any_key_is_a_rule_or_a_rule_error(value: Any, key: str) -> None:
    table = {"reading": "price.usd", "above": 5, key: value}
    try:
        rules = parse_rules({"rule": [table]}, CATALOGUE)
    except RuleError:
        return
    assert all(level.threshold.is_finite() for rule in rules for level in rule.levels)


@pytest.mark.parametrize(
    ("raw", "unit", "value"),
    [
        ("20%", Unit.PERCENT, "20"),
        ("2.5 %", Unit.PERCENT, "2.5"),
        (0.1, Unit.RATIO, "0.1"),
        ("$1,780.50", Unit.USD, "1780.50"),
        ("6_000_000_000", Unit.USD, "6000000000"),
        ("10 ETH", Unit.ETH, "10"),
        ("50 gwei", Unit.GWEI, "50"),
        ("-3", Unit.ETH, "-3"),
        ("5m", Unit.SECONDS, "300"),
        ("1.05x", Unit.RATIO, "1.05"),
    ],
)
def test_numbers_are_read_as_people_write_them(raw: Any, unit: Unit, value: str) -> None:
    assert parse_number(raw, unit) == Decimal(value)


@pytest.mark.parametrize(
    "raw", ["", "%", "1e400", "1,2,3", "0x10", "٣", "1 000", "1.2.3", "--1", None, [], "5m"]
)
def test_what_is_not_plainly_a_number_is_none(raw: Any) -> None:
    assert parse_number(raw, Unit.USD) is None


@pytest.mark.parametrize("raw", ["", "m", "5", "-5m", "5.5h", "5min", "1y", True, 1.5, -1, 10**12])
def test_what_is_not_a_time_is_none(raw: Any) -> None:
    assert parse_duration(raw) is None


@pytest.mark.parametrize(
    ("label", "reading", "fix"),
    [
        ("wallet", "position.health_factor", "Did you mean 'Whale'?"),
        ("level", "level.distance", "no [[level]]"),
    ],
)
def test_a_rule_about_somebody_who_is_not_in_the_file_is_refused(label: str, reading: str, fix: str) -> None:
    """It would be silent for ever."""
    wallet = {"name": "Whale", "address": "0x" + "11" * 20}
    rule = {"reading": reading, label: "Whael", "below": 1}
    with pytest.raises(ConfigError, match="is not in the file") as refused:
        parse_watchlist({"wallet": [wallet], "rule": [rule]})
    assert fix in str(refused.value)
