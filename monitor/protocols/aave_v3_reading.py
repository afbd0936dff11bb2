"""What the health of many accounts of one Aave pool depends on, in three rounds of calls, and the oracle in two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts_abi import aave_v3 as abi
from contracts_abi import erc20
from contracts_abi.aave_v3 import ReserveData
from contracts_abi.call import Call
from monitor.errors import CannotSee
from monitor.lending.aave import Account, AccountData, Row
from monitor.protocols.asking import Presence, decoded, decoded_or_none
from monitor.protocols.base import Answer, Ask, Reading, Refusal, View
from monitor.units import Address, UnixTime, Wad

NOBODY: Final = Address("0x" + 40 * "0")
_BASE_UNIT: Final = 10**8
_PER_ACCOUNT: Final = (abi.USER_CONFIGURATION, abi.USER_EMODE, abi.USER_ACCOUNT_DATA)
_PER_ASSET: Final = (abi.ASSET_PRICE, abi.SOURCE_OF_ASSET)
_PER_RESERVE: Final = (abi.NORMALIZED_INCOME, abi.NORMALIZED_DEBT, abi.GRACE_PERIOD)


@dataclass(frozen=True, slots=True)
class Listed:
    """A reserve as the pool stores it."""

    asset: Address
    data: ReserveData

    def bits(self, start: int, count: int) -> int:
        """A field of the packed configuration."""
        return self.data.configuration >> start & ((1 << count) - 1)


@dataclass(frozen=True, slots=True)
class RawEMode:
    """An e-mode category as the pool stores it, of either generation."""

    ltv: int
    lt: int
    bonus: int
    collateral_bitmap: int = 0
    ltvzero_bitmap: int = 0
    isolated: bool = False
    price_source: Address | None = None


@dataclass(frozen=True, slots=True)
class User:
    """An account that uses the pool. `data`: the contract's own answer, None where it reverts."""

    flags: int
    emode: int
    data: AccountData | None

    def uses(self, reserve: int) -> bool:
        """Whether the account borrows the reserve or has it as collateral."""
        return bool(self.flags >> 2 * reserve & 3)

    def borrows(self, reserve: int) -> bool:
        """The borrowing flag."""
        return bool(self.flags >> 2 * reserve & 1)

    def collateral(self, reserve: int) -> bool:
        """The collateral flag."""
        return bool(self.flags >> 2 * reserve & 2)


@dataclass(frozen=True, slots=True)
class PoolState:
    """One pool at one block, as far as the accounts that use it need it."""

    bitmaps: bool
    """Whether categories hold bitmaps (v3.2 and later)."""
    oracle: Address
    reserves: Mapping[int, Listed]
    emodes: Mapping[int, RawEMode | CannotSee]
    users: Mapping[Address, User]

    def priced(self) -> list[Address]:
        """Every asset whose oracle price counts."""
        known = [emode for emode in self.emodes.values() if isinstance(emode, RawEMode)]
        replaced = [emode.price_source for emode in known if emode.price_source]
        return list(dict.fromkeys([*(reserve.asset for reserve in self.reserves.values()), *replaced]))


@dataclass(frozen=True, slots=True)
class Holdings:
    """Prices, indexes and balances. None: the call failed."""

    prices: Mapping[Address, int | None]
    sources: Mapping[Address, Address]
    indexes: Mapping[int, tuple[int, int] | None]
    grace: Mapping[int, UnixTime]
    """Until when a reserve's grace period lasts, where it has one."""
    accounts: Mapping[Address, Account | CannotSee]
    weth_source: Address | None


