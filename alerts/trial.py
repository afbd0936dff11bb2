"""A made-up alert of a rule, to see what its messages look like and that they arrive."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from alerts.compose import compose
from alerts.engine import evaluate
from alerts.model import BlockStamp, Direction, Fact, Message, Reading, Rule
from alerts.wording import clean, moment


def trial_message(rule: Rule, time: int) -> Message:
    """The message of `rule` just past its worst level, at `time` (Unix, UTC); it says that it is a test and has no buttons."""
    at = BlockStamp(0, "", time)
    worst = rule.levels[-1].threshold
    step = max(abs(worst) / 10, Decimal("0.01"))
    value = worst - step if rule.direction is Direction.BELOW else worst + step
    reading = Reading(
        key=rule.spec.key,
        subject="test",
        name=next(iter(rule.select.values()), "Test subject"),
        value=value,
        at=at,
        labels=rule.select,
        window_s=rule.window_s,
        occurrence="test",
        facts=(
            Fact("Reading", f"{rule.spec.key}: {rule.spec.what}"),
            Fact("Value", "made up, nothing happened"),
        ),
    )
    message = compose(evaluate((replace(rule, for_s=0),), (reading,), {}, at).alerts)
    footer = f"{moment(time)} · a test, of no block · rule: {clean(rule.name, 80)}"
    return replace(message, title=f"TEST, nothing happened: {message.title}", footer=footer, incidents=())
