"""Laws of the engine, checked on random histories, and the stories that a user lives through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.compose import lead, title
from alerts.engine import Evaluation, acknowledge, evaluate, group, snooze
from alerts.model import (
    Alert,
    Because,
    BlockStamp,
    CannotSee,
    Direction,
    Gone,
    Incident,
    IncidentKey,
    Kind,
    Level,
    Orphan,
    Reading,
    ReadingSpec,
    Rule,
    Severity,
    Transition,
    Unit,
)

T = Transition
DISTANCE = ReadingSpec(
    "position.distance", Unit.PERCENT, "distance", "{value} from liquidation", Direction.BELOW, ("wallet",)
)
TRANSFER = ReadingSpec(
    "wallet.transfer", Unit.USD, "transfer", "moved {value}", Direction.ABOVE, kind=Kind.EVENT
)
HEAD = ReadingSpec("head.age", Unit.SECONDS, "age", "head is {value} old", Direction.ABOVE, on_chain=False)
LEVELS = (
    Level(Decimal(20), Severity.INFO),
    Level(Decimal(10), Severity.WARNING),
    Level(Decimal(5), Severity.CRITICAL),
)
RULE = Rule("whale", DISTANCE, Direction.BELOW, LEVELS)
BIG = Rule("big", TRANSFER, Direction.ABOVE, (Level(Decimal(100), Severity.WARNING),), cool_down_s=600)


def stamp(time: int, branch: str = "a") -> BlockStamp:
    return BlockStamp(time // 12, f"0x{branch}{time}", time)


def distance(value: str | CannotSee | Gone, at: BlockStamp, subject: str = "w1") -> Reading:
    number = Decimal(value) if isinstance(value, str) else value
    return Reading("position.distance", subject, f"Whale {subject}", number, at)


def transfer(value: int, occurrence: str, at: BlockStamp) -> Reading:
    return Reading("wallet.transfer", "w1", "Whale", Decimal(value), at, occurrence=occurrence)


class Story:
    """A rule living through a history, as the daemon would drive it."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self.states: dict[IncidentKey, Incident] = {}
        self.told: list[Alert] = []

    def tick(self, at: BlockStamp, *readings: Reading, orphans: Sequence[Orphan] = ()) -> list[Transition]:
        result: Evaluation = evaluate(self.rules, readings, self.states, at, orphans)
        self.states = result.states
        self.told += result.alerts
        return [alert.transition for alert in result.alerts]

    def distances(self, *steps: tuple[int, str | CannotSee | Gone]) -> list[Transition]:
        seen: list[Transition] = []
        for time, value in steps:
            seen += self.tick(stamp(time), distance(value, stamp(time)))
        return seen


def as_orphan(alert: Alert) -> Orphan:
    occurrence = alert.reading.occurrence if alert.reading else ""
    return Orphan(
        alert.id,
        alert.incident,
        alert.rule.name,
        alert.subject,
        alert.name,
        alert.transition,
        alert.level,
        alert.severity,
        alert.reason.value,
        alert.at,
        occurrence,
    )


# --- stories


def test_opens_worsens_and_recovers_with_reasons() -> None:
    story = Story(RULE)
    assert story.distances((0, "25"), (12, "19"), (24, "18"), (36, "4"), (7200, "30")) == [
        T.OPENED,
        T.WORSENED,
        T.RECOVERED,
    ]
    opened, worse, recovered = story.told
    assert (opened.severity, worse.severity, recovered.severity) == (
        Severity.INFO,
        Severity.CRITICAL,
        Severity.INFO,
    )
    assert opened.reason.because is Because.CROSSED
    assert (opened.reason.value, opened.reason.threshold) == (Decimal(19), Decimal(20))
    assert (worse.reason.before, worse.reason.before_time) == (Decimal(19), 12)
    assert worse.reason.threshold == Decimal(5)
    assert recovered.reason.threshold == Decimal(5)
    assert opened.incident == worse.incident == recovered.incident


def test_the_threshold_itself_is_safe() -> None:
    assert Story(RULE).distances((0, "20")) == []
    assert Story(RULE).distances((0, "19.999999999999999999")) == [T.OPENED]


