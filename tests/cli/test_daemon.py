"""The daemon as a process on a real node: it follows, survives, ends, and its ledger is the chain."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.localnet.control import Control
from monitor.store import ledger
from monitor.store.database import open_writer
from monitor.units import BlockNumber, UnixTime
from tests.support.clock import ManualClock
from tests.support.commands import ethmon, eventually, rows, started, stop
from tests.support.databases import new_database
from tests.support.localnet import StartAnvil
from tests.support.recorded_node import RecordedNode, synthetic
from tests.support.rpc_server import RpcServer


@pytest.fixture
def node(start_anvil: StartAnvil) -> Anvil:
    """A chain that began half an hour ago, so that its head is about now."""
    return start_anvil(ChainSpec(timestamp=UnixTime(int(time.time()) - 1_800)))


def environment(node: Anvil) -> dict[str, str]:
    return {"ETH_RPC_URLS": node.url, "ETHMON_POLL_SECONDS": "0.05"}


def head_of(database: Path) -> int:
    found = rows(database, "SELECT number FROM cursor")
    return int(str(found[0][0])) if found else -1


def canonical(control: Control) -> list[tuple[int, str, int, int]]:
    blocks = [control.block(number) for number in range(control.head_number() + 1)]
    return [
        (int(b["number"], 16), b["hash"], int(b["baseFeePerGas"], 16), int(b["gasUsed"], 16)) for b in blocks
    ]


def stored(database: Path) -> list[tuple[object, ...]]:
    return rows(
        database,
        "SELECT number, hash, base_fee_wei, gas_used FROM block JOIN recent_block USING (number) ORDER BY number",
    )


def pay(control: Control, count: int) -> None:
    """Transactions that burn: transfers between the node's own accounts."""
    sender, receiver = control.accounts()[:2]
    for _ in range(count):
        control.call("eth_sendTransaction", {"from": sender, "to": receiver, "value": "0x1", "gas": "0x5208"})


@pytest.mark.localnet
@pytest.mark.parametrize("depth", [1, 3, 64])
def test_the_ledger_is_the_chain_through_a_reorg(node: Anvil, tmp_path: Path, depth: int) -> None:
    database, control = tmp_path / "ethmon.db", node.control
    control.mine(80)
    with started(tmp_path, "run", **environment(node)) as daemon:
        eventually(lambda: head_of(database) == 80)
        pay(control, 3)
        control.mine(5)
        eventually(lambda: head_of(database) == 85)
        control.reorg(depth)
        control.mine(2)
        eventually(lambda: head_of(database) == 87)
        assert stop(daemon) == 0
    assert stored(database) == canonical(control)
    logged = rows(database, "SELECT depth FROM reorg")
    assert logged == [(depth,)]
    chain_burn = sum(fee * gas for _, _, fee, gas in canonical(control))
    total = json.loads(ethmon(tmp_path, "supply", "--since", "1h", "--json").stdout)["frames"][0]
    assert (int(total["base_burn_wei"]), total["exact"]) == (chain_burn, True)


@pytest.mark.localnet
def test_a_killed_daemon_goes_on_where_it_was(node: Anvil, tmp_path: Path) -> None:
    database, control = tmp_path / "ethmon.db", node.control
    control.mine(10)
    with started(tmp_path, "run", **environment(node)) as daemon:
        eventually(lambda: head_of(database) == 10)
        daemon.kill()
        daemon.wait()
    control.mine(20)
    control.reorg(2)
    with started(tmp_path, "run", **environment(node)) as daemon:
        eventually(lambda: head_of(database) == 30)
        assert stop(daemon, signal.SIGINT) == 0
    assert stored(database) == canonical(control)


@pytest.mark.localnet
def test_a_node_that_hangs_and_comes_back_is_followed_again(node: Anvil, tmp_path: Path) -> None:
    database, control = tmp_path / "ethmon.db", node.control
    control.mine(5)
    with started(tmp_path, "run", **environment(node), ETHMON_CALL_SECONDS="0.3") as daemon:
        eventually(lambda: head_of(database) == 5)
        node.freeze()
        eventually(lambda: rows(database, "SELECT 1 FROM event WHERE kind = 'node_trouble'"))
        node.thaw()
        control.mine(3)
        eventually(lambda: head_of(database) == 8)
        assert rows(database, "SELECT 1 FROM event WHERE kind = 'seen_again'")
        assert stop(daemon) == 0


@pytest.mark.localnet
def test_a_second_daemon_on_the_same_database_is_refused(node: Anvil, tmp_path: Path) -> None:
    with started(tmp_path, "run", **environment(node)) as daemon:
        eventually(lambda: head_of(tmp_path / "ethmon.db") >= 0)
        second = ethmon(tmp_path, "run", **environment(node))
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith("ethmon: ETHMON_DB: ethmon.db is in use by process")
        assert daemon.poll() is None


