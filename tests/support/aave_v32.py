"""Aave v3.2 (liquid e-modes) from compiled contracts that a PyPI wheel carries; the wheel is not installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from monitor.localnet.aave_v3 import CATEGORIES, Category, Market, MarketBuilder, Reserve
from monitor.localnet.artifacts import Artifact, Contract, parse_artifact
from monitor.localnet.control import Control
from monitor.localnet.deployer import Deployer
from monitor.localnet.packages import cache_root, exclusive

_WHEEL = "web3-ethereum-defi==1.2"
_SHA256 = "906579bfdb25d9aaa906543ce55a9d62e21a545e196e0230cb467c8b4406869d"
_FOLDER = "eth_defi/abi/aave_v3"

V32_CATEGORIES: dict[int, Category] = {
    **CATEGORIES,
    2: Category(9000, 9300, 10100, "wstETH against dollars", ("wstETH", "USDC")),
    3: Category(7000, 7500, 11000, "worse than the base", ("WETH", "USDT")),
}
"""A reserve may be in several; the last one lowers the threshold."""


class V32Builder(MarketBuilder):
    """What changed from v3.0: names, rate data in the listing, bitmaps of categories."""

    pool_name = "PoolInstance"
    configurator_name = "PoolConfiguratorInstance"
    token_names: Mapping[str, str] = {
        "aTokenImpl": "ATokenInstance",
        "variableDebtTokenImpl": "VariableDebtTokenInstance",
    }

    def _rate_strategy(self, provider: Contract, reserve: Reserve) -> dict[str, Any]:
        rates = (reserve.optimal, 0, reserve.slope1, reserve.slope2)
        return {
            "interestRateStrategyAddress": self.deployer.deploy(
                "DefaultReserveInterestRateStrategyV2", provider
            ),
            "interestRateData": encode(["uint16", "uint32", "uint32", "uint32"], rates),
            "useVirtualBalance": True,
        }

    def _add_category(self, market: Market, number: int, category: Category) -> None:
        send, configurator = self.deployer.send, market.configurator
        risk = (category.ltv, category.threshold, category.bonus)
        send(configurator, "setEModeCategory", number, *risk, category.label)
        for name in category.assets:
            send(configurator, "setAssetCollateralInEMode", market.tokens[name], number, True)
            send(configurator, "setAssetBorrowableInEMode", market.tokens[name], number, True)


def deploy_aave_v32(control: Control) -> Market:
    """On a chain that automines."""
    with zipfile.ZipFile(_wheel()) as wheel:

        def find(name: str) -> Artifact:
            return parse_artifact(wheel.read(f"{_FOLDER}/{name}.json"))

        deployer = Deployer(control, find)
        deployer.install_multicall3()
        return V32Builder(deployer, categories=V32_CATEGORIES).build()


def _wheel() -> Path:
    """The wheel in the cache, downloaded on first use and checked against its hash."""
    target = cache_root() / f"aave-v32-{_SHA256[:16]}.whl"
    if not target.is_file():
        with exclusive(target):
            if not target.is_file():
                _download(target)
    return target


def _download(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{_WHEEL} --hash=sha256:{_SHA256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--require-hashes", "--dest", folder, "--requirement", str(wanted)]
        subprocess.run([*pip, *options], check=True, timeout=300, capture_output=True)
        (wheel,) = Path(folder).glob("*.whl")
        wheel.rename(target)