def test_hysteresis_keeps_the_level_until_the_band_is_left() -> None:
    story = Story(replace(RULE, cool_down_s=0))
    assert story.distances((0, "19"), (12, "21.9"), (24, "19.5"), (36, "21.99")) == [T.OPENED]
    assert story.distances((48, "22")) == [T.RECOVERED]


def test_recovery_waits_for_the_cool_down_and_a_return_within_it_is_silent() -> None:
    story = Story(RULE)
    assert story.distances((0, "19"), (60, "30"), (120, "19"), (180, "30")) == [T.OPENED]
    assert story.distances((3599, "30")) == []
    assert story.distances((3600, "30")) == [T.RECOVERED]
    assert story.distances((3612, "19")) == [T.OPENED]  # after an all-clear, danger is told at once


def test_a_level_reached_again_is_told_only_after_the_cool_down() -> None:
    story = Story(RULE)
    assert story.distances((0, "4"), (12, "8"), (24, "4")) == [T.OPENED]
    assert story.distances((3500, "8"), (4012, "4")) == [T.WORSENED]
    assert story.told[-1].reason.because is Because.AGAIN


def test_a_second_fall_is_told_level_by_level_although_the_first_went_deeper() -> None:
    story = Story(RULE)
    assert story.distances((0, "1.9"), (60, "14"), (120, "9")) == [T.OPENED], "within the cool-down"
    assert story.distances((4000, "14"), (86_400, "14")) == []
    assert story.distances((86_412, "9"), (86_424, "4")) == [T.WORSENED, T.WORSENED]
    assert [alert.reason.threshold for alert in story.told] == [Decimal(5), Decimal(10), Decimal(5)]


def test_an_acknowledgement_covers_a_second_fall_for_a_day() -> None:
    story = Story(RULE)
    story.distances((0, "1.9"))
    key = ("whale", "w1")
    story.states[key] = acknowledge(story.states[key])
    assert story.distances((4000, "14"), (8000, "14"), (8012, "4"), (80_000, "14")) == []
    assert story.distances((86_400, "14"), (86_412, "4")) == [T.WORSENED]


def test_for_needs_an_unbroken_breach() -> None:
    story = Story(replace(RULE, for_s=60))
    assert story.distances((0, "19"), (48, "19"), (59, "20.5"), (60, "19"), (119, "19")) == []
    assert story.distances((120, "19")) == [T.OPENED]
    assert story.told[0].reason.since == 60


def test_reminders_are_asked_for_and_stop_when_acknowledged() -> None:
    story = Story(replace(RULE, remind_s=7200))
    assert story.distances((0, "9"), (3600, "9"), (7200, "9"), (14400, "9")) == [
        T.OPENED,
        T.REMINDED,
        T.REMINDED,
    ]
    key = ("whale", "w1")
    story.states[key] = acknowledge(story.states[key])
    assert story.states[key].phase == "acked"
    assert story.distances((30000, "9")) == []
    assert story.distances((30012, "4")) == [T.WORSENED]
    assert story.states[key].phase == "open", "worse news ends the acknowledgement"


def test_snooze_silences_worse_news_until_it_ends() -> None:
    story = Story(RULE)
    story.distances((0, "19"))
    key = ("whale", "w1")
    story.states[key] = snooze(story.states[key], until=3600)
    assert story.states[key].phase == "snoozed"
    assert story.distances((12, "9"), (24, "4"), (3599, "4")) == []
    assert story.distances((3600, "4")) == [T.WORSENED]
    assert story.told[-1].reason.because is Because.SNOOZE_OVER


def test_acknowledge_and_snooze_end_on_recovery() -> None:
    for silence in (acknowledge, lambda state: snooze(state, 10**9)):
        story = Story(RULE)
        story.distances((0, "19"))
        key = ("whale", "w1")
        story.states[key] = silence(story.states[key])
        assert story.distances((3600, "30"), (3612, "19")) == [T.RECOVERED, T.OPENED]


def test_blindness_is_told_once_and_is_never_a_recovery() -> None:
    story = Story(RULE)
    blind = CannotSee("the oracle is stale")
    assert story.distances((0, "9"), (12, blind), (311, blind)) == [T.OPENED]
    assert story.distances((312, blind), (324, blind), (99999, blind)) == [T.BLIND]
    assert story.told[-1].severity is Severity.WARNING
    assert story.states["whale", "w1"].phase == "blind"
    assert story.distances((100000, "9")) == [T.SIGHTED]


