"""What an Aave v2 pool keeps of its assets and accounts: prices in ETH, balances, flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts_abi import aave_v2 as abi
from contracts_abi import aave_v3 as common
from contracts_abi import erc20
from monitor.errors import CannotSee
from monitor.protocols.asking import NOWHERE, decoded, sound
from monitor.protocols.base import Reading, View
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import Address, floor_div


class Asset(NamedTuple):
    """A reserve that some account uses. `price`: wei of ETH per token."""

    address: Address
    data: abi.ReserveData
    price: int
    source: Address
    token: Token

    @property
    def threshold(self) -> int:
        """Liquidation threshold, bps."""
        return self.data.configuration >> 16 & 0xFFFF

    @property
    def unit(self) -> int:
        """One whole token."""
        return 10 ** (self.data.configuration >> 48 & 0xFF)


class Stake(NamedTuple):
    """What an account has of an asset and owes of it; collateral only where it counts."""

    asset: Asset
    collateral: int
    debt: int


def read_assets(pool: Address, flags: Sequence[int], tokens: TokenBook) -> Reading[dict[int, Asset]]:
    """The reserves that accounts with these flags use, by id, in three rounds. Raises `CannotSee`."""
    answers = yield [
        View(pool, abi.ADDRESSES_PROVIDER.encode()),
        View(pool, common.RESERVES_LIST.encode()),
    ]
    provider = Address(decoded(abi.ADDRESSES_PROVIDER, answers[0], "pool"))
    listed = [Address(one) for one in decoded(common.RESERVES_LIST, answers[1], "pool")]
    used = {id_: asset for id_, asset in enumerate(listed) if any(one >> 2 * id_ & 3 for one in flags)}
    answers = yield [
        View(provider, common.PRICE_ORACLE.encode()),
        *(View(pool, abi.RESERVE_DATA.encode(asset)) for asset in used.values()),
    ]
    oracle = Address(decoded(common.PRICE_ORACLE, answers[0], "addresses provider"))
    data = [decoded(abi.RESERVE_DATA, answer, "reserve") for answer in answers[1:]]
    answers = yield [
        View(oracle, call.encode(asset))
        for asset in used.values()
        for call in (common.ASSET_PRICE, common.SOURCE_OF_ASSET)
    ]
    known = yield from tokens.read(list(used.values()))
    return {
        id_: Asset(
            asset,
            data[place],
            decoded(common.ASSET_PRICE, answers[2 * place], f"price of {asset}"),
            Address(decoded(common.SOURCE_OF_ASSET, answers[2 * place + 1], f"price source of {asset}")),
            sound(known[asset]),
        )
        for place, (id_, asset) in enumerate(used.items())
    }


def read_stakes(account: Address, flags: int, assets: Mapping[int, Asset]) -> Reading[list[Stake]]:
    """What the account has and owes, dearest debt and collateral first. Raises `CannotSee`."""
    mine = [(id_, asset) for id_, asset in assets.items() if flags >> 2 * id_ & 3]
    tokens = [
        (asset.data.atoken, asset.data.stable_debt_token, asset.data.variable_debt_token) for _, asset in mine
    ]
    call = erc20.BALANCE_OF.encode(account)
    answers = yield [View(Address(token), call) for three in tokens for token in three if token != NOWHERE]
    told = iter(answers)
    found: list[Stake] = []
    for (id_, asset), three in zip(mine, tokens, strict=True):
        balances = [
            0 if token == NOWHERE else decoded(erc20.BALANCE_OF, next(told), f"balance of {token}")
            for token in three
        ]
        counts = flags >> 2 * id_ & 2 and asset.threshold
        owes = flags >> 2 * id_ & 1
        found.append(Stake(asset, balances[0] if counts else 0, balances[1] + balances[2] if owes else 0))
    return sorted(found, key=lambda one: -one.asset.price * max(one.collateral, one.debt) // one.asset.unit)


def reproduce(stakes: Iterable[Stake], data: common.UserAccountData) -> None:
    """Self-calibration: the parts must give the pool's own sums, to the wei. Raises `CannotSee`."""
    collateral = debt = 0
    for asset, amount, owed in stakes:
        collateral += floor_div(asset.price * amount, asset.unit)
        debt += floor_div(asset.price * owed, asset.unit)
    if (collateral, debt) != (data.collateral, data.debt):
        raise CannotSee("the account's balances do not give the pool's own account data")
