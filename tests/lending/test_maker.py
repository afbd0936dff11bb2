"""Laws of Maker vaults, and the published figures of a real one."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import CannotSee
from monitor.lending.maker import (
    Ilk,
    Osm,
    OsmPrice,
    Surroundings,
    Vault,
    VaultState,
    health_factor,
    highest_eth_price,
    highest_unsafe_price,
    is_unsafe,
    outcome,
    rate_after_drip,
    read_vault,
    remedy,
    rpow,
    spot_after_poke,
    terms,
)
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableBelow, NeverByEth, NeverReason
from monitor.lending.remedy import Remedy
from monitor.units import RAY, WAD, UnixTime

NOW = UnixTime(1_741_600_000)
STILL = Surroundings(par=RAY, base=0, now=NOW)
ETH_C = 170 * RAY // 100


def ilk(spot, mat=ETH_C):
    return Ilk(mat=mat, rate=RAY, spot=spot, duty=RAY, rho=NOW, dust_rad=0)


def osm(current, upcoming, due=NOW + 600, *, valid=True):
    return Osm(OsmPrice(current, valid), OsmPrice(upcoming, valid), UnixTime(due))


def usd(text):
    return int(Decimal(text) * WAD)


def cents(price_wad):
    return str((Decimal(price_wad) / WAD).quantize(Decimal("0.01"), ROUND_HALF_UP))


# The vault 0xab7b99998206d1ccf8b13b02b7566c267f4e2313 on 10 March 2025, as The Block reported it
# (post 345544): 65,675 ETH, then 2,000 more. Both figures follow from one debt at ETH-C's 170 %.
REPORTED_DEBT = usd("74641000")


@pytest.mark.parametrize(("ink", "reported"), [("65675", "1932.08"), ("67675", "1874.98")])
def test_both_published_liquidation_prices_of_the_whale_follow_from_one_debt(ink, reported):
    price = highest_unsafe_price(Vault(usd(ink), REPORTED_DEBT), RAY, RAY, ETH_C)
    assert abs(Decimal(cents(price)) - Decimal(reported)) <= Decimal("0.02")


def test_an_hour_before_it_can_be_barked_a_vault_is_doomed():
    """31 March 2025: the oracle's next price was 1,784.60 against a liquidation price of 1,787.80."""
    ink = usd("64800")
    art = ink * usd("1787.80") // ETH_C * (RAY // WAD)
    current, upcoming = usd("1802.11"), usd("1784.60")
    spot = spot_after_poke(OsmPrice(current, valid=True), RAY, ETH_C)
    reading = read_vault(Vault(ink, art), ilk(spot), osm(current, upcoming), STILL)
    assert reading.state is VaultState.DOOMED
    assert reading.doomed_at == NOW + 600
    assert cents(reading.liquidation_price) == "1787.80"
    assert isinstance(outcome(Vault(ink, art), reading), LiquidatableBelow)
    due = read_vault(Vault(ink, art), ilk(spot), osm(current, upcoming, due=NOW), STILL)
    assert due.state is VaultState.UNSAFE


def test_a_vault_that_only_waits_for_a_poke_is_not_safe():
    vault = Vault(usd("10"), usd("10000"))
    stale = spot_after_poke(OsmPrice(usd("2000"), valid=True), RAY, ETH_C)
    reading = read_vault(vault, ilk(stale), osm(usd("1650"), usd("1700")), STILL)
    assert not reading.answers.as_is
    assert reading.answers.after_poke
    assert reading.state is VaultState.UNSAFE
    assert isinstance(outcome(vault, reading), AlreadyLiquidatable)


def test_a_voided_oracle_liquidates_nobody():
    vault = Vault(usd("10"), usd("10000"))
    reading = read_vault(vault, ilk(0), osm(0, 0, valid=False), STILL)
    assert reading.state is VaultState.SAFE
    assert outcome(vault, reading) == NeverByEth(
        NeverReason.NO_PRICE, "a valid price of the oracle security module"
    )


def test_no_debt_has_no_price():
    vault = Vault(usd("10"), 0)
    reading = read_vault(vault, ilk(RAY), osm(usd("2000"), usd("2000")), STILL)
    assert outcome(vault, reading) == NeverByEth(NeverReason.NO_DEBT)
    assert health_factor(vault, RAY, RAY) is None


def test_the_penalty_is_what_chop_adds():
    assert terms(113 * WAD // 100).penalty == 13 * WAD // 100


@given(st.integers(0, 40))
def test_rpow_of_an_exact_power_is_exact(exponent):
    assert rpow(2 * RAY, exponent) == 2**exponent * RAY


def test_a_drip_that_would_overflow_is_cannot_see():
    with pytest.raises(CannotSee):
        rpow(2 * RAY, 1_700_000_000)


@given(st.integers(RAY, RAY + 10**19), st.integers(0, 10**6))
def test_a_drip_never_lowers_the_rate(duty, elapsed):
    before = Ilk(ETH_C, 11 * RAY // 10, 0, duty, UnixTime(NOW - elapsed), 0)
    assert rate_after_drip(before, 0, NOW) >= before.rate


amounts = st.integers(1, 10**26)


@given(
    ink=amounts,
    art=amounts,
    rate=st.integers(RAY, 3 * RAY),
    par=st.integers(RAY // 2, 2 * RAY),
    mat=st.integers(RAY, 3 * RAY),
)
def test_the_price_formula_is_the_last_unsafe_price(ink, art, rate, par, mat):
    vault = Vault(ink, art)

    def unsafe(price):
        return is_unsafe(vault, rate, spot_after_poke(OsmPrice(price, valid=True), par, mat))

    price = highest_unsafe_price(vault, rate, par, mat)
    if price is None:
        assert not any(map(unsafe, range(1, 20)))
    else:
        assert unsafe(price)
        assert not unsafe(price + 1)


@given(ink=amounts, art=amounts, rate=st.integers(RAY, 3 * RAY), spot=st.integers(1, 10**31))
def test_a_remedy_is_the_least_that_helps(ink, art, rate, spot):
    vault = Vault(ink, art)
    found = remedy(vault, rate, spot)
    if not is_unsafe(vault, rate, spot):
        assert found == Remedy(0, 0)
        return
    burnt = found.repay * RAY // rate
    assert not is_unsafe(Vault(ink, art - burnt), rate, spot)
    assert is_unsafe(Vault(ink, art - (found.repay - 1) * RAY // rate), rate, spot)
    assert not is_unsafe(Vault(ink + found.add, art), rate, spot)
    assert is_unsafe(Vault(ink + found.add - 1, art), rate, spot)


@given(st.integers(1, 10**24), st.integers(WAD, 2 * WAD))
def test_an_eth_price_maps_onto_the_staking_tokens_oracle(price, ratio):
    eth = highest_eth_price(price, ratio)
    assert eth * ratio // WAD <= price < (eth + 1) * ratio // WAD
