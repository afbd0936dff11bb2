"""The life of the node process, and the control client against the real node."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.errors import LocalnetError
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.localnet.control import ControlError
from tests.support.localnet import StartAnvil

pytestmark = pytest.mark.localnet


def test_a_chain_has_the_id_time_and_gas_limit_of_its_spec(start_anvil: StartAnvil) -> None:
    anvil = start_anvil(ChainSpec(chain_id=4242, timestamp=1_700_000_000, gas_limit=12_000_000))
    genesis = anvil.control.block(0)
    assert int(anvil.call("eth_chainId"), 16) == 4242
    assert int(genesis["timestamp"], 16) == 1_700_000_000
    assert int(genesis["gasLimit"], 16) == 12_000_000


def test_the_same_calls_give_the_same_block_hashes(start_anvil: StartAnvil) -> None:
    def play() -> list[str]:
        control = start_anvil(ChainSpec()).control
        sender, receiver = control.accounts()[:2]
        control.call("eth_sendTransaction", {"from": sender, "to": receiver, "value": "0x1", "gas": "0x5208"})
        return [control.mine(), control.mine(3), control.reorg(2)]

    assert play() == play()


def test_blocks_are_twelve_seconds_apart(anvil: Anvil) -> None:
    anvil.control.mine(4)
    times = [int(anvil.control.block(n)["timestamp"], 16) for n in range(5)]
    assert {b - a for a, b in itertools.pairwise(times[1:])} == {12}


def test_a_reorg_replaces_exactly_its_depth(anvil: Anvil) -> None:
    control = anvil.control
    control.mine(6)
    before = [control.block_hash(n) for n in range(7)]
    head = control.reorg(3)
    after = [control.block_hash(n) for n in range(7)]
    assert after[:4] == before[:4]
    assert all(a != b for a, b in zip(after[4:], before[4:], strict=True))
    assert head == after[6]


def test_a_snapshot_brings_the_state_back(anvil: Anvil) -> None:
    control = anvil.control
    account = "0x" + "12" * 20
    name = control.snapshot()
    control.set_storage(account, 7, 99)
    assert control.storage(account, 7) == 99
    control.revert(name)
    assert control.storage(account, 7) == 0
    with pytest.raises(LocalnetError, match="does not know"):
        control.revert(name)


def test_an_error_answer_carries_method_and_code(anvil: Anvil) -> None:
    with pytest.raises(ControlError, match="eth_nonsense") as caught:
        anvil.call("eth_nonsense")
    assert (caught.value.method, caught.value.code) == ("eth_nonsense", -32601)


def test_a_bad_option_is_told_with_anvils_own_words() -> None:
    with pytest.raises(LocalnetError, match="hardfork"):
        Anvil.start(ChainSpec(hardfork="nonsense"))


def test_stop_ends_the_process_and_removes_its_files(start_anvil: StartAnvil) -> None:
    anvil = start_anvil(ChainSpec())
    folder = _folder_of(anvil.pid)
    assert folder.is_dir()
    anvil.stop()
    anvil.stop()
    assert not folder.exists()
    assert not _alive(anvil.pid)
    with pytest.raises(LocalnetError, match="the local chain"):
        anvil.call("eth_chainId")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_nothing_is_left_when_the_owner_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner:
        pid = int(owner.stdout.readline())
        folder = _folder_of(pid)
        assert _alive(pid)
        assert folder.is_dir()
        os.kill(owner.pid, signal.SIGKILL)
    assert _eventually(lambda: not _alive(pid))
    assert _eventually(lambda: not folder.exists())


_OWNER = """
from monitor.localnet.anvil import Anvil
import time
print(Anvil.start().pid, flush=True)
time.sleep(600)
"""


def _folder_of(pid: int) -> Path:
    options = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return Path(options[options.index("--cache-path") + 1]).parent


def _alive(pid: int) -> bool:
    """Running, and not just a zombie that its adopted parent has not reaped yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False
