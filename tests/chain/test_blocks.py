"""Block JSON becomes a Block or a BadAnswer: nothing defaulted, nothing assumed."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chain.blocks import BlockJson, no_blob_fee, to_block, to_blocks
from monitor.chain.header import KEYS, HeaderJson, hash_matches, unknown_fields
from monitor.domain import Block, BurnRule
from monitor.errors import BadAnswer, NodeError
from monitor.units import Wei
from tests.support.recorded_node import JsonBlock, child_of, synthetic, true_hash

FEE = Wei(77)
DECODE = msgspec.json.Decoder(BlockJson)
DECODE_HEADER = msgspec.json.Decoder(HeaderJson)


def decode(block: JsonBlock, number: int | None = None) -> Block:
    """As a node's answer would be: through JSON text."""
    try:
        parsed = DECODE.decode(json.dumps(block, separators=(",", ":")))
    except msgspec.ValidationError as error:
        raise BadAnswer("node", str(error)) from None
    expected = int(block["number"], 16) if number is None else number
    return to_block(parsed, expected, lambda *_: FEE, "node")


def test_every_field_is_read() -> None:
    block = child_of(
        child_of(None),
        blobGasUsed=3 * 131_072,
        excessBlobGas=10**6,
        transactions=[f"0x{i:064x}" for i in range(275)],
    )
    read = decode(block)
    row = read.row
    assert read.ref == (1, block["hash"], block["parentHash"], 1_750_000_012)
    assert (row.gas_limit, row.gas_used, row.base_fee_wei) == (36_000_000, 18_000_000, 10**9)
    assert (row.blob_gas_used, row.excess_blob_gas, row.blob_base_fee_wei) == (393_216, 10**6, FEE)
    assert (row.tx_count, row.withdrawal_count, row.withdrawals_gwei) == (275, 1, 0x1234)
    assert (row.burn_rule, row.receipt_gas) == (BurnRule.HEADER, None)


def test_each_fork_has_its_fields() -> None:
    before_london = child_of(
        None, baseFeePerGas=None, difficulty=5, withdrawalsRoot=None, withdrawals=None,
        blobGasUsed=None, excessBlobGas=None,
    )  # fmt: skip
    row = decode(before_london).row
    assert (row.base_fee_wei, row.withdrawals_gwei, row.blob_gas_used, row.blob_base_fee_wei) == (None,) * 4
    shanghai = child_of(None, blobGasUsed=None, excessBlobGas=None)
    assert decode(shanghai).row.blob_base_fee_wei is None
    amsterdam = child_of(None, blockAccessListHash="0x" + "ab" * 32, slotNumber=5)
    assert decode(amsterdam).row.burn_rule is BurnRule.RECEIPTS


def test_a_header_has_no_transactions_and_no_withdrawals() -> None:
    block = child_of(None)
    del block["transactions"], block["withdrawals"]
    row = decode(block).row
    assert (row.tx_count, row.withdrawal_count, row.withdrawals_gwei) == (None, None, None)


def test_transactions_are_counted_however_they_are_written() -> None:
    hashes = [f"0x{i:064x}" for i in range(3)]
    for transactions in ([], hashes, [{"hash": h} for h in hashes]):
        block = child_of(None, transactions=transactions)
        for separators in ((",", ":"), (", ", ": ")):
            text = json.dumps(block, separators=separators)
            read = to_block(DECODE.decode(text), 0, no_blob_fee, "node")
            assert read.row.tx_count == len(transactions)


MISSING = [
    "number", "hash", "parentHash", "timestamp", "gasLimit", "gasUsed",
    "baseFeePerGas", "blobGasUsed", "excessBlobGas", "withdrawals",
]  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_field_is_a_bad_answer(name: str) -> None:
    block = child_of(None)
    del block[name]
    with pytest.raises(BadAnswer):
        decode(block, 0)


