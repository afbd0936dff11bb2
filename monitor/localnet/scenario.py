"""What happens on the demo's chain, block by block: a plan that is the same every time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from monitor.localnet.actors import WHALE_PRICE_USD, first_price, in_ticks
from monitor.units import TICKS_PER_USD, Tick

REORG_DEPTH = 3
MIN_BLOCKS = 24
MAX_BLOBS = 6
"""A block: with more, Anvil's blob maths is at odds with itself (see `ChainSpec.timestamp`)."""
_WAVE = 14
"""Blocks from one peak of the demand for gas to the next."""
_LOWEST_USD = WHALE_PRICE_USD - 8
_RECOVERY_USD = 1_850


@dataclass(frozen=True, slots=True)
class Step:
    """One block to come."""

    fullness: float
    """Share of the gas limit to be used; 0.5 leaves the base fee where it is."""
    transfers: int
    blobs: int
    price: Tick | None = None
    """What the ETH/USD feed reports in this block."""
    opens: bool = False
    """The positions are opened."""
    liquidates: bool = False
    """The whale is liquidated as far as the pool allows."""
    replaces: int = 0
    """Blocks of the chain that this one and the steps before it replace: a reorg."""


def plan(blocks: int, seed: int = 7) -> tuple[Step, ...]:
    """A story of `blocks` blocks, at least `MIN_BLOCKS`.

    The positions open in the first block; ETH walks down; halfway a branch of `REORG_DEPTH`
    blocks replaces another; near the end the whale is liquidated and ETH recovers a little.
    """
    blocks = max(blocks, MIN_BLOCKS)
    random = Random(seed)
    reorg, liquidation = blocks // 2, blocks - max(4, blocks // 10)
    prices = _prices(blocks, liquidation, random)
    return tuple(
        Step(
            fullness=0.3 if at == 0 else _fullness(at, random),
            transfers=random.randint(4, 20),
            blobs=random.choice((0, 0, 1, 2, 3, 4, 5, MAX_BLOBS)),
            price=prices.get(at),
            opens=at == 0,
            liquidates=at == liquidation,
            replaces=REORG_DEPTH if at == reorg else 0,
        )
        for at in range(blocks)
    )


def afterwards(seed: int = 11) -> Iterator[Step]:
    """Ordinary blocks without an end, for a chain that goes on after the story."""
    random = Random(seed)
    for at in itertools.count():
        price = in_ticks(_RECOVERY_USD + random.uniform(-15, 15)) if at % 5 == 0 else None
        yield Step(_fullness(at, random), random.randint(4, 20), random.randint(0, MAX_BLOBS), price)


def other_demand(step: Step) -> Step:
    """The same block with less gas used where there was much, and more where there was little."""
    return replace(step, fullness=1 - step.fullness, transfers=step.transfers + 3)


def _fullness(at: int, random: Random) -> float:
    wave = 0.5 + 0.38 * math.sin(2 * math.pi * at / _WAVE)
    return min(0.96, max(0.04, wave + random.uniform(-0.12, 0.12)))


def _prices(blocks: int, liquidation: int, random: Random) -> dict[int, Tick]:
    """Down with some noise to just below the whale's price shortly before its liquidation, then up again."""
    start = first_price() / TICKS_PER_USD
    crossing = liquidation - 2
    walk: dict[int, Tick] = {}
    for at in range(2, crossing, 2):
        line = start + (WHALE_PRICE_USD + 30 - start) * at / crossing
        walk[at] = in_ticks(line + random.uniform(-9, 9))
    walk[crossing] = in_ticks(_LOWEST_USD)
    for at in range(liquidation + 1, blocks):
        walk[at] = in_ticks(
            _LOWEST_USD + (_RECOVERY_USD - _LOWEST_USD) * (at - liquidation) / (blocks - liquidation)
        )
    return walk
