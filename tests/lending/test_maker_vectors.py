"""Every vault of the recorded Maker scenes: rates, spots, the five answers of bark, the boundaries."""

from __future__ import annotations

import pytest

from monitor.lending.maker import (
    Ilk,
    Osm,
    OsmPrice,
    Surroundings,
    Vault,
    answers_of,
    decode_due,
    decode_feed,
    highest_unsafe_price,
    is_unsafe,
    rate_after_drip,
    read_vault,
    spot_after_poke,
)
from monitor.lending.solver import Monotone, PriceRange, solve
from monitor.units import RAY, UnixTime
from tests.support import vectors

FILES = vectors.of_protocol("Maker/Sky (dss)")
SCENES = [
    pytest.param(data, scene, id=f"{label}-{scene['name']}")
    for label, data in FILES
    for scene in data["scenes"]
]


def word(text):
    return int(text, 16)


def osm_of(fields):
    due = decode_due(word(fields["slot2_word"]))
    return Osm(decode_feed(word(fields["slot3_word"])), decode_feed(word(fields["slot4_word"])), due)


def ilk_of(fields):
    mat, rate, spot, duty, rho, dust = (
        int(fields[name]) for name in ("mat", "rate", "spot", "duty", "rho", "dust")
    )
    return Ilk(mat, rate, spot, duty, UnixTime(rho), dust)


def vault_of(account):
    return Vault(int(account["ink"]), int(account["art"]))


@pytest.mark.parametrize(("data", "scene"), SCENES)
def test_osm_words_decode_to_prices_and_the_next_poke(data, scene):
    for fields in scene["osm"].values():
        osm = osm_of(fields)
        assert osm.current == OsmPrice(int(fields["cur"]), fields["cur_valid"])
        assert osm.next == OsmPrice(int(fields["next"]), fields["next_valid"])
        assert osm.due == int(fields["zzz"]) + int(fields["hop"])
        assert (int(scene["block_timestamp"]) >= osm.due) == fields["pass"]


@pytest.mark.parametrize(("data", "scene"), SCENES)
def test_drip_and_poke_give_the_contracts_rate_and_spots(data, scene):
    now, par = UnixTime(int(scene["block_timestamp"])), int(scene["par"])
    for fields in scene["ilks"].values():
        ilk, osm = ilk_of(fields), osm_of(scene["osm"][fields["osm"]])
        assert rate_after_drip(ilk, int(scene["base"]), now) == int(fields["rate_after_drip"])
        assert spot_after_poke(osm.current, par, ilk.mat) == int(fields["spot_after_poke"])
        assert spot_after_poke(osm.next, par, ilk.mat) == int(fields["spot_after_osm_and_spotter_poke"])


@pytest.mark.parametrize(("data", "scene"), SCENES)
def test_bark_answers_as_recorded_in_all_five_situations(data, scene):
    now, par, base = UnixTime(int(scene["block_timestamp"])), int(scene["par"]), int(scene["base"])
    for account in scene["accounts"]:
        fields = scene["ilks"][account["ilk"]]
        ilk, osm = ilk_of(fields), osm_of(scene["osm"][fields["osm"]])
        got = answers_of(vault_of(account), ilk, osm, par, rate_after_drip(ilk, base, now))
        assert got.as_is == account["unsafe"], account["id"]
        assert got.after_drip == account["unsafe_after_drip"], account["id"]
        assert got.after_poke == account["unsafe_after_poke"], account["id"]
        assert got.at_next == account["unsafe_at_next"], account["id"]
        assert got.at_next_after_drip == account["unsafe_at_next_after_drip"], account["id"]
        assert read_vault(vault_of(account), ilk, osm, Surroundings(par, base, now)).answers == got


@pytest.mark.parametrize(("data", "scene"), SCENES)
def test_boundaries_and_their_neighbours(data, scene):
    par, within = int(scene["par"]), PriceRange(*map(int, data["scan_range_wad"]))
    for account in scene["accounts"]:
        fields = scene["ilks"][account["ilk"]]
        for name, rate in (
            ("boundary_stored_rate", int(fields["rate"])),
            ("boundary_after_drip", int(fields["rate_after_drip"])),
        ):
            vault, mat = vault_of(account), int(fields["mat"])
            formula = highest_unsafe_price(vault, rate, par, mat)
            check_boundary(unsafe_at(vault, rate, par, mat), formula, account[name], within)


def unsafe_at(vault, rate, par, mat):
    return lambda price: is_unsafe(vault, rate, spot_after_poke(OsmPrice(price, valid=True), par, mat))


def check_boundary(unsafe, formula, expected, within):
    searched = solve(Monotone(unsafe), within.high, within)
    if expected["tick"] is None:
        assert formula is None or not within.low <= formula < within.high
        assert searched.first_down is None
        return
    tick = int(expected["tick"])
    assert expected["direction"] == "below"
    assert formula == searched.first_down == tick
    assert [str(int(unsafe(price))) for price in (tick - 1, tick, tick + 1)] == expected["answers"]


@pytest.mark.parametrize("data", [pytest.param(data, id=label) for label, data in FILES])
def test_nobody_is_liquidated_on_a_voided_oracle(data):
    last, void = data["scenes"][-1], decode_feed(word(data["osm_voided"]["slot3_word"]))
    vaults = {account["id"]: vault_of(account) for account in last["accounts"]}
    assert not void.valid
    known = [account for account in data["osm_voided"]["accounts"] if account["id"] in vaults]
    assert known
    for account in known:
        fields = last["ilks"][account["ilk"]]
        ilk = ilk_of(fields)
        assert is_unsafe(vaults[account["id"]], ilk.rate, ilk.spot) == account["unsafe"]
        poked = spot_after_poke(void, RAY, ilk.mat)
        assert is_unsafe(vaults[account["id"]], ilk.rate, poked) == account["unsafe_after_poke"]


def test_the_vectors_are_there():
    assert sum(len(scene["accounts"]) for _, data in FILES for scene in data["scenes"]) >= 3 * 64