def read_pool(pool: Address, accounts: Sequence[Address], presence: Presence) -> Reading[PoolState | None]:
    """Rounds one and two; None where no account uses the pool. Raises `CannotSee` where it does not answer.

    None also where the pool is not there yet.
    """
    bitmap = View(pool, abi.COLLATERAL_BITMAP.encode(1))
    asks: list[Ask] = [
        View(pool, abi.ADDRESSES_PROVIDER.encode()),
        View(pool, abi.RESERVES_LIST.encode()),
        bitmap,
    ]
    asks += [View(pool, call.encode(account)) for account in accounts for call in _PER_ACCOUNT]
    answers = yield asks
    if presence.is_absent(pool, answers):
        return None
    users = _users(accounts, answers[3:])
    if not users:
        return None
    provider = Address(decoded(abi.ADDRESSES_PROVIDER, answers[0], "pool"))
    assets = [Address(asset) for asset in decoded(abi.RESERVES_LIST, answers[1], "pool")]
    bitmaps = not isinstance(answers[2], Refusal)
    categories = sorted({user.emode for user in users.values()} - {0})
    calls = _emode_calls(bitmaps=bitmaps)
    asks = [View(provider, abi.PRICE_ORACLE.encode())]
    asks += [View(pool, abi.RESERVE_DATA.encode(asset)) for asset in assets]
    asks += [View(pool, call.encode(category)) for category in categories for call in calls]
    answers = yield asks
    oracle = Address(decoded(abi.PRICE_ORACLE, answers[0], "addresses provider"))
    reserves = _reserves(assets, answers[1 : 1 + len(assets)], users.values())
    rest, size = answers[1 + len(assets) :], len(calls)
    emodes = {
        id_: _emode(rest[i * size : i * size + size], bitmaps=bitmaps) for i, id_ in enumerate(categories)
    }
    return PoolState(bitmaps, oracle, reserves, emodes, users)


def _users(accounts: Sequence[Address], answers: Sequence[Answer]) -> dict[Address, User]:
    users: dict[Address, User] = {}
    for index, account in enumerate(accounts):
        flags, emode, data = answers[3 * index : 3 * index + 3]
        bits = decoded(abi.USER_CONFIGURATION, flags, "pool")
        if bits:
            told = decoded_or_none(abi.USER_ACCOUNT_DATA, data)
            own = None if told is None else AccountData(*told[:5], Wad(told.health_factor))
            users[account] = User(bits, decoded(abi.USER_EMODE, emode, "pool"), own)
    return users


def _reserves(
    assets: Sequence[Address], answers: Sequence[Answer], users: Iterable[User]
) -> dict[int, Listed]:
    used = list(users)
    data = [decoded(abi.RESERVE_DATA, answer, "reserve") for answer in answers]
    pairs = zip(assets, data, strict=True)
    return {one.id: Listed(asset, one) for asset, one in pairs if any(user.uses(one.id) for user in used)}


def _emode_calls(*, bitmaps: bool) -> tuple[Call[Any], ...]:
    if bitmaps:
        return (abi.COLLATERAL_CONFIG, abi.COLLATERAL_BITMAP, abi.LTVZERO_BITMAP, abi.IS_ISOLATED)
    return (abi.CATEGORY_DATA,)


def _emode(answers: Sequence[Answer], *, bitmaps: bool) -> RawEMode | CannotSee:
    try:
        return _bitmap_emode(answers) if bitmaps else _category_emode(answers)
    except CannotSee as error:
        return error


def _bitmap_emode(answers: Sequence[Answer]) -> RawEMode:
    config = decoded(abi.COLLATERAL_CONFIG, answers[0], "e-mode category")
    bitmap = decoded(abi.COLLATERAL_BITMAP, answers[1], "e-mode category")
    ltvzero = decoded_or_none(abi.LTVZERO_BITMAP, answers[2]) or 0
    isolated = decoded_or_none(abi.IS_ISOLATED, answers[3]) or False
    return RawEMode(*config, bitmap, ltvzero, isolated)


def _category_emode(answers: Sequence[Answer]) -> RawEMode:
    data = decoded(abi.CATEGORY_DATA, answers[0], "e-mode category")
    source = None if data.price_source == NOBODY else Address(data.price_source)
    return RawEMode(data.ltv, data.lt, data.bonus, price_source=source)


