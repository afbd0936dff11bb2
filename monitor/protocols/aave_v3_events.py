"""Events of Aave pools, v2 and v3, as events of positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts_abi.interface import interface
from monitor.lending.position import EventKind, PositionEvent, PositionKey
from monitor.protocols.asking import told_by
from monitor.protocols.base import EventLog
from monitor.units import Address

Values = dict[str, Any]
V2: Final = "aave_v2"
V3: Final = "aave_v3"


def _amount(
    kind: EventKind, who: str
) -> Callable[[Values], tuple[str, EventKind, str | None, int | None, str]]:
    return lambda v: (v[who], kind, v["reserve"], v["amount"], "")


def _flag(kind: EventKind) -> Callable[[Values], tuple[str, EventKind, str | None, int | None, str]]:
    return lambda v: (v["user"], kind, v["reserve"], None, "")


def _liquidation(values: Values) -> tuple[str, EventKind, str | None, int | None, str]:
    seized, token = values["liquidatedCollateralAmount"], values["collateralAsset"]
    detail = f"{seized} of {token} seized"
    return values["user"], EventKind.LIQUIDATION, values["debtAsset"], values["debtToCover"], detail


_MEANING: Final[Mapping[str, Callable[[Values], tuple[str, EventKind, str | None, int | None, str]]]] = {
    "Supply": _amount(EventKind.SUPPLY, "onBehalfOf"),
    "Deposit": _amount(EventKind.SUPPLY, "onBehalfOf"),
    "Withdraw": _amount(EventKind.WITHDRAW, "user"),
    "Borrow": _amount(EventKind.BORROW, "onBehalfOf"),
    "Repay": _amount(EventKind.REPAY, "user"),
    "ReserveUsedAsCollateralEnabled": _flag(EventKind.COLLATERAL_ON),
    "ReserveUsedAsCollateralDisabled": _flag(EventKind.COLLATERAL_OFF),
    "UserEModeSet": lambda v: (v["user"], EventKind.EMODE, None, None, f"category {v['categoryId']}"),
    "LiquidationCall": _liquidation,
}


def topics(generation: str) -> tuple[bytes, ...]:
    """First topics of the logs that mean something. `generation`: `V2` or `V3`."""
    return tuple(event.topic for event in interface(generation).events.values())


def decode(log: EventLog, protocol: str, market: str, generation: str = V3) -> list[PositionEvent]:
    """The event of a pool's log; nothing for an unknown or malformed one."""
    events = interface(generation).events
    found = told_by(log, events, events)
    if found is None:
        return []
    name, values = found
    who, kind, token, amount, detail = _MEANING[name](values)
    asset = Address(token) if token else None
    key = PositionKey(protocol, market, Address(who))
    return [PositionEvent(key, kind, asset, amount, detail, _seized(kind, values))]


def _seized(kind: EventKind, values: Values) -> tuple[Address, int] | None:
    if kind is not EventKind.LIQUIDATION:
        return None
    return Address(values["collateralAsset"]), values["liquidatedCollateralAmount"]
