"""Aave v2 on a local chain: the protocol's own bytecode from npm, a market that counts in ETH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from monitor.localnet.anvil import Anvil
from monitor.localnet.artifacts import Contract, folder_of_artifacts, own_artifact
from monitor.localnet.deployer import ZERO_ADDRESS, Deployer
from monitor.localnet.packages import install
from monitor.units import BPS, MAX_UINT256, RAY, TICKS_PER_USD, WAD

ARTIFACTS = Path("@aave", "protocol-v2", "artifacts", "contracts")
STABLE, VARIABLE = 1, 2
ETH_USD = 2400 * TICKS_PER_USD


class Terms(NamedTuple):
    """An asset of the market. `price`: wei of ETH per token; thresholds in bps."""

    decimals: int
    price: int
    ltv: int
    threshold: int
    bonus: int


ASSETS: dict[str, Terms] = {
    "WETH": Terms(18, WAD, 8250, 8600, 10500),
    "stETH": Terms(18, 998 * WAD // 1000, 7200, 8300, 10750),
    "USDT": Terms(6, WAD // 2400 + 7, 7500, 8000, 10500),
    "WBTC": Terms(8, 29 * WAD, 7200, 8200, 10650),
    "DUST": Terms(18, WAD // 10_000, 0, 0, 0),
}
"""The last is listed and counts for nothing."""


@dataclass(frozen=True)
class AaveV2Net:
    """A pool, and what people do in it."""

    anvil: Anvil
    deployer: Deployer
    pool: Contract
    tokens: Mapping[str, Contract]
    sources: Mapping[str, Contract]
    eth_usd: Contract

    def deposit(self, token: str, account: str, amount: int) -> None:
        contract = self.tokens[token]
        self.deployer.send(contract, "mint", amount, sender=account)
        self.deployer.send(contract, "approve", self.pool, MAX_UINT256, sender=account)
        self.act("deposit", contract, amount, account, 0, sender=account)

    def borrow(self, token: str, account: str, amount: int, mode: int = VARIABLE) -> None:
        self.act("borrow", self.tokens[token], amount, mode, 0, account, sender=account)

    def act(self, function: str, *args: Any, sender: str) -> dict[str, Any]:
        return self.deployer.send(self.pool, function, *args, sender=sender)


def deploy_aave_v2(anvil: Anvil) -> AaveV2Net:
    """On a chain that automines; the owner has supplied plenty of everything."""
    deployer = Deployer(anvil.control, folder_of_artifacts(install(Path(__file__).parent) / ARTIFACTS))
    deployer.install_multicall3()
    provider = deployer.deploy("LendingPoolAddressesProvider", "ethmon local Aave v2")
    for role in ("setPoolAdmin", "setEmergencyAdmin"):
        deployer.send(provider, role, deployer.owner)
    tokens = {
        name: deployer.deploy("WETH9Mocked")
        if name == "WETH"
        else deployer.deploy("MintableERC20", name, name, terms.decimals)
        for name, terms in ASSETS.items()
    }
    sources = {
        name: deployer.deploy_artifact(own_artifact("Feed"), 18, f"{name} / ETH", terms.price)
        for name, terms in ASSETS.items()
        if name != "WETH"
    }
    oracle = deployer.deploy(
        "AaveOracle", [tokens[name] for name in sources], list(sources.values()), ZERO_ADDRESS, tokens["WETH"]
    )
    deployer.send(provider, "setPriceOracle", oracle)
    deployer.send(provider, "setLendingRateOracle", deployer.deploy("LendingRateOracle"))
    deployer.send(provider, "setLendingPoolImpl", deployer.deploy("LendingPool"))
    pool = deployer.at("LendingPool", deployer.read(provider, "getLendingPool"))
    deployer.send(provider, "setLendingPoolConfiguratorImpl", deployer.deploy("LendingPoolConfigurator"))
    configurator = deployer.at(
        "LendingPoolConfigurator", deployer.read(provider, "getLendingPoolConfigurator")
    )
    eth_usd = deployer.deploy_artifact(own_artifact("Feed"), 8, "ETH / USD", ETH_USD)
    net = AaveV2Net(anvil, deployer, pool, tokens, sources, eth_usd)
    for name, terms in ASSETS.items():
        _list(net, provider, configurator, name, terms)
        net.deposit(name, deployer.owner, 10**8 * 10**terms.decimals)
    return net


def _list(net: AaveV2Net, provider: Contract, configurator: Contract, name: str, terms: Terms) -> None:
    deployer, pool, token = net.deployer, net.pool, net.tokens[name]
    rates = [one * RAY // BPS for one in (8000, 0, 400, 7500, 300, 7500)]
    strategy = deployer.deploy("DefaultReserveInterestRateStrategy", provider, *rates)
    share = deployer.deploy("AToken", pool, token, deployer.owner, f"a{name}", f"a{name}", ZERO_ADDRESS)
    debts = [
        deployer.deploy(kind, pool, token, f"{kind} {name}", name, ZERO_ADDRESS)
        for kind in ("StableDebtToken", "VariableDebtToken")
    ]
    deployer.send(configurator, "initReserve", share, *debts, terms.decimals, strategy)
    if terms.threshold:
        risk = (terms.ltv, terms.threshold, terms.bonus)
        deployer.send(configurator, "configureReserveAsCollateral", token, *risk)
    deployer.send(configurator, "enableBorrowingOnReserve", token, True)