WRONG: list[tuple[str, Any]] = [
    ("number", "0x1"),
    ("number", "-0x0"),
    ("number", 0),
    ("number", None),
    ("hash", "0x12"),
    ("hash", "0x" + "zz" * 32),
    ("hash", "0x" + " 1" * 32),
    ("hash", None),
    ("parentHash", "00" * 33),
    ("timestamp", "12"),
    ("timestamp", "0x8000000000000000"),
    ("gasLimit", "0x"),
    ("gasUsed", "0x1_0"),
    ("gasUsed", "0x1.5"),
    ("gasUsed", 1.5),
    ("gasUsed", True),
    ("baseFeePerGas", "0X1f"),
    ("baseFeePerGas", "0x1 "),
    ("baseFeePerGas", "0x" + "f" * 64),
    ("blobGasUsed", "\u0660x1"),
    ("excessBlobGas", "0x\u0663"),
    ("withdrawals", [{"amount": "ff"}]),
    ("withdrawals", [{"amount": "0x7fffffffffffffff"}, {"amount": "0x1"}]),
    ("withdrawals", [{"amount": "0x0x"}]),
    ("withdrawals", [{"amount": 5}]),
    ("withdrawals", [{}]),
    ("withdrawals", {}),
    ("transactions", {"0": "x"}),
    ("transactions", "0x12"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{n} {v!r}"[:50] for n, v in WRONG])
def test_a_wrong_value_is_a_bad_answer_that_names_the_endpoint(name: str, value: Any) -> None:
    with pytest.raises(BadAnswer, match=r"^node: ") as caught:
        decode({**child_of(None), name: value}, 0)
    assert "\n" not in str(caught.value)


FORKS: list[dict[str, Any]] = [
    {"baseFeePerGas": None, "difficulty": "0x5", "withdrawalsRoot": None, "withdrawals": None, "blobGasUsed": None, "excessBlobGas": None},
    {"withdrawalsRoot": None, "withdrawals": None, "blobGasUsed": None, "excessBlobGas": None},
    {"blobGasUsed": None, "excessBlobGas": None, "withdrawals": []},
    {"blobGasUsed": "0x20000", "excessBlobGas": "0x7", "withdrawals": [{"amount": "0x5"}, {"amount": "0x7"}]},
    {"blobGasUsed": "0x0", "excessBlobGas": "0x9", "blockAccessListHash": "0x" + "ab" * 32, "slotNumber": "0x5"},
]  # fmt: skip


@given(st.lists(st.sampled_from(FORKS), min_size=1, max_size=8))
def test_a_batch_reads_as_its_blocks_one_by_one(forks: list[dict[str, Any]]) -> None:
    """Numbers of a batch are read together, by position: no fork's missing field shifts them."""
    found = [DECODE.decode(json.dumps(block)) for block in chain_of(forks)]
    single = [to_block(one, number, no_blob_fee, "node") for number, one in enumerate(found)]
    assert to_blocks(found, 0, no_blob_fee, "node") == single
    assert to_blocks([*found, None], 0, no_blob_fee, "node") == [*single, None]


@pytest.mark.parametrize(
    ("name", "value"), [("gasUsed", "12"), ("excessBlobGas", None), ("number", "0x9"), ("hash", "0x")]
)
def test_the_wrong_block_of_a_batch_is_named(name: str, value: Any) -> None:
    chain = chain_of([FORKS[3]] * 4)
    chain[2][name] = value
    found = [DECODE.decode(json.dumps(block)) for block in chain]
    with pytest.raises(BadAnswer, match=r"^node: block 2 holds "):
        to_blocks(found, 0, no_blob_fee, "node")


def chain_of(forks: list[dict[str, Any]]) -> list[JsonBlock]:
    found: list[JsonBlock] = []
    below: JsonBlock | None = None
    for fork in forks:
        below = child_of(below)
        found.append({name: value for name, value in {**below, **fork}.items() if value is not None})
    return found


def test_upper_case_hashes_are_the_same_block() -> None:
    block = child_of(child_of(None))
    shouted = {**block, "hash": "0x" + block["hash"][2:].upper(), "gasUsed": "0x0" + block["gasUsed"][2:]}
    assert decode(shouted) == decode(block)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=70),
    st.from_regex(r"0x[0-9a-fA-F_ .x]{0,20}", fullmatch=True), st.lists(st.text(max_size=4), max_size=2),
)  # fmt: skip


