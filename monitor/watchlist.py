"""`watchlist.toml`: who is watched, what was reported, and when to alert.

Facts read on chain (`[[wallet]]`) and facts that somebody published (`[[level]]`, `[[holding]]`)
are different types here and stay so; `[[series]]` are prices of the user's own. Rules are parsed by `alerts.rules`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alerts.fields import RuleError, nearest
from alerts.model import Rule
from alerts.rules import parse_rules
from alerts.wording import counted
from monitor.domain import ListedToken
from monitor.errors import ConfigError
from monitor.fields import name_of, parse_address, parse_amount, short_text, text_of
from monitor.protocols.token_list import SHIPPED, STABLECOIN
from monitor.readings.catalogue import CATALOGUE
from monitor.units import TICKS_PER_USD, WEI_PER_ETH, Address, Tick, Wei


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account whose positions are read on every supported protocol."""

    name: str
    address: Address


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """An ETH price that somebody published."""

    name: str
    price: Tick
    source: str
    side: str = ""
    """On which side of it the danger is: below, above, or empty where that was not said."""


@dataclass(frozen=True, slots=True)
class Holding:
    """ETH without debt; sources may disagree on its average cost, so that is an interval."""

    name: str
    amount_wei: Wei
    cost_low: Tick
    cost_high: Tick
    source: str


@dataclass(frozen=True, slots=True)
class Series:
    """Daily closes in a CSV file of the user's."""

    name: str
    file: Path
    column: str
    """Empty: `close`, or the only one."""
    source: str


@dataclass(frozen=True, slots=True)
class WatchedToken:
    """A token whose supply the user wants."""

    listed: ListedToken
    chain_id: int | None
    """Of a shipped token that was named without its address; None: on whatever chain is watched."""


@dataclass(frozen=True, slots=True)
class Watchlist:
    """Everything in the file; empty where there is no file."""

    wallets: tuple[Wallet, ...] = ()
    levels: tuple[PriceLevel, ...] = ()
    holdings: tuple[Holding, ...] = ()
    rules: tuple[Rule, ...] = ()
    series: tuple[Series, ...] = ()
    tokens: tuple[WatchedToken, ...] = ()

    def tokens_on(self, chain_id: int, which: str = "all") -> tuple[ListedToken, ...]:
        """Tokens to read on a chain: the user's own, then the shipped ones that these do not replace.

        `which` is ETHMON_TOKENS: "all", "listed" (none of the shipped) or "off".
        """
        if which == "off":
            return ()
        own = [token.listed for token in self.tokens if token.chain_id in {None, chain_id}]
        taken = {token.name for token in own} | {str(token.address) for token in own}
        others = SHIPPED.get(chain_id, ()) if which == "all" else ()
        return (*own, *(one for one in others if not {one.name, str(one.address)} & taken))

    def in_words(self) -> str:
        """How much of what is watched: `2 wallets, 1 level, 0 holdings`."""
        listed = (("wallet", self.wallets), ("level", self.levels), ("holding", self.holdings))
        return ", ".join(counted(len(entries), noun) for noun, entries in listed)

    def name_of(self, address: Address) -> str:
        """The name given to an address, else the address shortened."""
        named = {wallet.address: wallet.name for wallet in self.wallets}
        return named.get(address, f"{address[:8]}…{address[-4:]}")


def load_watchlist(path: Path, channels: Iterable[str] = ()) -> Watchlist:
    """The file at `path`, or an empty list with the default rules where there is none.

    Raises ConfigError naming the entry and the fix.
    """
    return parse_watchlist(_document(path), channels, path.parent)


def parse_watchlist(
    document: Mapping[str, Any], channels: Iterable[str] = (), folder: Path = Path()
) -> Watchlist:
    """A parsed TOML document, whose files are named from `folder`. Raises ConfigError."""
    try:
        rules = parse_rules(document, CATALOGUE, channels)
    except RuleError as error:
        raise ConfigError(f"watchlist, {error.setting}", error.problem, error.fix) from None
    wallets = tuple(_wallet(place, table) for place, table in _entries(document, "wallet"))
    _refuse_twins("wallet", [wallet.address for wallet in wallets])
    for label in ("wallet", "level", "holding"):
        _refuse_strangers(rules, label, [table.get("name") for _, table in _entries(document, label)])
    series = tuple(_series(place, table, folder) for place, table in _entries(document, "series"))
    _refuse_twins("series", [one.name for one in series])
    _refuse_unknown_series(rules, series)
    tokens = tuple(_token(place, table) for place, table in _entries(document, "token"))
    _refuse_twins("token", [token.listed.name for token in tokens])
    _refuse_twins("token", [token.listed.address for token in tokens])
    return Watchlist(
        wallets,
        tuple(_level(place, table) for place, table in _entries(document, "level")),
        tuple(_holding(place, table) for place, table in _entries(document, "holding")),
        rules,
        series=series,
        tokens=tokens,
    )


