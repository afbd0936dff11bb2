"""Contracts that lie: some of their answers are cut, emptied, refused or made absurd."""

from __future__ import annotations

import random

from monitor.protocols.base import Refusal
from tests.support.contracts import REVERTED, Contracts

TRICKS = (
    lambda answer: REVERTED,
    lambda answer: Refusal("it answers nothing: no such function, or no contract"),
    lambda answer: answer[:-1],
    lambda answer: answer[:5],
    lambda answer: bytes(len(answer)),
    lambda answer: b"\xff" * len(answer),
    lambda answer: (2**255).to_bytes(32) * max(len(answer) // 32, 1),
    lambda answer: (2**255 - 1).to_bytes(32) * max(len(answer) // 32, 1),
    lambda answer: (1).to_bytes(32) * max(len(answer) // 32, 1),
    lambda answer: answer[::-1],
    lambda answer: answer + answer,
)


def spoil(contracts: Contracts, seed: int, count: int = 3) -> None:
    """Make `count` answers, storage words among them, hostile; the same ones for the same seed."""
    rng = random.Random(seed)
    for key in rng.sample(sorted(contracts.said), min(count, len(contracts.said))):
        answer = contracts.said[key]
        if isinstance(answer, bytes):
            contracts.said[key] = rng.choice(TRICKS)(answer)
    for place in rng.sample(sorted(contracts.words), min(1, len(contracts.words))):
        contracts.words[place] = rng.choice((0, 1, 2**128 - 1, 2**255, 2**256 - 1))