def test_sight_lost_and_regained_may_not_nag() -> None:
    story = Story(RULE)
    blind = CannotSee("no node")
    steps: list[tuple[int, str | CannotSee | Gone]] = []
    for start in range(0, 24 * 3600, 1200):
        steps += [(start, blind), (start + 600, blind), (start + 700, "50")]
    told = story.distances(*steps)
    assert len(told) <= 2 * 24 + 2
    assert told[:2] == [T.BLIND, T.SIGHTED]


def test_worse_than_before_the_blindness_is_told_as_worse() -> None:
    story = Story(RULE)
    assert story.distances((0, "19"), (12, CannotSee("x")), (400, CannotSee("x")), (412, "4")) == [
        T.OPENED,
        T.BLIND,
        T.WORSENED,
    ]


def test_a_closed_position_ends_its_incident() -> None:
    story = Story(RULE)
    assert story.distances((0, "4"), (12, Gone("debt repaid"))) == [T.OPENED, T.RECOVERED]
    assert story.told[-1].reason.cause == "debt repaid"
    assert story.distances((24, Gone("debt repaid"))) == []


def test_events_are_told_once_each_and_what_the_cool_down_holds_back_is_counted() -> None:
    story = Story(BIG)
    at = stamp(0)
    assert story.tick(at, transfer(500, "tx1", at), transfer(600, "tx2", at)) == [T.HAPPENED, T.HAPPENED]
    assert story.tick(stamp(12), transfer(500, "tx1", at)) == []
    for second in range(24, 600, 12):
        assert story.tick(stamp(second), transfer(500, f"tx{second}", stamp(second))) == []
    assert story.tick(stamp(600)) == [T.HAPPENED]
    assert story.told[-1].reason.more == 48
    assert story.tick(stamp(1300)) == []
    assert story.states["big", "w1"].phase == "fine", "an event is over when it is told"


def test_events_can_be_snoozed_and_are_counted_meanwhile() -> None:
    story = Story(BIG)
    story.tick(stamp(0), transfer(500, "tx1", stamp(0)))
    key = ("big", "w1")
    assert acknowledge(story.states[key]) == story.states[key]
    story.states[key] = snooze(story.states[key], until=7200)
    assert story.states[key].phase == "snoozed"
    for second in (1200, 2400):
        assert story.tick(stamp(second), transfer(500, f"tx{second}", stamp(second))) == []
    assert story.tick(stamp(7200)) == [T.HAPPENED]
    assert story.told[-1].reason.more == 2


def test_a_bigger_event_is_told_within_the_cool_down_and_a_held_back_word_starts_a_new_one() -> None:
    rule = replace(BIG, levels=(*BIG.levels, Level(Decimal(10_000), Severity.CRITICAL)))
    story = Story(rule)
    assert story.tick(stamp(0), transfer(500, "tx1", stamp(0))) == [T.HAPPENED]
    assert story.tick(stamp(12), transfer(500, "tx2", stamp(12))) == []
    assert story.tick(stamp(24), transfer(20_000, "tx3", stamp(24))) == [T.HAPPENED]
    assert story.told[-1].severity is Severity.CRITICAL
    assert story.tick(stamp(36), transfer(500, "tx4", stamp(36))) == []
    assert story.tick(stamp(624)) == [T.HAPPENED]
    assert story.tick(stamp(636), transfer(500, "tx5", stamp(636))) == [], (
        "that word was one of the cool-down"
    )
    assert story.tick(stamp(1_224)) == [T.HAPPENED]


def test_events_are_forgotten_after_a_week() -> None:
    story = Story(BIG)
    week = 7 * 86_400
    for day in range(30):
        at = stamp(day * 86_400)
        story.tick(at, transfer(500, f"tx{day}", at))
    known = story.states["big", "w1"].occurrences
    assert all(29 * 86_400 - time <= week for _, time in known)


