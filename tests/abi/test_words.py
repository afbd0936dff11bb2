"""Our own encoding of single words and of Multicall3, against eth_abi."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from contracts_abi import multicall3
from contracts_abi.interface import AbiError, decode_values, encode_values

UINT256 = st.integers(0, 2**256 - 1)
ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "uint256": UINT256,
    "uint8": st.integers(0, 255),
    "int256": st.integers(-(2**255), 2**255 - 1),
    "int24": st.integers(-(2**23), 2**23 - 1),
    "bool": st.booleans(),
    "address": ADDRESS,
    "bytes4": st.binary(min_size=4, max_size=4),
}
TYPED = st.lists(
    st.sampled_from(sorted(OF_KIND)).flatmap(lambda kind: st.tuples(st.just(kind), OF_KIND[kind])), max_size=6
)
RESULTS = st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=6)


@given(st.one_of(TYPED, st.lists(st.tuples(st.just("uint256"), UINT256), max_size=8)), st.binary(max_size=40))
def test_words_are_what_eth_abi_says(typed: list[tuple[str, Any]], rest: bytes) -> None:
    kinds, values = [kind for kind, _ in typed], tuple(value for _, value in typed)
    data = abi_encode(kinds, values)
    assert encode_values(kinds, values) == data
    assert decode_values(kinds, data + rest) == abi_decode(kinds, data) == values
    for cut in {0, len(data) // 2, len(data) - 1} - {-1, len(data)}:
        with pytest.raises(AbiError):
            decode_values(kinds, data[:cut])


@given(st.lists(st.tuples(ADDRESS, st.binary(max_size=100)), max_size=6))
def test_calls_are_packed_as_eth_abi_packs_them(calls: list[tuple[str, bytes]]) -> None:
    expected = abi_encode(["(address,bool,bytes)[]"], [[(to, True, data) for to, data in calls]])
    assert multicall3.encode(calls) == multicall3.SELECTOR + expected


@given(RESULTS)
def test_results_are_told_apart_as_eth_abi_does(results: list[tuple[bool, bytes]]) -> None:
    answer = abi_encode(["(bool,bytes)[]"], [results])
    assert multicall3.decode(answer, len(results)) == results
    with pytest.raises(AbiError):
        multicall3.decode(answer, len(results) + 1)


@given(RESULTS, st.data())
def test_a_damaged_answer_is_refused_or_read_as_it_stands(
    results: list[tuple[bool, bytes]], data: Any
) -> None:
    answer = bytearray(abi_encode(["(bool,bytes)[]"], [results]))
    at = data.draw(st.integers(0, len(answer) - 1))
    answer[at] = data.draw(st.integers(0, 255))
    damaged = bytes(answer[: data.draw(st.integers(0, len(answer)))])
    with contextlib.suppress(AbiError):
        read = multicall3.decode(damaged, len(results))
        assert all(len(result.data) <= len(damaged) for result in read)
