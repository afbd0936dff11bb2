"""Long lists: whatever the pieces, the sum is exact or the answer is refused."""

from __future__ import annotations

import gzip
import json
import struct
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chain.beacon_http import Stream
from monitor.chain.beacon_sums import BALANCES, PENDING_DEPOSITS, Listing, Sum, sum_listing
from monitor.errors import BadAnswer, NodeError, NodeUnavailable

balances = st.lists(st.integers(0, 2**64 - 1), max_size=40)


def in_pieces(body: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return (body[start:end] for start, end in pairwise(edges))


def add_up(
    body: bytes, *, ssz: bool = False, cuts: list[int] | None = None, listing: Listing = BALANCES
) -> Sum:
    return sum_listing(Stream(ssz, False, in_pieces(body, cuts or [])), listing, "node")


def json_of(values: list[int], separators: tuple[str, str] = (",", ":"), indent: int | None = None) -> bytes:
    rows = [{"index": str(index), "balance": str(value)} for index, value in enumerate(values)]
    answer = {"execution_optimistic": False, "finalized": True, "data": rows}
    return json.dumps(answer, separators=separators, indent=indent).encode()


def ssz_of(values: list[int]) -> bytes:
    return b"".join(struct.pack("<QQ", index, value) for index, value in enumerate(values))


@given(balances, st.lists(st.integers(0, 10_000), max_size=20), st.sampled_from([None, 2]))
def test_any_seam_between_pieces_gives_the_same_sum(
    values: list[int], cuts: list[int], indent: int | None
) -> None:
    expected = (sum(values), len(values))
    assert add_up(json_of(values, indent=indent), cuts=cuts)[:2] == expected
    assert add_up(ssz_of(values), ssz=True, cuts=cuts)[:2] == expected


@given(st.binary(max_size=300), st.booleans())
def test_nonsense_is_refused_or_an_empty_list(body: bytes, ssz: bool) -> None:
    try:
        result = add_up(body, ssz=ssz)
    except NodeError:
        return
    assert result.rows == len(body) // 16 if ssz else result.rows == 0


@given(balances.filter(bool), st.data())
def test_a_cut_off_list_is_never_a_smaller_sum(values: list[int], data: st.DataObject) -> None:
    body = json_of(values)
    with pytest.raises(NodeError):
        add_up(body[: data.draw(st.integers(0, len(body) - 1))])


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=20), st.data())
def test_a_missing_or_repeated_row_is_refused(values: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    rows = json.loads(json_of(values))["data"]
    records = [struct.pack("<QQ", index, value) for index, value in enumerate(values)]
    for change in ("repeat", "drop"):
        if change == "drop" and place == len(values) - 1:
            continue  # a shorter list is a whole list
        cut = slice(place, place) if change == "repeat" else slice(place, place + 1)
        more = [rows[place]] if change == "repeat" else []
        changed = {"data": [*rows[: cut.start], *more, *rows[cut.stop :]]}
        with pytest.raises(BadAnswer, match="leaves out or repeats"):
            add_up(json.dumps(changed).encode())
        records_more = [records[place]] if change == "repeat" else []
        with pytest.raises(BadAnswer, match="leaves out or repeats"):
            add_up(b"".join([*records[: cut.start], *records_more, *records[cut.stop :]]), ssz=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b'{"data": null}',
        b'{"data": [5]}',
        b'{"data": [{"index":"0","balance":"-5"}]}',
        b'{"data": [{"index":"0","balance":5}]}',
        b'{"data": [{"index":"0"}]}',
        b'{"data": [{"index":"0","balance":"1","balance":"2"}]}',
        b'{"data": [{"index":"0","balance":"99999999999999999999999"}]}',
        b'{"data": [{"index":"0","balance":"1"}]} trailing',
        b'{"data": [{"index":"0","balance":"1"}], "data": 5}',
        b'{"data": [' + b" " * 10_000,
        b'{"data": [' + b'{"a":"' + b"x" * 10_000,
        b" " * 10_000,
        b'{"data": []' + b" " * 10_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_list_of_balances_is_refused(body: bytes) -> None:
    with pytest.raises(NodeError):
        add_up(body)


def test_hostile_white_space_is_read_in_linear_time() -> None:
    """A backtracking pattern would need hours for this."""
    with pytest.raises(BadAnswer):
        add_up(b'{"data": [' + b" " * 2_000_000)


def test_an_optimistic_list_says_so_before_or_after_the_rows() -> None:
    row = b'{"index":"0","balance":"7"}'
    before = b'{"execution_optimistic":true,"data":[' + row + b"]}"
    after = b'{"data":[' + row + b'],"execution_optimistic":true,"finalized":true}'
    assert add_up(before) == Sum(7, 1, True, False)
    assert add_up(after) == Sum(7, 1, True, True)


def test_values_beyond_64_bits_do_not_wrap() -> None:
    assert add_up(ssz_of([2**64 - 1] * 3), ssz=True).gwei == 3 * (2**64 - 1)


def test_pending_deposits_as_ssz() -> None:
    amounts = [32 * 10**9, 1, 2**63]
    body = b"".join(bytes(80) + struct.pack("<Q", amount) + bytes(104) for amount in amounts)
    assert add_up(body, ssz=True, cuts=[1, 191, 193], listing=PENDING_DEPOSITS)[:2] == (sum(amounts), 3)
    with pytest.raises(BadAnswer, match="inside a record"):
        add_up(body[:-1], ssz=True, listing=PENDING_DEPOSITS)


@pytest.mark.shared
def test_real_balances_of_mainnet(shared_data: Path) -> None:
    """Slot 1229, December 2020: 21,063 validators of genesis and the first who joined."""
    values = json.loads(
        gzip.decompress((shared_data / "beacon/validator_balances_slot_1229.json.gz").read_bytes())
    )
    assert len(values) == 21_079
    assert add_up(json_of(values), cuts=[*range(0, 10**6, 65_537)])[:2] == (sum(values), 21_079)
    assert add_up(ssz_of(values), ssz=True)[:2] == (sum(values), 21_079)


@pytest.mark.shared
def test_the_real_deposit_queue_at_pectra(shared_data: Path) -> None:
    """Balances that the fork moved into the queue: not one may be missed, or supply drops by 90,609 ETH."""
    path = shared_data / "beacon/pending_deposits_state_slot_11649024.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))["data"]
    body = json.dumps({"data": [{**row, "amount": str(row["amount"])} for row in rows]}).encode()
    assert add_up(body, cuts=[*range(0, len(body), 7_777)], listing=PENDING_DEPOSITS)[:2] == (
        90_609_709_835_714,
        3_350,
    )


@pytest.mark.parametrize("ssz", [False, True])
def test_memory_does_not_grow_with_the_list(ssz: bool) -> None:
    """400,000 rows, 18 MB of JSON, in a few MB; the bench does 2.2 million."""
    count = 400_000

    def pieces() -> Iterator[bytes]:
        yield b"" if ssz else b'{"data":['
        for start in range(0, count, 5_000):
            numbers = range(start, start + 5_000)
            if ssz:
                yield b"".join(struct.pack("<QQ", index, 32 * 10**9) for index in numbers)
            else:
                rows = b",".join(b'{"index":"%d","balance":"32000000000"}' % index for index in numbers)
                yield rows if start == 0 else b"," + rows
        yield b"" if ssz else b"]}"

    tracemalloc.start()
    try:
        result = sum_listing(Stream(ssz, False, pieces()), BALANCES, "node")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result[:2] == (count * 32 * 10**9, count)
    assert peak < 8 << 20


def test_a_list_that_never_ends_is_cut_off() -> None:
    with pytest.raises(NodeUnavailable, match="cut off"):
        add_up(b'{"data":[{"index":"0","balance":"1"},')
