"""Many random accounts on a local Aave market, opened through the pool's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from monitor.localnet.aave_v3 import RESERVES, VARIABLE_RATE, Market
from monitor.units import WAD, Address

GAS = hex(2_000_000)
PER_BLOCK = 60
DEEP_POCKET = 10**15
USD_PRICE = {"WETH": 2400, "wstETH": 2880, "USDT": 1, "USDC": 1, "WBTC": 70_000}
TOKENS = tuple(USD_PRICE)


@dataclass(frozen=True)
class Spec:
    """What an account shall do. Supplies in cents, borrows in thousandths of what it may still borrow."""

    supplies: dict[str, int]
    emode: int
    borrows: tuple[tuple[str, int], ...]


def specs(emodes: Sequence[int]) -> st.SearchStrategy[Spec]:
    cents = st.integers(0, 12).flatmap(lambda power: st.integers(10**power, 10 ** (power + 1)))
    supplies = st.dictionaries(st.sampled_from(TOKENS), cents, min_size=1, max_size=4)
    borrows = st.lists(st.tuples(st.sampled_from(TOKENS), st.integers(1, 999)), min_size=1, max_size=2)
    return st.builds(Spec, supplies, st.sampled_from([0, *emodes]), borrows.map(tuple))


def open_crowd(market: Market, crowd: Sequence[Spec]) -> list[Address]:
    """The accounts, in order. An action that the pool refuses is left out, as it would be on mainnet."""
    control, owner = market.deployer.control, market.deployer.owner
    for token in TOKENS:
        market.mint(token, owner, DEEP_POCKET * 10 ** RESERVES[token].decimals)
        reserve = amount_of(token, 10**11)
        market.act("supply", market.tokens[token], reserve, owner, 0, sender=owner)
    control.call("anvil_autoImpersonateAccount", True)
    accounts = [Address(f"0x{0xC0DE << 64 | index + 1:040x}") for index in range(len(crowd))]
    for account in accounts:
        control.set_balance(account, 1000 * WAD)
    _send(
        market,
        [
            _supply(market, owner, who, *entry)
            for who, s in zip(accounts, crowd, strict=True)
            for entry in s.supplies.items()
        ],
    )
    _send(market, [_emode(market, who, s.emode) for who, s in zip(accounts, crowd, strict=True) if s.emode])
    for turn in range(2):
        _send(
            market,
            [
                _borrow(market, who, *s.borrows[turn])
                for who, s in zip(accounts, crowd, strict=True)
                if s.borrows[turn:]
            ],
        )
    return accounts


def amount_of(token: str, cents: int) -> int:
    """Units of a token for an amount in cents at the first prices."""
    return max(1, cents * 10 ** RESERVES[token].decimals // (100 * USD_PRICE[token]))


def _supply(market: Market, owner: Address, account: Address, token: str, cents: int) -> dict[str, Any]:
    return _request(
        market, owner, "supply", market.tokens[token].address, amount_of(token, cents), account, 0
    )


def _emode(market: Market, account: Address, category: int) -> dict[str, Any]:
    return _request(market, account, "setUserEMode", category)


def _borrow(market: Market, account: Address, token: str, thousandths: int) -> dict[str, Any]:
    available = market.account(account).available_base * thousandths // 1000
    amount = available * 10 ** RESERVES[token].decimals // (10**8 * USD_PRICE[token])
    return _request(
        market, account, "borrow", market.tokens[token].address, max(1, amount), VARIABLE_RATE, 0, account
    )


def _request(market: Market, sender: Address, function: str, *args: Any) -> dict[str, Any]:
    data = market.pool.data(function, *args)
    return {"from": sender, "to": market.pool.address, "data": data, "gas": GAS}


def _send(market: Market, requests: Sequence[dict[str, Any]]) -> None:
    control = market.deployer.control
    control.set_automine(on=False)
    control.set_gas_limit(PER_BLOCK * 2_000_000)
    for start in range(0, len(requests), PER_BLOCK):
        control.batch([("eth_sendTransaction", [one]) for one in requests[start : start + PER_BLOCK]])
        control.mine()
    control.set_automine(on=True)
