"""Sums and changes of supplies, against plain integer arithmetic; what is not known stays so."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from alerts.model import BlockStamp, CannotSee
from monitor.domain import ListedToken
from monitor.readings import money
from monitor.units import MAX_UINT256, Address

AT = BlockStamp(1, "0x", 1_750_000_000)
amounts = st.tuples(st.integers(0, MAX_UINT256), st.integers(0, 77))


def tokens(count: int, denomination: str = "USD") -> list[ListedToken]:
    return [
        ListedToken(f"T{number}", Address(f"0x{denomination}{number}"), "stablecoin", denomination, "")
        for number in range(count)
    ]


@given(st.lists(amounts, min_size=1, max_size=6))
def test_a_sum_is_exact(found: list[tuple[int, int]]) -> None:
    members = tokens(len(found))
    told = {one.address: money.tokens_of(*amount) for one, amount in zip(members, found, strict=True)}
    total = money.total(members, told)
    assert isinstance(total, Decimal)
    assert Fraction(total) == sum(Fraction(units, 10**decimals) for units, decimals in found)


@given(amounts, amounts)
def test_a_change_is_the_quotient(now: tuple[int, int], before: tuple[int, int]) -> None:
    change = money.percent_change(money.tokens_of(*now), money.tokens_of(*before))
    if before[0] == 0:
        assert change == 0 if now[0] == 0 else isinstance(change, CannotSee)
        return
    assert isinstance(change, Decimal)
    then = Fraction(before[0], 10 ** before[1])
    exact = (Fraction(now[0], 10 ** now[1]) - then) * 100 / then
    assert abs(Fraction(change) - exact) <= abs(exact) / 10**60


def test_one_unseen_token_makes_its_sum_unknown_and_no_other() -> None:
    dollars, euros = tokens(3), tokens(1, "EUR")
    now: dict[Address, Decimal | CannotSee] = {one.address: Decimal(5) for one in (*dollars, *euros)}
    now[dollars[1].address] = CannotSee("it reverts")
    readings = {(one.key, one.name): one.value for one in money.supply_readings([*dollars, *euros], now, AT)}
    assert readings["money.supply", "All stablecoin supply in USD"] == CannotSee("T1: it reverts")
    assert readings["money.supply", "All stablecoin supply in EUR"] == 5
    assert readings["token.supply", "T1"] == CannotSee("it reverts")


def test_tokens_that_are_all_unseen_for_one_cause_are_one_message() -> None:
    dollars = tokens(3)
    lost = CannotSee("no supply is stored from 24 h before")
    now: dict[Address, Decimal | CannotSee] = {one.address: lost for one in dollars}
    assert money.total(dollars, now) == lost


def test_a_share_without_a_denomination_is_in_no_sum() -> None:
    shares = tokens(2, "")
    now: dict[Address, Decimal | CannotSee] = {one.address: Decimal(5) for one in shares}
    assert [one.key for one in money.supply_readings(shares, now, AT)] == ["token.supply"] * 2


def test_burned_is_negative_and_the_move_is_its_size() -> None:
    (one,) = tokens(1)
    before: dict[Address, Decimal | CannotSee] = {one.address: Decimal(200)}
    now: dict[Address, Decimal | CannotSee] = {one.address: Decimal(150)}
    readings = {reading.key: reading for reading in money.change_readings([one], now, before, 3_600, AT)}
    assert {key: reading.value for key, reading in readings.items()} == {
        "token.supply_change": -25,
        "token.supply_move": 25,
        "money.supply_change": -25,
    }
    facts = {fact.label: fact.text for fact in readings["token.supply_move"].facts}
    assert (facts["Burned"], facts["Was"], facts["Is"]) == ("50 USD, net", "200 USD", "150 USD")


def test_a_window_without_a_start_is_not_known() -> None:
    (one,) = tokens(1)
    before: dict[Address, Decimal | CannotSee] = {one.address: money.unknown_before(86_400)}
    now: dict[Address, Decimal | CannotSee] = {one.address: Decimal(150)}
    values = {reading.value for reading in money.change_readings([one], now, before, 86_400, AT)}
    assert values == {money.unknown_before(86_400)}
