"""geth's supply tracer as a second witness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import BurnRule
from monitor.supply.tracer import branch, differences, parse_row
from tests.support.block_rows import block_row


def line(number: int, hash_: str, parent: str, **parts: dict[str, str]) -> str:
    return json.dumps({"blockNumber": number, "hash": hash_, "parentHash": parent, **parts})


@pytest.mark.shared
def test_real_rows_form_one_branch(shared_data: Path) -> None:
    raw = json.loads((shared_data / "beacon/geth_supply_tracer_17675xxx.json").read_text())
    rows = [parse_row(json.dumps(row)) for row in raw]
    assert branch(rows, rows[-1].hash) == rows[::-1]
    first = rows[0]
    assert (first.base_burn_wei, first.withdrawals_wei) == (0x152B07F005A4616, 0x5A4561F58901600)
    assert (first.blob_burn_wei, first.destroyed_wei, first.reward_wei) == (0, 0, 0)
    assert first.change_wei == 0x5A4561F58901600 - 0x152B07F005A4616
    # Withdrawals are whole gwei: 16 payments of what the sweep skimmed.
    assert all(row.withdrawals_wei % 10**9 == 0 for row in rows)


def test_rows_of_abandoned_branches_are_left_out() -> None:
    rows = [
        parse_row(text)
        for text in (
            line(1, "a", "0", burn={"1559": "0x5"}),
            line(2, "b1", "a", burn={"1559": "0x6"}),
            line(2, "b2", "a", burn={"1559": "0x7"}),
            line(3, "c2", "b2", burn={"blob": "0x1", "misc": "0x2"}, issuance={"reward": "0x9"}),
            line(3, "c2", "b2", burn={"blob": "0x1", "misc": "0x2"}, issuance={"reward": "0x9"}),
        )
    ]
    assert [row.hash for row in branch(rows, "c2")] == ["c2", "b2", "a"]
    assert rows[3].change_wei == 9 - 1 - 2
    assert branch(rows, "elsewhere") == []


def test_a_circle_of_parents_ends() -> None:
    rows = [parse_row(line(1, "a", "b")), parse_row(line(2, "b", "a"))]
    assert len(branch(rows, "a")) == 2


def test_differences_name_both_sides_and_the_known_mistake() -> None:
    ours = {
        1: block_row(1, 12, base_fee_wei=2, gas_used=3),
        2: block_row(2, 24, base_fee_wei=2, gas_used=3),
        3: block_row(3, 36, base_fee_wei=2, gas_used=9, burn_rule=BurnRule.RECEIPTS, receipt_gas=3),
        4: block_row(4, 48, base_fee_wei=2, gas_used=9, burn_rule=BurnRule.RECEIPTS),
    }
    theirs = [
        parse_row(line(n, f"h{n}", "", burn={"1559": hex(wei)}))
        for n, wei in ((1, 6), (2, 7), (3, 18), (5, 1))
    ]
    found = differences(ours, theirs)
    assert [
        (entry.number, entry.ours.base_wei, entry.theirs.base_wei, entry.expected) for entry in found
    ] == [
        (2, 6, 7, False),
        (3, 6, 18, True),
    ]


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_nonsense_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="supply tracer"):
        parse_row(text)


@pytest.mark.parametrize(
    "text",
    [
        line(1, "a", "b", burn={"1559": "5"}),
        line(1, "a", "b", burn={"1559": "0xzz"}),
        '{"blockNumber":"0x1","hash":"a","parentHash":"b"}',
        '{"blockNumber":1,"hash":"a","parentHash":"b","burn":{"1559":5}}',
        line(1, "a" * 5_000, "b"),
    ],
)
def test_other_lines_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="supply tracer"):
        parse_row(text)
