"""Real Morpho Blue, compiled once from npm's sources into the cache."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from eth_abi.abi import encode
from eth_hash.auto import keccak

from monitor.localnet.aave_v3 import ARTIFACTS
from monitor.localnet.anvil import Anvil
from monitor.localnet.artifacts import Artifact, Contract, folder_of_artifacts, own_artifact, parse_artifact
from monitor.localnet.deployer import ZERO_ADDRESS, Deployer
from monitor.localnet.packages import cache_root, exclusive, install
from monitor.units import MAX_UINT256, TICKS_PER_USD, WAD, Address, Tick

_HERE = Path(__file__).parent
_DECIMALS = {"WETH": 18, "wstETH": 18, "USDC": 6}
_FEEDS = {
    "ETH": (8, "ETH / USD", 2400 * TICKS_PER_USD),
    "USDC": (8, "USDC / USD", TICKS_PER_USD),
    "wstETH": (18, "wstETH / ETH", 12 * WAD // 10),
}


def compiled() -> dict[str, Artifact]:
    """Artifacts by name: Morpho, EventsLib (its events' ABI), ERC20Mock, OracleMock, IrmMock."""
    script = _HERE / "compile.cjs"
    digest = hashlib.sha256(script.read_bytes() + (_HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    target = cache_root() / f"morpho-{digest}.json"
    if not target.is_file():
        with exclusive(target):
            if not target.is_file():
                part = target.with_suffix(".part")
                subprocess.run(["node", script, install(_HERE), part], check=True, timeout=300)
                part.rename(target)
    return {
        name: parse_artifact(raw)
        for name, raw in msgspec.json.decode(target.read_bytes(), type=dict[str, msgspec.Raw]).items()
    }


@dataclass(frozen=True)
class MorphoMarket:
    """One isolated market. `params` in the contract's order: loan, collateral, oracle, IRM, LLTV."""

    id: str
    params: tuple[Address, Address, Address, Address, int]
    loan: Contract
    collateral: Contract
    oracle: Contract


@dataclass(frozen=True)
class MorphoNet:
    """Morpho Blue with four markets (collateral_loan), each supplied with plenty, and no borrower yet.

    `weth_usdc`, `usdc_weth`: priced by ETH/USD and USDC/USD, LLTV 86 %.
    `wsteth_weth`: priced by a ratio feed alone (18 decimals, 1.2), LLTV 94.5 %.
    `opaque`: WETH for USDC, LLTV 77 %, an oracle that says `price()` and nothing about its feeds.
    """

    anvil: Anvil
    deployer: Deployer
    morpho: Contract
    irm: Contract
    feeds: dict[str, Contract]
    """ETH, USDC: USD with 8 decimals. wstETH: ETH with 18 decimals."""
    tokens: dict[str, Contract]
    """WETH, wstETH (18 decimals), USDC (6)."""
    weth_usdc: MorphoMarket
    usdc_weth: MorphoMarket
    wsteth_weth: MorphoMarket
    opaque: MorphoMarket
    lender: Address
    accounts: tuple[Address, ...]
    """Without a position."""
    events: Contract
    """Morpho's address with the ABI of its events."""

    def set_price(self, tick: Tick | int, feed: str = "ETH") -> None:
        self.deployer.send(self.feeds[feed], "report", tick)

    def fund(self, token: Contract, account: Address, amount: int) -> None:
        """Give an account tokens that Morpho may take."""
        self.deployer.send(token, "mint", account, amount)
        self.deployer.send(token, "approve", self.morpho, MAX_UINT256, sender=account)

    def open(self, market: MorphoMarket, account: Address, collateral: int, debt: int) -> None:
        """Supply collateral and borrow, from fresh tokens."""
        self.fund(market.collateral, account, collateral)
        self.act("supplyCollateral", market.params, collateral, account, b"", sender=account)
        if debt:
            self.act("borrow", market.params, debt, 0, account, account, sender=account)

    def act(self, function: str, *args: Any, sender: Address) -> dict[str, Any]:
        """Any transaction to Morpho; returns the receipt."""
        return self.deployer.send(self.morpho, function, *args, sender=sender)


class _Builder:
    def __init__(self, anvil: Anvil) -> None:
        self.anvil = anvil
        self.artifacts = compiled()
        self.deployer = Deployer(anvil.control, self.artifacts.__getitem__)
        self.deployer.install_multicall3()
        self.morpho = self.deployer.deploy("Morpho", self.deployer.owner)
        self.irm = self.deployer.deploy("IrmMock")
        self.deployer.send(self.morpho, "enableIrm", self.irm)
        self.lender = self.deployer.accounts[1]
        erc20 = folder_of_artifacts(install() / ARTIFACTS)("MintableERC20")
        self.tokens = {
            name: self.deployer.deploy_artifact(erc20, name, name, decimals)
            for name, decimals in _DECIMALS.items()
        }
        self.feeds = {
            name: self.deployer.deploy_artifact(own_artifact("Feed"), decimals, description, first)
            for name, (decimals, description, first) in _FEEDS.items()
        }

    def oracle(self, base: tuple[str, str | None], quote: tuple[str, str | None]) -> Contract:
        """Of (token, feed) on each side."""
        sides = [
            (self.feeds[feed] if feed else ZERO_ADDRESS, ZERO_ADDRESS, _DECIMALS[token])
            for token, feed in (base, quote)
        ]
        return self.deployer.deploy_artifact(own_artifact("MarketOracle"), *sides[0], *sides[1])

    def market(self, collateral: str, loan: str, oracle: Contract, lltv_permille: int) -> MorphoMarket:
        lltv = lltv_permille * WAD // 1000
        tokens = self.tokens
        params = (tokens[loan].address, tokens[collateral].address, oracle.address, self.irm.address, lltv)
        send = self.deployer.send
        if not self.deployer.read(self.morpho, "isLltvEnabled", lltv):
            send(self.morpho, "enableLltv", lltv)
        send(self.morpho, "createMarket", params)
        amount = 10**9 * 10 ** _DECIMALS[loan]
        send(tokens[loan], "mint", self.lender, amount)
        send(tokens[loan], "approve", self.morpho, MAX_UINT256, sender=self.lender)
        send(self.morpho, "supply", params, amount, 0, self.lender, b"", sender=self.lender)
        name = keccak(encode(["address", "address", "address", "address", "uint256"], params))
        return MorphoMarket("0x" + name.hex(), params, tokens[loan], tokens[collateral], oracle)

    def build(self) -> MorphoNet:
        weth, usdc = ("WETH", "ETH"), ("USDC", "USDC")
        opaque = self.deployer.deploy("OracleMock")
        self.deployer.send(opaque, "setPrice", 2400 * 10 ** (36 + 6 - 18))
        return MorphoNet(
            anvil=self.anvil,
            deployer=self.deployer,
            morpho=self.morpho,
            irm=self.irm,
            feeds=self.feeds,
            tokens=self.tokens,
            weth_usdc=self.market("WETH", "USDC", self.oracle(weth, usdc), 860),
            usdc_weth=self.market("USDC", "WETH", self.oracle(usdc, weth), 860),
            wsteth_weth=self.market("wstETH", "WETH", self.oracle(("wstETH", "wstETH"), ("WETH", None)), 945),
            opaque=self.market("WETH", "USDC", opaque, 770),
            lender=self.lender,
            accounts=tuple(self.deployer.accounts[2:]),
            events=Contract(self.morpho.address, self.artifacts["EventsLib"].abi),
        )


def deploy_morpho(anvil: Anvil) -> MorphoNet:
    """On a chain that automines."""
    return _Builder(anvil).build()
