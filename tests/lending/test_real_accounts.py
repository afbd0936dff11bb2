"""Real accounts of June 2023 and published figures of real cases: what holds, what does not, and why."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.lending.aave import Holding, Position, account_data
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.aave_outcome import parts
from monitor.lending.aave_rules import BPS_AVERAGE_CATEGORY
from monitor.lending.correlation import EthFeed, EthFeedTimesRatio, FixedPrice, PriceSource
from monitor.lending.maker import Surroundings, Vault, highest_unsafe_price
from monitor.lending.solver import solve
from monitor.units import RAY, TICKS_PER_USD, WAD

pytestmark = pytest.mark.shared
ETH = 171_989_763_743
STETH_RATIO = 194_142_439_258


@pytest.fixture
def lending(shared_data: Path) -> Path:
    return shared_data / "lending"


def rows(lending: Path, name: str) -> list[dict[str, str]]:
    with (lending / name).open() as file:
        return list(csv.DictReader(file))


def usd(text: str) -> int:
    return int(Decimal(text) * TICKS_PER_USD)


def holding(amount: int, source: PriceSource, lt: int = 0) -> Holding:
    return Holding(0, amount, WAD, source, lt)


def test_the_health_factors_of_real_accounts_with_debt(lending: Path) -> None:
    """Collateral, debt and threshold as read on mainnet give the factor that the pool gave."""
    checked = 0
    for row in rows(lending, "aave_v3_wsteth_accounts_2023-06.csv"):
        debt, lt = usd(row["totalDebtBase_usd"]), int(row["currentLiquidationThreshold_bps"])
        if debt < TICKS_PER_USD:
            continue
        collateral = holding(usd(row["totalCollateralBase_usd"]) * WAD // ETH, EthFeed(), lt)
        one = Position(BPS_AVERAGE_CATEGORY, (collateral,), (holding(debt * WAD, FixedPrice(1)),))
        ours = account_data(one, ETH).health_factor / WAD
        assert ours == pytest.approx(float(row["healthFactor"]), rel=1e-6)
        checked += 1
    assert checked > 150


def test_price_over_health_raises_a_false_alarm_for_most_of_the_money(lending: Path) -> None:
    """Accounts with wstETH against ETH: the usual short-cut names a price near by, the solver none."""
    false_alarms = 0
    for row in rows(lending, "aave_v3_wsteth_vs_eth_debt_2023-06.csv"):
        factor, debt_eth = float(row["healthf"]), float(row["ethdebt"])
        if not 1 < factor < 1.5 or debt_eth * 1719.89 < 0.99 * float(row["debt"]):
            continue
        wsteth = int(float(row["amount"]) * WAD)
        collateral = holding(wsteth, EthFeedTimesRatio(STETH_RATIO, ETH), int(row["threshold"]))
        owed = holding(int(debt_eth * WAD), EthFeed())
        one = Position(BPS_AVERAGE_CATEGORY, (collateral,), (owed,))
        if account_data(one, ETH).health_factor < WAD:
            continue
        assert parts(one, ETH).loop
        found = solve(AaveTest(one), ETH)
        assert (found.first_down, found.first_up) == (None, None)
        false_alarms += ETH / factor < ETH
    assert false_alarms >= 30


def published(point: dict[str, Any]) -> Position:
    collateral = holding(int(point["eth"] * WAD), EthFeed(), 8300)
    return Position(
        BPS_AVERAGE_CATEGORY,
        (collateral,),
        (holding(int(point["debt_usd"]) * WAD, FixedPrice(TICKS_PER_USD)),),
    )


def liquidation_usd(point: dict[str, Any]) -> float:
    tick = solve(AaveTest(published(point)), 5_000 * TICKS_PER_USD).first_down
    assert tick is not None
    return tick / TICKS_PER_USD


def test_what_the_press_said_of_trend_research(lending: Path) -> None:
    """Totals over several addresses: the reported ranges hold ours, but for one that is debt / collateral."""
    case = json.loads((lending / "case_trend_research.json").read_text())
    points = {point["when"]: point for point in case["points"]}
    right = {
        "2026-01-20..31 peak": (1860, 1905),
        "2026-02-02 six addresses (@ai_9684xtpa)": (1781.09, 1862.02),
        "2026-02-04 (EmberCN)": (1685, 1855),
        "2026-02-05": (1576, 1682),
    }
    for when, (low, high) in right.items():
        assert low <= liquidation_usd(points[when]) <= high, when
    wrong = points["2026-01-31 one address"]
    claimed = wrong["debt_usd"] / wrong["eth"]
    assert claimed == pytest.approx(1558, abs=1)
    assert liquidation_usd(wrong) == pytest.approx(1877.8, abs=0.1)
    for point in case["points"]:
        assert liquidation_usd(point) == pytest.approx(point["computed_at_LT_083"], abs=0.02)


def test_the_level_of_1780_is_the_lowest_address_of_one_day() -> None:
    """1,781.09 fits no total of 2 February: the six addresses together stood at 1,829.9."""
    total = {"eth": 618_245.96, "debt_usd": 939_000_000}
    assert liquidation_usd(total) == pytest.approx(1829.9, abs=0.1)
    assert liquidation_usd(total) - 1781.09 > 48


def test_the_maker_whale_of_march_2025_fits_one_debt_at_170_per_cent() -> None:
    """65,675 ETH at 1,932.08 and 67,675 ETH at 1,874.98 are the same vault before and after a deposit."""
    art = 74_641_000 * WAD
    surroundings = Surroundings(par=RAY, base=0, now=0)
    for ink, reported in ((65_675, 1932.08), (67_675, 1874.98)):
        price = highest_unsafe_price(Vault(ink * WAD, art), RAY, surroundings.par, 17 * RAY // 10)
        assert price is not None
        assert price / WAD == pytest.approx(reported, abs=0.02)


def test_the_seven_siblings_and_egorov_recompute(lending: Path) -> None:
    cases = json.loads((lending / "cases_historical.json").read_text())
    siblings = next(case for case in cases if case["name"].startswith("7 Siblings"))
    assert siblings["check"]["implied E* at LT 0.83"] == pytest.approx(
        liquidation_usd({"eth": 596_800, "debt_usd": 193_000_000}), abs=0.02
    )
