"""Decisions as they are stored: with the tick, through reorgs, restarts and people's answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.delivery import drain
from alerts.model import BlockStamp, CannotSee, Direction, Level, Message, Reading, Rule, Severity, Transition
from alerts.rules import parse_rules
from monitor.domain import BlockRef
from monitor.readings.catalogue import CATALOGUE
from monitor.store import backlog, incidents, ledger
from monitor.store.database import Database
from monitor.store.outbox import SqliteOutbox
from monitor.units import BlockNumber, UnixTime
from tests.support.alert_doubles import Clock, Scripted
from tests.support.databases import chain, new_database, ref

AT = UnixTime(1_800_000_000)
CHANNELS = ("telegram", "email")
RULE = parse_rules({"wallet": [{"name": "Whale", "alert_at": ["20%", "10%", "5%"]}]}, CATALOGUE)[0]
HEAD_AGE = CATALOGUE.readings["chain.head_age"]
STALE = Rule("stale", HEAD_AGE, Direction.ABOVE, (Level(Decimal(60), Severity.CRITICAL),))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        ledger.append(database, chain(100, 110), AT)
        yield database


def stamp(block: BlockRef) -> BlockStamp:
    return BlockStamp(block.number, block.hash, block.timestamp)


def reading(distance: str | CannotSee, at: BlockStamp, subject: str = "w1") -> Reading:
    value = Decimal(distance) if isinstance(distance, str) else distance
    return Reading("position.distance", subject, f"Whale {subject}", value, at, {"wallet": "Whale"})


def tick(
    db: Database,
    distance: str | CannotSee,
    *,
    branch: str = "",
    rules: Sequence[Rule] = (RULE,),
    wall: float = 0.0,
) -> tuple[Message, ...]:
    """Append the next block of `branch` and decide on one reading, in one transaction."""
    head = ledger.cursor(db)
    assert head is not None
    number = head.number + 1
    with db.transaction():
        ledger.append(db, chain(number, number, branch=branch, parent_branch=branch_of(head)), AT)
        at = stamp(ref(number, branch=branch))
        return incidents.decide(db, rules, [reading(distance, at)], at=at, channels=CHANNELS, now_wall=wall)


def branch_of(head: BlockRef) -> str:
    return next(name for name in ("", "b", "c") if ref(head.number, branch=name).hash == head.hash)


def reorg(db: Database, depth: int, branch: str, distance: str) -> tuple[Message, ...]:
    """Replace the last `depth` blocks by as many of `branch`, and one more; then decide."""
    head = ledger.cursor(db)
    assert head is not None
    ancestor = ledger.recent_ref(db, BlockNumber(head.number - depth))
    assert ancestor is not None
    new = chain(ancestor.number + 1, head.number + 1, branch=branch, parent_branch=branch_of(ancestor))
    with db.transaction():
        ledger.replace_branch(db, ancestor, new, AT)
        at = stamp(new[-1].ref)
        return incidents.decide(db, (RULE,), [reading(distance, at)], at=at, channels=CHANNELS, now_wall=0.0)


def transitions(messages: Sequence[Message]) -> list[Transition]:
    return [message.transition for message in messages]


def test_an_alert_commits_with_the_tick_or_not_at_all(db: Database) -> None:
    with suppress(KeyboardInterrupt), db.transaction():
        tick(db, "9")
        raise KeyboardInterrupt
    assert incidents.states(db) == {}
    assert backlog.counts(db) == {}
    assert transitions(tick(db, "9")) == [Transition.OPENED]
    assert backlog.counts(db) == {("telegram", "pending"): 1, ("email", "pending"): 1}
    assert incidents.list_open(db)[0].title == "Whale w1: 9% from liquidation"


def test_states_survive_a_restart_and_are_written_on_change_only(db: Database, tmp_path: Path) -> None:
    for _ in range(5):
        tick(db, "9")
    assert db.row("SELECT count(*) FROM alert_state")[0] == 1
    states = incidents.states(db)
    db.close()
    with new_database(tmp_path / "other.db") as other:
        assert incidents.states(other) == {}
    from monitor.store.database import open_writer

    with open_writer(tmp_path / "ethmon.db") as again:
        assert incidents.states(again) == states
        assert tick(again, "8") == ()


def test_what_is_listed_says_when_it_is_better_than_it_was_told(db: Database) -> None:
    """The end waits for the cool-down, and a milder level is not told at all: the title stays that of the worst."""

    def listed() -> list[tuple[str, bool]]:
        return [(row.title, row.better) for row in incidents.list_open(db)]

    title = "Whale w1: 4% from liquidation"
    tick(db, "4")
    assert listed() == [(title, False)]
    tick(db, "5.1")
    assert listed() == [(title, False)], "within the hysteresis it may be back at once"
    tick(db, "15")
    assert listed() == [(title, True)]
    tick(db, "40")
    assert listed() == [(title, True)]
    tick(db, CannotSee("no node"))
    tick(db, "4")
    assert listed() == [(title, False)]


def test_the_incidents_of_a_rule_that_was_removed_end_in_silence(db: Database) -> None:
    tick(db, "9")
    assert tick(db, "9", rules=(STALE,)) == ()
    assert incidents.list_open(db) == []
    assert transitions(tick(db, "9")) == [Transition.OPENED], "a rule that comes back starts afresh"


def test_rules_name_their_channels(db: Database) -> None:
    tick(db, "9", rules=[replace(RULE, channels=("email",))])
    assert backlog.counts(db) == {("email", "pending"): 1}


def test_a_reorg_that_confirms_the_alert_is_silent_however_often(db: Database) -> None:
    assert transitions(tick(db, "9")) == [Transition.OPENED]
    tick(db, "9")
    assert reorg(db, 2, "b", "8") == ()
    assert reorg(db, 3, "c", "7") == ()
    assert tick(db, "7", branch="c") == ()
    assert transitions(tick(db, "4", branch="c")) == [Transition.WORSENED]
    assert len({row.id for row in incidents.list_open(db)}) == 1


def test_a_reorg_that_denies_the_alert_corrects_it_within_the_tick(db: Database) -> None:
    told = tick(db, "9")
    telegram = Scripted("telegram")
    drain(SqliteOutbox(db), [telegram], Clock())
    messages = reorg(db, 1, "b", "25")
    assert transitions(messages) == [Transition.CORRECTED]
    assert messages[0].corrects == told[0].key
    drain(SqliteOutbox(db), [telegram], Clock())
    correction = telegram.accepted[-1]
    assert correction.original is not None
    assert correction.original.message == told[0]
    assert tick(db, "25", branch="b") == ()
    assert transitions(tick(db, "9", branch="b")) == [Transition.OPENED]


def test_a_message_that_nobody_saw_yet_is_dropped_instead_of_corrected(db: Database) -> None:
    tick(db, "9")
    telegram = Scripted("telegram")
    drain(SqliteOutbox(db), [telegram], Clock())
    reorg(db, 1, "b", "25")
    assert backlog.counts(db) == {
        ("telegram", "delivered"): 1,
        ("telegram", "pending"): 1,
        ("email", "dropped"): 1,
    }


def test_a_waiting_message_that_tells_of_others_too_is_not_dropped(db: Database) -> None:
    head = ledger.cursor(db)
    assert head is not None
    at = stamp(ref(111))
    ledger.append(db, chain(111, 111), AT)
    incidents.decide(
        db, (RULE,), [reading("9", at, "w1"), reading("9", at, "w2")], at=at, channels=CHANNELS, now_wall=0
    )
    ledger.replace_branch(db, head, chain(111, 112, branch="b", parent_branch=""), AT)
    at = stamp(ref(112, branch="b"))
    told = incidents.decide(
        db, (RULE,), [reading("9", at, "w1"), reading("25", at, "w2")], at=at, channels=CHANNELS, now_wall=0
    )
    assert transitions(told) == [Transition.CORRECTED]
    assert backlog.counts(db) == {("telegram", "pending"): 2, ("email", "pending"): 2}


def test_a_correction_can_be_corrected_again(db: Database) -> None:
    tick(db, "9")
    assert transitions(reorg(db, 1, "b", "25")) == [Transition.CORRECTED]
    assert transitions(reorg(db, 2, "c", "9")) == [Transition.OPENED]


def test_what_we_observe_ourselves_survives_a_rollback(db: Database) -> None:
    head = ledger.cursor(db)
    assert head is not None
    at = replace(stamp(head), time=head.timestamp + 90)
    age = Reading("chain.head_age", "head", "Head", Decimal(90), at)
    assert transitions(incidents.decide(db, (STALE,), [age], at=at, channels=CHANNELS, now_wall=0)) == [
        Transition.OPENED
    ]
    ledger.replace_branch(db, ref(108), chain(109, 111, branch="b", parent_branch=""), AT)
    assert incidents.states(db)["stale", "head"].told == 1
    assert incidents.decide(db, (STALE,), [age], at=at, channels=CHANNELS, now_wall=0) == ()


def test_a_look_at_ourselves_between_reorg_and_next_block_corrects_nothing(db: Database) -> None:
    tick(db, "9")
    head = ledger.cursor(db)
    assert head is not None
    ledger.replace_branch(
        db, ref(head.number - 1), chain(head.number, head.number, branch="b", parent_branch=""), AT
    )
    at = stamp(ref(head.number, branch="b"))
    age = Reading("chain.head_age", "head", "Head", Decimal(5), at)
    rules = (RULE, STALE)
    assert incidents.decide(db, rules, [age], at=at, channels=CHANNELS, now_wall=0, of_chain=False) == ()
    assert tick(db, "9", branch="b") == (), "the next block confirms it"


def test_acknowledge_and_snooze_find_incidents_by_any_name(db: Database) -> None:
    (message,) = tick(db, "9")
    incident = incidents.list_open(db)[0].id
    for target in ("all", message.key, incident, RULE.name):
        assert incidents.acknowledge(db, target) == 1, target
    assert incidents.acknowledge(db, "nothing of that name") == 0
    assert incidents.list_open(db)[0].phase == "acked"
    assert incidents.snooze(db, message.key, AT) == 1
    assert incidents.list_open(db)[0].phase == "snoozed"
    assert tick(db, "4") == ()


def test_an_acknowledgement_is_rolled_back_with_its_incident(db: Database) -> None:
    tick(db, "9")
    incidents.acknowledge(db, "all")
    reorg(db, 1, "b", "25")
    assert incidents.list_open(db) == []


def test_events_are_never_open_but_can_be_snoozed(db: Database) -> None:
    spec = CATALOGUE.readings["position.liquidated"]
    rule = Rule("liquidated", spec, Direction.ABOVE, (Level(Decimal(0), Severity.CRITICAL),))
    head = ledger.cursor(db)
    assert head is not None
    at = stamp(head)
    event = Reading(spec.key, "w1", "Whale", Decimal(5), at, occurrence="tx1:0")
    (message,) = incidents.decide(db, (rule,), [event], at=at, channels=CHANNELS, now_wall=0)
    assert incidents.list_open(db) == []
    assert incidents.snooze(db, message.key, AT) == 1
    assert [row.phase for row in incidents.list_open(db)] == ["snoozed"]


def test_pruning_keeps_what_a_rollback_may_need(db: Database) -> None:
    for distance in ("19", "9", "4"):
        tick(db, distance)
    assert incidents.prune(db, 112) == 1
    kept = [row[0] for row in db.rows("SELECT block_number FROM alert_state ORDER BY id")]
    assert kept == [112, 113]
    assert incidents.states(db)["Whale: alert at", "w1"].told == 3


def test_blindness_reaches_the_outbox_once(db: Database) -> None:
    rule = replace(RULE, blind_after_s=24)
    kinds = [transitions(tick(db, CannotSee("no node"), rules=[rule])) for _ in range(5)]
    assert kinds == [[], [], [Transition.BLIND], [], []]
