"""The Sky/Maker adapter on contracts that answer as the recorded ones did: raw words to rows."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts_abi import erc20
from contracts_abi import maker as abi
from contracts_abi.interface import encode_values
from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableBelow, NeverByEth, NeverReason, gap
from monitor.lending.position import NO_ETH_PRICE, Cause, EventKind, Position, Unseen, measured_from
from monitor.protocols.base import EventLog, Refusal
from monitor.protocols.sky import Sky
from monitor.protocols.sky_deployments import SkyDeployment
from monitor.reports.whatif import Then, supposed
from monitor.units import MAX_UINT256, RAY, TICKS_PER_USD, WAD, Address, BlockNumber, Tick
from tests.support import vectors
from tests.support.contracts import REVERTED, Contracts, address_of, block_at
from tests.support.hostile import spoil as spoil_some
from tests.support.supposed import check_supposed

FILES = vectors.of_protocol("Maker/Sky (dss)")
SCENES = [
    pytest.param(scene, id=f"{label}-{scene['name']}") for label, data in FILES for scene in data["scenes"]
]
VAT, SPOT, JUG, DOG, CDPS, PROXIES, REGISTRY = map(
    address_of, ("vat", "spot", "jug", "dog", "cdps", "proxies", "registry")
)
MANAGER, WSTETH = address_of("manager"), address_of("wsteth")
PIPS = {"ETH": address_of("pip eth"), "WSTETH": address_of("pip wsteth")}
DEPLOYMENT = SkyDeployment(
    vat=VAT,
    spot=SPOT,
    jug=JUG,
    dog=DOG,
    cdp_manager=MANAGER,
    get_cdps=CDPS,
    proxy_registry=PROXIES,
    ilk_registry=REGISTRY,
    stablecoin=address_of("dai"),
    eth_osm=PIPS["ETH"],
    ratio_osms={PIPS["WSTETH"]: WSTETH},
    ilks=("ETH-A",),
)
CHOP = 113 * WAD // 100


def ilk_bytes(name):
    return name.encode().ljust(32, b"\0")


def owner_of(recorded):
    return address_of("owner " + recorded["id"])


def urn_of(recorded):
    return address_of("urn " + recorded["id"])


class Recorded:
    """A recorded scene as contracts."""

    def __init__(self, scene):
        self.scene, self.contracts = scene, Contracts()
        for name, osm in scene["osm"].items():
            self.osm(PIPS[name], osm)
        self.say(WSTETH, abi.STETH_PER_TOKEN, int(scene["osm"]["WSTETH"]["source"]["rate"]))
        self.say(SPOT, abi.PAR, int(scene["par"]))
        self.say(JUG, abi.BASE, int(scene["base"]))
        for name, fields in scene["ilks"].items():
            self.ilk(name, fields)
        for recorded in scene["accounts"]:
            self.vault(owner_of(recorded), recorded)

    def say(self, contract, call, *values, to=()):
        self.contracts.say(contract, call, *values, to=to)

    def osm(self, pip, fields):
        words = {
            abi.OSM_SOURCE_SLOT: "slot2_word",
            abi.OSM_CURRENT_SLOT: "slot3_word",
            abi.OSM_NEXT_SLOT: "slot4_word",
        }
        for slot, name in words.items():
            self.contracts.words[pip, slot] = int(fields[name], 16)
        self.say(pip, abi.OSM_SRC, "0x" + fields["slot2_word"][-40:])

    def ilk(self, name, fields):
        ilk = ilk_bytes(name)
        rate, spot = int(fields["rate"]), int(fields["spot"])
        self.say(VAT, abi.VAT_ILKS, int(fields["Art"]), rate, spot, 0, int(fields["dust"]), to=(ilk,))
        self.say(SPOT, abi.SPOT_ILKS, PIPS[fields["osm"]], int(fields["mat"]), to=(ilk,))
        self.say(JUG, abi.JUG_ILKS, int(fields["duty"]), int(fields["rho"]), to=(ilk,))
        self.say(DOG, abi.DOG_ILKS, address_of("clip"), CHOP, 0, 0, to=(ilk,))
        gem = address_of("gem " + fields["osm"])
        self.say(REGISTRY, abi.GEM_OF, gem, to=(ilk,))
        self.say(gem, erc20.DECIMALS, 18)
        self.contracts.said[gem, erc20.SYMBOL.encode()] = encode_values(["string"], [fields["osm"]])

    def vault(self, owner, recorded):
        self.nothing_of(owner)
        ilk, urn = ilk_bytes(recorded["ilk"]), urn_of(recorded)
        self.cdps(owner, [(int(recorded["id"]) + 1, urn, ilk)])
        self.say(VAT, abi.URNS, int(recorded["ink"]), int(recorded["art"]), to=(ilk, urn))

    def nothing_of(self, holder):
        """No proxy, no vaults, nothing in the Vat."""
        self.say(PROXIES, abi.PROXY_OF, "0x" + "00" * 20, to=(holder,))
        self.cdps(holder, [])
        for name in DEPLOYMENT.ilks:
            self.say(VAT, abi.URNS, 0, 0, to=(ilk_bytes(name), holder))

    def cdps(self, holder, found):
        ids, urns, ilks = ([one[part] for one in found] for part in range(3))
        data = encode(["uint256[]", "address[]", "bytes32[]"], [ids, urns, ilks])
        self.contracts.said[CDPS, abi.CDPS_OF.encode(MANAGER, holder)] = data

    def rows(self, owners=None, adapter=None):
        owners = owners or [owner_of(recorded) for recorded in self.scene["accounts"]]
        seen = self.contracts.run(
            (adapter or Sky(DEPLOYMENT)).read(owners, block_at(int(self.scene["block_timestamp"])))
        )
        return {one.key.account: one for one in seen}


@pytest.mark.parametrize("scene", SCENES)
def test_every_recorded_vault_becomes_its_row(scene):
    rows = Recorded(scene).rows()
    assert len(rows) == len(scene["accounts"])
    for recorded in scene["accounts"]:
        row = rows[owner_of(recorded)]
        assert isinstance(row, Position), row
        assert (row.key.market, row.key.id) == (recorded["ilk"], str(int(recorded["id"]) + 1))
        if row.debts:
            # What wiping it would cost: DAI are whole wei, so the last fraction of one is a wei.
            owed = row.model.vault.art * row.model.dripped
            assert (row.debts[0].amount - 1) * RAY < owed <= row.debts[0].amount * RAY
        barked = recorded["unsafe"] or recorded["unsafe_after_drip"] or recorded["unsafe_after_poke"]
        if barked:
            assert isinstance(row.outcome, AlreadyLiquidatable)
        if isinstance(row.outcome, LiquidatableBelow):
            check_price(scene, recorded, row)


def check_price(scene, recorded, row):
    """The ETH price maps onto the recorded boundary of the collateral's own oracle."""
    assert not recorded["unsafe"]
    price = int(recorded["boundary_after_drip"]["tick"])
    osm = scene["osm"][scene["ilks"][recorded["ilk"]]["osm"]]
    ratio = int(osm["source"]["rate"]) if "source" in osm else WAD
    assert row.outcome.decimals == 18
    assert row.outcome.tick * ratio // WAD <= price < (row.outcome.tick + 1) * ratio // WAD
    assert row.test.at(row.outcome.tick)
    assert not row.test.at(row.outcome.tick + 1)


