"""Several endpoints as one: ordered, verified, compared, left when they fail or fall behind.

The first healthy endpoint in the configured order is in use. It is left when it fails, asks for a
pause, gives a bad answer, follows another chain, or is more than `MAX_LAG` blocks behind another:
a node that answers but is days behind is the worst one. At every change the chain id is asked
again. An earlier endpoint is taken back when a comparison finds it healthy.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Self, TypeVar

from monitor.chain.blocks import to_ref
from monitor.chain.checked import read_checked
from monitor.chain.features import probe
from monitor.chain.member import EndpointHealth, Feature, Member, State
from monitor.chain.quantity import number
from monitor.chain.redact import labels
from monitor.chain.rpc import DEFAULT_TIMEOUT_S, TEXT, Call, Endpoint, Shape
from monitor.domain import BlockRef
from monitor.errors import (
    BadAnswer,
    BlockGone,
    CallReverted,
    ConfigError,
    NodeError,
    NodeUnavailable,
    RateLimited,
    Unsupported,
    WrongChain,
)
from monitor.ports import Clock
from monitor.units import UnixTime

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_LAG = 2
"""Blocks behind the best endpoint that are still normal propagation."""
STALE_S = 36
"""A head older than three slots makes the endpoints be compared at once."""
COMPARE_EVERY_S = 30.0
COMPARE_TIMEOUT_S = 4.0
AHEAD_OF_CLOCK_S = 120
"""A head dated further into the future than this, while another's is not, is not believed."""
_LATEST_HEADER = Call("eth_getHeaderByNumber", ["latest"])
_LATEST_BLOCK = Call("eth_getBlockByNumber", ["latest", False])