@given(name=st.sampled_from(sorted(child_of(None))), value=VALUES)
def test_any_value_in_any_field_is_read_exactly_or_refused(name: str, value: Any) -> None:
    block = child_of(None)
    honest = decode(block)
    try:
        read = decode({**block, name: value}, 0)
    except BadAnswer:
        return
    changed = {n for n, a, b in zip(honest.row._fields, honest.row, read.row, strict=True) if a != b}
    if changed and isinstance(value, str):  # what was read is what int() says, in the one field
        assert len(changed) == 1
        assert getattr(read.row, changed.pop()) == int(value, 16)


def test_a_list_of_answers_keeps_what_is_missing_and_raises_what_failed() -> None:
    chain = [DECODE.decode(json.dumps(block)) for block in synthetic(3)]
    blocks = to_blocks([chain[0], None, chain[2]], 0, no_blob_fee, "node")
    assert [block and block.ref.number for block in blocks] == [0, None, 2]
    with pytest.raises(BadAnswer, match="number 1 instead of 0"):
        to_blocks([chain[1]], 0, no_blob_fee, "node")
    with pytest.raises(NodeError, match="boom"):
        to_blocks([chain[0], BadAnswer("node", "boom")], 0, no_blob_fee, "node")


# --- the hash of a header ---


def header(block: JsonBlock) -> HeaderJson:
    return DECODE_HEADER.decode(json.dumps(block))


FORKS: list[dict[str, Any]] = [
    {"blobGasUsed": None, "excessBlobGas": None, "parentBeaconBlockRoot": None, "requestsHash": None},
    {"requestsHash": None},
    {},
    {"blockAccessListHash": "0x" + "ab" * 32, "slotNumber": 12_345_678},
    {"difficulty": 7_742_493_487_903_256, "extraData": "0x" + "61" * 32, "nonce": "0xa3de6d1d51ea8f7d"},
]


@pytest.mark.parametrize("fields", FORKS, ids=["shanghai", "cancun", "prague", "amsterdam", "odd"])
def test_the_hash_of_a_header_is_what_the_rlp_package_says(fields: dict[str, Any]) -> None:
    assert hash_matches(header(child_of(None, **fields)))


@given(
    name=st.sampled_from(
        ["gasUsed", "gasLimit", "baseFeePerGas", "timestamp", "blobGasUsed", "excessBlobGas"]
    ),
    value=st.integers(0, 2**62),
)
def test_no_number_can_be_changed_under_the_hash(name: str, value: int) -> None:
    block = child_of(None)
    assert hash_matches(header({**block, name: hex(value)})) == (hex(value) == block[name])


def test_a_header_with_nonsense_does_not_match() -> None:
    block = child_of(None)
    for change in ({"miner": "0xzz"}, {"hash": "0x12"}, {"logsBloom": ""}):
        assert not hash_matches(header({**block, **change}))


def test_fields_of_an_unknown_fork_are_noticed() -> None:
    block = child_of(None)
    assert unknown_fields(block) == []
    keys = KEYS.bare.decode(json.dumps({**block, "inclusionListRoot": "0x00", "size": "0x1", "uncles": []}))
    assert keys is not None
    assert unknown_fields(keys) == ["inclusionListRoot"]


def test_the_test_chain_itself_is_sound() -> None:
    chain = synthetic(5)
    assert all(
        child["parentHash"] == parent["hash"] == true_hash(parent)
        for parent, child in itertools.pairwise(chain)
    )
