"""The Morpho adapter on contracts that answer as the recorded ones did, and on contracts that lie."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import BlockStamp
from contracts_abi import chainlink, erc20
from contracts_abi import morpho as abi
from contracts_abi.interface import encode_values
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
)
from monitor.lending.position import Position, Unseen
from monitor.protocols.base import EventLog
from monitor.protocols.morpho_blue import MorphoBlue
from monitor.protocols.morpho_deployments import MorphoDeployment
from monitor.readings.positions import position_readings
from monitor.store import positions
from monitor.units import WAD, BlockNumber
from tests.support import vectors
from tests.support.contracts import Contracts, address_of, block_at
from tests.support.databases import ref
from tests.support.hostile import spoil
from tests.support.supposed import check_supposed

MARKETS = [
    pytest.param(data, market, id=f"{label}-{market['name']}")
    for label, data in vectors.of_protocol("Morpho Blue")
    for market in data["markets"]
]
MORPHO, IRM, ORACLE, FACTORY = map(address_of, ("morpho", "irm", "oracle", "factory"))
NONE = "0x" + "00" * 20


def owner_of(account):
    return address_of("owner " + account["id"])


class Recorded:
    """A recorded market as contracts."""

    def __init__(self, data, market):
        self.data, self.market, self.contracts = data, market, Contracts()
        self.id = bytes.fromhex(market["id"][2:])
        self.loan, self.collateral = address_of(market["loan"]), address_of("c " + market["collateral"])
        for token, side in ((self.loan, "loan"), (self.collateral, "collateral")):
            self.say(token, erc20.DECIMALS, int(market[f"{side}_decimals"]))
            self.contracts.said[token, erc20.SYMBOL.encode()] = encode_values(["string"], [market[side]])
        self.params = (self.loan, self.collateral, ORACLE, IRM, int(market["lltv"]))
        self.say(MORPHO, abi.MARKET_PARAMS, *self.params, to=(self.id,))
        self.stored()
        self.oracle()
        for account in market["accounts"]:
            self.position(account)

    def say(self, contract, call, *values, to=()):
        self.contracts.say(contract, call, *values, to=to)

    def stored(self):
        fields = self.market["market"]
        names = (
            "totalSupplyAssets",
            "totalSupplyShares",
            "totalBorrowAssets",
            "totalBorrowShares",
            "lastUpdate",
            "fee",
        )
        stored = tuple(int(fields[name]) for name in names)
        self.say(MORPHO, abi.MARKET, *stored, to=(self.id,))
        self.say(IRM, abi.BORROW_RATE_VIEW, int(self.market["borrowRateView"]), to=(self.params, stored))

    def oracle(self):
        fields = self.market["oracle"]
        self.say(ORACLE, abi.ORACLE_PRICE, int(self.market["oracle_price"]))
        self.say(ORACLE, abi.SCALE_FACTOR, int(fields["scale_factor"]))
        for side, (vault_call, sample_call, first, second) in zip(
            ("base", "quote"), abi.ORACLE_SIDES, strict=True
        ):
            vault, sample = fields[f"{side}_vault"], int(fields[f"{side}_vault_sample"])
            self.say(ORACLE, vault_call, address_of(vault) if vault else NONE)
            self.say(ORACLE, sample_call, sample)
            if vault:
                rate = int(self.data["vault_rates"][vault])
                self.say(address_of(vault), abi.CONVERT_TO_ASSETS, sample * rate // WAD, to=(sample,))
            for call, number in ((first, 1), (second, 2)):
                self.say(ORACLE, call, self.feed(fields[f"{side}_feed_{number}"]))

    def feed(self, name):
        if name is None:
            return NONE
        feed = address_of("feed " + name)
        self.say(feed, chainlink.LATEST_ROUND_DATA, 1, int(self.data["feeds"][name]), 0, 1_796_000_000, 1)
        self.say(feed, chainlink.DECIMALS, int(self.data["feed_decimals"][name]))
        self.contracts.said[feed, chainlink.DESCRIPTION.encode()] = encode_values(
            ["string"], [name.replace("/", " / ")]
        )
        return feed

    def position(self, account):
        shares, collateral = int(account["borrowShares"]), int(account["collateral"])
        self.say(
            MORPHO,
            abi.POSITION,
            int(account["supplyShares"]),
            shares,
            collateral,
            to=(self.id, owner_of(account)),
        )

    def adapter(self, **more):
        return MorphoBlue(
            MorphoDeployment(1, MORPHO, BlockNumber(0), frozenset({address_of("WETH")}), (self.id,), **more)
        )

    def rows(self, adapter=None, accounts=None):
        owners = [owner_of(account) for account in accounts or self.market["accounts"]]
        reading = (adapter or self.adapter()).read(owners, block_at(int(self.data["block_timestamp"])))
        return {one.key.account: one for one in self.contracts.run(reading)}


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_every_recorded_account_becomes_its_row(data, market):
    rows = Recorded(data, market).rows()
    for account in market["accounts"]:
        row = rows.get(owner_of(account))
        if not int(account["borrowShares"]) and not int(account["collateral"]):
            assert row is None
            continue
        assert isinstance(row, Position), row
        check_supposed(row)
        boundary = account["boundary_eth_tick"]
        if account["liquidate_succeeds"]:
            assert isinstance(row.outcome, AlreadyLiquidatable)
        elif boundary["tick"] is None:
            assert isinstance(row.outcome, Insensitive | NeverByEth)
        else:
            shape = {"below": LiquidatableBelow, "above": LiquidatableAbove}[boundary["direction"]]
            assert isinstance(row.outcome, shape)
            assert row.outcome.tick == int(boundary["tick"])


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_feeds_that_do_not_give_the_oracles_price_are_a_gap(data, market):
    recorded = Recorded(data, market)
    recorded.say(ORACLE, abi.ORACLE_PRICE, int(market["oracle_price"]) + 1)
    for row in recorded.rows().values():
        assert isinstance(row, Unseen)
        assert "do not give the price" in row.cause


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_collateral_put_into_a_hostile_market_in_ones_name_is_no_gap(data, market):
    """Anybody may make a market with a broken oracle and supply for others: an alert for nothing."""
    recorded = Recorded(data, market)
    recorded.contracts.revert(ORACLE, abi.ORACLE_PRICE)
    rows = recorded.rows()
    owing = {owner_of(one) for one in market["accounts"] if int(one["borrowShares"])}
    assert set(rows) == owing
    assert all(isinstance(row, Unseen) for row in rows.values())


def test_tokens_with_absurd_decimals_make_a_row_that_can_be_stored_and_told():
    data, market = next(one.values for one in MARKETS if one.values[1]["oracle"]["base_vault"])
    for loan, collateral in ((0, 77), (77, 0), (77, 77)):
        recorded = Recorded(data, market)
        recorded.say(recorded.loan, erc20.DECIMALS, loan)
        recorded.say(recorded.collateral, erc20.DECIMALS, collateral)
        for row in recorded.rows().values():
            positions.row_of(ref(1), row, "")
            list(position_readings([row], {}, BlockStamp(1, "0x", 0)))


def preliquidation_created(recorded, contract, pre_lltv):
    event = abi.pre_liquidation_created()
    topics = (event.topic, encode_values(["address"], [contract]))
    terms = (pre_lltv, WAD // 10, WAD // 2, 102 * WAD // 100, 104 * WAD // 100, ORACLE)
    kinds = ["bytes32", *["uint256"] * 5, "address"]
    return EventLog(FACTORY, topics, encode_values(kinds, [recorded.id, *terms]), BlockNumber(1), 0, "0x")


def test_a_pre_liquidation_that_the_owner_authorised_comes_first():
    data, market = next(one.values for one in MARKETS if one.values[1]["name"] == "WETH/USDC")
    account = next(
        one
        for one in market["accounts"]
        if not one["liquidate_succeeds"] and one["boundary_eth_tick"]["tick"]
    )
    recorded, contract = Recorded(data, market), address_of("pre")
    adapter = recorded.adapter(pre_liquidation_factory=FACTORY)
    adapter.decode_event(preliquidation_created(recorded, contract, int(market["lltv"]) * 9 // 10))
    late = recorded.rows(adapter, [account])[owner_of(account)]
    assert isinstance(late, Unseen)  # whether it is authorised cannot be told
    recorded.say(MORPHO, abi.IS_AUTHORIZED, False, to=(owner_of(account), contract))
    assert recorded.rows(adapter, [account])[owner_of(account)].outcome.tick == int(
        account["boundary_eth_tick"]["tick"]
    )
    recorded.say(MORPHO, abi.IS_AUTHORIZED, True, to=(owner_of(account), contract))
    early = recorded.rows(adapter, [account])[owner_of(account)]
    assert early.outcome.tick > int(account["boundary_eth_tick"]["tick"])
    assert any(
        "pre-liquidation is authorised; the market itself liquidates at" in note for note in early.notes
    )
    assert early.terms.close_factor <= WAD // 2


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), which=st.integers(0, len(MARKETS) - 1))
def test_whatever_contracts_answer_there_is_a_row_or_a_gap(seed, which):
    data, market = MARKETS[which].values
    recorded = Recorded(data, {**market, "accounts": market["accounts"][:4]})
    spoil(recorded.contracts, seed)
    for row in recorded.rows().values():
        assert isinstance(row, Position | Unseen)
