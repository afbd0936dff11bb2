"""Issuance before the Merge: block, uncle and nephew rewards, to the wei."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.units import WEI_PER_ETH, BlockNumber, Wei, floor_div

NO_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
"""`sha3Uncles` of a block without uncles; any other needs their numbers."""
MAX_UNCLES = 2
MAX_UNCLE_DEPTH = 6
BYZANTIUM = BlockNumber(4_370_000)
CONSTANTINOPLE = BlockNumber(7_280_000)

FRONTIER_REWARD_WEI = Wei(5 * WEI_PER_ETH)
BYZANTIUM_REWARD_WEI = Wei(3 * WEI_PER_ETH)
CONSTANTINOPLE_REWARD_WEI = Wei(2 * WEI_PER_ETH)


def block_reward_wei(
    number: BlockNumber,
    *,
    byzantium: BlockNumber = BYZANTIUM,
    constantinople: BlockNumber = CONSTANTINOPLE,
) -> Wei:
    """Reward of a proof-of-work block itself, from block 1 on; mainnet's forks unless others are given."""
    if number >= constantinople:
        return CONSTANTINOPLE_REWARD_WEI
    return BYZANTIUM_REWARD_WEI if number >= byzantium else FRONTIER_REWARD_WEI


def uncle_reward_wei(number: BlockNumber, uncle_number: BlockNumber, reward: Wei) -> Wei:
    """What an uncle's miner gets: an eighth less for each block that it came late."""
    return Wei(floor_div((uncle_number + 8 - number) * reward, 8))


def nephew_reward_wei(reward: Wei) -> Wei:
    """What the including miner gets for each uncle."""
    return Wei(floor_div(reward, 32))


def pow_issuance_wei(number: BlockNumber, uncle_numbers: Sequence[BlockNumber], reward: Wei) -> Wei:
    """Everything that a proof-of-work block issues.

    Raises ValueError for uncles that no valid block can have: the answer that named them is wrong.
    """
    if len(uncle_numbers) > MAX_UNCLES or any(
        not 1 <= number - uncle <= MAX_UNCLE_DEPTH for uncle in uncle_numbers
    ):
        raise ValueError(f"block {number} cannot have uncles of height {list(uncle_numbers)}")
    uncles = sum(uncle_reward_wei(number, uncle, reward) for uncle in uncle_numbers)
    return Wei(reward + uncles + len(uncle_numbers) * nephew_reward_wei(reward))


def pow_base_wei(first: BlockNumber, last: BlockNumber) -> Wei:
    """Rewards of mainnet blocks `first` to `last`, uncles and nephews left out; `last` is before the Merge."""
    edges = ((1, BYZANTIUM, FRONTIER_REWARD_WEI), (BYZANTIUM, CONSTANTINOPLE, BYZANTIUM_REWARD_WEI))
    total = sum(max(min(last + 1, end) - max(first, start), 0) * reward for start, end, reward in edges)
    return Wei(total + max(last + 1 - max(first, CONSTANTINOPLE), 0) * CONSTANTINOPLE_REWARD_WEI)
