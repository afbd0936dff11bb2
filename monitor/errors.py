"""Every error that ethmon raises on purpose.

    EthmonError                  one line for the user, exit code 1
    +-- UsageError               wrong use of a command, exit code 2
    +-- ConfigError              a setting or a file that the user writes
    +-- NodeError                an execution or beacon node
    |   +-- NodeUnavailable      try again, or another endpoint
    |   |   +-- RateLimited      the same, not before `retry_after_s`
    |   +-- BadAnswer            the node answered nonsense: tell, never count
    |   |   +-- WrongChain       it follows another chain
    |   +-- Unsupported          the node has no such method or refuses this use of it
    |   |   +-- TooLarge         it refuses this much in one go: ask for less
    |   +-- BlockGone            the block that a read was pinned to is no longer known
    |   +-- CallReverted         a contract reverted: an answer, not a fault
    +-- ScheduleInDoubt          no true blob schedule gives what the chain shows
    +-- LocalnetError            the local chain of the demo and the tests
    +-- CannotSee                a protocol gives no usable answer (oracle reverts, price zero): a Gap
    +-- ChainError               the chain did what we refuse to follow (reorg below finalized)
    +-- StoreError               the database
        +-- StoreBusy            another daemon owns it
        +-- StoreDamaged         integrity check failed, or not our file
        +-- StoreNewer           written by a newer ethmon
        +-- StoreFull            no space, or read-only
        +-- StoreOtherChain      the file holds another chain
        +-- BrokenLink           blocks do not link to each other or to what is stored

Messages are complete sentences that name the setting and the fix. They never hold a URL or a
secret: endpoints are named by their redacted label (`monitor.chain.redact`).
"""

from __future__ import annotations


class EthmonError(Exception):
    """An expected failure; `str(error)` is the one line that the user reads."""

    exit_code = 1


class UsageError(EthmonError):
    """The command line was wrong."""

    exit_code = 2


class ConfigError(EthmonError):
    """A setting is missing, unknown or wrong. The message names it and the fix."""

    def __init__(self, setting: str, problem: str, fix: str = "") -> None:
        super().__init__(f"{setting}: {problem}" + (f" {fix}" if fix else ""))
        self.setting = setting
        self.problem = problem
        self.fix = fix


class NodeError(EthmonError):
    """A node failed to answer as asked. `endpoint` is its redacted label."""

    def __init__(self, endpoint: str, problem: str) -> None:
        super().__init__(f"{endpoint}: {problem}")
        self.endpoint = endpoint
        self.problem = problem


class NodeUnavailable(NodeError):
    """No usable answer in time: refused, timed out, 5xx, cut off. Safe to retry elsewhere."""


class RateLimited(NodeUnavailable):
    """The endpoint asked for a pause."""

    def __init__(self, endpoint: str, problem: str, retry_after_s: float | None = None) -> None:
        super().__init__(endpoint, problem)
        self.retry_after_s = retry_after_s


class BadAnswer(NodeError):
    """The answer breaks JSON-RPC, its own types, or a rule of the protocol."""


class WrongChain(BadAnswer):
    """The endpoint follows another chain than the one asked for."""


class Unsupported(NodeError):
    """The node does not have the method, or does not allow it (pruned state, overrides)."""


class TooLarge(Unsupported):
    """The node refuses this much in one go (batch, block range, gas, answer): ask for less."""


class BlockGone(NodeError):
    """The block hash that a read was pinned to is unknown to the node (reorg, pruned)."""


class CallReverted(NodeError):
    """An `eth_call` reverted. `data` is the revert data, which may be empty."""

    def __init__(self, endpoint: str, problem: str, data: bytes = b"") -> None:
        super().__init__(endpoint, problem)
        self.data = data


class ScheduleInDoubt(EthmonError):
    """A blob schedule and a header exclude each other: blob burn is not known, never a guess."""


class LocalnetError(EthmonError):
    """The local chain of the demo and the tests could not be installed, started or driven."""


class CannotSee(EthmonError):
    """A protocol's state does not allow an answer: the reason is the message, and becomes a Gap's cause."""


class ChainError(EthmonError):
    """The chain did something that must not be followed without a person."""


class StoreError(EthmonError):
    """The database could not be read or written."""


class StoreBusy(StoreError):
    """Another process holds the database."""


class StoreDamaged(StoreError):
    """The file is not a sound ethmon database."""


class StoreNewer(StoreError):
    """The file was written by a newer version."""


class StoreFull(StoreError):
    """The database cannot be written: disk full or read-only."""


class StoreOtherChain(StoreError):
    """A database belongs to one chain, and this is another one."""


class BrokenLink(StoreError):
    """Two hashes claim one block `number`: the block's own, and the parent its successor names."""

    def __init__(self, number: int, claims: tuple[str, str]) -> None:
        super().__init__(
            f"Block {number} is claimed by {claims[0]} and by {claims[1]}: one of the two is not canonical."
        )
        self.number = number
        self.claims = claims
