"""Aave v3 interest indexes at a time: linear income, compounded debt, in the contracts' own integers."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from monitor.units import RAY, SECONDS_PER_YEAR, Ray, UnixTime, floor_div, half_up_div


class IndexRule(StrEnum):
    """Which compounding formula a deployment uses for debt; they differ in the last digits."""

    NEW = "new"
    """From v3.4: a Taylor polynomial in rate * time."""
    OLD = "old"
    """To v3.3 and in SparkLend: a binomial expansion per second."""


class IndexState(NamedTuple):
    """A reserve's stored indexes and yearly rates (ray) as of `last_update`."""

    liquidity_index: Ray
    variable_borrow_index: Ray
    liquidity_rate: Ray
    variable_borrow_rate: Ray
    last_update: UnixTime


def ray_mul(a: int, b: int) -> int:
    """The product of two rays, halves up."""
    return half_up_div(a * b, RAY)


def normalized_income(state: IndexState, at: UnixTime) -> Ray:
    """The index that a scaled collateral balance is multiplied by at block time `at`."""
    elapsed = _elapsed(state, at)
    if not elapsed:
        return state.liquidity_index
    growth = RAY + floor_div(state.liquidity_rate * elapsed, SECONDS_PER_YEAR)
    return Ray(ray_mul(growth, state.liquidity_index))


def normalized_debt(state: IndexState, at: UnixTime, rule: IndexRule) -> Ray:
    """The index that a scaled variable debt is multiplied by at block time `at`."""
    elapsed = _elapsed(state, at)
    if not elapsed:
        return state.variable_borrow_index
    compound = _compound_new if rule is IndexRule.NEW else _compound_old
    return Ray(ray_mul(compound(state.variable_borrow_rate, elapsed), state.variable_borrow_index))


def _elapsed(state: IndexState, at: UnixTime) -> int:
    elapsed = at - state.last_update
    if elapsed < 0:
        raise ValueError("a reserve was updated after the block it was read at")
    return elapsed


def _compound_new(rate: int, elapsed: int) -> int:
    x = floor_div(rate * elapsed, SECONDS_PER_YEAR)
    return RAY + x + ray_mul(x, floor_div(x, 2) + ray_mul(x, floor_div(x, 6)))


def _compound_old(rate: int, elapsed: int) -> int:
    squared = floor_div(ray_mul(rate, rate), SECONDS_PER_YEAR**2)
    cubed = floor_div(ray_mul(squared, rate), SECONDS_PER_YEAR)
    first = floor_div(rate * elapsed, SECONDS_PER_YEAR)
    second = floor_div(elapsed * (elapsed - 1) * squared, 2)
    third = floor_div(elapsed * (elapsed - 1) * max(elapsed - 2, 0) * cubed, 6)
    return RAY + first + second + third
