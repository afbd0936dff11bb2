"""Alerts of one tick become the messages that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from alerts.model import (
    Alert,
    Because,
    Direction,
    Fact,
    Finality,
    Item,
    Message,
    Reason,
    Rule,
    Severity,
    Transition,
)
from alerts.telling import digest
from alerts.wording import clean, moment, show, span

_FINALITY = {
    Finality.HEAD: "not final yet",
    Finality.SAFE: "safe",
    Finality.FINALIZED: "final",
}
_MAX_ITEMS = 60


def compose(alerts: Sequence[Alert], corrected: Mapping[str, str] | None = None) -> Message:
    """The message of one group (see `engine.group`), worst first.

    `corrected` gives the key of the message that told an alert, by the alert's id.
    """
    ordered = sorted(alerts, key=_danger)
    first = ordered[0]
    return _single(first, corrected or {}) if len(ordered) == 1 else _grouped(ordered)


def _danger(alert: Alert) -> tuple[int, str, Decimal]:
    value = alert.reason.value if alert.reason.value is not None else Decimal(0)
    near = value if alert.rule.direction is Direction.BELOW else -value
    return -alert.severity, alert.rule.spec.key, near


def _single(alert: Alert, corrected: Mapping[str, str]) -> Message:
    reading = alert.reading
    bad = alert.transition not in {Transition.RECOVERED, Transition.SIGHTED, Transition.CORRECTED}
    acting = bad and alert.transition is not Transition.BLIND
    return Message(
        key=digest(alert.id),
        severity=alert.severity,
        transition=alert.transition,
        title=title(alert),
        topic=_topic(alert),
        lead=lead(alert),
        facts=(*(reading.facts if reading else ()), *_change(alert)),
        fixes=reading.fixes if reading and acting else (),
        links=reading.links if reading else (),
        footer=_footer(alert),
        chart=reading.chart if reading and acting else None,
        thread=alert.incident,
        incidents=(alert.incident,) if bad else (),
        corrects=corrected.get(alert.corrects, ""),
        time=alert.at.time,
        over=alert.reason.because is Because.GONE,
    )


def _grouped(alerts: Sequence[Alert]) -> Message:
    first, key = alerts[0], digest(*(alert.id for alert in alerts))
    blind = first.transition is Transition.BLIND
    heading = f"Cannot see {len(alerts)} subjects" if blind else f"{title(first)}, and {len(alerts) - 1} more"
    bad = any(alert.transition not in {Transition.RECOVERED, Transition.SIGHTED} for alert in alerts)
    return Message(
        key=key,
        severity=first.severity,
        transition=first.transition,
        title=heading,
        topic=f"{len(alerts)} alerts: {_topic(first)} and others",
        lead=_blind_lead(first.reason) if blind else _counts(alerts),
        items=tuple(_item(alert) for alert in alerts[:_MAX_ITEMS]),
        more=max(len(alerts) - _MAX_ITEMS, 0),
        links=first.reading.links if first.reading else (),
        footer=_footer(first),
        thread=key,
        incidents=tuple(dict.fromkeys(alert.incident for alert in alerts)) if bad else (),
        time=first.at.time,
    )


def _item(alert: Alert) -> Item:
    if alert.transition is Transition.BLIND:
        return Item(alert.severity, alert.transition, clean(alert.name))
    facts = alert.reading.facts[:1] if alert.reading else ()
    details = "".join(f"{fact.label}: {fact.text}" for fact in facts)
    return Item(alert.severity, alert.transition, title(alert), details or lead(alert))


def _counts(alerts: Sequence[Alert]) -> str:
    """`15 critical, 20 warning, 15 info.`; nothing where all are alike."""
    counts = {
        severity: sum(alert.severity is severity for alert in alerts) for severity in reversed(Severity)
    }
    told = [f"{count} {severity.name.lower()}" for severity, count in counts.items() if count]
    return ", ".join(told) + "." if len(told) > 1 else ""


def title(alert: Alert) -> str:
    """What, in one line: `Trend Research 1 on Aave v3: 4.8% from liquidation`."""
    name = clean(alert.name, 120)
    state = phrase(alert.rule, alert.reason.value)
    match alert.transition:
        case Transition.BLIND:
            return f"Cannot see {name}"
        case Transition.RECOVERED if alert.reason.because is Because.GONE:
            return f"{name}: over, {clean(alert.reason.cause, 120)}"
        case Transition.CORRECTED if alert.reason.value is None:
            return f"{name}: what was said does not hold"
        case Transition.HAPPENED if alert.reading is None:
            return f"{name}: {alert.reason.more} more, {alert.rule.spec.what}"
        case _:
            return f"{name}: {state}"


def phrase(rule: Rule, value: Decimal | None) -> str:
    """The reading's state in words, after its subject's name."""
    if value == 0 and rule.spec.at_zero:
        return rule.spec.at_zero
    return rule.spec.phrase.replace(
        "{value}", "an unknown amount" if value is None else show(value, rule.spec.unit)
    )


def _topic(alert: Alert) -> str:
    return clean(f"{alert.name}, {alert.rule.spec.key.rpartition('.')[2].replace('_', ' ')}", 120)


def lead(alert: Alert) -> str:
    """Why it is told now: the rule's own words first, then the reason's numbers."""
    own = clean(alert.rule.message)
    told = own if alert.transition in {Transition.OPENED, Transition.WORSENED, Transition.HAPPENED} else ""
    return " ".join(
        part for part in (told + "." if told and told[-1] not in ".!?" else told, why(alert)) if part
    )


def why(alert: Alert) -> str:  # noqa: PLR0911  one line per reason
    """The reason as a sentence; every number of it comes from the `Reason`."""
    reason, rule = alert.reason, alert.rule
    side = rule.direction.value
    level = show(reason.threshold, rule.spec.unit) if reason.threshold is not None else ""
    match reason.because:
        case Because.CROSSED | Because.DEEPER:
            return f"Now {side} {level}{_held(rule, reason, alert.at.time)}.{_next_level(alert)}"
        case Because.AGAIN:
            return f"{side.capitalize()} {level} again."
        case Because.STILL:
            return f"Still {side} {level}{_since(reason, alert.at.time)}."
        case Because.SNOOZE_OVER:
            return f"The snooze is over and it is {side} {level}."
        case Because.CLEARED:
            return f"{_opposite(rule.direction).capitalize()} {_clear(alert)} again."
        case Because.UNSEEN:
            return _blind_lead(reason, alert.at.time)
        case Because.SEEN:
            return "It can be read again" + (f"; it is {side} {level}." if level else " and is fine.")
        case Because.REPLACED:
            return f"What was said does not hold: {clean(reason.cause)}."
        case Because.HAPPENED if alert.reading is not None:
            unread = f"How much is not known: {clean(reason.cause)}." if reason.cause else ""
            more = f"{reason.more} more since the last message." if reason.more else ""
            return " ".join(part for part in (unread, more) if part)
        case _:
            return ""


def _blind_lead(reason: Reason, now: int | None = None) -> str:
    time = f" for {span(now - reason.since)}" if now is not None and reason.since is not None else ""
    return f"Not readable{time}: {clean(reason.cause)}. Alerts wait until it can be read; silence is not good news."


def _held(rule: Rule, reason: Reason, now: int) -> str:
    return f" for {span(now - reason.since)}" if rule.for_s and reason.since is not None else ""


def _since(reason: Reason, now: int) -> str:
    return f" after {span(now - reason.since)}" if reason.since is not None else ""


def _next_level(alert: Alert) -> str:
    deeper = alert.rule.levels[alert.level : alert.level + 1]
    return f" Next alert at {show(deeper[0].threshold, alert.rule.spec.unit)}." if deeper else ""


def _clear(alert: Alert) -> str:
    mildest = alert.rule.levels[0].threshold
    return show(alert.rule.band.clear_of(mildest, alert.rule.direction), alert.rule.spec.unit)


def _opposite(direction: Direction) -> str:
    return (Direction.ABOVE if direction is Direction.BELOW else Direction.BELOW).value


def _change(alert: Alert) -> tuple[Fact, ...]:
    """What changed since the user heard of it last."""
    reason = alert.reason
    if reason.before is None or reason.before_time is None:
        return ()
    earlier = show(reason.before, alert.rule.spec.unit)
    ago = span(max(alert.at.time - reason.before_time, 0))
    if alert.transition is Transition.CORRECTED:
        return (Fact("Was told", f"{earlier}, {ago} ago"),)
    return (Fact("Last message", f"{earlier}, {ago} ago"),)


def _footer(alert: Alert) -> str:
    at = alert.at
    short = f"{at.hash[:6]}…{at.hash[-4:]}" if len(at.hash) > 12 else at.hash
    if not alert.rule.spec.on_chain:
        return f"{moment(at.time)} · after block {at.number:,} · rule: {clean(alert.rule.name, 80)}"
    return (
        f"{moment(at.time)} · block {at.number:,} {short}, {_FINALITY[at.finality]}"
        f" · rule: {clean(alert.rule.name, 80)}"
    )


def collapse(messages: Sequence[Message], channel: str) -> Message:
    """Messages that wait for a channel that was down, as one, in their order."""
    worst = max(message.severity for message in messages)
    items = tuple(
        Item(
            message.severity,
            message.transition,
            f"{moment(message.time)[5:16]} {_said(message)}",
            message.lead,
        )
        for message in messages
    )
    first = min(message.time for message in messages)
    return Message(
        key=digest(channel, *(message.key for message in messages)),
        severity=worst,
        transition=Transition.REMINDED,
        title=f"{len(messages)} late messages since {moment(first)}",
        topic=f"{len(messages)} late messages",
        lead="They could not be delivered in time and are shown in their order; times are UTC.",
        items=items,
        thread=digest(channel, messages[0].key),
        incidents=tuple(dict.fromkeys(one for message in messages for one in message.incidents)),
        time=messages[-1].time,
    )


def _said(message: Message) -> str:
    news = {
        Transition.RECOVERED: "Recovered: ",
        Transition.SIGHTED: "Seen again: ",
        Transition.CORRECTED: "Corrected: ",
    }
    return ("" if message.over else news.get(message.transition, "")) + message.title


def notice(key: str, title_text: str, text: str, severity: Severity, time: int) -> Message:
    """A message about alerting itself."""
    return Message(
        key=key,
        severity=severity,
        transition=Transition.HAPPENED,
        title=title_text,
        topic=title_text,
        lead=text,
        footer=moment(time),
        thread=key,
        time=time,
    )
