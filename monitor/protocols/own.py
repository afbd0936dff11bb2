"""Deployments that ethmon does not know: forks, other chains, test networks. The user's own, as TOML tables.

    [[morpho_blue]]
    chain_id = 8453
    morpho = "0xbbbbbbbbbb9cc5e90e3b3af64bdaf62c37eeffcb"
    first_block = 13977148
    eth_tokens = ["0x4200000000000000000000000000000000000006"]

Unknown tables and keys are refused by name. Where a chain has one system of a protocol, the user's
replaces ours; where it has several (pools, markets, spokes), they stand beside ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from monitor.errors import ConfigError
from monitor.protocols.aave_v2 import Pool
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.protocols.aave_v4 import Spoke
from monitor.protocols.compound_deployments import CometDeployment
from monitor.protocols.crvusd import CrvUsdMarket
from monitor.protocols.liquity_deployments import LiquityV1Deployment, LiquityV2Branch
from monitor.protocols.morpho_deployments import MorphoDeployment
from monitor.protocols.sky_deployments import SkyDeployment
from monitor.units import Address, BlockNumber

_Hex = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]
_Id = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$")]
_Name = Annotated[str, msgspec.Meta(pattern="^[ -~]{1,40}$")]
_Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Own:
    """The user's deployments on one chain."""

    aave_v2: tuple[Pool, ...] = ()
    aave_v3: tuple[Deployment, ...] = ()
    aave_v4: tuple[Spoke, ...] = ()
    morpho_blue: tuple[MorphoDeployment, ...] = ()
    sky: tuple[SkyDeployment, ...] = ()
    compound_v3: tuple[CometDeployment, ...] = ()
    liquity_v1: tuple[LiquityV1Deployment, ...] = ()
    liquity_v2: tuple[LiquityV2Branch, ...] = ()
    crvusd: tuple[CrvUsdMarket, ...] = ()
    euler_v2: tuple[Address, ...] = ()
    eth_feeds: frozenset[Address] = frozenset()
    eth_tokens: frozenset[Address] = frozenset()


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    chain_id: _Count


