"""Feeds with a past on a real node: aggregators whose rounds are set at will, behind proxies with phases.

`compiled.json` holds ABI and code of `aggregator.vy` and `proxy.vy`, our own stand-ins, made with Vyper 0.4.3:
`vyper -f abi,bytecode --evm-version cancun FILE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from monitor.localnet.anvil import Anvil
from monitor.localnet.artifacts import Contract, parse_artifact
from monitor.localnet.deployer import Deployer
from monitor.units import Address

_COMPILED = Path(__file__).parent / "compiled.json"
_AT_ONCE = 300

Rounds = Sequence[tuple[int, int]]
"""(answer, updated_at) from round 1 on; time 0: a hole."""


def deploy_proxy(anvil: Anvil, phases: Sequence[Rounds], at: Address | None = None) -> Contract:
    """A proxy with an aggregator a phase, at `at` where that is said. Needs automine."""
    parts = msgspec.json.decode(_COMPILED.read_bytes())
    deployer = Deployer(anvil.control, lambda name: parse_artifact(msgspec.json.encode(parts[name])))
    deployer.install_multicall3()
    proxy = deployer.deploy("proxy")
    if at is not None:
        code: str = anvil.control.call("eth_getCode", proxy.address, "latest")
        anvil.control.set_code(at, code)
        proxy = Contract(at, proxy.abi)
    for rounds in phases:
        deployer.send(proxy, "confirm", add_aggregator(deployer, rounds))
    return proxy


def add_aggregator(deployer: Deployer, rounds: Rounds) -> Contract:
    """An aggregator with these rounds."""
    aggregator = deployer.deploy("aggregator", "ANY / USD")
    for start in range(0, len(rounds), _AT_ONCE):
        part = rounds[start : start + _AT_ONCE]
        deployer.send(
            aggregator, "setRounds", start + 1, [answer for answer, _ in part], [time for _, time in part]
        )
    return aggregator
