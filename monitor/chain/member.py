"""One endpoint of a pool with what is known about its health."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TypeVar

from monitor.chain.rpc import Endpoint
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, NodeError, NodeUnavailable, RateLimited, WrongChain
from monitor.ports import Clock
from monitor.units import UnixTime

T = TypeVar("T")

FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 60.0
WRONG_CHAIN_PAUSE_S = 300.0
MAX_RETRY_AFTER_S = 3600.0
ALWAYS_BEHIND = 3
"""Comparisons in a row that found it behind, if only by a block: then it is no matter of propagation."""
SLOWEST_S = 2.0
"""Longest spacing between requests to an endpoint that keeps asking for pauses."""


class State(StrEnum):
    """What an endpoint is good for now."""

    UNTRIED = "not tried yet"
    OK = "ok"
    DOWN = "down"
    RATE_LIMITED = "rate limited"
    LAGGING = "behind the others"
    BAD = "bad answers"
    WRONG_CHAIN = "wrong chain"


class Feature(StrEnum):
    """What not every node can do; probed, not assumed."""

    CONFIG = "eth_config"
    HEADERS = "eth_getHeaderByNumber"
    BLOCK_RECEIPTS = "eth_getBlockReceipts"
    OVERRIDES = "state overrides in eth_call"
    BATCH = "batches"
    PIN_BY_HASH = "state by block hash (EIP-1898)"


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """A moment's picture of one endpoint. Nothing in it is secret."""

    label: str
    state: State
    in_use: bool
    chain_id: int | None
    head: BlockRef | None
    head_age_s: int | None
    """Local clock minus the head's block time, when the head was read."""
    lag_blocks: int | None
    """Behind the best endpoint, at the last comparison."""
    latency_s: float | None
    """Moving mean of a request's duration."""
    batch_limit: int
    last_error: str | None
    last_error_at: UnixTime | None
    pause_s: float
    """Seconds until it is tried again; 0 when it may be used."""
    features: dict[Feature, bool] = field(default_factory=dict[Feature, bool])
    hashes_checked: bool = True
    """False where its headers have a field of a fork that we do not know."""


class Member:
    """An endpoint and its state. Methods lock for moments only, never during I/O."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self.endpoint = endpoint
        self.label = endpoint.label
        self.features: dict[Feature, bool] = {}
        self.verified = False
        """Its chain id was right when it was last taken into use."""
        self.hashes_checkable = True
        """Its headers are held to their hashes (`monitor.chain.checked`)."""
        self.hashes_matched = False
        """At least one was under its hash."""
        self.head: BlockRef | None = None
        self.lag: int | None = None
        self._clock = clock
        self._lock = Lock()
        self._state = State.UNTRIED
        self._chain_id: int | None = None
        self._head_age: int | None = None
        self._times_behind = 0
        self._failures = 0
        self._paused_until = 0.0
        self._spacing = 0.0
        self._next_at = 0.0
        self._latency: float | None = None
        self._error: NodeError | None = None
        self._error_at: UnixTime | None = None

    @property
    def state(self) -> State:
        """What it is good for now."""
        return self._state

    @property
    def last_error(self) -> NodeError | None:
        """What last went wrong with it."""
        return self._error

    def pause_s(self) -> float:
        """Seconds until it should be tried again."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    def run(self, work: Callable[[Member], T]) -> T:
        """Do `work`, keep the pace that the endpoint asked for, and learn from the outcome."""
        self._keep_pace()
        start = self._clock.monotonic()
        try:
            result = work(self)
        except NodeError as error:
            self.note_error(error)
            raise
        self._note_success(self._clock.monotonic() - start)
        return result

    def note_chain(self, chain_id: int) -> None:
        """It follows this chain."""
        with self._lock:
            self._chain_id = chain_id

    def note_head(self, head: BlockRef) -> None:
        """It has this head."""
        with self._lock:
            self.head = head
            self._head_age = self._clock.now() - head.timestamp

    def note_lag(self, blocks: int, limit: int) -> None:
        """It is so far behind the best endpoint."""
        with self._lock:
            self.lag = blocks
            self._times_behind = self._times_behind + 1 if blocks > 0 else 0
            if blocks > limit or self._times_behind >= ALWAYS_BEHIND:
                self._state = State.LAGGING
            elif self._state is State.LAGGING:
                self._state = State.OK

    def note_error(self, error: NodeError) -> None:
        """Pause it as long as this error asks for; an honest "no" is not an error."""
        if not isinstance(error, NodeUnavailable | BadAnswer):
            return
        with self._lock:
            self._failures += 1
            self._error, self._error_at = error, self._clock.now()
            self.verified = False
            self._state, pause = self._judge(error)
            self._paused_until = self._clock.monotonic() + pause

    def health(self, in_use: bool) -> EndpointHealth:
        """A picture of now."""
        with self._lock:
            return EndpointHealth(
                label=self.label,
                state=self._state,
                in_use=in_use,
                chain_id=self._chain_id,
                head=self.head,
                head_age_s=self._head_age,
                lag_blocks=self.lag,
                latency_s=self._latency,
                batch_limit=self.endpoint.batch_limit,
                last_error=self._error.problem if self._error else None,
                last_error_at=self._error_at,
                pause_s=self.pause_s(),
                features=dict(self.features),
                hashes_checked=self.hashes_checkable,
            )

    def _judge(self, error: NodeError) -> tuple[State, float]:
        backoff = min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10))
        if isinstance(error, RateLimited):
            self._spacing = min(SLOWEST_S, max(0.05, self._spacing * 2))
            asked = error.retry_after_s
            return State.RATE_LIMITED, backoff if asked is None else min(asked, MAX_RETRY_AFTER_S)
        if isinstance(error, WrongChain):
            return State.WRONG_CHAIN, WRONG_CHAIN_PAUSE_S
        if isinstance(error, BadAnswer):
            return State.BAD, backoff
        return State.DOWN, backoff

    def _note_success(self, seconds: float) -> None:
        with self._lock:
            self._failures = 0
            self._paused_until = 0.0
            self._spacing = self._spacing * 0.95 if self._spacing > 0.01 else 0.0
            self._latency = seconds if self._latency is None else 0.8 * self._latency + 0.2 * seconds
            if self._state is not State.LAGGING:
                self._state = State.OK

    def _keep_pace(self) -> None:
        """Space requests to an endpoint that has asked for pauses."""
        with self._lock:
            if not self._spacing:
                return
            now = self._clock.monotonic()
            wait = max(0.0, self._next_at - now)
            self._next_at = max(now, self._next_at) + self._spacing
        if wait:
            self._clock.sleep(min(wait, SLOWEST_S))
