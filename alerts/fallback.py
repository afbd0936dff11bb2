"""Channels that deliver nothing for long: the others tell of it, and carry what is critical."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerts.compose import notice
from alerts.model import Message, Severity
from alerts.ports import ChannelHealth, Outbox
from alerts.telling import digest
from alerts.wording import moment


def watch(outbox: Outbox, names: Sequence[str], now: float, after_s: float) -> None:
    """Channels that have been down for long: the others are told once, and carry what is critical."""
    states = [outbox.health(name) for name in names]
    down = [state for state in states if _is_down(state, now, after_s)]
    working = [state.name for state in states if state.failing_since is None]
    for state in down if working else []:
        for claim in outbox.waiting(state.name, Severity.CRITICAL):
            if not claim.carried_for:
                outbox.enqueue(claim.message, working, now, carried_for=state.name)
        if not state.told:
            outbox.enqueue(_down_notice(state, now), working, now)
            outbox.set_health(replace(state, told=True))


def _is_down(state: ChannelHealth, now: float, after_s: float) -> bool:
    # Either way: a clock that was stepped back must not make a dead channel look fresh for hours.
    long = state.failing_since is not None and abs(now - state.failing_since) >= after_s
    return long or bool(state.disabled)


def _down_notice(state: ChannelHealth, now: float) -> Message:
    since = moment(state.failing_since or now)
    name = state.name.capitalize()
    lasting = (
        "It is tried again once an hour, and at once after a restart with the setting mended, "
        "or by `ethmon outbox retry`."
    )
    return notice(
        digest("down", state.name, state.failing_since),
        f"{name} delivers nothing since {since}",
        f"{state.cause}. Critical alerts come here meanwhile; all others wait for it."
        + (f" {lasting}" if state.disabled else ""),
        Severity.CRITICAL if state.disabled else Severity.WARNING,
        int(now),
    )