def test_blindness_is_as_loud_as_what_it_hides_and_never_silent() -> None:
    blind = CannotSee("no node")
    for value, severity, level in (
        ("15", Severity.WARNING, 1),
        ("4", Severity.CRITICAL, 3),
        ("50", Severity.WARNING, 0),
    ):
        story = Story(RULE)
        story.distances((0, value))
        assert story.distances((12, blind), (312, blind)) == [T.BLIND]
        assert (story.told[-1].severity, story.told[-1].level) == (severity, level)


def test_a_blind_alert_has_the_level_that_was_told_last() -> None:
    story = Story(RULE)
    story.distances((0, "4"), (12, "15"))
    assert story.distances((24, CannotSee("x")), (324, CannotSee("x"))) == [T.BLIND]
    assert story.told[-1].level == 3


def test_blindness_waits_for_the_end_of_a_snooze() -> None:
    story = Story(RULE)
    story.distances((0, "9"))
    key = ("whale", "w1")
    story.states[key] = snooze(story.states[key], until=3600)
    blind = CannotSee("x")
    assert story.distances((12, blind), (3599, blind)) == []
    assert story.distances((3600, blind)) == [T.BLIND]


def test_an_event_whose_size_cannot_be_read_is_told_all_the_same() -> None:
    story = Story(BIG)
    at, blind = stamp(0), CannotSee("the token has no price")
    unpriced = replace(transfer(0, "tx1", at), value=blind)
    assert story.tick(at, unpriced) == [T.HAPPENED]
    assert story.tick(stamp(900), unpriced) == [], "once"
    (told,) = story.told
    assert (told.reason.value, told.severity) == (None, Severity.WARNING)
    assert title(told) == "Whale: moved an unknown amount"
    assert "the token has no price" in lead(told)


def test_a_snooze_rings_again_when_it_is_over() -> None:
    story = Story(RULE)
    story.distances((0, "9"))
    key = ("whale", "w1")
    story.states[key] = snooze(story.states[key], until=3600)
    assert story.distances((12, "9"), (3599, "9")) == []
    assert story.distances((3600, "9"), (3612, "9")) == [T.REMINDED]
    assert story.told[-1].reason.because is Because.SNOOZE_OVER
    story.states[key] = snooze(story.states[key], until=9000)
    assert story.distances((9000, "15")) == [T.REMINDED]
    assert story.told[-1].reason.threshold == Decimal(20), "what is true now"


def test_an_acknowledged_incident_does_not_ring_after_a_snooze() -> None:
    story = Story(RULE)
    story.distances((0, "9"))
    key = ("whale", "w1")
    story.states[key] = acknowledge(snooze(story.states[key], until=3600))
    assert story.distances((3600, "9"), (9999, "9")) == []


def test_edited_levels_are_told_although_deeper_ones_of_the_old_rule_were() -> None:
    story = Story(RULE)
    story.distances((0, "19"), (12, "9"))
    key = ("whale", "w1")
    story.states[key] = acknowledge(story.states[key])
    closer = (Level(Decimal(8), Severity.WARNING), Level(Decimal(3), Severity.CRITICAL))
    story.rules = (replace(RULE, levels=closer),)
    assert story.distances((24, "9")) == []
    assert story.distances((36, "7"), (48, "2")) == [T.OPENED, T.WORSENED]


def test_what_tunes_a_rule_may_be_edited_without_a_word() -> None:
    story = Story(RULE)
    story.distances((0, "9"))
    story.rules = (replace(RULE, cool_down_s=60, message="other words"),)
    assert story.distances((12, "9"), (7200, "9")) == []


def test_rules_select_by_label_and_window() -> None:
    rule = replace(RULE, select={"wallet": "a"}, window_s=3600)
    at = stamp(0)
    for labels, window, expected in (
        ({"wallet": "a"}, 3600, [T.OPENED]),
        ({"wallet": "b"}, 3600, []),
        ({}, 3600, []),
        ({"wallet": "a"}, None, []),
    ):
        assert Story(rule).tick(at, replace(distance("1", at), labels=labels, window_s=window)) == expected


def test_fifty_positions_crossing_at_once_are_one_group() -> None:
    at = stamp(0)
    story = Story(RULE)
    story.tick(at, *(distance(str(n / 3), at, f"w{n}") for n in range(50)))
    assert len(story.told) == 50
    groups = group(story.told)
    assert [len(members) for members in groups] == [50]
    severities = [alert.severity for alert in groups[0]]
    assert severities == sorted(severities, reverse=True)


