"""The Compound adapter on contracts that answer as the recorded ones did: raw bytes to rows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts_abi import chainlink, erc20
from contracts_abi import comet as abi
from contracts_abi.interface import encode_values
from monitor.errors import CannotSee
from monitor.lending.attribution import attribute
from monitor.lending.comet import is_liquidatable
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
)
from monitor.lending.position import Cause, EventKind, Position, Unseen
from monitor.protocols.base import EventLog, Refusal
from monitor.protocols.compound_deployments import CometDeployment
from monitor.protocols.compound_v3 import CompoundV3
from monitor.units import SECONDS_PER_DAY, Address, BlockNumber
from tests.support import vectors
from tests.support.contracts import REVERTED, Contracts, address_of, block_at, price_in
from tests.support.hostile import spoil as spoil_some
from tests.support.supposed import check_supposed

MARKETS = [
    pytest.param(market, id=f"{label}-{market['name']}")
    for label, data in vectors.of_protocol("Compound v3 Comet")
    for market in data["markets"]
]
COMET = address_of("comet")
DEPLOYMENT = CometDeployment("Recorded", COMET)


class Recorded:
    """A recorded market as contracts: its feeds, its accounts, its own answers."""

    def __init__(self, fields):
        self.fields, self.contracts = fields, Contracts()
        self.feed_names = {}
        for name, answer in fields["feeds"].items():
            self.feed(name, int(answer), int(fields["feed_decimals"][name]), name.replace("/", " / "))
        self.market()
        for place, asset in enumerate(fields["assets"]):
            self.asset(place, asset)
        for account in fields["accounts"]:
            self.account(account)

    def say(self, contract, call, *values, to=()):
        self.contracts.say(contract, call, *values, to=to)

    def feed(self, name, answer, decimals, description):
        feed = address_of("feed " + name)
        self.say(feed, chainlink.LATEST_ROUND_DATA, 7, answer, 0, int(self.fields["block_timestamp"]) - 60, 7)
        self.say(feed, chainlink.DECIMALS, decimals)
        self.contracts.said[feed, chainlink.DESCRIPTION.encode()] = encode_values(["string"], [description])
        return feed

    def recipe(self, recipe):
        """The contract of a price recipe, with those under it."""
        if isinstance(recipe, str):
            return address_of("feed " + recipe)
        kind = recipe["kind"]
        if kind == "feed":
            return address_of("feed " + recipe["feed"])
        contract = address_of(json.dumps(recipe))
        decimals = int(recipe.get("decimals", 8))
        self.say(contract, chainlink.DECIMALS, decimals)
        if kind == "constant":
            self.say(contract, abi.CONSTANT_PRICE, int(recipe["value"]))
        elif kind == "rate_scaling":
            token = address_of("rate " + recipe["rate"])
            self.say(token, abi.GET_RATE, int(self.fields["rates"][recipe["rate"]]))
            self.say(contract, abi.UNDERLYING_FEED, token)
        elif kind == "wsteth":
            token = address_of("token " + recipe["rate"])
            self.say(token, abi.TOKENS_PER_STETH, 10**36 // int(self.fields["rates"][recipe["rate"]]))
            self.say(contract, abi.STETH_FEED, address_of("feed " + recipe["feed"]))
            self.say(contract, abi.WSTETH, token)
        else:
            self.say(contract, abi.FEED_A, self.recipe(recipe["a"]))
            self.say(contract, abi.FEED_B, self.recipe(recipe["b"]))
        return contract

    def market(self):
        fields, base = self.fields, self.fields["base"]
        token, feed = address_of(base["symbol"]), self.recipe(base["price"])
        self.token(token, base["symbol"], int(base["decimals"]))
        self.say(COMET, abi.BASE_TOKEN, token)
        self.say(COMET, abi.BASE_FEED, feed)
        self.say(COMET, abi.BASE_SCALE, int(base["scale"]))
        self.say(COMET, abi.NUM_ASSETS, len(fields["assets"]))
        self.say(COMET, abi.GET_PRICE, int(base["getPrice"]), to=(feed,))
        self.say(COMET, abi.ABSORB_PAUSED, False)
        names = (
            "baseSupplyIndex",
            "baseBorrowIndex",
            "totalSupplyBase",
            "totalBorrowBase",
            "lastAccrualTime",
        )
        supply, borrow, supplied, borrowed, accrued = (int(fields[name]) for name in names)
        self.say(COMET, abi.TOTALS, supply, borrow, 0, 0, supplied, borrowed, accrued, 0)
        for calls, curve in zip(abi.CURVES, ("supplyCurve", "borrowCurve"), strict=True):
            for call, value in zip(calls, fields[curve], strict=True):
                self.say(COMET, call, int(value))

    def token(self, token, symbol, decimals):
        self.say(token, erc20.DECIMALS, decimals)
        self.contracts.said[token, erc20.SYMBOL.encode()] = encode_values(["string"], [symbol])

    def asset(self, place, asset):
        token, feed = address_of(asset["symbol"]), self.recipe(asset["price"])
        self.token(token, asset["symbol"], len(asset["scale"]) - 1)
        names = (
            "scale",
            "borrowCollateralFactor",
            "liquidateCollateralFactor",
            "liquidationFactor",
            "supplyCap",
        )
        numbers = [int(asset[name]) for name in names]
        self.say(COMET, abi.ASSET_INFO, place, token, feed, *numbers, to=(place,))
        self.say(COMET, abi.GET_PRICE, int(asset["getPrice"]), to=(feed,))

    def account(self, recorded):
        owner = recorded["address"].lower()
        self.say(
            COMET, abi.USER_BASIC, int(recorded["principal"]), 0, 0, int(recorded["assetsIn"]), 0, to=(owner,)
        )
        self.say(COMET, abi.BORROW_BALANCE, int(recorded["borrowBalanceOf"]), to=(owner,))
        self.say(COMET, abi.IS_LIQUIDATABLE, recorded["isLiquidatable"], to=(owner,))
        for symbol, balance in recorded["collateral"].items():
            self.say(COMET, abi.USER_COLLATERAL, int(balance), 0, to=(owner, address_of(symbol)))

    def adapter(self):
        return CompoundV3([DEPLOYMENT], {address_of("WETH")})

    def rows(self, adapter=None, owners=None):
        owners = owners or [Address(account["address"].lower()) for account in self.fields["accounts"]]
        at = block_at(int(self.fields["block_timestamp"]))
        seen = self.contracts.run((adapter or self.adapter()).read(owners, at))
        return {one.key.account: one for one in seen}


def is_base_eth(fields):
    return fields["base"]["symbol"] == "WETH"


@pytest.mark.parametrize("fields", MARKETS)
def test_every_recorded_account_becomes_its_row(fields):
    rows = Recorded(fields).rows()
    for recorded in fields["accounts"]:
        row = rows.get(recorded["address"].lower())
        if int(recorded["principal"]) >= 0 and not int(recorded["assetsIn"]):
            assert row is None
            continue
        assert isinstance(row, Position), row
        check_supposed(row)
        boundary = recorded["boundary_absorb"]
        if recorded["absorb_succeeds"]:
            assert isinstance(row.outcome, AlreadyLiquidatable)
        elif boundary["tick"] is None:
            assert isinstance(row.outcome, NeverByEth | Insensitive)
        else:
            shape = {"below": LiquidatableBelow, "above": LiquidatableAbove}[boundary["direction"]]
            assert isinstance(row.outcome, shape)
            assert row.outcome.tick == int(boundary["tick"])
        owed = sum(leg.amount for leg in row.debts)
        assert owed == int(recorded["borrowBalanceOf"])


@pytest.mark.parametrize("fields", MARKETS)
def test_both_answers_are_told_where_they_differ(fields):
    rows = Recorded(fields).rows()
    for recorded in fields["accounts"]:
        row = rows.get(recorded["address"].lower())
        view, own = recorded["boundary_isLiquidatable"]["tick"], recorded["boundary_absorb"]["tick"]
        if row is not None and recorded["isLiquidatable"] != recorded["absorb_succeeds"]:
            assert any("says otherwise" in note for note in row.notes)
        elif row is not None and view != own and not recorded["absorb_succeeds"]:
            shown = f"{int(view) / 10**8:,.2f}"
            assert any(shown in note for note in row.notes)


@pytest.mark.parametrize("fields", MARKETS)
def test_a_market_is_read_in_a_handful_of_rounds(fields):
    recorded = Recorded(fields)
    adapter = recorded.adapter()
    recorded.rows(adapter)
    recorded.contracts.rounds = 0
    recorded.rows(adapter)
    assert recorded.contracts.rounds <= 6


@pytest.mark.parametrize("fields", MARKETS)
@pytest.mark.parametrize("answer", [0, -1])
def test_a_broken_eth_feed_is_a_gap_for_whoever_depends_on_it(fields, answer):
    recorded = Recorded(fields)
    recorded.feed("ETH/USD", answer, 8, "ETH / USD")
    for name in ("ETH/USD",):
        feed = address_of("feed " + name)
        recorded.contracts.revert(COMET, abi.GET_PRICE, to=(feed,))
    for asset in fields["assets"]:
        if "ETH/USD" in json.dumps(asset["price"]):
            recorded.contracts.revert(COMET, abi.GET_PRICE, to=(recorded.recipe(asset["price"]),))
    for row in recorded.rows().values():
        if isinstance(row, Unseen):
            continue
        assert not isinstance(row.outcome, LiquidatableBelow | LiquidatableAbove | AlreadyLiquidatable) or (
            "ETH" not in json.dumps([leg.symbol for leg in row.collaterals])
        )


def borrower(fields):
    return next(
        one for one in fields["accounts"] if one["boundary_absorb"]["tick"] and not one["absorb_succeeds"]
    )


@pytest.mark.parametrize("fields", MARKETS)
def test_an_answer_that_our_arithmetic_does_not_give_is_a_gap(fields):
    one = borrower(fields)
    owner = one["address"].lower()
    for spoil, cause in (
        (
            lambda r: r.say(COMET, abi.BORROW_BALANCE, int(one["borrowBalanceOf"]) + 1, to=(owner,)),
            "interest",
        ),
        (lambda r: r.say(COMET, abi.IS_LIQUIDATABLE, not one["isLiquidatable"], to=(owner,)), "own answer"),
        (lambda r: r.contracts.revert(COMET, abi.IS_LIQUIDATABLE, to=(owner,)), "reverts"),
        (lambda r: r.contracts.revert(COMET, abi.BORROW_BALANCE, to=(owner,)), "debt"),
        (lambda r: r.contracts.revert(COMET, abi.TOTALS), "totalsBasic"),
        (lambda r: r.contracts.revert(COMET, abi.USER_BASIC, to=(owner,)), "account"),
        (lambda r: r.say(COMET, abi.NUM_ASSETS, 200), "no sense"),
    ):
        recorded = Recorded(fields)
        spoil(recorded)
        row = recorded.rows(owners=[owner])[owner]
        assert isinstance(row, Unseen)
        assert cause in row.cause


@pytest.mark.parametrize("fields", MARKETS)
def test_a_feed_made_in_an_unknown_way_is_a_gap_for_its_holders_only(fields):
    recorded = Recorded(fields)
    asset = fields["assets"][-1]
    feed = recorded.recipe(asset["price"])
    recorded.say(COMET, abi.GET_PRICE, int(asset["getPrice"]) + 1, to=(feed,))
    rows = recorded.rows()
    for one in fields["accounts"]:
        row = rows.get(one["address"].lower())
        holds = asset["symbol"] in one["collateral"] and int(one["principal"]) < 0
        if row is not None:
            assert isinstance(row, Unseen) == holds


@pytest.mark.parametrize("fields", MARKETS)
def test_odd_tokens_are_shown_safely(fields):
    recorded = Recorded(fields)
    for asset in fields["assets"]:
        token = address_of(asset["symbol"])
        recorded.contracts.said[token, erc20.SYMBOL.encode()] = encode_values(
            ["string"], ["\x1b[31m\u202eEVIL" * 9]
        )
    owner = borrower(fields)["address"].lower()
    row = recorded.rows(owners=[owner])[owner]
    for leg in row.collaterals:
        assert leg.symbol.isascii()
        assert leg.symbol.isprintable()
        assert len(leg.symbol) <= 20


@pytest.mark.parametrize("fields", MARKETS)
def test_causes_are_told_apart(fields):
    recorded, owner = Recorded(fields), borrower(fields)["address"].lower()
    before = recorded.rows(owners=[owner])[owner].model
    later = replace(before, indices=before.a_day_later(int(fields["block_timestamp"])).indices)
    assert before.replaced(Cause.INTEREST, later).tick() == later.tick() != before.tick()
    assert before.replaced(Cause.OWNER, later).tick() == before.tick()
    poorer = replace(before, account=replace(before.account, principal=before.account.principal * 11 // 10))
    assert before.replaced(Cause.OWNER, poorer).tick() == poorer.tick() != before.tick()
    assert before.replaced(Cause.PARAMETER, poorer).tick() == before.tick()


@pytest.mark.parametrize("fields", MARKETS)
def test_the_drift_is_one_more_day_of_interest(fields):
    owner = borrower(fields)["address"].lower()
    row = Recorded(fields).rows(owners=[owner])[owner]
    later = row.model.a_day_later(int(fields["block_timestamp"])).tick()
    assert row.drift_per_day == (later - row.outcome.tick) / 10**8
    assert SECONDS_PER_DAY == 86_400


@pytest.mark.parametrize("fields", MARKETS)
def test_the_proof_asks_absorb_on_both_sides(fields):
    recorded = Recorded(fields)
    adapter, one = recorded.adapter(), borrower(fields)
    owner = one["address"].lower()
    row = recorded.rows(adapter, [owner])[owner]
    first, second = adapter.checks(row)
    assert (first.expected, second.expected) == (True, False)
    assert set(first.substitutes) == {address_of("feed ETH/USD")}
    assert first.view.data == abi.ABSORB.encode("0x" + "11" * 20, [one["address"].lower()])
    assert first.liquidatable(Refusal("it answers nothing: no such function, or no contract"))
    assert not first.liquidatable(Refusal("it reverts", abi.NOT_LIQUIDATABLE))
    with pytest.raises(CannotSee):
        first.liquidatable(REVERTED)


@pytest.mark.parametrize("fields", MARKETS)
def test_what_would_fix_it_is_of_the_asset_that_is_named(fields):
    """Said of one collateral and meant of another, in the other's decimals: once told of several."""
    absorbable = [one for one in fields["accounts"] if one["absorb_succeeds"] and len(one["collateral"]) > 1]
    rows = Recorded(fields).rows()
    for recorded in absorbable:
        row = rows[recorded["address"].lower()]
        model, leg = row.model, row.collaterals[0]
        place = next(index for index, asset in enumerate(model.at.market.assets) if asset.token == leg.token)

        def absorbed_with(more, model=model, place=place):
            held = tuple(
                one._replace(balance=one.balance + more * (one.asset == place)) for one in model.account.held
            )
            return is_liquidatable(
                model.at.market, replace(model.account, held=held), model.indices, model.at.answers
            )

        assert row.remedy.add is not None
        assert absorbed_with(row.remedy.add - 1)
        assert not absorbed_with(row.remedy.add)


