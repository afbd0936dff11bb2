"""The rule of a deployment is found from its own answers, or nothing is claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitor.errors import CannotSee
from monitor.lending.aave import AccountData
from monitor.lending.aave_index import IndexRule
from monitor.lending.aave_rules import EXACT_SUM_BITMAP, RULES
from monitor.lending.calibrate import IndexSample, Observed, calibrate, calibrate_indexes
from monitor.units import MAX_UINT256, Ray, UnixTime, Wad
from tests.support.aave_vectors import account_of, instances, market_of, stored_indexes


@pytest.fixture(scope="module", params=[pytest.param(one, id=name) for name, one in instances()])
def instance(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def observed(instance: dict[str, Any]) -> list[Observed]:
    now, reserves = int(instance["market"]["eth_feed_answer"]), instance["market"]["reserves"]
    found: list[Observed] = []
    for entry in instance["accounts"]:
        numbers = [MAX_UINT256 if number == "max" else int(number) for number in entry["out"]]
        found.append(Observed(account_of(entry, reserves), now, AccountData(*numbers[:5], Wad(numbers[5]))))
    return found


def samples(instance: dict[str, Any]) -> list[IndexSample]:
    at = UnixTime(int(instance["market"]["timestamp"]))
    return [
        IndexSample(
            stored_indexes(entry),
            at,
            Ray(int(entry["normalized_income"])),
            Ray(int(entry["normalized_debt"])),
        )
        for entry in instance["market"]["reserves"].values()
    ]


def test_the_one_rule_that_fits_is_found(instance: dict[str, Any]) -> None:
    found = calibrate(market_of(instance["market"]), observed(instance))
    assert [rule.name for rule in found.rules] == [instance["market"]["formula"]]
    assert found.unexplained == ()


def test_the_index_formula_is_found(instance: dict[str, Any]) -> None:
    assert calibrate_indexes(samples(instance)) == (IndexRule(instance["market"]["debt_index_formula"]),)


def test_an_account_that_no_rule_explains_is_named(instance: dict[str, Any]) -> None:
    accounts = observed(instance)
    strange = accounts[0]._replace(data=accounts[0].data._replace(collateral=accounts[0].data.collateral + 1))
    found = calibrate(market_of(instance["market"]), [strange, *accounts[1:]])
    assert found.unexplained == (0,)
    assert found.rule.name == instance["market"]["formula"]


def test_no_rule_at_all_cannot_be_seen(instance: dict[str, Any]) -> None:
    one = observed(instance)[0]
    strange = one._replace(data=one.data._replace(debt=one.data.debt + 1))
    with pytest.raises(CannotSee, match="no known rounding rule reproduces"):
        calibrate(market_of(instance["market"]), [strange])


def test_without_accounts_every_candidate_stays(instance: dict[str, Any]) -> None:
    market = replace(market_of(instance["market"]), rule=EXACT_SUM_BITMAP)
    assert calibrate(market, []).rules == RULES


def test_indexes_of_no_formula_cannot_be_seen(instance: dict[str, Any]) -> None:
    one = max(samples(instance), key=lambda sample: sample.debt)
    with pytest.raises(CannotSee, match="no known interest formula"):
        calibrate_indexes([one._replace(debt=Ray(one.debt + 1))])
    with pytest.raises(CannotSee):
        calibrate_indexes([one._replace(at=UnixTime(one.stored.last_update - 1))])