def read_holdings(pool: Address, state: PoolState, weth: Address | None) -> Reading[Holdings]:
    """Round three. Raises `CannotSee` where the oracle does not price in USD."""
    oracle, assets, balances = state.oracle, state.priced(), _balances(state)
    asks: list[Ask] = [View(oracle, abi.BASE_CURRENCY_UNIT.encode())]
    asks.append(View(oracle, abi.SOURCE_OF_ASSET.encode(weth or NOBODY)))
    asks += [View(oracle, call.encode(asset)) for asset in assets for call in _PER_ASSET]
    asks += [View(pool, call.encode(one.asset)) for one in state.reserves.values() for call in _PER_RESERVE]
    answers = yield [*asks, *(View(token, call) for _, token, call in balances)]
    if decoded(abi.BASE_CURRENCY_UNIT, answers[0], "price oracle") != _BASE_UNIT:
        raise CannotSee("the pool's oracle does not price in USD with 8 decimals")
    indexes = answers[2 + 2 * len(assets) : len(asks)]
    told = answers[len(asks) :]
    amounts = {(who, token): _amount(answer) for (who, token, _), answer in zip(balances, told, strict=True)}
    return Holdings(
        {asset: decoded_or_none(abi.ASSET_PRICE, answers[2 + 2 * i]) for i, asset in enumerate(assets)},
        {asset: _source(answers[3 + 2 * i]) or NOBODY for i, asset in enumerate(assets)},
        {id_: _index_pair(indexes[3 * i : 3 * i + 2]) for i, id_ in enumerate(state.reserves)},
        {id_: until for i, id_ in enumerate(state.reserves) if (until := _grace(indexes[3 * i + 2]))},
        {account: _account(account, user, state, amounts) for account, user in state.users.items()},
        _source(answers[1]) if weth else None,
    )


def _amount(answer: Answer) -> int | None:
    return decoded_or_none(abi.SCALED_BALANCE, answer)


def _source(answer: Answer) -> Address | None:
    told = decoded_or_none(abi.SOURCE_OF_ASSET, answer)
    return None if told is None or told == NOBODY else Address(told)


def _index_pair(answers: Sequence[Answer]) -> tuple[int, int] | None:
    income = decoded_or_none(abi.NORMALIZED_INCOME, answers[0])
    debt = decoded_or_none(abi.NORMALIZED_DEBT, answers[1])
    return None if income is None or debt is None else (income, debt)


def _grace(answer: Answer) -> UnixTime:
    return UnixTime(decoded_or_none(abi.GRACE_PERIOD, answer) or 0)


def _balances(state: PoolState) -> list[tuple[Address, Address, bytes]]:
    """Account, token and call of every balance that counts."""
    wanted: list[tuple[Address, Address, bytes]] = []
    for account, user in state.users.items():
        scaled, plain = abi.SCALED_BALANCE.encode(account), erc20.BALANCE_OF.encode(account)
        for id_, reserve in state.reserves.items():
            data = reserve.data
            if user.collateral(id_):
                wanted.append((account, Address(data.atoken), scaled))
            if user.borrows(id_):
                wanted.append((account, Address(data.variable_debt_token), scaled))
                if data.stable_debt_token != NOBODY:
                    wanted.append((account, Address(data.stable_debt_token), plain))
    return wanted


Amounts = Mapping[tuple[Address, Address], int | None]


def _account(account: Address, user: User, state: PoolState, amounts: Amounts) -> Account | CannotSee:
    emode = state.emodes.get(user.emode)
    if isinstance(emode, CannotSee):
        return emode
    try:
        rows = {
            id_: _row(account, user, one, amounts) for id_, one in state.reserves.items() if user.uses(id_)
        }
    except CannotSee as error:
        return error
    return Account(user.emode, rows)


def _row(account: Address, user: User, reserve: Listed, amounts: Amounts) -> Row:
    def amount(token: str) -> int:
        value = amounts.get((account, Address(token)), 0)
        if value is None:
            raise CannotSee(f"token {token} of the pool does not tell the account's balance")
        return value

    data = reserve.data
    flags = user.collateral(data.id), user.borrows(data.id)
    return Row(amount(data.atoken), amount(data.variable_debt_token), *flags, amount(data.stable_debt_token))