@pytest.mark.parametrize("scene", SCENES)
def test_the_hour_ahead_is_told(scene):
    rows = Recorded(scene).rows()
    due = {name: osm["pass"] for name, osm in scene["osm"].items()}
    for recorded in scene["accounts"]:
        row = rows[owner_of(recorded)]
        doomed = any("doomed at the next poke" in note for note in row.notes)
        if isinstance(row.outcome, AlreadyLiquidatable):
            assert not doomed
        else:
            osm = scene["ilks"][recorded["ilk"]]["osm"]
            assert doomed == (recorded["unsafe_at_next_after_drip"] and not due[osm])
            if isinstance(row.outcome, LiquidatableBelow):
                assert row.queued.updated_at == int(scene["osm"][osm]["zzz"]) + 3600
                # Doomed means that nothing is left to fall: the next price is at or below the unsafe one.
                assert (gap(row.outcome, measured_from(row)) == 0) == recorded["unsafe_at_next_after_drip"]


@pytest.mark.parametrize("scene", SCENES)
def test_all_vaults_are_read_in_a_handful_of_rounds(scene):
    recorded = Recorded(scene)
    recorded.rows()
    assert recorded.contracts.rounds <= 6


def first(scene, ilk="ETH-A"):
    return next(
        one
        for one in scene["accounts"]
        if one["ilk"] == ilk and not one["unsafe_after_drip"] and not one["unsafe_after_poke"]
    )


@pytest.fixture
def scene():
    return FILES[0][1]["scenes"][0]


