"""Logs of the whole history from nodes that give them in small parts, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chain.log_search import MOST_QUERIES, learn_places, search_logs
from monitor.chain.logs import FoundLog, Log
from monitor.errors import NodeUnavailable, TooLarge
from monitor.protocols.base import LogSearch
from monitor.units import Address, BlockNumber
from tests.support.contracts import block_at

CONTRACT = Address("0x" + "0c" * 20)
SEARCH = LogSearch(CONTRACT, ((b"\1" * 32,), None), BlockNumber(100))
HEAD = block_at(1_750_000_000).number


@dataclass
class StingyNode:
    """Has a log in some blocks; refuses spans that are longer than it likes."""

    blocks: frozenset[int]
    longest: int
    down: bool = False
    block: object = field(default_factory=lambda: block_at(1_750_000_000))
    asked: list[tuple[int, int]] = field(default_factory=list)

    def find_logs(self, span, addresses, topics):
        assert addresses == [CONTRACT]
        assert topics == SEARCH.topics
        self.asked.append(span)
        first, last = span
        if self.down:
            raise NodeUnavailable("node", "refused.")
        if last - first >= self.longest:
            raise TooLarge("node", "block range too large.")
        return [
            FoundLog(BlockNumber(at), Log(CONTRACT, (b"\1" * 32,), b"", 0, "0x"))
            for at in sorted(self.blocks)
            if first <= at <= last
        ]


@given(
    blocks=st.frozensets(st.integers(100, HEAD), max_size=6),
    longest=st.integers(HEAD // 16, 2 * HEAD),
)
def test_every_log_is_found_once_and_in_order(blocks, longest):
    node = StingyNode(blocks, longest)
    assert [one.block for one in search_logs(node, SEARCH)] == sorted(blocks)


def test_a_node_that_gives_only_crumbs_is_given_up():
    node = StingyNode(frozenset({100}), longest=10)
    with pytest.raises(TooLarge):
        search_logs(node, SEARCH)
    assert len(node.asked) == MOST_QUERIES


@dataclass
class Curious:
    """An adapter that wants to know where accounts are."""

    told: list[object] = field(default_factory=list)

    def searches(self, accounts):
        return [] if self.told else [SEARCH]

    def learn(self, accounts, logs):
        self.told.append(logs)


class Incurious:
    key = "other"


@pytest.mark.parametrize("node", [StingyNode(frozenset({200}), 5), StingyNode(frozenset(), 5, down=True)])
def test_an_adapter_is_told_that_nothing_could_be_searched(node):
    adapter = Curious()
    learn_places(node, [adapter, Incurious()], [CONTRACT])
    learn_places(node, [adapter, Incurious()], [CONTRACT])
    assert adapter.told == [None]


def test_an_adapter_is_told_what_was_found_once():
    adapter, node = Curious(), StingyNode(frozenset({200, 300}), 10**9)
    learn_places(node, [adapter, Incurious()], [CONTRACT])
    learn_places(node, [adapter, Incurious()], [CONTRACT])
    assert [[one.block for one in logs] for logs in adapter.told] == [[200, 300]]
    assert node.asked == [(100, HEAD)]
