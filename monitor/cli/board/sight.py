"""Sections about ourselves: can it see, do messages arrive."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from monitor.cli.board.pieces import BAD, DIM, GOOD, MILD, Section, fit, flow, labelled, plain
from monitor.readings.words import age
from monitor.reports.board.content import Board
from monitor.store.events import EndpointEvent
from monitor.units import UnixTime, format_eth

_PASSING = {"not tried yet", "rate limited", "behind the others"}


def sight(board: Board, now: UnixTime, width: int) -> Section:
    """Endpoints, gaps, reorgs, messages on their way."""
    facts = [*_gaps(board), *_outbox(board, now), _summary(board), _reorgs(board, now)]
    endpoints = [fit(_endpoint(one, now), width) for one in board.status.endpoints]
    return Section("Health", [*flow(facts, width), *endpoints], worth=2)


def _summary(board: Board) -> Text:
    """How many endpoints are in order: their lines are the first to go."""
    states = [one.state for one in board.status.endpoints]
    if not states:
        return labelled("endpoints", Text("none was asked yet", DIM))
    good = states.count("ok")
    return labelled("endpoints", Text(f"{good} of {len(states)} ok", GOOD if good == len(states) else BAD))


def banners(board: Board, now: UnixTime) -> Iterator[Text]:
    """What must be known before anything else on the screen is believed."""
    status, run = board.status, board.last_run
    if status.daemon_pid is None:
        told = _ended(board, now)
        yield Text(f"No daemon is running{told}: this is old. Start `ethmon run`.", BAD)
    trouble = status.last_event
    if trouble is not None and trouble.kind.endswith("trouble") and (run is None or trouble.at >= run.at):
        yield Text(f"Cannot see the chain for {age(max(now - trouble.at, 0))}: {plain(trouble.detail)}", BAD)


def _ended(board: Board, now: UnixTime) -> str:
    run = board.last_run
    if run is None:
        return ""
    if run.kind == "stop":
        return f", it was stopped {age(max(now - run.at, 0))} ago"
    return ", the last one ended without being stopped"


def _gaps(board: Board) -> Iterator[Text]:
    gaps = board.status.gaps
    if not gaps:
        yield labelled("gaps", Text("none", GOOD))
        return
    missing = sum(record.gap.last - record.gap.first + 1 for record in gaps)
    yield labelled(
        "gaps", Text(f"{len(gaps)} open, {missing:,} blocks", BAD), f": {plain(gaps[-1].gap.cause)}"
    )


def _reorgs(board: Board, now: UnixTime) -> Text:
    status, last = board.status, board.last_reorg
    if last is None or not status.reorgs:
        return labelled("reorgs", "none in 24 h")
    unknown = "≥ " if last.burn_unknown or last.blob_burn_unknown else ""
    burned = f"{unknown}{format_eth(last.burn_wei + last.blob_burn_wei, 4)} ETH taken back"
    return labelled(
        "reorgs",
        Text(f"{status.reorgs} in 24 h, deepest {status.deepest}", MILD),
        f"; last {age(max(now - last.at, 0))} ago, {burned}",
    )


def _outbox(board: Board, now: UnixTime) -> Iterator[Text]:
    post = board.backlog
    if post.waiting:
        oldest = "" if post.oldest_at is None else f", oldest {age(max(now - int(post.oldest_at), 0))}"
        yield labelled("messages", Text(f"{post.waiting} waiting{oldest}", MILD))
    if post.dead:
        yield labelled("messages", Text(f"{post.dead} undeliverable: see `ethmon outbox`", BAD))
    if not post.waiting and not post.dead:
        yield labelled("messages", Text("all delivered", GOOD))
    for name, cause in post.disabled:
        yield labelled("channel", Text(f"{plain(name)} is off", BAD), f": {plain(cause)}")


def _endpoint(one: EndpointEvent, now: UnixTime) -> Text:
    colour = GOOD if one.state == "ok" else MILD if one.state in _PASSING else BAD
    text = Text.assemble(("● ", colour), plain(one.endpoint), (f"  {plain(one.state)}", colour))
    text.append(f" for {age(max(now - one.at, 0))}", DIM)
    if one.detail and one.state != "ok":
        text.append(f": {plain(one.detail)}")
    return text