def test_a_vault_behind_a_proxy_and_one_in_the_vat_are_found(scene):
    recorded, one = Recorded(scene), first(scene)
    owner, proxy = address_of("whale"), address_of("proxy")
    recorded.nothing_of(owner)
    recorded.nothing_of(proxy)
    recorded.say(PROXIES, abi.PROXY_OF, proxy, to=(owner,))
    recorded.cdps(proxy, [(77, urn_of(one), ilk_bytes("ETH-A"))])
    recorded.say(VAT, abi.URNS, 10 * WAD, 1000 * WAD, to=(ilk_bytes("ETH-A"), owner))
    seen = recorded.contracts.run(Sky(DEPLOYMENT).read([owner], block_at(int(scene["block_timestamp"]))))
    assert {row.key.id for row in seen} == {"77", owner}
    assert any(f"held through {proxy}" in note for row in seen for note in row.notes)


def test_a_voided_oracle_liquidates_nobody(scene):
    recorded, one = Recorded(scene), first(scene)
    recorded.contracts.words[PIPS["ETH"], abi.OSM_CURRENT_SLOT] = 0
    recorded.contracts.words[PIPS["ETH"], abi.OSM_NEXT_SLOT] = 0
    row = recorded.rows([owner_of(one)])[owner_of(one)]
    assert isinstance(row.outcome, NeverByEth)
    assert row.outcome.reason is NeverReason.NO_PRICE
    assert row.collateral_value is None
    assert any("void" in note for note in row.notes)


def test_collateral_that_is_not_eth_has_no_eth_price(scene):
    recorded, one = Recorded(scene), first(scene)
    other = SkyDeployment(
        **{name: getattr(DEPLOYMENT, name) for name in DEPLOYMENT.__slots__ if name != "eth_osm"},
        eth_osm=address_of("other"),
    )
    row = recorded.rows([owner_of(one)], Sky(other))[owner_of(one)]
    assert isinstance(row.outcome, NeverByEth)
    assert row.outcome.reason is NeverReason.NO_ETH
    assert row.price == NO_ETH_PRICE
    assert row.queued is None
    check_supposed(row)
    assert supposed(row, Tick(1_800 * TICKS_PER_USD), None) == Then(False, row.health_factor)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda r: r.contracts.words.update({(PIPS["ETH"], 2): 5}), "laid out otherwise"),
        (lambda r: r.contracts.revert(PIPS["ETH"], abi.OSM_SRC), "no OSM"),
        (lambda r: r.contracts.revert(VAT, abi.VAT_ILKS, to=(ilk_bytes("ETH-A"),)), "vault type"),
        (lambda r: r.contracts.revert(DOG, abi.DOG_ILKS, to=(ilk_bytes("ETH-A"),)), "penalty"),
        (lambda r: r.say(SPOT, abi.PAR, 0), "zero"),
        (lambda r: r.say(JUG, abi.JUG_ILKS, 2 * RAY, 1, to=(ilk_bytes("ETH-A"),)), "overflows"),
    ],
)
def test_what_cannot_be_read_is_a_gap(scene, spoil, cause):
    recorded, one = Recorded(scene), first(scene)
    spoil(recorded)
    row = recorded.rows([owner_of(one)])[owner_of(one)]
    assert isinstance(row, Unseen)
    assert cause in row.cause


def test_amounts_beyond_the_contracts_are_a_gap(scene):
    recorded, one = Recorded(scene), first(scene)
    recorded.say(VAT, abi.URNS, MAX_UINT256, MAX_UINT256, to=(ilk_bytes("ETH-A"), urn_of(one)))
    assert isinstance(recorded.rows([owner_of(one)])[owner_of(one)], Unseen)


def test_an_account_without_vaults_has_no_rows(scene):
    recorded, nobody = Recorded(scene), address_of("nobody")
    recorded.nothing_of(nobody)
    assert recorded.rows([nobody]) == {}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r, who: r.contracts.revert(PROXIES, abi.PROXY_OF, to=(who,)),
        lambda r, who: r.contracts.revert(CDPS, abi.CDPS_OF, to=(MANAGER, who)),
        lambda r, who: r.contracts.revert(VAT, abi.URNS, to=(ilk_bytes("ETH-A"), who)),
    ],
)
def test_whose_vaults_cannot_be_told_is_a_gap(scene, spoil):
    recorded, who = Recorded(scene), owner_of(first(scene))
    spoil(recorded, who)
    assert isinstance(recorded.rows([who])[who], Unseen)


