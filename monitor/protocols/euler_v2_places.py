"""Which sub-accounts of an owner owe to a vault: 256 are looked through, now and then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts_abi import euler as abi
from contracts_abi.interface import AbiError
from monitor.errors import CannotSee
from monitor.protocols.asking import Presence, decoded
from monitor.protocols.base import Answer, Reading, Refusal, View
from monitor.units import Address, BlockNumber

SUB_ACCOUNTS: Final = 256
LOOK_AGAIN: Final = 600
"""Blocks, about two hours, until all sub-accounts are looked through again."""


@dataclass(frozen=True, slots=True)
class SubAccount:
    """A sub-account that owes to a vault."""

    owner: Address
    number: int
    vault: Address

    @property
    def address(self) -> Address:
        """Its own address."""
        return sub_account(self.owner, self.number)


def sub_account(owner: Address, number: int) -> Address:
    """The address of an owner's sub-account, 0 being the owner."""
    return Address(owner[:-2] + f"{int(owner[-2:], 16) ^ number:02x}")


@dataclass
class SubAccountBook:
    """What was found, and at which block it was looked for."""

    evc: Address
    presence: Presence = field(default_factory=Presence)
    looked: dict[Address, tuple[BlockNumber, list[SubAccount]]] = field(
        default_factory=dict[Address, tuple[BlockNumber, list[SubAccount]]]
    )

    def of(self, owner: Address) -> Sequence[SubAccount]:
        """An owner's sub-accounts with a debt, as last looked for."""
        return self.looked[owner][1] if owner in self.looked else ()

    def all(self) -> Iterator[SubAccount]:
        """Every sub-account that is known."""
        for _, places in self.looked.values():
            yield from places

    def look(self, owners: Sequence[Address], now: BlockNumber) -> Reading[dict[Address, str]]:
        """Look for the owners that are due. Gives the cause for each whose sub-accounts cannot be told."""
        due = [owner for owner in owners if not self._is_fresh(owner, now)]
        if not due:
            return {}
        asked = [(owner, number) for owner in due for number in range(SUB_ACCOUNTS)]
        answers = yield [
            View(self.evc, abi.CONTROLLERS.encode(sub_account(owner, number))) for owner, number in asked
        ]
        if self.presence.is_absent(self.evc, answers):
            return {}
        found: dict[Address, list[SubAccount]] = {owner: [] for owner in due}
        broken: dict[Address, str] = {}
        for (owner, number), answer in zip(asked, answers, strict=True):
            try:
                found[owner] += _controlled(owner, number, answer)
            except CannotSee as error:
                broken[owner] = str(error)
        self.looked.update({owner: (now, found[owner]) for owner in due if owner not in broken})
        return broken

    def _is_fresh(self, owner: Address, now: BlockNumber) -> bool:
        looked = self.looked.get(owner)
        return looked is not None and 0 <= now - looked[0] < LOOK_AGAIN


def _controlled(owner: Address, number: int, answer: Answer) -> list[SubAccount]:
    if isinstance(answer, Refusal):
        raise CannotSee(f"the vault connector does not answer: {answer.cause}")
    try:
        if abi.is_empty(answer):
            return []
    except AbiError as error:
        raise CannotSee(f"the vault connector answers nonsense: {error}") from None
    vaults = decoded(abi.CONTROLLERS, answer, "controllers")
    return [SubAccount(owner, number, Address(vaults[0]))]
