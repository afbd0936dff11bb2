"""Typed answers of typed calls: what a contract refused or garbled is `CannotSee`, with what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from contracts_abi.call import Call
from contracts_abi.interface import AbiError, Event
from monitor.errors import CannotSee
from monitor.protocols.base import Answer, EventLog, Refusal
from monitor.units import Address

T = TypeVar("T")

NOWHERE: Final = Address("0x" + "0" * 40)
"""What contracts answer for "none"."""
ANYONE: Final = Address("0x" + "11" * 20)
"""Who asks where it must be somebody: an account without funds or rights."""


def decoded(call: Call[T], answer: Answer, what: str) -> T:
    """The answer of a call. Raises `CannotSee`, which says `what` failed."""
    if isinstance(answer, Refusal):
        raise CannotSee(f"{what}: {answer.cause}")
    try:
        return call.decode(answer)
    except AbiError:
        raise CannotSee(f"{what}: the answer is not what {call.name} returns") from None


def decoded_or_none(call: Call[T], answer: Answer) -> T | None:
    """The answer, None where the contract has no such function or answers nonsense."""
    if isinstance(answer, Refusal):
        return None
    try:
        return call.decode(answer)
    except AbiError:
        return None


def sound(value: T | CannotSee) -> T:
    """The value, or its `CannotSee` raised."""
    if isinstance(value, CannotSee):
        raise value
    return value


def told_by(
    log: EventLog, events: Mapping[str, Event], names: Iterable[str]
) -> tuple[str, dict[str, Any]] | None:
    """Which of the named events a log is, with its values; None for another or a malformed one."""
    for name in names:
        if log.topics and log.topics[0] == events[name].topic:
            try:
                return name, events[name].decode(log.topics, log.data)
            except AbiError:
                return None
    return None


def is_nothing(answer: Answer) -> bool:
    """Whether a call did not revert and returned nothing: what an address without a contract does."""
    return isinstance(answer, Refusal) and not answer.data and answer.cause.startswith("it answers nothing")


def went_through(answer: Answer) -> bool:
    """Whether a call that returns nothing did not revert."""
    return not isinstance(answer, Refusal) or is_nothing(answer)


@dataclass
class Presence:
    """Which contracts have ever answered. One that never did is not deployed at the block that is read."""

    there: set[Address] = field(default_factory=set[Address])

    def is_absent(self, contract: Address, answers: Sequence[Answer]) -> bool:
        """Whether `contract` is not there yet: it answers nothing now and never did otherwise."""
        if any(not is_nothing(answer) for answer in answers):
            self.there.add(contract)
        return contract not in self.there
