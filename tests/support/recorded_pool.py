"""A recorded Aave market that answers calls like the contracts it was recorded from: no node, no arithmetic.

Every number is one of the vectors (tests/vectors/README.md); anything else is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from eth_abi.abi import encode

from contracts_abi import aave_v3 as abi
from contracts_abi import chainlink, erc20
from contracts_abi.call import Call
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.protocols.base import Answer, Ask, Reading, Refusal, View
from monitor.units import MAX_UINT256, Address

T = TypeVar("T")
NOBODY = "0x" + "00" * 20


def place(number: int) -> Address:
    return Address(f"0x{number:040x}")


POOL, PROVIDER, ORACLE = place(0xA001), place(0xA002), place(0xA003)


def asset_of(id_: int) -> Address:
    return place(0xB000 + id_)


def token_of(id_: int, kind: int) -> Address:
    return place(0xC000 + 16 * id_ + kind)


def source_of(id_: int) -> Address:
    return place(0xD000 + id_)


def category_asset(id_: int) -> Address:
    """The asset whose price replaces those of an e-mode category."""
    return place(0xF000 + id_)


def account_of(id_: int) -> Address:
    return place(0xE0000 + id_)


UNKNOWN_CATEGORY = dict.fromkeys(
    ("ltv", "lt", "bonus", "collateral_bitmap", "ltvzero_bitmap", "isolated", "price_answer"), 0
)
"""What contracts answer for a category that nobody made."""


class RecordedPool:
    """The answers, by contract and call data."""

    def __init__(self, instance: dict[str, Any]) -> None:
        self._market = instance["market"]
        self._accounts = instance["accounts"]
        self.bitmaps = "bitmap" in self._market["formula"]
        self.answers: dict[tuple[Address, bytes], bytes] = {}
        self._pool()
        for symbol, entry in self._market["reserves"].items():
            self._reserve(symbol, entry)
        for id_ in {*map(int, self._market["emodes"]), *(entry["emode"] for entry in self._accounts)} - {0}:
            self._emode(id_, self._market["emodes"].get(str(id_), UNKNOWN_CATEGORY))
        for entry in self._accounts:
            self._account(entry)
        weth = asset_of(self._market["reserves"]["WETH"]["id"])
        self.deployment = Deployment("aave_v3", "Recorded", POOL, weth)

    @property
    def accounts(self) -> list[Address]:
        return [account_of(entry["id"]) for entry in self._accounts]

    def run(self, reading: Reading[T]) -> T:
        """The result of a reading, answered from the record."""
        answers: Sequence[Answer] | None = None
        while True:
            try:
                asks = next(reading) if answers is None else reading.send(answers)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            answers = [self._answer(ask) for ask in asks]

    def _answer(self, ask: Ask) -> Answer:
        if isinstance(ask, View):
            return self.answers.get((ask.to, ask.data), Refusal("not recorded"))
        return Refusal("not recorded")

    def _say(
        self, to: Address, call: Call[Any], args: Sequence[Any], kinds: Sequence[str], *values: Any
    ) -> None:
        self.answers[(to, call.encode(*args))] = encode(list(kinds), list(values))

    def _number(self, to: Address, call: Call[Any], args: Sequence[Any], value: Any) -> None:
        self._say(to, call, args, ["int256" if int(value) < 0 else "uint256"], int(value))

    def _pool(self) -> None:
        assets = [asset_of(entry["id"]) for entry in self._market["reserves"].values()]
        self._say(POOL, abi.ADDRESSES_PROVIDER, (), ["address"], PROVIDER)
        self._say(POOL, abi.RESERVES_LIST, (), ["address[]"], assets)
        self._say(PROVIDER, abi.PRICE_ORACLE, (), ["address"], ORACLE)
        self._number(ORACLE, abi.BASE_CURRENCY_UNIT, (), 10**8)
        if self.bitmaps:
            self._number(POOL, abi.COLLATERAL_BITMAP, (1,), 0)

    def _reserve(self, symbol: str, entry: dict[str, Any]) -> None:
        id_, asset = entry["id"], asset_of(entry["id"])
        words = [
            self._configuration(entry),
            *(int(entry[name]) for name in ("liquidity_index", "liquidity_rate")),
            *(int(entry[name]) for name in ("variable_borrow_index", "variable_borrow_rate")),
            0,
            int(entry["last_update"]),
            id_,
        ]
        tokens = [token_of(id_, 0), NOBODY if self.bitmaps else token_of(id_, 1), token_of(id_, 2), NOBODY]
        kinds = ["uint256"] * 8 + ["address"] * 4 + ["uint256"] * 3
        self._say(POOL, abi.RESERVE_DATA, (asset,), kinds, *words, *tokens, 0, 0, 0)
        self._number(POOL, abi.NORMALIZED_INCOME, (asset,), entry["normalized_income"])
        self._number(POOL, abi.NORMALIZED_DEBT, (asset,), entry["normalized_debt"])
        self._say(asset, erc20.SYMBOL, (), ["string"], symbol)
        self._number(asset, erc20.DECIMALS, (), entry["decimals"])
        self._price(asset, source_of(id_), entry["asset_price"])
        if entry["price_source"] == "eth_feed_x_ratio":
            feed = source_of(self._market["reserves"]["WETH"]["id"])
            self._say(source_of(id_), abi.BASES[0], (), ["address"], feed)
            self._number(source_of(id_), abi.RATIO, (), entry["ratio"])
            self._number(source_of(id_), abi.RATIO_DECIMALS, (), 18)

    def _price(self, asset: Address, source: Address, price: str) -> None:
        self._number(ORACLE, abi.ASSET_PRICE, (asset,), price)
        self._say(ORACLE, abi.SOURCE_OF_ASSET, (asset,), ["address"], source)
        self._number(source, chainlink.LATEST_ANSWER, (), price)

    def _configuration(self, entry: dict[str, Any]) -> int:
        fields = (
            (entry["ltv"], 0),
            (entry["lt"], 16),
            (entry["bonus"], 32),
            (entry["decimals"], 48),
            (1, 56),
        )
        packed = sum(int(value) << start for value, start in fields)
        return packed | int(entry.get("emode_category", 0)) << 168

    def _emode(self, id_: int, entry: dict[str, Any]) -> None:
        values = int(entry["ltv"]), int(entry["lt"]), int(entry["bonus"])
        if self.bitmaps:
            self._say(POOL, abi.COLLATERAL_CONFIG, (id_,), ["uint16"] * 3, *values)
            self._number(POOL, abi.COLLATERAL_BITMAP, (id_,), entry["collateral_bitmap"])
            if self._market["formula"] == "exact_sum_bitmap":
                self._number(POOL, abi.LTVZERO_BITMAP, (id_,), entry["ltvzero_bitmap"])
                self._number(POOL, abi.IS_ISOLATED, (id_,), entry["isolated"])
            return
        replaced = category_asset(id_) if entry["price_answer"] else NOBODY
        if entry["price_answer"]:
            self._price(Address(replaced), place(0xF100 + id_), entry["price_answer"])
        kind = "(uint16,uint16,uint16,address,string)"
        self._say(POOL, abi.CATEGORY_DATA, (id_,), [kind], (*values, replaced, "category"))

    def _account(self, entry: dict[str, Any]) -> None:
        who, flags = account_of(entry["id"]), 0
        for symbol, row in entry["rows"].items():
            id_ = self._market["reserves"][symbol]["id"]
            flags |= (int(row[3]) | int(row[2]) << 1) << 2 * id_
            self._number(token_of(id_, 0), abi.SCALED_BALANCE, (who,), row[0])
            self._number(token_of(id_, 2), abi.SCALED_BALANCE, (who,), row[1])
            self._number(token_of(id_, 1), erc20.BALANCE_OF, (who,), row[4] if row[4:] else 0)
        out = [MAX_UINT256 if number == "max" else int(number) for number in entry["out"]]
        self._number(POOL, abi.USER_CONFIGURATION, (who,), flags)
        self._number(POOL, abi.USER_EMODE, (who,), entry["emode"])
        self._say(POOL, abi.USER_ACCOUNT_DATA, (who,), ["uint256"] * 6, *out)