def test_blindness_of_one_cause_is_one_group_and_corrections_go_alone() -> None:
    story = Story(replace(RULE, blind_after_s=0), Rule("age", HEAD, Direction.ABOVE, LEVELS, blind_after_s=0))
    at = stamp(0)
    head = Reading("head.age", "head", "Head", CannotSee("no node"), at)
    story.tick(at, distance(CannotSee("no node"), at), distance(CannotSee("stale"), at, "w2"), head)
    assert sorted(len(members) for members in group(story.told)) == [1, 2]
    corrected = [replace(alert, corrects=f"id{index}") for index, alert in enumerate(story.told)]
    assert len(group(corrected)) == 3


# --- reorgs


def rolled_back(story: Story, since: int, states: dict[IncidentKey, Incident]) -> list[Orphan]:
    story.states = dict(states)
    return [as_orphan(alert) for alert in story.told[since:]]


def test_an_alert_confirmed_by_the_new_branch_stands_in_silence() -> None:
    story = Story(RULE)
    story.distances((0, "25"))
    common = dict(story.states)
    story.distances((12, "19"), (24, "9"))
    orphans = rolled_back(story, 0, common)
    at = stamp(36, "b")
    assert story.tick(at, distance("8", at), orphans=orphans) == []
    state = story.states["whale", "w1"]
    assert (state.told, state.id) == (2, orphans[-1].incident)


def test_an_alert_that_the_new_branch_denies_is_corrected_in_the_same_tick() -> None:
    story = Story(RULE)
    story.distances((0, "25"))
    common = dict(story.states)
    story.distances((12, "9"))
    orphans = rolled_back(story, 0, common)
    at = stamp(24, "b")
    assert story.tick(at, distance("25", at), orphans=orphans) == [T.CORRECTED]
    correction = story.told[-1]
    assert correction.corrects == orphans[0].id
    assert correction.severity is Severity.WARNING
    assert (correction.reason.value, correction.reason.before) == (Decimal(25), Decimal(9))
    assert story.tick(stamp(36, "b"), distance("9", stamp(36, "b"))) == [T.OPENED]


def test_a_worse_branch_replaces_the_alert() -> None:
    story = Story(RULE)
    story.distances((12, "19"))
    orphans = rolled_back(story, 0, {})
    at = stamp(24, "b")
    assert story.tick(at, distance("4", at), orphans=orphans) == [T.OPENED]
    assert story.told[-1].corrects == orphans[0].id
    assert story.told[-1].incident == orphans[0].incident


def test_a_recovery_that_is_undone_is_corrected() -> None:
    story = Story(RULE)
    story.distances((0, "9"))
    common = dict(story.states)
    story.distances((7200, "30"))
    orphans = rolled_back(story, 1, common)
    at = stamp(7212, "b")
    assert story.tick(at, distance("9", at), orphans=orphans) == [T.CORRECTED]
    assert story.told[-1].level == 2


def test_a_subject_missing_from_the_new_branch_is_corrected_too() -> None:
    story = Story(RULE)
    story.distances((12, "9"))
    orphans = rolled_back(story, 0, {})
    assert story.tick(stamp(24, "b"), orphans=orphans) == [T.CORRECTED]
    assert story.told[-1].reading is None
    assert story.told[-1].name == "Whale w1"


def test_an_event_included_again_stands_and_one_that_is_not_is_corrected() -> None:
    story = Story(BIG)
    at = stamp(0)
    story.tick(at, transfer(500, "tx1", at))
    orphans = rolled_back(story, 0, {})
    new = stamp(12, "b")
    assert story.tick(new, transfer(500, "tx1", new), orphans=orphans) == []
    story.states = {}
    assert story.tick(new, orphans=orphans) == [T.CORRECTED]


def test_new_blindness_is_told_beside_what_stands_after_a_reorg() -> None:
    story = Story(replace(RULE, remind_s=3600))
    story.distances((0, "15"), (3300, CannotSee("x")))
    before = dict(story.states)
    story.distances((3600, "15"))
    orphan = as_orphan(story.told[-1])
    assert orphan.transition is T.REMINDED
    story.states = before
    at = stamp(3600, "b")
    assert story.tick(at, distance(CannotSee("x"), at), orphans=[orphan]) == [T.BLIND]


