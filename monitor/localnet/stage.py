"""The local chain of the demo before its first block is mined: contracts stand, actors are funded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from monitor.localnet.aave_v3 import Market, deploy_aave_v30
from monitor.localnet.actors import Cast, fund
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.localnet.blobs import BlobFees, BlobSender
from monitor.localnet.packages import install
from monitor.units import WEI_PER_ETH, WEI_PER_GWEI, Address, UnixTime, Wei

CHAIN_ID = 1337
BURNER = Address("0x" + "b0" * 20)
# JUMPDEST; GAS; PUSH2 1000; LT; PUSH1 0; JUMPI; STOP: uses up the gas that it is given.
_BURNER_CODE = "0x5b5a6103e81060005700"
_FIRST_BASE_FEE_WEI = 20 * WEI_PER_GWEI
_BUILD_AHEAD_S = 3_600
"""The contracts are deployed on a chain that is an hour older, then put into block 0 of the real one."""
BLOB_FEES = BlobFees(Wei(10**12), Wei(2 * 10**9), Wei(10**12))


@dataclass(frozen=True, slots=True)
class Stage:
    """A chain at block 0 with a lending market, and the means to fill its blocks."""

    anvil: Anvil
    market: Market
    cast: Cast
    blobs: BlobSender

    @classmethod
    def build(cls, genesis: UnixTime, *, say: Callable[[str], None] | None = None) -> Self:
        """Deploy on a scratch chain, then start the real one from its state: half a second."""
        modules = install(say=say) if say else install()
        with Anvil.start(
            ChainSpec(CHAIN_ID, timestamp=UnixTime(genesis - _BUILD_AHEAD_S), automine=True)
        ) as scratch:
            market = deploy_aave_v30(scratch.control, modules)
            cast = fund(market)
            state = scratch.control.state()
        blobs = BlobSender(CHAIN_ID)
        state[blobs.address] = _funded()
        state[BURNER] = {**_funded(), "code": _BURNER_CODE}
        spec = ChainSpec(CHAIN_ID, timestamp=genesis, base_fee_wei=_FIRST_BASE_FEE_WEI, alloc=state)
        anvil = Anvil.start(spec)
        market = replace(market, deployer=market.deployer.on(anvil.control))
        return cls(anvil, market, cast, blobs)

    def warm_up(self) -> None:
        """Let Anvil load its trusted setup (3 s) now rather than at the first blob."""
        name = self.anvil.call("eth_sendRawTransaction", self.blobs.sign(0, 1, BLOB_FEES))
        self.anvil.call("anvil_dropTransaction", name)

    def ether(self) -> Wei:
        """The ETH of all accounts together. Nothing issues ETH here, so it falls by exactly what is burned."""
        return Wei(sum(int(account["balance"], 16) for account in self.anvil.control.state().values()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.anvil.stop()


def _funded() -> dict[str, Any]:
    return {"balance": hex(1_000_000 * WEI_PER_ETH)}
