"""Packing calls, and telling a contract's refusal from a node's limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from contracts_abi import multicall3
from contracts_abi.interface import decode_values
from monitor.chain.pinned import EthCall, Pinned
from monitor.chain.reader import PACK, Reader
from monitor.errors import CallReverted, CannotSee, NodeError, NodeUnavailable, TooLarge, Unsupported
from monitor.protocols.base import (
    Answer,
    Ask,
    Reading,
    Refusal,
    StorageAt,
    Supposed,
    View,
    attempt,
    together,
    uint,
)
from monitor.units import Address

WHO, OTHER = Address("0x" + "11" * 20), Address("0x" + "22" * 20)
Told = bytes | NodeError


class Chain:
    """What `Pinned` does, over a table of answers: real packing, a gas limit in calls per pack."""

    def __init__(self, answers: Mapping[bytes, Told], limit: int = 10**9, *, multicall: bool = True) -> None:
        self.answers, self.limit, self.multicall = answers, limit, multicall
        self.packs: list[int] = []
        self.singles = 0

    def eth_calls(self, calls: Sequence[EthCall], overrides: Any = None) -> list[Told]:
        return [self._call(call) for call in calls]

    def eth_calls_each(self, calls: Sequence[tuple[EthCall, Any]]) -> list[Told]:
        raise Unsupported("node", "it has no overrides.")

    def get_words(self, places: Sequence[tuple[Address, int]]) -> list[bytes]:
        return [slot.to_bytes(32) for _, slot in places]

    def _call(self, call: EthCall) -> Told:
        if call.to != multicall3.ADDRESS:
            self.singles += 1
            return self.answers[call.data]
        if not self.multicall:
            return b""
        (wanted,) = decode_values(["(address,bool,bytes)[]"], call.data[4:])
        self.packs.append(len(wanted))
        if len(wanted) > self.limit:
            return TooLarge("node", "out of gas.")
        return packed([self.answers[data] for _, _, data in wanted])


def packed(answers: Sequence[Told]) -> bytes:
    from eth_abi.abi import encode

    rows = [(not isinstance(one, NodeError), b"" if isinstance(one, NodeError) else one) for one in answers]
    return encode(["(bool,bytes)[]"], [rows])


def ask_all(asks: Sequence[Ask]) -> Reading[Sequence[Answer]]:
    return (yield asks)


def run(chain: Chain, reader: Reader, asks: Sequence[Ask]) -> Sequence[Answer]:
    return reader.run(cast("Pinned", chain), ask_all(asks))


def number(value: int) -> bytes:
    return value.to_bytes(32)


MANY = {number(n): number(2 * n) for n in range(600)}
VIEWS = [View(WHO, data) for data in MANY]


def test_a_round_is_one_trip_however_many_packs() -> None:
    chain, reader = Chain(MANY), Reader()
    assert run(chain, reader, VIEWS) == list(MANY.values())
    assert chain.packs == [PACK, PACK, 600 - 2 * PACK]
    assert (reader.round_trips, chain.singles) == (1, 0)


def test_packs_that_are_too_much_are_halved_and_the_size_is_remembered() -> None:
    chain, reader = Chain(MANY, limit=40), Reader()
    assert run(chain, reader, VIEWS) == list(MANY.values())
    chain.packs.clear()
    trips = reader.round_trips
    assert run(chain, reader, VIEWS) == list(MANY.values())
    assert max(chain.packs) <= 40
    assert reader.round_trips == trips + 1


def test_a_call_too_big_for_any_pack_is_asked_alone() -> None:
    chain = Chain({**MANY, b"big": TooLarge("node", "out of gas.")}, limit=0)
    answers = run(chain, Reader(), [*VIEWS[:3], View(WHO, b"big")])
    assert answers == [number(0), number(2), number(4), Refusal("it needs more gas than the node allows")]


def test_a_refusal_is_confirmed_alone_once() -> None:
    reverted = CallReverted("node", "reverted.", b"why")
    chain, reader = Chain({**MANY, b"no": reverted}), Reader()
    for expected_singles in (1, 1):
        answers = run(chain, reader, [VIEWS[7], View(WHO, b"no")])
        assert answers[0] == number(14)
        assert isinstance(answers[1], Refusal)
        assert chain.singles == expected_singles


def test_a_call_starved_in_its_pack_is_not_a_refusal() -> None:
    class Starving(Chain):
        def _call(self, call: EthCall) -> Told:
            told = super()._call(call)
            return (
                packed([NodeUnavailable("", "")] * self.packs[-1]) if call.to == multicall3.ADDRESS else told
            )

    assert run(Starving(MANY), Reader(), VIEWS[:5]) == list(MANY.values())[:5]


def test_a_chain_without_multicall_is_asked_plainly_from_then_on() -> None:
    chain, reader = Chain(MANY, multicall=False), Reader()
    assert run(chain, reader, VIEWS) == list(MANY.values())
    trips = reader.round_trips
    assert run(chain, reader, VIEWS) == list(MANY.values())
    assert reader.round_trips == trips + 1


def test_an_empty_answer_is_a_refusal() -> None:
    answers = run(Chain({b"a": b"", b"b": number(1)}), Reader(), [View(WHO, b"a"), View(OTHER, b"b")])
    assert isinstance(answers[0], Refusal)
    assert answers[1] == number(1)


def test_storage_and_doubles_and_suppositions() -> None:
    chain = Chain(MANY)
    supposed = Supposed(VIEWS[1], ((WHO, b"\x00"),))
    asks: list[Ask] = [VIEWS[1], StorageAt(WHO, 5), VIEWS[1], supposed]
    first, word, again, refused = run(chain, Reader(), asks)
    assert (first, word, again) == (number(2), number(5), number(2))
    assert refused == Refusal("no node here honours state overrides")
    assert chain.singles == 1


def test_a_node_that_is_down_is_not_an_answer() -> None:
    chain = Chain({number(1): NodeUnavailable("node", "it is down.")})
    with pytest.raises(NodeUnavailable):
        run(chain, Reader(), [View(WHO, number(1))])


def test_readings_share_rounds_and_fail_apart() -> None:
    def walk(start: int, steps: int) -> Reading[int]:
        total = 0
        for step in range(steps):
            (answer,) = yield [View(WHO, number(start + step))]
            total += uint(answer, "number")
        return total

    def broken() -> Reading[int]:
        yield [View(WHO, number(3))]
        raise CannotSee("no")

    chain, reader = Chain(MANY), Reader()
    readings = [attempt(walk(10, 3)), attempt(broken()), attempt(walk(50, 2)), attempt(walk(0, 0))]
    found = reader.run(cast("Pinned", chain), together(readings))
    assert [found[0], found[2], found[3]] == [66, 202, 0]
    assert isinstance(found[1], CannotSee)
    assert reader.round_trips == 3
    assert len(chain.packs) == 2