def test_the_proof_barks_with_the_spot_that_a_poke_would_leave(scene):
    recorded, one = Recorded(scene), first(scene)
    adapter = Sky(DEPLOYMENT)
    row = recorded.rows([owner_of(one)], adapter)[owner_of(one)]
    canary, at, above = adapter.checks(row)
    slots = abi.ilk_slots(ilk_bytes("ETH-A"))
    assert at.substitutes[VAT].slots[slots.rate] == int(scene["ilks"]["ETH-A"]["rate_after_drip"])
    assert at.substitutes[VAT].slots[slots.spot] * int(one["ink"]) < int(one["art"]) * row.model.dripped
    assert above.substitutes[VAT].slots[slots.spot] * int(one["ink"]) >= int(one["art"]) * row.model.dripped
    assert (at.expected, above.expected) == (True, False)
    told = {name: at.substitutes[VAT].slots[getattr(slots, name)] for name in ("rate", "spot")}
    words = ["uint256"] * 5
    assert canary.liquidatable(encode_values(words, [1, told["rate"], told["spot"], 0, 0])) == canary.expected
    with pytest.raises(CannotSee):
        canary.liquidatable(encode_values(words, [1, told["rate"], told["spot"] + 1, 0, 0]))
    assert at.liquidatable(b"\0" * 32)
    assert not at.liquidatable(
        Refusal("it reverts", b"\x08\xc3\x79\xa0" + encode(["string"], ["Dog/not-unsafe"]))
    )
    assert at.liquidatable(Refusal("it reverts", encode(["string"], ["Dog/liquidation-limit-hit"])))
    with pytest.raises(CannotSee):
        at.liquidatable(REVERTED)


def test_causes_are_told_apart(scene):
    recorded, one = Recorded(scene), first(scene)
    model = recorded.rows([owner_of(one)])[owner_of(one)].model
    later = model.a_day_later()
    assert model.replaced(Cause.INTEREST, later).tick() == later.tick() > model.tick()
    assert model.replaced(Cause.OWNER, later).tick() == model.tick()
    assert later.replaced(Cause.INTEREST, model).tick() == model.tick()


def test_logs_of_known_vaults_are_decoded(scene):
    recorded, one = Recorded(scene), first(scene)
    adapter = Sky(DEPLOYMENT)
    key = recorded.rows([owner_of(one)], adapter)[owner_of(one)].key
    ilk, urn = ilk_bytes("ETH-A"), encode_values(["address"], [urn_of(one)])
    call = abi.FROB_TOPIC[:4] + encode(
        ["bytes32", "address", "address", "address", "int256", "int256"],
        [ilk, urn_of(one), urn_of(one), urn_of(one), 5 * WAD, -7 * WAD],
    )
    data = (32).to_bytes(32) + (224).to_bytes(32) + call.ljust(224, b"\0")
    frob = EventLog(VAT, (abi.FROB_TOPIC, ilk, urn, urn), data, BlockNumber(1), 0, "0x")
    events = adapter.decode_event(frob)
    assert [(event.key, event.kind, event.amount) for event in events] == [
        (key, EventKind.SUPPLY, 5 * WAD),
        (key, EventKind.REPAY, 7 * WAD),
    ]
    bark = abi.bark_event()
    topics = (bark.topic, ilk, urn, (3).to_bytes(32))
    body = encode(["uint256", "uint256", "uint256", "address"], [11, 12, 13, address_of("clip")])
    (event,) = adapter.decode_event(EventLog(DOG, topics, body, BlockNumber(2), 0, "0x"))
    assert (event.key, event.kind, event.amount) == (key, EventKind.LIQUIDATION, 11)
    assert adapter.decode_event(frob._replace(data=data[:100])) == []
    assert adapter.decode_event(EventLog(DOG, topics, b"", BlockNumber(2), 0, "0x")) == []
    stranger = frob._replace(
        topics=(abi.FROB_TOPIC, ilk, encode_values(["address"], [Address("0x" + "99" * 20)]), urn)
    )
    assert adapter.decode_event(stranger) == []


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_whatever_contracts_answer_there_is_a_row_or_a_gap(seed):
    scene = FILES[0][1]["scenes"][0]
    recorded = Recorded({**scene, "accounts": scene["accounts"][:6]})
    spoil_some(recorded.contracts, seed)
    for row in recorded.rows().values():
        assert isinstance(row, Position | Unseen)