def test_feeds_that_follow_eth_move_with_it_in_the_proof_as_in_the_price():
    """STETH/USD beside ETH/USD: a proof that moved only one of them refuted a right price."""
    fields = MARKETS[0].values[0]
    recorded = Recorded(fields)
    answer = int(fields["feeds"]["ETH/USD"]) * 999 // 1000
    steth = recorded.feed("STETH/USD", answer, 8, "STETH / USD")
    weth = next(asset for asset in fields["assets"] if asset["symbol"] == "WETH")
    place = fields["assets"].index(weth)
    recorded.asset(place, {**weth, "price": {"kind": "feed", "feed": "STETH/USD"}, "getPrice": str(answer)})
    one = next(
        account for account in fields["accounts"]
        if set(account["collateral"]) == {"WETH"} and account["boundary_absorb"]["tick"] and not account["absorb_succeeds"]
    )  # fmt: skip
    owner, adapter = one["address"].lower(), recorded.adapter()
    row = recorded.rows(adapter, [owner])[owner]
    assert isinstance(row.outcome, LiquidatableBelow)
    for check, tick in zip(adapter.checks(row), (row.outcome.tick, row.outcome.tick + 1), strict=True):
        eth = int(fields["feeds"]["ETH/USD"])
        assert {feed: price_in(change.code) for feed, change in check.substitutes.items()} == {
            address_of("feed ETH/USD"): tick,
            steth: tick * answer // eth,
        }
    # Moved by the market, or by governance: in no case by the owner.
    later = Recorded(fields)
    later.feed("STETH/USD", answer * 99 // 100, 8, "STETH / USD")
    later.asset(
        place,
        {**weth, "price": {"kind": "feed", "feed": "STETH/USD"}, "getPrice": str(answer * 99 // 100)},
    )
    moved = later.rows(owners=[owner])[owner]
    (told,) = attribute(row.model, moved.model)
    assert told.cause is Cause.OTHER_PRICE
    assert (told.before, told.after) == (row.outcome.tick, moved.outcome.tick)
    (told,) = attribute(Recorded(fields).rows(owners=[owner])[owner].model, row.model)
    assert told.cause is Cause.PARAMETER


def test_events_name_the_account_and_what_happened():
    adapter = CompoundV3([DEPLOYMENT], set())
    one, other = "0x" + "0a" * 20, "0x" + "0b" * 20

    def log(name, topics, *data):
        words = [abi.event(name).topic, *(encode_values(["address"], [topic]) for topic in topics)]
        return EventLog(
            COMET, tuple(words), encode_values(["uint256"] * len(data), data), BlockNumber(1), 0, "0x"
        )

    token = "0x" + "0c" * 20
    for name, topics, data, kind, amount in (
        ("Supply", (other, one), (5,), EventKind.REPAY, 5),
        ("Withdraw", (one, other), (6,), EventKind.BORROW, 6),
        ("SupplyCollateral", (other, one, token), (7,), EventKind.SUPPLY, 7),
        ("WithdrawCollateral", (one, other, token), (8,), EventKind.WITHDRAW, 8),
        ("AbsorbDebt", (other, one), (9, 10), EventKind.LIQUIDATION, 9),
        ("AbsorbCollateral", (other, one, token), (11, 12), EventKind.LIQUIDATION, 11),
    ):
        (event,) = adapter.decode_event(log(name, topics, *data))
        assert (event.key.account, event.kind, event.amount) == (one, kind, amount)
        assert abi.event(name).topic in adapter.event_filter().topics
    moved = adapter.decode_event(log("TransferCollateral", (one, other, token), 3))
    assert [(event.key.account, event.kind) for event in moved] == [
        (one, EventKind.WITHDRAW),
        (other, EventKind.SUPPLY),
    ]
    garbled = log("Supply", (other, one), 5)._replace(data=b"\x00")
    assert adapter.decode_event(garbled) == []
    assert adapter.decode_event(garbled._replace(address=Address(one))) == []


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), which=st.integers(0, 1))
def test_whatever_contracts_answer_there_is_a_row_or_a_gap(seed, which):
    fields = MARKETS[which].values[0]
    recorded = Recorded({**fields, "accounts": fields["accounts"][:6]})
    spoil_some(recorded.contracts, seed)
    for row in recorded.rows().values():
        assert isinstance(row, Position | Unseen)
