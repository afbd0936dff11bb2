"""A real Aave v3 market on the local chain: the protocol's own bytecode, our feeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from monitor.localnet.artifacts import Contract, folder_of_artifacts, own_artifact
from monitor.localnet.control import Control
from monitor.localnet.deployer import ZERO_ADDRESS, Deployer
from monitor.units import MAX_UINT256, RAY, TICKS_PER_USD, WAD, Address, Tick, floor_div

ARTIFACTS = Path("@aave", "core-v3", "artifacts", "contracts")
VARIABLE_RATE = 2
ETH_FEED = "ETH"


class Reserve(NamedTuple):
    """An asset of the market. Ratios and rates in basis points."""

    decimals: int
    feed: str
    ltv: int
    threshold: int
    bonus: int
    optimal: int
    slope1: int
    slope2: int
    ratio_wad: int | None = None
    """Exchange ratio of a liquid staking token: its price is the feed's times this."""


class Category(NamedTuple):
    """An e-mode category, in basis points."""

    ltv: int
    threshold: int
    bonus: int
    label: str
    assets: tuple[str, ...]


# In the shape of Ethereum mainnet's parameters.
RESERVES: dict[str, Reserve] = {
    "WETH": Reserve(18, ETH_FEED, 8050, 8300, 10500, 9000, 270, 8000),
    "wstETH": Reserve(18, ETH_FEED, 7850, 8100, 10600, 8000, 50, 8500, ratio_wad=12 * WAD // 10),
    "USDT": Reserve(6, "USDT", 7500, 7800, 10450, 9200, 550, 4000),
    "USDC": Reserve(6, "USDC", 7500, 7800, 10450, 9200, 550, 4000),
    "WBTC": Reserve(8, "BTC", 7300, 7800, 10500, 8000, 400, 30000),
}
CATEGORIES: dict[int, Category] = {1: Category(9300, 9500, 10100, "ETH correlated", ("WETH", "wstETH"))}
FEEDS: dict[str, Tick] = {
    ETH_FEED: Tick(2400 * TICKS_PER_USD),
    "USDT": Tick(TICKS_PER_USD),
    "USDC": Tick(TICKS_PER_USD),
    "BTC": Tick(70_000 * TICKS_PER_USD),
}


class AccountData(NamedTuple):
    """`getUserAccountData`, in the contract's own units."""

    collateral_base: int
    debt_base: int
    available_base: int
    threshold_bps: int
    ltv_bps: int
    health_factor_wad: int


@dataclass(frozen=True, slots=True)
class Market:
    """A deployed market and what people do in it. All amounts in the token's smallest unit."""

    deployer: Deployer
    provider: Contract
    pool: Contract
    configurator: Contract
    oracle: Contract
    data_provider: Contract
    tokens: Mapping[str, Contract]
    feeds: Mapping[str, Contract]
    """Chainlink-like feeds by name: ETH, USDT, USDC, BTC."""
    adapters: Mapping[str, Contract]
    """Capped ratio adapters by token."""
    shares: Mapping[str, Contract] = field(default_factory=dict[str, Contract])
    """Where the adapters read the exchange ratio, by token."""

    def price(self, feed: str = ETH_FEED) -> Tick:
        """A feed's latest answer."""
        return Tick(self.deployer.read(self.feeds[feed], "latestAnswer"))

    def set_price(self, tick: Tick | int, feed: str = ETH_FEED) -> None:
        """Report a price (8 decimals) to a feed, in a block of its own."""
        self.deployer.send(self.feeds[feed], "report", tick)

    def set_ratio(self, ratio_wad: int, token: str = "wstETH") -> None:  # noqa: S107 - not a password
        """Set the exchange ratio of a liquid staking token."""
        self.deployer.send(self.shares[token], "setRate", ratio_wad)

    def mint(self, token: str, account: Address, amount: int) -> None:
        """Give an account tokens that the pool may take."""
        contract = self.tokens[token]
        self.deployer.send(contract, "mint", account, amount)
        self.deployer.send(contract, "approve", self.pool, MAX_UINT256, sender=account)

    def supply(self, token: str, account: Address, amount: int) -> None:
        """Mint and supply; the pool makes it collateral where it may."""
        self.mint(token, account, amount)
        self.act("supply", self.tokens[token], amount, account, 0, sender=account)

    def borrow(self, token: str, account: Address, amount: int) -> None:
        """Borrow at the variable rate."""
        self.act("borrow", self.tokens[token], amount, VARIABLE_RATE, 0, account, sender=account)

    def repay(self, token: str, account: Address, amount: int) -> None:
        """Mint and repay."""
        self.mint(token, account, amount)
        self.act("repay", self.tokens[token], amount, VARIABLE_RATE, account, sender=account)

    def set_emode(self, account: Address, category: int) -> None:
        """Choose an e-mode category, 0 for none."""
        self.act("setUserEMode", category, sender=account)

    def liquidate(self, collateral: str, debt: str, account: Address, liquidator: Address) -> dict[str, Any]:
        """Liquidate as much as the pool allows; the liquidator must hold the debt token. The receipt."""
        assets = (self.tokens[collateral], self.tokens[debt])
        return self.act("liquidationCall", *assets, account, MAX_UINT256, False, sender=liquidator)  # noqa: FBT003 - the contract's

    def act(self, function: str, *args: Any, sender: Address) -> dict[str, Any]:
        """Any other transaction to the pool; returns the receipt."""
        return self.deployer.send(self.pool, function, *args, sender=sender)

    def account(self, account: Address, **options: Any) -> AccountData:
        """The pool's own view of an account; `options` as for `Deployer.read`."""
        return AccountData(*self.deployer.read(self.pool, "getUserAccountData", account, **options))


class MarketBuilder:
    """Deploys Aave v3.0. A later generation overrides what changed in it."""

    pool_name = "Pool"
    configurator_name = "PoolConfigurator"
    token_names: Mapping[str, str] = {
        "aTokenImpl": "AToken",
        "stableDebtTokenImpl": "StableDebtToken",
        "variableDebtTokenImpl": "VariableDebtToken",
    }

    def __init__(
        self,
        deployer: Deployer,
        reserves: Mapping[str, Reserve] = RESERVES,
        categories: Mapping[int, Category] = CATEGORIES,
    ) -> None:
        self.deployer = deployer
        self.reserves = reserves
        self.categories = categories

    def build(self) -> Market:
        """Deploy and configure everything; about 70 transactions, 1 to 2 seconds."""
        deployer = self.deployer
        provider = deployer.deploy("PoolAddressesProvider", "ethmon local Aave v3", deployer.owner)
        self._appoint(provider)
        feeds = {
            name: deployer.deploy_artifact(own_artifact("Feed"), 8, f"{name} / USD", price)
            for name, price in FEEDS.items()
        }
        shares, adapters = self._ratio_adapters(feeds)
        tokens = {name: self._token(name, reserve) for name, reserve in self.reserves.items()}
        oracle = self._oracle(
            provider, tokens, {**{n: feeds[r.feed] for n, r in self.reserves.items()}, **adapters}
        )
        pool = self._proxied(provider, self.pool_name, "Pool")
        configurator = self._proxied(provider, self.configurator_name, "PoolConfigurator")
        data_provider = deployer.deploy("AaveProtocolDataProvider", provider)
        deployer.send(provider, "setPoolDataProvider", data_provider)
        market = Market(
            deployer, provider, pool, configurator, oracle, data_provider, tokens, feeds, adapters, shares
        )
        self._list_reserves(market)
        self._configure(market)
        return market

    def _appoint(self, provider: Contract) -> None:
        """The owner gets every role."""
        deployer = self.deployer
        deployer.send(provider, "setACLAdmin", deployer.owner)
        acl = deployer.deploy("ACLManager", provider)
        deployer.send(provider, "setACLManager", acl)
        for role in ("addPoolAdmin", "addEmergencyAdmin", "addAssetListingAdmin", "addRiskAdmin"):
            deployer.send(acl, role, deployer.owner)

    def _ratio_adapters(
        self, feeds: Mapping[str, Contract]
    ) -> tuple[dict[str, Contract], dict[str, Contract]]:
        shares: dict[str, Contract] = {}
        adapters: dict[str, Contract] = {}
        for name, reserve in self.reserves.items():
            if reserve.ratio_wad is not None:
                shares[name] = self.deployer.deploy_artifact(own_artifact("Shares"), reserve.ratio_wad)
                arguments = (feeds[reserve.feed], shares[name], f"Capped {name} / USD", 968)
                adapters[name] = self.deployer.deploy_artifact(own_artifact("RatioAdapter"), *arguments)
        return shares, adapters

    def _token(self, name: str, reserve: Reserve) -> Contract:
        if name == "WETH":
            return self.deployer.deploy("WETH9Mocked")
        return self.deployer.deploy("MintableERC20", name, name, reserve.decimals)

    def _oracle(
        self, provider: Contract, tokens: Mapping[str, Contract], sources: Mapping[str, Contract]
    ) -> Contract:
        pairs = ([tokens[n] for n in tokens], [sources[n] for n in tokens])
        oracle = self.deployer.deploy(
            "AaveOracle", provider, *pairs, ZERO_ADDRESS, ZERO_ADDRESS, TICKS_PER_USD
        )
        self.deployer.send(provider, "setPriceOracle", oracle)
        return oracle

    def _proxied(self, provider: Contract, name: str, role: str) -> Contract:
        """Deploy an implementation; the provider puts its own proxy before it."""
        arguments = self._constructor_arguments(name, provider)
        implementation = self.deployer.deploy(name, *arguments)
        self.deployer.send(provider, f"set{role}Impl", implementation)
        return self.deployer.at(name, self.deployer.read(provider, f"get{role}"))

    def _constructor_arguments(self, name: str, provider: Contract) -> tuple[Any, ...]:
        return (provider,) if name == self.pool_name else ()

    def _list_reserves(self, market: Market) -> None:
        implementations = {
            role: self.deployer.deploy(name, market.pool) for role, name in self.token_names.items()
        }
        rows = [self._row(market, name, implementations) for name in self.reserves]
        self.deployer.send(market.configurator, "initReserves", rows)

    def _row(self, market: Market, name: str, implementations: Mapping[str, Contract]) -> dict[str, Any]:
        """One reserve as `initReserves` wants it; a generation takes the fields that it knows."""
        return {
            **implementations,
            "underlyingAssetDecimals": self.reserves[name].decimals,
            "underlyingAsset": market.tokens[name],
            "treasury": self.deployer.owner,
            "incentivesController": ZERO_ADDRESS,
            "aTokenName": f"Aave {name}",
            "aTokenSymbol": f"a{name}",
            "variableDebtTokenName": f"Aave Variable Debt {name}",
            "variableDebtTokenSymbol": f"variableDebt{name}",
            "stableDebtTokenName": f"Aave Stable Debt {name}",
            "stableDebtTokenSymbol": f"stableDebt{name}",
            "params": b"",
            **self._rate_strategy(market.provider, self.reserves[name]),
        }

    def _rate_strategy(self, provider: Contract, reserve: Reserve) -> dict[str, Any]:
        rates = [_ray(bps) for bps in (reserve.optimal, 0, reserve.slope1, reserve.slope2, 0, 0, 0, 0, 2000)]
        strategy = self.deployer.deploy("DefaultReserveInterestRateStrategy", provider, *rates)
        return {"interestRateStrategyAddress": strategy}

    def _configure(self, market: Market) -> None:
        send, configurator = self.deployer.send, market.configurator
        for name, reserve in self.reserves.items():
            asset = market.tokens[name]
            risk = (reserve.ltv, reserve.threshold, reserve.bonus)
            send(configurator, "configureReserveAsCollateral", asset, *risk)
            send(configurator, "setReserveBorrowing", asset, True)  # noqa: FBT003 - the contract's
            send(configurator, "setReserveFactor", asset, 1500)
            send(configurator, "setLiquidationProtocolFee", asset, 1000)
        for number, category in self.categories.items():
            self._add_category(market, number, category)

    def _add_category(self, market: Market, number: int, category: Category) -> None:
        risk = (category.ltv, category.threshold, category.bonus)
        self.deployer.send(
            market.configurator, "setEModeCategory", number, *risk, ZERO_ADDRESS, category.label
        )
        for name in category.assets:
            self.deployer.send(market.configurator, "setAssetEModeCategory", market.tokens[name], number)


def deploy_aave_v30(control: Control, node_modules: Path) -> Market:
    """Aave v3.0 from npm, with Multicall3, on a chain that automines."""
    deployer = Deployer(control, folder_of_artifacts(node_modules / ARTIFACTS))
    deployer.install_multicall3()
    return MarketBuilder(deployer).build()


def _ray(bps: int) -> int:
    return floor_div(bps * RAY, 10_000)