def test_an_orphan_of_our_own_sight_is_no_business_of_the_chain() -> None:
    rule = Rule("head", HEAD, Direction.ABOVE, (Level(Decimal(120), Severity.CRITICAL),))
    story = Story(rule)
    at = stamp(0)
    story.tick(at, Reading("head.age", "chain", "The chain", Decimal(130), at))
    orphan = as_orphan(story.told[-1])
    story.states = {}
    assert story.tick(stamp(12, "b"), orphans=[orphan]) == []


def test_what_we_observe_ourselves_is_not_undone_by_a_reorg() -> None:
    story = Story(Rule("age", HEAD, Direction.ABOVE, (Level(Decimal(60), Severity.CRITICAL),)))
    at = stamp(0)
    story.tick(at, Reading("head.age", "head", "Head", Decimal(90), at))
    orphans = [as_orphan(story.told[0])]
    assert story.tick(stamp(12, "b"), orphans=orphans) == []


# --- laws

values = st.one_of(
    st.decimals(min_value=0, max_value=40, places=2).map(str),
    st.sampled_from(["4.99", "5", "5.5", "10", "11", "20", "22", "22.01", "30"]),
    st.just(CannotSee("no node")),
)
histories = st.lists(st.tuples(st.integers(1, 5000), values), min_size=1, max_size=60)
rules = st.builds(
    replace,
    st.just(RULE),
    for_s=st.sampled_from([0, 0, 60]),
    cool_down_s=st.sampled_from([0, 600, 3600]),
    remind_s=st.sampled_from([None, 7200]),
    blind_after_s=st.sampled_from([0, 300]),
)


def absolute(history: Sequence[tuple[int, str | CannotSee]]) -> list[tuple[int, str | CannotSee]]:
    time = 0
    moments: list[tuple[int, str | CannotSee]] = []
    for gap, value in history:
        time += gap
        moments.append((time, value))
    return moments


def lived(rule: Rule, history: Sequence[tuple[int, str | CannotSee]]) -> Story:
    story = Story(rule)
    for time, value in absolute(history):
        story.tick(stamp(time), distance(value, stamp(time)))
    return story


@settings(max_examples=100)
@given(rules, histories)
def test_the_same_readings_twice_alert_once(rule: Rule, history: list[tuple[int, str | CannotSee]]) -> None:
    story = Story(rule)
    for time, value in absolute(history):
        at = stamp(time)
        story.tick(at, distance(value, at))
        assert story.tick(at, distance(value, at)) == []


@settings(max_examples=100)
@given(rules, histories)
def test_restart_and_replay_give_the_same_alerts(
    rule: Rule, history: list[tuple[int, str | CannotSee]]
) -> None:
    once = lived(rule, history)
    restarted = Story(rule)
    for time, value in absolute(history):
        restarted.tick(stamp(time), distance(value, stamp(time)))
        restarted.states = {
            key: msgspec.json.decode(msgspec.json.encode(state), type=Incident)
            for key, state in restarted.states.items()
        }
    assert restarted.told == once.told
    assert restarted.states == once.states


@settings(max_examples=200)
@given(rules, histories)
def test_never_better_news_from_blindness(rule: Rule, history: list[tuple[int, str | CannotSee]]) -> None:
    for alert in lived(rule, history).told:
        assert alert.reading is not None
        if isinstance(alert.reading.value, CannotSee):
            assert alert.transition is T.BLIND
        else:
            assert alert.transition is not T.BLIND


@settings(max_examples=200)
@given(rules, histories)
def test_the_last_word_is_never_a_false_all_clear(
    rule: Rule, history: list[tuple[int, str | CannotSee]]
) -> None:
    story = Story(replace(rule, for_s=0))
    heard_level = 0
    for time, value in absolute(history):
        at = stamp(time)
        before = len(story.told)
        story.tick(at, distance(value, at))
        for alert in story.told[before:]:
            if alert.transition is not T.BLIND:
                heard_level = alert.level
        if isinstance(value, str):
            breached = sum(Decimal(value) < level.threshold for level in rule.levels)
            assert breached <= heard_level