class Pool:
    """Endpoints of one chain. Safe to use from many threads."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        clock: Clock,
        chain_id: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """`chain_id` None takes the chain of the first endpoint that answers."""
        if not urls:
            raise ConfigError("ETH_RPC_URLS", "names no endpoint.")
        self._clock = clock
        self._members = [
            Member(Endpoint(url, label=label, timeout_s=timeout_s), clock)
            for url, label in zip(urls, labels(urls), strict=True)
        ]
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._chain_id = chain_id
        self._current: Member | None = None
        self._compared_at: float | None = None
        self._stopping = False
        self.gas_doubt_since: UnixTime | None = None
        """From this block time on the header's gas is not believed (`monitor.chain.gas_rule`)."""

    def chain_id(self) -> int:
        """The chain that is followed. Raises NodeError when no endpoint has told yet."""
        if self._chain_id is None:
            self.using(lambda member: member.label)
        assert self._chain_id is not None
        return self._chain_id

    def call(self, method: str, params: Sequence[Any], shape: Shape[T]) -> T:
        """One request to the endpoint in use, or to the next that can answer it."""
        return self.using(lambda member: member.endpoint.call(method, params, shape))

    def batch(self, calls: Sequence[Call], shape: Shape[T]) -> list[T | NodeError]:
        """Requests whose answers come from one endpoint, in order, each a result or its error."""
        return self.using(lambda member: member.endpoint.batch(calls, shape))

    def using(
        self, work: Callable[[Member], T], needs: Feature | None = None, *, elsewhere: bool = False
    ) -> T:
        """The result of `work` on the first endpoint that can do it.

        `elsewhere` asks any but the one in use, for a second opinion. Raises CallReverted at once: it is an answer. Where all fail, the most telling error is
        raised: what a live node says ("no such block", "not supported") before "unavailable".
        """
        errors: list[NodeError] = []
        for member in self._others() if elsewhere else self._candidates():
            if self._stopping:
                break
            if needs is not None and member.features.get(needs) is False:
                errors.append(Unsupported(member.label, f"it has no {needs.value}."))
                continue
            try:
                if not elsewhere:
                    self._take(member)
                elif not member.verified:
                    self._verify(member)
                return member.run(work)
            except CallReverted:
                raise
            except NodeError as error:
                errors.append(error)
        raise self._most_telling(errors)

    def abort(self) -> None:
        """Make every call, in progress or to come, fail at once: the process is ending."""
        self._stopping = True
        for member in self._members:
            member.endpoint.abort()

    def distrust(self, problem: str) -> None:
        """The endpoint in use gave answers that contradict each other: pause it."""
        member = self._current
        if member is not None:
            member.note_error(BadAnswer(member.label, problem))

    def health(self) -> list[EndpointHealth]:
        """Every endpoint in the configured order."""
        return [member.health(member is self._current) for member in self._members]

    def newest_head(self) -> BlockRef:
        """The head of the endpoint in use, after leaving it if it is behind the others."""
        if self._current is None and self._chain_id is not None and len(self._members) > 1:
            self._first_look()
        head = self.using(self._read_head)
        if len(self._members) > 1 and self._comparison_due(head):
            self.compare()
            lagging = self._current is not None and self._current.state is State.LAGGING
            if lagging or self._better_one_waits():
                head = self.using(self._read_head)
        return head

    def compare(self) -> None:
        """Ask every endpoint that is not paused for its head, and judge each by the best."""
        with self._lock:
            self._compared_at = self._clock.monotonic()
        asked = [member for member in self._members if member.pause_s() == 0]
        with ThreadPoolExecutor(len(asked) or 1, thread_name_prefix="compare") as threads:
            list(threads.map(self._ask_head, asked))
        heads = {member: member.head for member in asked if member.verified and member.head is not None}
        believed = [head for head in heads.values() if self._believable(head, list(heads.values()))]
        best = max((head.number for head in believed), default=None)
        for member, head in heads.items():
            if best is not None:
                member.note_lag(best - head.number if head in believed else MAX_LAG + 1, MAX_LAG)

    def close(self) -> None:
        """Close idle connections."""
        for member in self._members:
            member.endpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _first_look(self) -> None:
        """Try all at once: one after the other, several dead ones would hold the start for a minute."""
        self.compare()
        if all(member.pause_s() > 0 for member in self._members):
            raise self._most_telling([])

    def _candidates(self) -> list[Member]:
        """Whom to ask, best first: usable ones, lagging ones; of failing ones only the next to be tried."""
        usable = [member for member in self._members if member.pause_s() == 0]
        ready = [member for member in usable if member.state is not State.LAGGING]
        current = self._current
        if current in ready and not self._better_one_waits():
            ready.sort(key=lambda member: member is not current)
        ready += [member for member in usable if member.state is State.LAGGING]
        if ready:
            return ready
        failing = [m for m in self._members if m.state not in {State.RATE_LIMITED, State.WRONG_CHAIN}]
        return sorted(failing, key=Member.pause_s)[:1]

    def _others(self) -> list[Member]:
        """The usable endpoints that are not in use. Raises Unsupported when there is none."""
        others = [m for m in self._candidates() if m is not self._current]
        if not others:
            raise Unsupported(
                "second opinion", "no other endpoint can be asked; name several in ETH_RPC_URLS."
            )
        return others

    def _better_one_waits(self) -> bool:
        """Whether an endpoint before the one in use has been found healthy again."""
        current = self._current
        if current is None:
            return False
        earlier = self._members[: self._members.index(current)]
        return any(m.state is State.OK and m.pause_s() == 0 and m.lag is not None for m in earlier)

    def _take(self, member: Member) -> None:
        """Make `member` the one in use. Raises WrongChain, or NodeError when it does not tell its chain."""
        if member is self._current and member.verified:
            return
        self._verify(member)
        with self._lock:
            before, self._current = self._current, member
        if before is not None and before is not member:
            log.info("switched from %s (%s) to %s", before.label, before.state.value, member.label)

    def _verify(self, member: Member, timeout_s: float | None = None) -> None:
        def check(member: Member) -> None:
            found = _chain_id(member.endpoint, timeout_s)
            member.note_chain(found)
            with self._lock:
                if self._chain_id is None:
                    self._chain_id = found
            if found != self._chain_id:
                raise WrongChain(member.label, f"it follows chain {found}, not chain {self._chain_id}.")

        member.run(check)
        member.verified = True

    def _read_head(self, member: Member, timeout_s: float | None = None) -> BlockRef:
        # A header is a tenth of a block: half a gigabyte a day less from a public endpoint.
        call = _LATEST_HEADER if probe(member, Feature.HEADERS) else _LATEST_BLOCK
        json = read_checked(member, call, self._chain_id, timeout_s)
        if json is None:
            raise BadAnswer(member.label, "it has no latest block.")
        head = to_ref(json, member.label)
        member.note_head(head)
        return head

    def _ask_head(self, member: Member) -> None:
        timeout = min(COMPARE_TIMEOUT_S, self._timeout_s)
        with contextlib.suppress(NodeError):  # its health has it
            if not member.verified:
                self._verify(member, timeout)
            member.run(lambda m: self._read_head(m, timeout))

    def _comparison_due(self, head: BlockRef) -> bool:
        if self._compared_at is None:
            return True
        since = self._clock.monotonic() - self._compared_at
        stale = self._clock.now() - head.timestamp > STALE_S
        return since >= (COMPARE_TIMEOUT_S if stale else COMPARE_EVERY_S)

    def _believable(self, head: BlockRef, others: Sequence[BlockRef]) -> bool:
        """False for a head far in the future when another endpoint has one that is not."""
        limit = self._clock.now() + AHEAD_OF_CLOCK_S
        return head.timestamp <= limit or all(other.timestamp > limit for other in others)

    def _most_telling(self, errors: Sequence[NodeError]) -> NodeError:
        for kind in (BlockGone, Unsupported, WrongChain, BadAnswer):
            for error in errors:
                if isinstance(error, kind):
                    return error
        if errors and not all(isinstance(error, RateLimited) for error in errors):
            return next(error for error in errors if not isinstance(error, RateLimited))
        waits = [m.pause_s() for m in self._members if m.state is State.RATE_LIMITED]
        if waits:
            return RateLimited("all endpoints", "each asks for a pause.", min(waits))
        known = [m.last_error for m in self._members if m.last_error is not None]
        return (errors or known or [NodeUnavailable("all endpoints", "none answers.")])[0]


def _chain_id(endpoint: Endpoint, timeout_s: float | None) -> int:
    text = endpoint.call("eth_chainId", [], TEXT, timeout_s=timeout_s)
    try:
        return number(text)
    except ValueError:
        raise BadAnswer(endpoint.label, "eth_chainId is not a number.") from None
