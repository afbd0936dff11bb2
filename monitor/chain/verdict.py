"""What came of comparing our numbers with a node's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreed:
    """The node says what we compute, in so many blocks."""

    blocks: int
    telling: bool
    """False where every rule would have given the same: a fee at its floor, no gas at all."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The node and we do not agree, or it reports what cannot be."""

    cause: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """There was nothing to compare with."""

    cause: str


Verdict = Agreed | Mismatch | Unknown