def _refuse_strangers(rules: Iterable[Rule], label: str, names: list[Any]) -> None:
    """A rule about somebody who is not in the file would be silent for ever."""
    for rule in rules:
        wanted = rule.select.get(label)
        if wanted is not None and wanted not in names:
            fix = nearest(wanted, [str(name) for name in names]) if names else f"There is no [[{label}]]."
            raise ConfigError(
                f"watchlist, rule {rule.name!r}: {label}", f"{wanted!r} is not in the file.", fix
            )


def _document(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            str(path), f"is not valid TOML: {error}.", "Compare it with watchlist.example.toml."
        ) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            str(path), f"cannot be read ({type(error).__name__}).", "Check its mode and encoding."
        ) from None


def _entries(document: Mapping[str, Any], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Shapes were checked when the rules were parsed."""
    return [(f"watchlist, {kind} {number}", table) for number, table in enumerate(document.get(kind, []), 1)]


def _wallet(place: str, table: Mapping[str, Any]) -> Wallet:
    return Wallet(name_of(place, table), parse_address(f"{place}: address", table.get("address")))


def _level(place: str, table: Mapping[str, Any]) -> PriceLevel:
    price = parse_amount(f"{place}: price_usd", table.get("price_usd"), TICKS_PER_USD)
    side = text_of(place, table, "side")
    if side not in {"", "below", "above"}:
        raise ConfigError(f"{place}: side", f"{side!r} is not a side.", 'Write "below" or "above".')
    return PriceLevel(name_of(place, table), Tick(price), text_of(place, table, "source"), side)


def _holding(place: str, table: Mapping[str, Any]) -> Holding:
    cost: Any = table.get("cost_usd")
    ends: list[object] = list(cost) if isinstance(cost, list) else [cost, cost]  # type: ignore[arg-type]
    if len(ends) != 2:
        raise ConfigError(
            f"{place}: cost_usd", "is neither a number nor an interval.", "Write 3800 or [3600, 4051]."
        )
    low, high = sorted(parse_amount(f"{place}: cost_usd", end, TICKS_PER_USD) for end in ends)
    amount = parse_amount(f"{place}: eth", table.get("eth"), WEI_PER_ETH)
    return Holding(name_of(place, table), Wei(amount), Tick(low), Tick(high), text_of(place, table, "source"))


def _token(place: str, table: Mapping[str, Any]) -> WatchedToken:
    """A shipped token needs its name alone; what stands in the entry wins."""
    name = name_of(place, table)
    known = {one.name: (one, chain) for chain, tokens in SHIPPED.items() for one in tokens}
    shipped, chain_id = known.get(name, (None, None))
    if "address" in table:
        address = parse_address(f"{place}: address", table["address"])
        chain_id = None
    elif shipped is not None:
        address = shipped.address
    else:
        raise ConfigError(
            f"{place}: address", "is missing.", f"Only shipped tokens need none: {', '.join(known)}."
        )
    same = shipped is not None and shipped.address == address
    texts = {
        key: short_text(place, table, key, required=key == "kind")
        for key in ("kind", "denomination", "source")
        if key in table
    }
    base = shipped if shipped is not None and same else ListedToken(name, address, STABLECOIN, "", "")
    return WatchedToken(replace(base, **texts), chain_id)


def _series(place: str, table: Mapping[str, Any], folder: Path) -> Series:
    name, file = name_of(place, table), text_of(place, table, "file")
    if "/" in name:
        raise ConfigError(f"{place}: name", "holds a slash.", "Only feeds have one, such as BTC/USD.")
    if not file or "\0" in file:
        raise ConfigError(f"{place}: file", "names no file.", 'Write file = "nasdaq.csv".')
    return Series(name, folder / file, text_of(place, table, "column"), text_of(place, table, "source"))


def _refuse_unknown_series(rules: Iterable[Rule], series: Iterable[Series]) -> None:
    """A rule that looks at a series which nobody lists would never speak. Feeds are known by their slash."""
    names = [one.name for one in series]
    for rule in rules:
        wanted = rule.select.get("with", "/") if rule.spec.key.startswith("price.correlation") else "/"
        if "/" not in wanted and wanted not in names:
            known = ", ".join(["BTC/USD", "XAU/USD", *names])
            raise ConfigError(
                f"watchlist, rule {rule.name!r}: with", f"{wanted!r} is no series.", f"Known are {known}."
            )


def _refuse_twins(kind: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ConfigError(f"watchlist, {kind} {value}", "stands twice.", "Keep one of them.")