@pytest.mark.localnet
def test_backfill_runs_beside_the_daemon(node: Anvil, tmp_path: Path) -> None:
    database, control = tmp_path / "ethmon.db", node.control
    control.mine(150)
    with started(tmp_path, "run", **environment(node), ETHMON_START_BLOCKS="0") as daemon:
        eventually(lambda: head_of(database) == 150)
        done = ethmon(tmp_path, "backfill", "--from", "0", "--quiet", **environment(node))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("54 blocks stored")
        again = ethmon(tmp_path, "backfill", "--from", "0", "--quiet", **environment(node))
        assert again.stdout.startswith("Nothing to do")
        assert stop(daemon) == 0
    assert rows(database, "SELECT first, last FROM coverage") == [(0, 150)]


def test_what_a_daemon_has_yet_to_follow_is_left_to_it(tmp_path: Path) -> None:
    """It reads events and sends alerts of the blocks that it stores itself, and of no others."""
    database = tmp_path / "ethmon.db"
    node = RecordedNode(synthetic(40))
    with (
        RpcServer(node) as server,
        new_database(database) as daemon,
        Endpoints([server.url], clock=ManualClock()) as source,
    ):
        blocks = source.blocks(BlockNumber(30), BlockNumber(34))
        ledger.append(daemon, [block for block in blocks if block], UnixTime(1))
        settings = {"ETH_RPC_URLS": server.url}
        assert ethmon(tmp_path, "backfill", "--from", "0", "--quiet", **settings).returncode == 0
        assert rows(database, "SELECT first, last FROM coverage") == [(0, 34)]
        refused = ethmon(tmp_path, "backfill", "--from", "36", "--quiet", **settings)
        assert "by itself" in refused.stderr
        assert head_of(database) == 34


def test_a_daemon_can_be_started_while_a_backfill_runs(tmp_path: Path) -> None:
    database, asked, go_on = tmp_path / "ethmon.db", Event(), Event()
    node = RecordedNode(synthetic(40))

    def slow(method: str, params: list[Any]) -> Any:
        if params[:1] == [hex(3)]:
            asked.set()
            go_on.wait(30)
        return node(method, params)

    with RpcServer(slow) as server:
        settings = {"ETH_RPC_URLS": server.url}
        with started(tmp_path, "backfill", "--from", "0", "--quiet", **settings) as process:
            assert asked.wait(30)
            with open_writer(database):  # as a daemon opens it
                go_on.set()
                assert process.wait(timeout=30) == 0
    assert rows(database, "SELECT first, last FROM coverage") == [(0, 39)]


@pytest.mark.localnet
def test_another_chain_is_not_mixed_into_a_database(
    node: Anvil, start_anvil: StartAnvil, tmp_path: Path
) -> None:
    with started(tmp_path, "run", **environment(node)):
        eventually(lambda: head_of(tmp_path / "ethmon.db") >= 0)
    other = start_anvil(ChainSpec(chain_id=4242))
    refused = ethmon(tmp_path, "run", **environment(other))
    assert refused.returncode == 1
    assert "chain 4242" in refused.stderr
    same_id = start_anvil(ChainSpec(timestamp=UnixTime(1_700_000_000)))
    refused = ethmon(tmp_path, "run", **environment(same_id))
    assert refused.returncode == 1
    assert "genesis" in refused.stderr


@pytest.mark.localnet
def test_every_reading_command_has_its_three_shapes(node: Anvil, tmp_path: Path) -> None:
    node.control.mine(5)
    assert ethmon(tmp_path, "backfill", "--from", "0", "--quiet", **environment(node)).returncode == 0
    for arguments in (["supply"], ["supply", "--by", "hour"], ["gaps"], ["query", "SELECT * FROM v_block"]):
        table = ethmon(tmp_path, *arguments)
        assert (table.returncode, table.stderr) == (0, "")
        json.loads(ethmon(tmp_path, *arguments, "--json").stdout)
        header = ethmon(tmp_path, *arguments, "--csv").stdout.splitlines()[0]
        assert "," in header
    assert json.loads(ethmon(tmp_path, "status", "--json").stdout)["head"]["number"] == 5


@pytest.mark.localnet
def test_check_says_what_works_and_what_does_not(node: Anvil, tmp_path: Path) -> None:
    fine = ethmon(tmp_path, "check", **environment(node))
    assert fine.returncode == 0, fine.stdout
    assert "headers and receipts tell the same gas" in fine.stdout
    both = {**environment(node), "ETH_RPC_URLS": f"{node.url},http://127.0.0.1:1/0123456789abcdef"}
    broken = ethmon(tmp_path, "check", **both)
    assert broken.returncode == 1
    assert "connection refused" in broken.stdout
    assert "0123456789abcdef" not in broken.stdout + broken.stderr


def test_check_says_where_receipts_contradict_headers(tmp_path: Path) -> None:
    node = RecordedNode(synthetic(3))
    node.receipts[node.head["hash"]] = [21_000] * 3
    with RpcServer(node) as server:
        found = ethmon(tmp_path, "check", ETH_RPC_URLS=server.url, ETHMON_DB=str(tmp_path / "x.db"))
    assert found.returncode == 1
    assert "block 2: the header says 18000000 gas, the receipts 63000" in " ".join(found.stdout.split())
