"""Proof-of-work issuance over JSON-RPC: complete, or an error."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.chain.uncles import read_pow_blocks
from monitor.errors import BadAnswer, NodeUnavailable

ETH = 10**18


class Archive:
    """Answers as a node does, from uncles by block."""

    def __init__(self, uncles: dict[int, list[int]]) -> None:
        self.uncles = uncles
        self.sizes: list[int] = []
        self.count_text = hex

    def batch(self, calls: list[Any], shape: Any) -> list[Any]:
        self.sizes.append(len(calls))
        return [shape.bare.decode(msgspec.json.encode(self.answer(*call))) for call in calls]

    def answer(self, method: str, params: list[str]) -> Any:
        found = self.uncles.get(int(params[0], 16), [])
        if method == "eth_getUncleCountByBlockNumber":
            return self.count_text(len(found))
        return {"number": hex(found[int(params[1], 16)]), "hash": "0x"}


def test_every_block_comes_with_its_uncles() -> None:
    node = Archive({13_000_005: [13_000_004, 13_000_001], 13_000_249: [13_000_248]})
    blocks = list(read_pow_blocks(node, 13_000_000, 13_000_249))
    assert [block.number for block in blocks] == list(range(13_000_000, 13_000_250))
    assert blocks[0] == (13_000_000, (), 2 * ETH)
    # 7/8 and 4/8 of the reward to the uncles' miners, 1/32 for each to the nephew's.
    assert blocks[5] == (13_000_005, (13_000_004, 13_000_001), 2 * ETH * (1 + 7 / 8 + 4 / 8 + 2 / 32))
    assert blocks[249].issued_wei == 2 * ETH + ETH * 7 // 4 + ETH // 16
    assert node.sizes == [100, 2, 100, 50, 1]


@pytest.mark.parametrize("uncles", [[1, 2, 3], [12_999_999 - 7], [13_000_000]])
def test_impossible_uncles_are_a_bad_answer(uncles: list[int]) -> None:
    with pytest.raises(BadAnswer, match="cannot have"):
        list(read_pow_blocks(Archive({13_000_000: uncles}), 13_000_000, 13_000_000))


@pytest.mark.parametrize("text", ["two", "0x-1", "-1"])
def test_nonsense_counts_are_a_bad_answer(text: str) -> None:
    node = Archive({})
    node.count_text = lambda _: text
    with pytest.raises(BadAnswer, match="cannot have"):
        list(read_pow_blocks(node, 1, 1))


@pytest.mark.parametrize("text", ["", "0x", "0x1_0", "latest", "0x" + "f" * 30])
def test_an_uncle_without_a_number_is_a_bad_answer(text: str) -> None:
    class Vague(Archive):
        def answer(self, method: str, params: list[str]) -> Any:
            found = super().answer(method, params)
            return {"number": text} if isinstance(found, dict) else found

    with pytest.raises(BadAnswer, match="uncle's number"):
        list(read_pow_blocks(Vague({13_000_000: [12_999_999]}), 13_000_000, 13_000_000))


def test_one_failed_call_ends_the_reading() -> None:
    class Down(Archive):
        def batch(self, calls: list[Any], shape: Any) -> list[Any]:
            answers = super().batch(calls, shape)
            return [*answers[:-1], NodeUnavailable("node", "no answer.")]

    with pytest.raises(NodeUnavailable):
        list(read_pow_blocks(Down({}), 1, 3))