@settings(max_examples=200)
@given(rules, histories)
def test_only_worse_news_breaks_the_cool_down(rule: Rule, history: list[tuple[int, str | CannotSee]]) -> None:
    last_time: int | None = None
    last_level = 0
    for alert in lived(rule, history).told:
        if alert.transition in {T.BLIND, T.SIGHTED}:
            last_level = min(last_level, alert.level) if alert.transition is T.SIGHTED else last_level
            last_time = None  # sight has a cool-down of its own
            continue
        if last_time is not None and alert.at.time - last_time < rule.cool_down_s:
            assert alert.level > last_level
        last_time, last_level = alert.at.time, alert.level


@settings(max_examples=300)
@given(rules, histories)
def test_a_fall_after_the_cool_down_is_told_whatever_was_told_before(
    rule: Rule, history: list[tuple[int, str | CannotSee]]
) -> None:
    story, before = Story(rule), 0
    for time, value in absolute(history):
        told = story.tick(stamp(time), distance(value, stamp(time)))
        state = story.states.get(("whale", "w1"))
        last = max(
            (alert.at.time for alert in story.told[: len(story.told) - len(told)]), default=-rule.cool_down_s
        )
        if state and state.level > before and time - last >= rule.cool_down_s:
            assert told, "it is worse than at the look before, and nothing was said for a while"
        before = state.level if state else 0


@settings(max_examples=100)
@given(rules, st.lists(st.decimals(0, 40, places=3), min_size=1, max_size=50), st.integers(1, 900))
def test_monotone_worsening_tells_each_level_at_most_once(rule: Rule, steps: list[Decimal], gap: int) -> None:
    falling = [(gap, str(value)) for value in sorted(steps, reverse=True)]
    told = lived(replace(rule, remind_s=None), falling).told
    levels = [alert.level for alert in told]
    assert levels == sorted(set(levels))
    assert {alert.transition for alert in told} <= {T.OPENED, T.WORSENED}


@settings(max_examples=100)
@given(st.lists(st.decimals("19.0", "21.9", places=2), min_size=1, max_size=80))
def test_noise_within_the_band_is_one_alert_at_most(noise: list[Decimal]) -> None:
    story = lived(replace(RULE, cool_down_s=0), [(12, str(value)) for value in noise])
    assert len(story.told) == (1 if any(value < 20 for value in noise) else 0)


@settings(max_examples=100)
@given(rules, histories, histories, histories)
def test_after_any_reorg_the_last_word_is_true(
    rule: Rule,
    shared: list[tuple[int, str | CannotSee]],
    old: list[tuple[int, str | CannotSee]],
    new: list[tuple[int, str | CannotSee]],
) -> None:
    rule = replace(rule, for_s=0)
    story = lived(rule, shared)
    common, told = dict(story.states), len(story.told)
    start = sum(gap for gap, _ in shared)
    for time, value in absolute(old):
        story.tick(stamp(start + time, "a"), distance(value, stamp(start + time, "a")))
    orphans = rolled_back(story, told, common)
    at = stamp(start + new[-1][0], "b")
    value = new[-1][1]
    if isinstance(value, CannotSee):
        return
    story.tick(at, distance(value, at), orphans=orphans)
    heard = 0
    for alert in story.told:
        if alert.transition not in {T.BLIND}:
            heard = alert.level
    if story.told and story.told[-1].transition is T.BLIND:
        assert story.told[-1] in story.told[:told], "blind on the branch that is gone"
    breached = sum(Decimal(value) < level.threshold for level in rule.levels)
    assert breached <= heard


def test_ids_are_deterministic_and_distinct() -> None:
    steps: list[tuple[int, str | CannotSee | Gone]] = [
        (0, "19"),
        (12, "9"),
        (24, "4"),
        (9000, "40"),
        (9012, "4"),
    ]
    first, second = Story(RULE), Story(RULE)
    first.distances(*steps)
    second.distances(*steps)
    ids = [alert.id for alert in first.told]
    assert ids == [alert.id for alert in second.told]
    assert len(set(ids)) == len(ids) == 5
