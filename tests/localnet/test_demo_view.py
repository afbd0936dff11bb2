"""What the demo shows: from a stored history, in a pipe and on a screen."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from alerts.compose import notice
from alerts.model import ChartRequest, Severity
from monitor.cli.demo_end import last_page
from monitor.cli.demo_positions import Danger, Liquidation
from monitor.cli.demo_screen import Screen, draw
from monitor.cli.demo_view import Lines
from monitor.cli.demo_window import Seen, Window
from monitor.domain import BlockRef, BlockRow, BurnRule, Reorg
from monitor.localnet.blobs import RlpItem, rlp_encode
from monitor.store.history import ReorgRecord
from monitor.store.outbox import SqliteOutbox
from monitor.store.positions import StoredPosition
from monitor.store.told import ToldAlert
from monitor.store.totals import NOTHING
from monitor.units import Address, BlobGas, BlockHash, BlockNumber, Gas, Gwei, UnixTime, Wei
from tests.support.databases import new_database

GWEI = 10**9
WHALE = Address("0x" + "11" * 20)


def _row(number: int, gwei: int = 20, blobs: int = 0) -> BlockRow:
    return BlockRow(
        number=BlockNumber(number),
        timestamp=UnixTime(1_790_000_000 + 12 * number),
        gas_limit=Gas(30_000_000),
        gas_used=Gas(15_000_000),
        base_fee_wei=Wei(gwei * GWEI),
        burn_rule=BurnRule.HEADER,
        receipt_gas=None,
        blob_gas_used=BlobGas(blobs * 131_072),
        excess_blob_gas=BlobGas(0),
        blob_base_fee_wei=Wei(1),
        tx_count=7,
        withdrawal_count=0,
        withdrawals_gwei=Gwei(0),
    )


def _reorg(ancestor: int, depth: int) -> ReorgRecord:
    def ref(number: int, digit: str) -> BlockRef:
        return BlockRef(
            BlockNumber(number), BlockHash("0x" + digit * 64), BlockHash("0x" + "0" * 64), UnixTime(0)
        )

    reorg = Reorg(BlockNumber(ancestor), depth, ref(ancestor + depth, "a"), ref(ancestor + depth, "b"))
    return ReorgRecord(UnixTime(0), reorg, Wei(3 * 10**17), 0, Wei(0), 0)


NO_DANGER = Danger((), (), (), 0)


def _danger(distance: float, serial: int, liquidated: bool = False) -> Danger:
    row = StoredPosition(
        block_number=BlockNumber(1),
        block_time=UnixTime(1),
        protocol="aave_v3",
        market="Demo",
        account=WHALE,
        position_id="",
        name="Whale: much",
        outcome="below",
        liquidation_price="178000000000",
        price="200000000000",
        price_decimals=8,
        price_updated_at=1,
        health_factor=str(11 * 10**17),
        collateral_value="1",
        debt_value="1",
        liquidation_usd=1780.0,
        price_usd=2000.0,
        distance=distance,
        collateral_usd=1.0,
        debt_usd=1.0,
        drift_usd_per_day=0.0,
        proof="proved",
        proof_cause="",
        rule="",
        cause="",
        detail={},
    )
    alert = ToldAlert(serial, BlockNumber(1), UnixTime(1), Severity.WARNING, "opened", f"near {serial}", True)
    gone = (Liquidation(BlockNumber(1), "0xaa", "Whale: much", "5.00 USDT"),) if liquidated else ()
    return Danger((row,), gone, (alert,), serial)


def _seen(*numbers: int, reorgs: tuple[ReorgRecord, ...] = (), danger: Danger = NO_DANGER) -> Seen:
    rows = tuple(_row(number) for number in sorted(numbers, reverse=True))
    totals = NOTHING._replace(blocks=len(rows), burn_wei=Wei(len(rows) * 3 * 10**17))
    return Seen(rows, totals, missing=0, reorgs=reorgs, danger=danger)


def test_in_a_pipe_each_block_is_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for seen in (_seen(0, 1), _seen(0, 1), _seen(0, 1, 2)):
        lines.show(seen)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in printed] == ["0", "1", "2"]
    assert "base fee  20.000 gwei" in printed[0]
    assert "gas 50 %" in printed[0]
    assert "burned  0.300000 ETH" in printed[0]


def test_in_a_pipe_a_reorg_comes_before_its_new_branch(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(_seen(4, 5, 6))
    lines.show(_seen(4, 5, 6, 7, reorgs=(_reorg(4, 2),)))
    printed = capsys.readouterr().out.splitlines()[3:]
    assert printed[0].startswith("REORG: 2 blocks above 4 were replaced; the 0.300000 ETH")
    assert [line.split()[1] for line in printed[1:]] == ["5", "6", "7"]


def test_in_a_pipe_alerts_and_liquidations_come_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for seen in (_seen(1, danger=_danger(0.11, 1)), _seen(1, 2, danger=_danger(0.11, 2, liquidated=True))):
        lines.show(seen)
        lines.show(seen)
    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("block")]
    assert printed == [
        "ALERT (warning): near 1",
        "  ETH $2,000.00   Whale: ≤ $1,780.00, 11.00% away",
        "LIQUIDATION: block 1, Whale: 5.00 USDT of debt repaid by the liquidator",
        "ALERT (warning): near 2",
    ]


@pytest.mark.parametrize(("width", "height"), [(40, 8), (60, 20), (80, 23), (120, 39), (200, 60)])
def test_the_screen_keeps_to_its_size(width: int, height: int) -> None:
    seen = _seen(*range(20), reorgs=(_reorg(4, 2),), danger=_danger(0.11, 3, liquidated=True))
    lines = draw(seen, 90, width, height)
    assert len(lines) <= height
    assert max(line.cell_len for line in lines) <= width
    shown = "\n".join(line.plain for line in lines)
    assert "block 19 of about 90" in shown
    assert "11.00%" in shown  # the nearest position is there on the smallest one
    assert ("LIQUIDATION" in shown) == (height > 8)


def test_the_screen_shows_totals_blocks_and_reorgs() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=110, height=40, color_system=None)
    with Screen(console, 90) as screen:
        screen.show(_seen(*range(20), reorgs=(_reorg(4, 2),), danger=_danger(0.11, 3, liquidated=True)))
    shown = out.getvalue()
    assert "block 19 of about 90" in shown
    assert "6.000000000 ETH" in shown
    assert "REORG: 2 blocks above 4" in shown
    assert "LIQUIDATION: block 1, Whale" in shown
    assert "ALERT (warning): near 3" in shown
    assert "≤ $1,780.00" in shown
    assert "ETH $2,000.00" in shown


def test_a_window_sees_nothing_until_there_is_a_database(tmp_path: Path) -> None:
    window = Window(tmp_path / "none.db")
    assert window.look() is None
    assert window.head() is None


def test_the_last_page_says_when_the_ledger_is_wrong() -> None:
    seen = _seen(0, 1)
    right = "\n".join(last_page(seen, 10**18, 10**18 - 6 * 10**17, Path("x.db"), iter(())))
    wrong = "\n".join(last_page(seen, 10**18, 10**18 - 6 * 10**17 + 1, Path("x.db"), iter(())))
    assert "exactly that as burned, to the wei" in right
    assert "This is an error" in wrong
    assert "exactly that" not in wrong


_ITEMS = st.recursive(
    st.integers(0, 2**256) | st.binary(max_size=70), lambda items: st.lists(items, max_size=5)
)


@given(_ITEMS)
def test_rlp_is_that_of_the_reference_library(item: RlpItem) -> None:
    assert rlp_encode(item) == rlp.encode(item)


def test_the_end_waits_for_pictures_that_can_still_come(tmp_path: Path) -> None:
    window, picture = Window(tmp_path / "ethmon.db"), ChartRequest("position", {"subject": "x"})
    assert not window.awaits_pictures(), "nothing is stored yet"
    with new_database(tmp_path / "ethmon.db") as db:
        box = SqliteOutbox(db)
        words = notice("words", "words", "", Severity.INFO, 0)
        box.enqueue(words, ["telegram"], 0.0)
        box.enqueue(replace(words, key="drawn", chart=picture), ["telegram", "email"], 0.0)
        waits = [window.awaits_pictures()]
        rows = {(claim.channel, claim.message.key): claim.row for name in ("telegram", "email") for claim in box.claim(name, 0.0, 60, 9)}  # fmt: skip
        for place in (("telegram", "words"), ("email", "drawn"), ("telegram", "drawn")):
            box.delivered([rows[place]], 0.0, {"message_id": "1"})
            waits.append(window.awaits_pictures())
        assert waits == [False, False, False, True], "the words of it are out in the chat"
        box.amend(rows["telegram", "drawn"], {"photo": "1"})
        assert not window.awaits_pictures()
    window.close()