class _AaveV3(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    market: _Name
    pool: _Hex
    weth: _Hex | None = None
    fork_of: str = "aave_v3"

    def made(self) -> Deployment:
        weth = None if self.weth is None else _lower(self.weth)
        return Deployment(self.fork_of, self.market, _lower(self.pool), weth)


class _AaveV2(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    market: _Name
    pool: _Hex

    def made(self) -> Pool:
        return Pool(self.market, _lower(self.pool))


class _AaveV4(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: _Name
    address: _Hex

    def made(self) -> Spoke:
        return Spoke(self.name, _lower(self.address))


class _Morpho(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    morpho: _Hex
    first_block: _Count
    eth_tokens: tuple[_Hex, ...]
    markets: tuple[_Id, ...] = ()
    pre_liquidation_factory: _Hex | None = None
    eth_feeds: tuple[_Hex, ...] = ()

    def made(self) -> MorphoDeployment:
        factory = self.pre_liquidation_factory
        return MorphoDeployment(
            chain_id=self.chain_id,
            morpho=_lower(self.morpho),
            first_block=BlockNumber(self.first_block),
            eth_tokens=frozenset(map(_lower, self.eth_tokens)),
            markets=tuple(bytes.fromhex(one[2:]) for one in self.markets),
            pre_liquidation_factory=None if factory is None else _lower(factory),
            eth_feeds=frozenset(map(_lower, self.eth_feeds)),
        )


class _Sky(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    vat: _Hex
    spot: _Hex
    jug: _Hex
    dog: _Hex
    cdp_manager: _Hex
    get_cdps: _Hex
    proxy_registry: _Hex
    ilk_registry: _Hex
    stablecoin: _Hex
    eth_osm: _Hex
    ratio_osms: dict[_Hex, _Hex] = {}
    ilks: tuple[_Name, ...] = ()

    def made(self) -> SkyDeployment:
        return SkyDeployment(
            vat=_lower(self.vat),
            spot=_lower(self.spot),
            jug=_lower(self.jug),
            dog=_lower(self.dog),
            cdp_manager=_lower(self.cdp_manager),
            get_cdps=_lower(self.get_cdps),
            proxy_registry=_lower(self.proxy_registry),
            ilk_registry=_lower(self.ilk_registry),
            stablecoin=_lower(self.stablecoin),
            eth_osm=_lower(self.eth_osm),
            ratio_osms={_lower(oracle): _lower(token) for oracle, token in self.ratio_osms.items()},
            ilks=self.ilks,
        )


class _Comet(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: _Name
    comet: _Hex

    def made(self) -> CometDeployment:
        return CometDeployment(self.name, _lower(self.comet))


class _LiquityV1(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    trove_manager: _Hex
    lusd: _Hex

    def made(self) -> LiquityV1Deployment:
        return LiquityV1Deployment(_lower(self.trove_manager), _lower(self.lusd))


class _LiquityV2(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: _Name
    registry: _Hex
    bold: _Hex

    def made(self) -> LiquityV2Branch:
        return LiquityV2Branch(self.name, _lower(self.registry), _lower(self.bold))


class _CrvUsd(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: _Name
    controller: _Hex
    stablecoin: _Hex
    ratio_token: _Hex | None = None

    def made(self) -> CrvUsdMarket:
        ratio = self.ratio_token
        return CrvUsdMarket(
            self.name,
            _lower(self.controller),
            _lower(self.stablecoin),
            None if ratio is None else _lower(ratio),
        )


class _Euler(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    evc: _Hex


class _Addresses(_Table, frozen=True, forbid_unknown_fields=True, kw_only=True):
    addresses: tuple[_Hex, ...]


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    aave_v2: tuple[_AaveV2, ...] = ()
    aave_v3: tuple[_AaveV3, ...] = ()
    aave_v4: tuple[_AaveV4, ...] = ()
    morpho_blue: tuple[_Morpho, ...] = ()
    sky: tuple[_Sky, ...] = ()
    compound_v3: tuple[_Comet, ...] = ()
    liquity_v1: tuple[_LiquityV1, ...] = ()
    liquity_v2: tuple[_LiquityV2, ...] = ()
    crvusd: tuple[_CrvUsd, ...] = ()
    euler_v2: tuple[_Euler, ...] = ()
    eth_feeds: tuple[_Addresses, ...] = ()
    eth_tokens: tuple[_Addresses, ...] = ()


def parse_own(document: Any, chain_id: int) -> Own:
    """The deployments of a TOML document on a chain. Raises ConfigError naming table and key."""
    try:
        found = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise ConfigError("ETHMON_DEPLOYMENTS", f"is not understood: {error}.", "Correct the file.") from None
    return Own(
        aave_v2=tuple(one.made() for one in found.aave_v2 if one.chain_id == chain_id),
        aave_v3=tuple(one.made() for one in found.aave_v3 if one.chain_id == chain_id),
        aave_v4=tuple(one.made() for one in found.aave_v4 if one.chain_id == chain_id),
        morpho_blue=tuple(one.made() for one in found.morpho_blue if one.chain_id == chain_id),
        sky=tuple(one.made() for one in found.sky if one.chain_id == chain_id),
        compound_v3=tuple(one.made() for one in found.compound_v3 if one.chain_id == chain_id),
        liquity_v1=tuple(one.made() for one in found.liquity_v1 if one.chain_id == chain_id),
        liquity_v2=tuple(one.made() for one in found.liquity_v2 if one.chain_id == chain_id),
        crvusd=tuple(one.made() for one in found.crvusd if one.chain_id == chain_id),
        euler_v2=tuple(_lower(one.evc) for one in found.euler_v2 if one.chain_id == chain_id),
        eth_feeds=_joined(found.eth_feeds, chain_id),
        eth_tokens=_joined(found.eth_tokens, chain_id),
    )


def _joined(tables: tuple[_Addresses, ...], chain_id: int) -> frozenset[Address]:
    return frozenset(_lower(one) for table in tables if table.chain_id == chain_id for one in table.addresses)


def _lower(text: str) -> Address:
    return Address(text.lower())
