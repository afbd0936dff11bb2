"""The deposit contracts' logs: what leaves the execution layer for the consensus layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from monitor.units import Address, Gwei

DEPOSIT_TOPIC = "0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5"
"""DepositEvent(bytes,bytes,bytes,bytes,bytes)."""
DEPOSIT_COUNT = "0x621fd130"
"""get_deposit_count()."""
BUILDER_DEPOSITS = Address("0x0000bff46984e3725691fa540a8c7589300d8282")
"""EIP-8282: stake of builders, since Amsterdam; one log without topics per deposit."""

_FIELDS = ((160, 48), (256, 32), (320, 8), (384, 96), (512, 8))
"""Where key, credentials, amount, signature and index stand in the event's 576 bytes (EIP-6110)."""
_BUILDER_BYTES = 184
_BUILDER_AMOUNT = slice(80, 88)


class Deposit(NamedTuple):
    """One deposit as the contract logged it."""

    number: int
    """Deposits are numbered without a gap since the contract's origin."""
    amount_gwei: Gwei


def decode_deposit(data: bytes) -> Deposit:
    """The event's data. Raises ValueError where it has not exactly the layout of EIP-6110."""
    if len(data) != 576:
        raise ValueError(f"a deposit event has 576 bytes of data, not {len(data)}")
    for place, (offset, length) in enumerate(_FIELDS):
        if _word(data, 32 * place) != offset or _word(data, offset) != length:
            raise ValueError("a deposit event with another layout")
    amount = int.from_bytes(data[352:360], "little")
    return Deposit(int.from_bytes(data[544:552], "little"), Gwei(amount))


def decode_builder_deposit(data: bytes) -> Gwei:
    """Amount of a builder's deposit: key, credentials, amount (big-endian), signature, packed."""
    if len(data) != _BUILDER_BYTES:
        raise ValueError(f"a builder deposit has {_BUILDER_BYTES} bytes of data, not {len(data)}")
    return Gwei(int.from_bytes(data[_BUILDER_AMOUNT], "big"))


def decode_count(data: bytes) -> int:
    """What `get_deposit_count()` returns: `bytes` that hold a little-endian uint64."""
    if len(data) != 96 or _word(data, 0) != 32 or _word(data, 32) != 8:
        raise ValueError("get_deposit_count() has another layout")
    return int.from_bytes(data[64:72], "little")


def sum_deposits(deposits: Iterable[Deposit], next_number: int | None) -> tuple[Gwei, int | None]:
    """Their sum, and the index that the next deposit will have.

    `next_number` None: not known yet. Raises ValueError for a gap in the numbers: a log is missing.
    """
    total = 0
    for deposit in deposits:
        if next_number is not None and deposit.number != next_number:
            raise ValueError(f"deposit {next_number} is missing, {deposit.number} came instead")
        total += deposit.amount_gwei
        next_number = deposit.number + 1
    return Gwei(total), next_number


def _word(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 32], "big")
