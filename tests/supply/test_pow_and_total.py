"""Before the Merge to the wei; and the total that everything adds up to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.supply.burn import BurnTotal, total_burn
from monitor.supply.forks import MAINNET
from monitor.supply.issuance import Estimated, Measured, Method, Unknown
from monitor.supply.pow import block_reward_wei, pow_base_wei, pow_issuance_wei
from monitor.supply.total import (
    FORFEITED,
    MERGE_ANCHOR,
    NetChange,
    SupplyAnchor,
    TotalSupply,
    net_change,
    total_supply,
)
from tests.support.block_rows import row_of_header

ETH = 10**18


def burn(wei: int, *, unknown: int = 0) -> BurnTotal:
    return BurnTotal(wei, 0, 10, unknown, 0)


@pytest.mark.shared
def test_every_reward_of_the_hive_chain(shared_data: Path) -> None:
    """Real blocks with uncles from Frontier to the Merge."""
    blocks = json.loads((shared_data / "supply/hive_chain_supply.json").read_text())["blocks"]
    uncles = 0
    for block in blocks:
        if block["number"] >= 36:
            assert block["reward_wei"] == "0"
            continue
        reward = block_reward_wei(block["number"], byzantium=9, constantinople=12)
        assert pow_issuance_wei(block["number"], block["uncle_numbers"], reward) == int(block["reward_wei"])
        uncles += len(block["uncle_numbers"])
    assert uncles == 18


@pytest.mark.shared
def test_the_hive_chains_supply_is_genesis_plus_issuance_less_burn(shared_data: Path) -> None:
    """The whole ledger of a real chain, fork by fork, ends at its known supply."""
    chain = json.loads((shared_data / "supply/hive_chain_supply.json").read_text())
    rewards = sum(
        pow_issuance_wei(b["number"], b["uncle_numbers"], block_reward_wei(b["number"], byzantium=9, constantinople=12))
        for b in chain["blocks"]
        if b["number"] < 36
    )  # fmt: skip
    paid_out = sum(int(block["withdrawals_wei"]) for block in chain["blocks"])
    rows = [row_of_header(block) for block in chain["blocks"]]
    burned = BurnTotal(
        total_burn(rows).base_wei, sum(int(b["burn_blob_wei"]) for b in chain["blocks"]), len(rows), 0, 0
    )
    anchor = SupplyAnchor(0, 0, int(chain["genesis_alloc_wei"]), 0, "genesis")
    # What the consensus layer pays out enters this chain from nowhere: issuance of its side.
    change = net_change(Measured(paid_out // 10**9), burned, rewards)
    supply = total_supply(anchor, [change])
    assert paid_out % 10**9 == 0
    assert supply.low_wei == supply.high_wei == int(chain["final_expected_wei_excl_selfdestruct"])


def test_rewards_from_london_to_the_merge() -> None:
    london, merge = MAINNET.fork("london").block, MAINNET.fork("merge").block
    assert pow_base_wei(london, merge - 1) == 5_144_788 * ETH
    assert pow_base_wei(1, 4_369_999) == 4_369_999 * 5 * ETH


@pytest.mark.shared
def test_early_supply_is_within_what_uncles_can_add(shared_data: Path) -> None:
    """Published totals at round heights: genesis and block rewards, plus 0 to 2 uncles a block."""
    constants = json.loads((shared_data / "supply/supply_constants.json").read_text())
    genesis = int(constants["genesis_supply_wei"]["value"])
    for height, text in constants["pow_issuance_table_eth"].items():
        if not height.isdigit():
            continue
        published = int(text.replace(".", "")) * 10**13
        blocks = pow_base_wei(1, int(height))
        uncles = published - genesis - blocks
        assert 0 < uncles < blocks * 8 // 100
        # 5 decimals were cut, and every part is a multiple of 1/32 ETH beyond the genesis figure.
        assert (uncles + 10**13) % (ETH // 32) < 2 * 10**13


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.integers(1, 10**7))
def test_base_rewards_add_up(one: int, two: int, three: int) -> None:
    first, cut, last = sorted((one, two, three))
    assert pow_base_wei(first, last) == pow_base_wei(first, cut) + pow_base_wei(cut + 1, last)
    assert pow_base_wei(cut, cut) == block_reward_wei(cut)


@pytest.mark.parametrize("uncles", [[100], [101], [93], [99, 98, 97]])
def test_impossible_uncles_are_refused(uncles: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot have uncles"):
        pow_issuance_wei(100, uncles, 2 * ETH)


def test_net_change_is_issuance_less_burn() -> None:
    exact = net_change(Measured(5), burn(2 * 10**9))
    assert exact == NetChange(3 * 10**9, 3 * 10**9, Measured(5), burn(2 * 10**9))
    assert exact.is_exact
    estimated = Estimated(4, 6, Method.BOOKKEEPING, "a", 1)
    bounds = net_change(estimated, burn(5 * 10**9))
    assert (bounds.low_wei, bounds.high_wei, bounds.is_exact) == (-(10**9), 10**9, False)
    assert net_change(Unknown("no node"), burn(0)) == Unknown("no node")
    assert net_change(Measured(1), burn(0, unknown=3)) == Unknown("burn is not known for 3 of 10 blocks")
    assert isinstance(net_change(Measured(1), burn(0), None), Unknown)


def test_one_unknown_stretch_leaves_no_total() -> None:
    change = net_change(Measured(5), burn(10**9))
    supply = total_supply(MERGE_ANCHOR, [change, change])
    assert isinstance(supply, TotalSupply)
    assert supply.low_wei == MERGE_ANCHOR.supply_wei - 200 * ETH + 8 * 10**9
    assert supply.high_wei - supply.low_wei == 400 * ETH
    assert supply.burn == BurnTotal(2 * 10**9, 0, 20, 0, 0)
    assert FORFEITED not in supply.uncounted
    assert total_supply(MERGE_ANCHOR, [change, Unknown("gap")]) == Unknown("gap")
    estimated = net_change(Estimated(4, 6, Method.BOOKKEEPING, "a", 1), burn(0))
    assert FORFEITED in total_supply(MERGE_ANCHOR, [estimated]).uncounted


@pytest.mark.shared
def test_the_merge_anchor_is_the_published_constant(shared_data: Path) -> None:
    constants = json.loads((shared_data / "supply/supply_constants.json").read_text())
    assert str(MERGE_ANCHOR.supply_wei) == constants["merge_slot_supply_wei"]["value"]
    assert MERGE_ANCHOR.block == MAINNET.fork("merge").block == constants["forks"]["merge_block"]
    assert MERGE_ANCHOR.timestamp == MAINNET.time_of("merge") == constants["forks"]["merge_time"]
