"""How well the daemon sees: each change is said once, in the log and in the history of events."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from threading import Event

from monitor.chain.follower import Advance, Standstill, Wait
from monitor.chain.member import EndpointHealth
from monitor.domain import Block
from monitor.ports import Clock
from monitor.store import events
from monitor.store.database import Database
from monitor.supply.burn import burn_of
from monitor.units import format_eth, format_gwei

log = logging.getLogger("ethmon")

STALE_HEAD_S = 60
"""Five slots without a block: said once, and again when it is over."""


class Sight:
    """What was said of the chain and the endpoints, to say it once."""

    def __init__(self, clock: Clock, stopping: Event) -> None:
        """Of what fails because the process is `stopping` nothing is said."""
        self._clock = clock
        self._stopping = stopping
        self._stale = False
        self._health: dict[str, tuple[str, str]] = {}
        self.trouble = ""
        """Why the chain cannot be seen; empty while it is."""

    @property
    def is_clear(self) -> bool:
        """The chain is seen, and its head is fresh."""
        return not self.trouble and not self._stale

    def lose(self, db: Database, kind: str, problem: str) -> None:
        """The chain cannot be seen: `kind` "node", or "chain" where a person must look."""
        if self._stopping.is_set() or problem == self.trouble:
            return
        log.log(logging.ERROR if kind == "chain" else logging.WARNING, "cannot see the chain: %s", problem)
        if not self.trouble or kind == "chain":
            events.record_event(db, self._clock.now(), f"{kind}_trouble", problem)
        self.trouble = problem

    def see(self, db: Database, step: Advance | Standstill) -> None:
        """The node answered, and this came of it."""
        if self.trouble:
            log.info("the chain is seen again")
            events.record_event(db, self._clock.now(), "seen_again")
            self.trouble = ""
        _say(step)
        self._note_age(db, step)

    def note_health(self, db: Database, endpoints: Iterable[EndpointHealth]) -> None:
        """Endpoints whose state or last error is another than it was."""
        for one in endpoints:
            state = (one.state.value, one.last_error or "")
            if self._health.get(one.label) != state:
                self._health[one.label] = state
                events.record_endpoint(db, self._clock.now(), one.label, *state)

    def _note_age(self, db: Database, step: Advance | Standstill) -> None:
        age = self._clock.now() - step.head.timestamp
        stale = age > STALE_HEAD_S and (isinstance(step, Standstill) or step.complete)
        if stale and not self._stale:
            log.warning("the head %s is %d s old", f"{step.head.number:,}", age)
            events.record_event(db, self._clock.now(), "head_stale", f"block {step.head.number}, {age} s old")
        self._stale = stale


def _say(step: Advance | Standstill) -> None:
    if isinstance(step, Standstill):
        if step.why is not Wait.UP_TO_DATE:
            log.debug("block %s: %s", f"{step.head.number:,}", step.why.value)
        return
    if step.reorg is not None:
        log.warning("reorg: %d blocks above %s were replaced", step.reorg.depth, f"{step.reorg.ancestor:,}")
    for gap in step.gaps:
        log.warning("gap: blocks %s to %s: %s", f"{gap.first:,}", f"{gap.last:,}", gap.cause)
    if len(step.blocks) > 3:
        log.info("read %d blocks up to %s", len(step.blocks), f"{step.blocks[-1].ref.number:,}")
    else:
        for block in step.blocks:
            log.info(describe(block))


def describe(block: Block) -> str:
    """One line about a block: `block 26,050,794  base fee 0.532 gwei  burned 0.0191 ETH  blobs 0.0000 ETH`."""
    burn = burn_of(block.row)
    fee = "none" if block.row.base_fee_wei is None else f"{format_gwei(block.row.base_fee_wei, 4)} gwei"
    base = "not known" if burn.base_wei is None else f"{format_eth(burn.base_wei, 6)} ETH"
    blob = "not known" if burn.blob_wei is None else f"{format_eth(burn.blob_wei, 6)} ETH"
    return f"block {block.ref.number:,}  base fee {fee}  burned {base}  by blobs {blob}"
