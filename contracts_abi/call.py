"""A function of an interface together with the type of its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from contracts_abi.interface import interface

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A function of `contracts_abi/<file>.json`, which is read at first use.

    `into` gets the returned values as arguments. A struct without dynamic members is encoded as its
    members are: such answers are listed flat in the files.
    """

    file: str
    name: str
    into: Callable[..., T]

    def encode(self, *args: Any) -> bytes:
        """Selector and arguments. Raises `AbiError`."""
        return interface(self.file)[self.name].encode(*args)

    def decode(self, data: bytes) -> T:
        """The answer. Raises `AbiError`."""
        return self.into(*interface(self.file)[self.name].decode(data))
