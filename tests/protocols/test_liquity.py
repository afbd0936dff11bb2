"""The Liquity adapters on contracts that answer as the recorded ones did: raw words to rows."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts_abi import chainlink, erc20, maker
from contracts_abi import liquity as abi
from contracts_abi.interface import encode_values
from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableBelow
from monitor.lending.position import Cause, EventKind, Position, Unseen
from monitor.protocols.base import EventLog, Refusal
from monitor.protocols.liquity_deployments import LiquityV1Deployment, LiquityV2Branch
from monitor.protocols.liquity_v1 import LiquityV1
from monitor.protocols.liquity_v2 import LiquityV2
from monitor.units import WAD, BlockNumber
from tests.support import vectors
from tests.support.contracts import REVERTED, Contracts, address_of, block_at
from tests.support.hostile import spoil as spoil_some
from tests.support.supposed import check_supposed

V1 = [
    pytest.param(data["constants"], scene, id=f"{label}-{number}-{scene['name']}")
    for label, data in vectors.of_protocol("Liquity v1")
    for number, deployment in enumerate(data["deployments"])
    for scene in deployment["scenes"]
]
V2 = [
    pytest.param(branch, scene, id=f"{label}-{branch['name']}-{scene['name']}")
    for label, data in vectors.of_protocol("Liquity v2 (BOLD)")
    for branch in data["branches"]
    for scene in branch["scenes"]
]
MANAGER, POOL, PRICE, FEED, NFT, REGISTRY, TOKEN = map(
    address_of, ("manager", "pool", "price", "feed", "nft", "registry", "token")
)
LUSD, BOLD = address_of("lusd"), address_of("bold")


def owner_of(recorded):
    return address_of("owner " + recorded["id"])


def feed(contracts, address, answer, name="ETH / USD"):
    contracts.say(address, chainlink.LATEST_ROUND_DATA, 9, answer, 0, 1_765_000_000, 9)
    contracts.say(address, chainlink.DECIMALS, 8)
    contracts.said[address, chainlink.DESCRIPTION.encode()] = encode_values(["string"], [name])


class RecordedV1:
    def __init__(self, constants, scene, *, newer=True):
        self.scene, self.contracts = scene, Contracts()
        say = self.contracts.say
        names = ("entireSystemColl", "entireSystemDebt", "trove_count", "L_ETH", "L_LUSDDebt")
        values = [int(scene[name]) for name in names] + [int(constants["MCR"]), int(constants["CCR"])]
        for call, value in zip(abi.SYSTEM, values, strict=True):
            say(MANAGER, call, value)
        say(MANAGER, abi.STABILITY_POOL, POOL)
        say(MANAGER, abi.PRICE_FEED, PRICE)
        say(POOL, abi.DEPOSITS, int(scene["sp_deposits"]))
        if newer or scene["sp_deposits"] != scene["sp_max_offset"]:
            say(POOL, abi.MAX_OFFSET, int(scene["sp_max_offset"]))
        say(PRICE, abi.FETCH_PRICE, int(scene["price"]))
        say(PRICE, abi.AGGREGATOR, FEED)
        feed(self.contracts, FEED, int(scene["eth_usd_tick"]))
        for one in scene["accounts"]:
            owner = owner_of(one)
            say(MANAGER, abi.TROVES, int(one["debt"]), int(one["coll"]), int(one["stake"]), 1, 0, to=(owner,))
            say(MANAGER, abi.SNAPSHOTS, int(one["snapshot_ETH"]), int(one["snapshot_LUSDDebt"]), to=(owner,))
            say(MANAGER, abi.CURRENT_ICR, int(one["ICR"]), to=(owner, int(scene["price"])))

    def rows(self, adapter=None, owners=None):
        owners = owners or [owner_of(one) for one in self.scene["accounts"]]
        adapter = adapter or LiquityV1(LiquityV1Deployment(MANAGER, LUSD))
        seen = self.contracts.run(adapter.read(owners, block_at(int(self.scene["block_timestamp"]))))
        return {one.key.account: one for one in seen}


@pytest.mark.parametrize(("constants", "scene"), V1)
@pytest.mark.parametrize("newer", [True, False])
def test_v1_every_recorded_trove_becomes_its_row(constants, scene, newer):
    rows = RecordedV1(constants, scene, newer=newer).rows()
    for recorded in scene["accounts"]:
        row = rows[owner_of(recorded)]
        assert isinstance(row, Position), row
        assert row.debts[0].amount == int(recorded["entire_debt"])
        assert row.collaterals[0].amount == int(recorded["entire_coll"])
        assert row.health_factor == int(recorded["ICR"]) * WAD // int(constants["MCR"])
        check_supposed(row, by_health=False)
        if recorded["liquidate_succeeds"]:
            assert isinstance(row.outcome, AlreadyLiquidatable)
        else:
            assert row.outcome.tick == int(recorded["boundary_eth_tick"]["tick"])
        assert any("recovery mode" in note for note in row.notes) or isinstance(
            row.outcome, AlreadyLiquidatable
        )


@pytest.mark.parametrize(("constants", "scene"), V1[:1])
@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda r: r.contracts.say(PRICE, abi.FETCH_PRICE, int(r.scene["price"]) + 1), "fell back"),
        (lambda r: feed(r.contracts, FEED, 0), "fell back"),
        (lambda r: feed(r.contracts, FEED, -5), "fell back"),
        (lambda r: r.contracts.revert(PRICE, abi.FETCH_PRICE), "price feed"),
        (lambda r: r.contracts.revert(MANAGER, abi.SYSTEM[0]), "getEntireSystemColl"),
        (lambda r: r.contracts.revert(POOL, abi.DEPOSITS), "stability pool"),
    ],
)
def test_v1_what_cannot_be_read_is_a_gap(constants, scene, spoil, cause):
    recorded = RecordedV1(constants, scene)
    spoil(recorded)
    for row in recorded.rows().values():
        assert isinstance(row, Unseen)
        assert cause in row.cause


@pytest.mark.parametrize(("constants", "scene"), V1[:1])
def test_v1_a_ratio_that_is_not_reproduced_is_a_gap(constants, scene):
    recorded, one = RecordedV1(constants, scene), scene["accounts"][0]
    recorded.contracts.say(
        MANAGER, abi.CURRENT_ICR, int(one["ICR"]) + 1, to=(owner_of(one), int(scene["price"]))
    )
    assert isinstance(recorded.rows()[owner_of(one)], Unseen)


@pytest.mark.parametrize(("constants", "scene"), V1[:1])
def test_v1_proof_replaces_the_price_feed(constants, scene):
    recorded = RecordedV1(constants, scene)
    adapter = LiquityV1(LiquityV1Deployment(MANAGER, LUSD))
    row = next(one for one in recorded.rows(adapter).values() if isinstance(one.outcome, LiquidatableBelow))
    at, above = adapter.checks(row)
    assert set(at.substitutes) == {PRICE}
    assert (row.outcome.tick * 10**10).to_bytes(32) in at.substitutes[PRICE].code
    assert ((row.outcome.tick + 1) * 10**10).to_bytes(32) in above.substitutes[PRICE].code
    assert at.liquidatable(Refusal("it answers nothing: no such function, or no contract"))
    told = b"\x08\xc3\x79\xa0" + encode(["string"], ["TroveManager: nothing to liquidate"])
    assert not at.liquidatable(Refusal("it reverts", told))
    with pytest.raises(CannotSee):
        at.liquidatable(REVERTED)


@pytest.mark.parametrize(("constants", "scene"), V1[:1])
def test_v1_events_and_causes(constants, scene):
    adapter = LiquityV1(LiquityV1Deployment(MANAGER, LUSD))
    one = scene["accounts"][0]
    topic = encode_values(["address"], [owner_of(one)])
    data = encode_values(["uint256", "uint256", "uint8"], [7, 8, 1])
    log = EventLog(MANAGER, (abi.event(1, "TroveLiquidated").topic, topic), data, BlockNumber(1), 0, "0x")
    (event,) = adapter.decode_event(log)
    assert (event.key.account, event.kind, event.amount) == (owner_of(one), EventKind.LIQUIDATION, 7)
    assert adapter.decode_event(log._replace(data=b"")) == []
    model = RecordedV1(constants, scene).rows(adapter)[owner_of(one)].model
    assert model.replaced(Cause.INTEREST, model).tick() == model.tick()


class RecordedV2:
    def __init__(self, branch, scene):
        self.scene, self.contracts = scene, Contracts()
        say = self.contracts.say
        for call, value in zip(
            (abi.TROVE_MANAGER, abi.TROVE_NFT, abi.PRICE_FEED_V2, abi.COLL_TOKEN, abi.MCR_V2, abi.PENALTY_V2),
            (MANAGER, NFT, PRICE, TOKEN, int(branch["MCR"]), WAD // 20),
            strict=True,
        ):
            say(REGISTRY, call, value)
        say(MANAGER, abi.SHUTDOWN_TIME, int(scene["shutdownTime"]))
        say(TOKEN, erc20.DECIMALS, 18)
        self.contracts.said[TOKEN, erc20.SYMBOL.encode()] = encode_values(["string"], [branch["name"]])
        self.price(scene)
        self.troves(scene["accounts"])

    def price(self, scene):
        say, tick = self.contracts.say, int(scene["eth_usd_tick"])
        say(PRICE, abi.FETCH_PRICE_V2, int(scene["price"]), False)
        if scene["rate"] is None:
            say(PRICE, abi.ETH_ORACLE, FEED, 3600, 8)
            feed(self.contracts, FEED, tick)
        else:
            other = address_of("eth feed")
            say(PRICE, abi.ETH_ORACLE, other, 3600, 8)
            feed(self.contracts, other, tick + 1234)
            say(PRICE, abi.STETH_ORACLE, FEED, 3600, 8)
            feed(self.contracts, FEED, tick, "STETH / USD")
            say(PRICE, abi.RATE_PROVIDER, TOKEN)
            say(TOKEN, maker.STETH_PER_TOKEN, int(scene["rate"]))

    def troves(self, accounts):
        say = self.contracts.say
        say(MANAGER, abi.TROVE_COUNT, len(accounts))
        for place, one in enumerate(accounts):
            trove, owner = int(one["id"]) + 1000, owner_of(one)
            say(MANAGER, abi.TROVE_AT, trove, to=(place,))
            say(NFT, abi.NFT_OWNER, owner, to=(trove,))
            say(NFT, abi.NFT_BALANCE, 1, to=(owner,))
            stored = [int(one[name]) for name in ("stored_debt", "stored_coll", "stake", "status")]
            say(
                MANAGER,
                abi.TROVES_V2,
                *stored,
                0,
                0,
                0,
                int(one["annualInterestRate"]),
                address_of("nobody"),
                0,
                to=(trove,),
            )
            names = (
                "entireDebt", "entireColl", "redistBoldDebtGain", "redistCollGain", "accruedInterest",
                "recordedDebt", "effective_annualInterestRate",
            )  # fmt: skip
            latest = [int(one[name]) for name in names]
            say(MANAGER, abi.LATEST_TROVE, *latest, 0, int(one["accruedBatchManagementFee"]), 0, to=(trove,))

    def adapter(self):
        return LiquityV2([LiquityV2Branch("Recorded", REGISTRY, BOLD)])

    def rows(self, adapter=None, owners=None):
        owners = owners or [owner_of(one) for one in self.scene["accounts"]]
        reading = (adapter or self.adapter()).read(owners, block_at(int(self.scene["block_timestamp"])))
        return {one.key.account: one for one in self.contracts.run(reading)}


@pytest.mark.parametrize(("branch", "scene"), V2)
def test_v2_every_recorded_trove_becomes_its_row(branch, scene):
    rows = RecordedV2(branch, scene).rows()
    for recorded in scene["accounts"]:
        row = rows[owner_of(recorded)]
        assert isinstance(row, Position), row
        assert row.key.id == str(int(recorded["id"]) + 1000)
        assert row.debts[0].amount == int(recorded["entireDebt"])
        assert row.health_factor == int(recorded["ICR"]) * WAD // int(branch["MCR"])
        check_supposed(row)
        if recorded["liquidate_succeeds"]:
            assert isinstance(row.outcome, AlreadyLiquidatable)
        else:
            assert row.outcome.tick == int(recorded["boundary_eth_tick"]["tick"])
            stopped = int(scene["shutdownTime"]) > 0
            assert (row.drift_per_day == 0) == stopped
    assert any("follows ETH" in note for note in next(iter(rows.values())).notes) == (
        scene["rate"] is not None
    )


@pytest.mark.parametrize(("branch", "scene"), V2[:1])
def test_v2_troves_are_looked_through_once(branch, scene):
    recorded = RecordedV2(branch, scene)
    adapter = recorded.adapter()
    recorded.rows(adapter)
    first, recorded.contracts.rounds = recorded.contracts.rounds, 0
    recorded.rows(adapter)
    assert recorded.contracts.rounds < first


@pytest.mark.parametrize(("branch", "scene"), V2)
@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (
            lambda r: r.contracts.say(PRICE, abi.FETCH_PRICE_V2, int(r.scene["price"]) + 1, False),
            "do not give the price",
        ),
        (lambda r: r.contracts.say(PRICE, abi.FETCH_PRICE_V2, int(r.scene["price"]), True), "has failed"),
        (lambda r: r.contracts.revert(PRICE, abi.FETCH_PRICE_V2), "price of the branch"),
        (lambda r: feed(r.contracts, FEED, 0), "do not give the price"),
        (lambda r: r.contracts.revert(REGISTRY, abi.MCR_V2), "MCR"),
        (lambda r: r.contracts.say(MANAGER, abi.TROVE_COUNT, 10**6), "too many"),
        (
            lambda r: r.contracts.say(NFT, abi.NFT_BALANCE, 2, to=(owner_of(r.scene["accounts"][0]),)),
            "not all troves",
        ),
    ],
)
def test_v2_what_cannot_be_read_is_a_gap(branch, scene, spoil, cause):
    recorded = RecordedV2(branch, scene)
    spoil(recorded)
    owner = owner_of(scene["accounts"][0])
    row = recorded.rows(owners=[owner])[owner]
    assert isinstance(row, Unseen)
    assert cause in row.cause


@pytest.mark.parametrize(("branch", "scene"), V2[:1])
def test_v2_amounts_that_do_not_add_up_are_a_gap(branch, scene):
    recorded, one = RecordedV2(branch, scene), scene["accounts"][0]
    recorded.contracts.say(MANAGER, abi.LATEST_TROVE, *[5] * 10, to=(int(one["id"]) + 1000,))
    row = recorded.rows(owners=[owner_of(one)])[owner_of(one)]
    assert isinstance(row, Unseen)
    assert "add up" in row.cause


@pytest.mark.parametrize(("branch", "scene"), V2)
def test_v2_proof_events_and_causes(branch, scene):
    recorded = RecordedV2(branch, scene)
    adapter = recorded.adapter()
    rows = recorded.rows(adapter)
    row = next(one for one in rows.values() if isinstance(one.outcome, LiquidatableBelow))
    at, above = adapter.checks(row)
    assert set(at.substitutes) == set(above.substitutes) == {FEED}
    assert at.view.data == abi.LIQUIDATE_V2.encode([int(row.key.id)])
    assert not at.liquidatable(Refusal("it reverts", abi.NOTHING_V2))
    with pytest.raises(CannotSee):
        at.liquidatable(REVERTED)
    later = row.model.a_day_later()
    assert row.model.replaced(Cause.INTEREST, later).tick() == later.tick()
    assert row.model.replaced(Cause.OWNER, later).tick() == row.model.tick()
    event = abi.event(2, "TroveOperation")
    words = ["uint8", "uint256", "uint256", "uint256", "int256", "uint256", "int256"]
    topics = (event.topic, int(row.key.id).to_bytes(32))
    log = EventLog(MANAGER, topics, encode_values(words, [2, 0, 0, 0, -5, 0, 6]), BlockNumber(1), 0, "0x")
    assert [(one.key, one.kind, one.amount) for one in adapter.decode_event(log)] == [
        (row.key, EventKind.SUPPLY, 6),
        (row.key, EventKind.REPAY, 5),
    ]
    gone = log._replace(data=encode_values(words, [5, 0, 0, 0, -9, 0, -9]))
    assert [one.kind for one in adapter.decode_event(gone)] == [EventKind.LIQUIDATION]
    assert adapter.decode_event(log._replace(data=b"")) == []


def test_v2_a_trove_that_changes_hands_is_followed():
    branch, scene = V2[0].values
    recorded = RecordedV2(branch, scene)
    adapter = recorded.adapter()
    row = next(iter(recorded.rows(adapter).values()))
    buyer = address_of("buyer")
    topics = (
        abi.transfer().topic,
        *(encode_values(["address"], [one]) for one in (row.key.account, buyer)),
        int(row.key.id).to_bytes(32),
    )
    adapter.decode_event(EventLog(NFT, topics, b"", BlockNumber(1), 0, "0x"))
    recorded.contracts.say(NFT, abi.NFT_BALANCE, 1, to=(buyer,))
    assert recorded.rows(adapter, [buyer])[buyer].key.id == row.key.id


def test_v2_a_reth_branch_uses_the_lower_of_rate_and_market():
    branch, scene = V2[0].values
    for reth_rate, market in ((114 * WAD // 100, 113 * WAD // 100), (113 * WAD // 100, 114 * WAD // 100)):
        recorded = RecordedV2(branch, scene)
        say, other = recorded.contracts.say, address_of("reth feed")
        price = int(scene["eth_usd_tick"]) * 10**10 * min(reth_rate, market) // WAD
        say(PRICE, abi.FETCH_PRICE_V2, price, False)
        say(PRICE, abi.RETH_ORACLE, other, 3600, 18)
        say(PRICE, abi.RATE_PROVIDER, TOKEN)
        say(TOKEN, abi.EXCHANGE_RATE, reth_rate)
        feed(recorded.contracts, other, market, "RETH / ETH")
        say(other, chainlink.DECIMALS, 18)
        row = next(iter(recorded.rows().values()))
        assert isinstance(row, Position)
        assert row.model.at.rate == min(reth_rate, market)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), version=st.sampled_from([1, 2]))
def test_whatever_contracts_answer_there_is_a_row_or_a_gap(seed, version):
    terms, scene = (V1 if version == 1 else V2)[0].values
    recorded = (RecordedV1 if version == 1 else RecordedV2)(
        terms, {**scene, "accounts": scene["accounts"][:6]}
    )
    spoil_some(recorded.contracts, seed)
    for row in recorded.rows().values():
        assert isinstance(row, Position | Unseen)
