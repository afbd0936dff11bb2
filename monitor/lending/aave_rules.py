"""The health rules that Aave v3 and its forks have had, as traits. A deployment's is found by `calibrate`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthRule:
    """How one generation of the contracts turns balances into account data."""

    name: str
    exact_sum: bool
    """Health factor from the exact sum of collateral * threshold; else from an average in whole bps."""
    floor_ceil: bool
    """Collateral rounds down and debt up; else balances round to nearest and values down."""
    categories: bool
    """A reserve belongs to one e-mode category; else categories hold bitmaps of reserves."""
    skips_lt0: bool
    """A reserve whose base threshold is 0 is no collateral, even inside the user's e-mode."""
    keeps_ltv0: bool
    """A reserve whose base LTV is 0 keeps it inside the user's e-mode."""
    stable_debt: bool
    """Debt at a stable rate exists and counts."""
    available_half_up: bool
    """The borrowing power rounds to nearest; else down."""


EXACT_SUM_BITMAP = HealthRule(
    "exact_sum_bitmap",
    exact_sum=True,
    floor_ceil=True,
    categories=False,
    skips_lt0=False,
    keeps_ltv0=False,
    stable_debt=False,
    available_half_up=False,
)
"""Aave v3.6 and v3.7."""
EXACT_SUM_BITMAP_SKIP_LT0 = HealthRule(
    "exact_sum_bitmap_skip_lt0",
    exact_sum=True,
    floor_ceil=True,
    categories=False,
    skips_lt0=True,
    keeps_ltv0=True,
    stable_debt=False,
    available_half_up=False,
)
"""Aave v3.5."""
BPS_AVERAGE_BITMAP = HealthRule(
    "bps_average_bitmap",
    exact_sum=False,
    floor_ceil=False,
    categories=False,
    skips_lt0=True,
    keeps_ltv0=True,
    stable_debt=False,
    available_half_up=True,
)
"""Aave v3.2 to v3.4."""
BPS_AVERAGE_CATEGORY = HealthRule(
    "bps_average_category",
    exact_sum=False,
    floor_ceil=False,
    categories=True,
    skips_lt0=True,
    keeps_ltv0=True,
    stable_debt=True,
    available_half_up=True,
)
"""Aave v3.0, v3.1 and SparkLend v1.0.0."""
EXACT_SUM_CATEGORY = HealthRule(
    "exact_sum_category",
    exact_sum=True,
    floor_ceil=True,
    categories=True,
    skips_lt0=True,
    keeps_ltv0=True,
    stable_debt=True,
    available_half_up=True,
)
"""SparkLend, newest sources."""
BPS_AVERAGE_CATEGORY_FLOOR_CEIL = HealthRule(
    "bps_average_category_floor_ceil",
    exact_sum=False,
    floor_ceil=True,
    categories=True,
    skips_lt0=True,
    keeps_ltv0=True,
    stable_debt=True,
    available_half_up=True,
)
"""SparkLend, between the two."""
BPS_AVERAGE_CATEGORY_FLOOR_CEIL_NO_STABLE = HealthRule(
    "bps_average_category_floor_ceil_no_stable",
    exact_sum=False,
    floor_ceil=True,
    categories=True,
    skips_lt0=True,
    keeps_ltv0=True,
    stable_debt=False,
    available_half_up=False,
)
"""SparkLend, between the two, without stable debt."""

RULES = (
    EXACT_SUM_BITMAP,
    EXACT_SUM_BITMAP_SKIP_LT0,
    BPS_AVERAGE_BITMAP,
    BPS_AVERAGE_CATEGORY,
    EXACT_SUM_CATEGORY,
    BPS_AVERAGE_CATEGORY_FLOOR_CEIL,
    BPS_AVERAGE_CATEGORY_FLOOR_CEIL_NO_STABLE,
)
"""Newest first: the order in which they are tried."""


def rule_named(name: str) -> HealthRule:
    """The rule with this name. Raises `KeyError`."""
    return {rule.name: rule for rule in RULES}[name]
