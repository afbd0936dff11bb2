"""Delivery from a real outbox file: order, patience, fall-back, and a day without a channel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest

from alerts.compose import notice
from alerts.delivery import Job, Policy, drain
from alerts.model import ChartRequest, Message, Severity, Transition
from alerts.ports import Dispatch, Outcome, Scope
from alerts.posts import Bell, serve, start
from monitor.store import backlog
from monitor.store import outbox as store
from monitor.store.database import Database
from monitor.store.outbox import SqliteOutbox
from tests.support.alert_doubles import Clock, Scripted
from tests.support.alert_samples import corrected
from tests.support.commands import eventually
from tests.support.databases import new_database

HOUR = 3600.0
DOWN = Outcome.retry("no connection")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        yield database


@pytest.fixture
def box(db: Database) -> SqliteOutbox:
    return SqliteOutbox(db)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def message(name: str, severity: Severity = Severity.WARNING, time: int = 0) -> Message:
    return notice(name, name, "text", severity, time)


def states(db: Database, channel: str = "telegram") -> list[str]:
    return [row.state for row in reversed(backlog.list_rows(db)) if row.channel == channel]


def drain_for(box: SqliteOutbox, channels: list[Scripted], clock: Clock, hours: float) -> None:
    end = clock.now + hours * HOUR
    while clock.now < end:
        done = drain(box, channels, clock)
        clock.now = min(end, max(done.next_at or end, clock.now + 0.01))


def test_rows_leave_in_order_once_on_every_channel(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram"), Scripted("email")
    for name in "abc":
        box.enqueue(message(name), ["telegram", "email"], clock())
    box.enqueue(message("a"), ["telegram"], clock())
    assert drain(box, [telegram, email], clock).sent == 6
    assert drain(box, [telegram, email], clock).sent == 0
    assert telegram.titles() == email.titles() == ["a", "b", "c"]
    assert states(db) == ["delivered"] * 3


def test_the_worst_leaves_first_then_the_oldest(box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram")
    severities = [Severity.INFO, Severity.WARNING, Severity.INFO, Severity.CRITICAL, Severity.WARNING]
    for number, severity in enumerate(severities):
        box.enqueue(message(f"{severity.name} {number}", severity), ["telegram"], clock())
    drain(box, [telegram], clock)
    assert telegram.titles() == ["CRITICAL 3", "WARNING 1", "WARNING 4", "INFO 0", "INFO 2"]


def test_what_comes_while_a_backlog_leaves_goes_before_its_rest(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    class Slow(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            if len(self.accepted) == 2:
                store.enqueue(db, message("late news", Severity.CRITICAL), ["telegram"], clock())
            return super().send(dispatch)

    telegram = Slow("telegram")
    for name in "abcde":
        box.enqueue(message(name, Severity.INFO), ["telegram"], clock())
    drain(box, [telegram], clock)
    assert telegram.titles() == ["a", "b", "c", "late news", "d", "e"]


def test_a_failing_channel_is_left_alone_for_longer_and_longer(box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram")
    telegram.always = DOWN
    box.enqueue(message("a"), ["telegram"], clock())
    start = clock.now
    moments: list[float] = []
    while len(moments) < 14:
        done = drain(box, [telegram], clock)
        moments.append(clock.now - start)
        assert done.next_at is not None
        assert drain(box, [telegram], clock).failed == 0, "not before its time"
        clock.now = done.next_at
    waits = [later - sooner for sooner, later in pairwise(moments)]
    assert 1 <= waits[0] <= 2
    assert max(waits) <= 900
    assert min(waits[-3:]) >= 450
    telegram.always = None
    assert drain(box, [telegram], clock).sent == 1


def test_the_pause_that_a_server_asks_for_is_kept_and_not_exceeded(box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram", [Outcome.retry("429", 17.0)])
    box.enqueue(message("a"), ["telegram"], clock())
    done = drain(box, [telegram], clock)
    assert done.next_at is not None
    assert 17.0 <= done.next_at - clock.now <= 18.0


def test_pacing_is_no_failure(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram", [Outcome.paced(0.5)])
    box.enqueue(message("a"), ["telegram"], clock())
    done = drain(box, [telegram], clock)
    assert (done.sent, done.next_at) == (0, clock.now + 0.5)
    assert box.health("telegram").failing_since is None
    clock.now += 0.5
    assert drain(box, [telegram], clock).sent == 1
    assert backlog.list_rows(db)[0].attempts == 1


def test_a_day_without_telegram(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram"), Scripted("email")
    telegram.always = DOWN
    names: list[str] = []
    for hour in range(24):
        severity = Severity.CRITICAL if hour % 6 == 0 else Severity.WARNING
        names.append(f"hour {hour}")
        box.enqueue(message(names[-1], severity, int(clock())), ["telegram"], clock())
        drain_for(box, [telegram, email], clock, 1)
    carried = [dispatch for dispatch in email.accepted if dispatch.carried_for == "telegram"]
    assert [dispatch.message.title for dispatch in carried] == ["hour 0", "hour 6", "hour 12", "hour 18"]
    notices = [dispatch.message for dispatch in email.accepted if dispatch not in carried]
    assert [one.title.partition(" since")[0] for one in notices] == ["Telegram delivers nothing"]
    assert "no connection" in notices[0].lead
    telegram.always = None
    drain_for(box, [telegram, email], clock, 1)
    assert len(telegram.accepted) == 2, "24 late messages in two"
    told = [
        [item.title.split(" ", 2)[2] for item in dispatch.message.items] for dispatch in telegram.accepted
    ]
    assert sorted([*told[0], *told[1]], key=names.index) == names
    assert told == [sorted(one, key=names.index) for one in told], "each in order"
    assert set(told[1]).isdisjoint({"hour 0", "hour 6", "hour 12", "hour 18"}), "the worst are in the first"
    assert telegram.accepted[0].message.title.startswith("15 late messages since")
    assert set(states(db)) == {"delivered"}


def test_a_few_late_messages_stay_themselves_and_are_marked(box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram")
    for name in "ab":
        box.enqueue(message(name), ["telegram"], clock())
    clock.now += HOUR
    drain(box, [telegram], clock)
    assert [(one.message.title, one.late_by_s) for one in telegram.accepted] == [("a", 3600), ("b", 3600)]


def test_fresh_messages_are_never_collapsed_with_late_ones(box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram")
    for number in range(6):
        box.enqueue(message(f"old {number}"), ["telegram"], clock())
    clock.now += HOUR
    box.enqueue(message("new"), ["telegram"], clock())
    drain(box, [telegram], clock)
    assert [len(one.message.items) for one in telegram.accepted] == [6, 0]
    told = [box.original("telegram", message(name).key) for name in ("old 0", "new")]
    assert [one is not None and "collapsed" in one.receipt for one in told] == [True, False]
    assert telegram.accepted[1].late_by_s == 0


def test_a_permanent_error_disables_the_channel_with_a_notice(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    telegram, email = Scripted("telegram"), Scripted("email")
    telegram.always = Outcome.rejected("403: bot was blocked by the user", Scope.CHANNEL)
    box.enqueue(message("a", Severity.CRITICAL), ["telegram"], clock())
    drain_for(box, [telegram, email], clock, 12)
    assert len(telegram.tried) == 12, "once an hour: nobody tells us that the bot was unblocked"
    assert [one.carried_for for one in email.accepted] == ["telegram", ""]
    said = email.accepted[1].message
    assert "403" in said.lead
    assert "outbox retry" in said.lead
    assert states(db) == ["pending"], "nothing is lost: it leaves when the channel works again"
    telegram.always = None
    store.enable_channels(db)
    drain(box, [telegram, email], clock)
    assert telegram.titles() == ["a"]


def test_a_bot_that_was_unblocked_delivers_within_the_hour(box: SqliteOutbox, clock: Clock) -> None:
    blocked = Outcome.rejected("403: bot was blocked by the user", Scope.CHANNEL)
    telegram = Scripted("telegram", [blocked])
    box.enqueue(message("a", Severity.CRITICAL), ["telegram"], clock())
    drain_for(box, [telegram], clock, 1.01)
    assert telegram.titles() == ["a"]


@pytest.mark.parametrize("asked", [10.0**9, 10.0**300])
def test_a_pause_of_years_is_a_day(box: SqliteOutbox, clock: Clock, asked: float) -> None:
    telegram = Scripted("telegram", [Outcome.retry("429", asked)])
    box.enqueue(message("a"), ["telegram"], clock())
    drain_for(box, [telegram], clock, 23.9)
    assert telegram.titles() == []
    drain_for(box, [telegram], clock, 0.2)
    assert telegram.titles() == ["a"]


def test_a_clock_that_was_ahead_does_not_silence_a_channel(box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram", [DOWN]), Scripted("email")
    clock.now += 400 * 86_400
    box.enqueue(message("a", Severity.CRITICAL), ["telegram"], clock())
    drain(box, [telegram, email], clock)
    clock.now -= 400 * 86_400
    drain(box, [telegram, email], clock)
    assert telegram.titles() == ["a"]


def test_one_bad_message_among_collapsed_ones_costs_only_itself(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    class Fussy(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            words = [dispatch.message.title, *(item.title for item in dispatch.message.items)]
            if any("bad" in text for text in words):
                self.outcomes.appendleft(Outcome.rejected("400: too strange"))
            return super().send(dispatch)

    telegram = Fussy("telegram")
    for name in ("a", "b", "bad", "c", "d", "e"):
        box.enqueue(message(name), ["telegram"], clock())
    clock.now += HOUR
    drain(box, [telegram], clock)
    assert telegram.titles() == ["a", "b", "c", "d", "e"]
    assert states(db) == ["delivered", "delivered", "dead", "delivered", "delivered", "delivered"]


def test_a_row_that_cannot_be_read_does_not_stand_in_the_way(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    telegram = Scripted("telegram")
    for name in "ab":
        box.enqueue(message(name), ["telegram"], clock())
    with db.transaction() as connection:
        connection.execute("UPDATE outbox SET message = '{\"key\": 1}' WHERE message_key = 'a'")
    drain(box, [telegram], clock)
    assert telegram.titles() == ["b"]
    assert states(db) == ["dead", "delivered"]


def test_a_message_refused_for_good_is_dead_and_the_other_channel_carries_it(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    telegram = Scripted("telegram", [Outcome.rejected("400: too strange")])
    email = Scripted("email")
    for name in "ab":
        box.enqueue(message(name), ["telegram"], clock())
    drain(box, [telegram, email], clock)
    assert telegram.titles() == ["b"]
    assert [(one.message.title, one.carried_for) for one in email.accepted] == [("a", "telegram")]
    assert states(db) == ["dead", "delivered"]
    assert store.retry(db) == 1
    drain(box, [telegram, email], clock)
    assert telegram.titles() == ["b", "a"]


def test_a_carried_message_does_not_go_round_in_circles(box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram"), Scripted("email")
    telegram.always = email.always = DOWN
    box.enqueue(message("a", Severity.CRITICAL), ["telegram"], clock())
    drain_for(box, [telegram, email], clock, 3)
    email.always = None
    drain_for(box, [telegram, email], clock, 3)
    telegram.always = None
    drain_for(box, [telegram, email], clock, 3)
    assert [one.message.title for one in email.accepted].count("a") == 1
    assert telegram.titles().count("a") == 1


def test_greylisting_for_a_day_is_survived(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    email = Scripted("email")
    email.always = Outcome.retry("451 greylisted", None, {"accepted": "a@example.org"})
    box.enqueue(message("a"), ["email"], clock())
    drain_for(box, [email], clock, 24)
    assert email.tried[-1].progress == {"accepted": "a@example.org"}
    assert len(email.tried) >= 96
    email.always = None
    drain_for(box, [email], clock, 0.3)
    assert email.titles() == ["a"]


def test_what_no_server_takes_for_days_is_given_up_visibly(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    email = Scripted("email")
    email.always = DOWN
    box.enqueue(message("a"), ["email"], clock())
    drain_for(box, [email], clock, 5.1 * 24)
    row = backlog.list_rows(db)[0]
    assert (row.state, row.last_error) == ("dead", "given up: no connection")


class Faulty(Scripted):
    def send(self, dispatch: Dispatch) -> Outcome:
        self.tried.append(dispatch)
        raise RuntimeError("token 123:SECRET")


def test_a_fault_in_a_channel_stops_neither_it_nor_the_others(
    db: Database, box: SqliteOutbox, clock: Clock
) -> None:
    faulty, email = Faulty("telegram"), Scripted("email")
    box.enqueue(message("a"), ["telegram", "email"], clock())
    drain(box, [faulty, email], clock)
    assert email.titles() == ["a"]
    row = next(row for row in backlog.list_rows(db) if row.channel == "telegram")
    assert (row.state, row.last_error) == ("pending", "fault in the channel (RuntimeError)")


def test_pictures_are_drawn_at_delivery_and_never_hold_a_message_back(
    box: SqliteOutbox, clock: Clock
) -> None:
    telegram = Scripted("telegram")
    chart = ChartRequest("distance", {"position": "x"})
    for name in "ab":
        box.enqueue(replace(message(name), chart=chart), ["telegram"], clock())

    def draw(request: ChartRequest, _: float) -> bytes | None:
        assert request == chart
        calls.append(request)
        if len(calls) == 2:
            raise OSError("no font")
        return b"png"

    calls: list[ChartRequest] = []
    drain(box, [telegram], clock, chart=draw)
    assert calls == [], "nothing is drawn for a channel that shows no pictures"
    assert [one.draw() for one in telegram.accepted] == [b"png", None]


def test_what_is_critical_does_not_wait_for_its_picture(box: SqliteOutbox, clock: Clock) -> None:
    email = Scripted("email")
    for severity in Severity:
        drawn = replace(message(severity.name, severity), chart=ChartRequest("distance"))
        box.enqueue(drawn, ["email"], clock())
    patience: dict[str, float] = {}

    def draw(_: ChartRequest, within_s: float) -> bytes | None:
        patience[name] = within_s
        return None

    drain(box, [email], clock, chart=draw)
    for dispatch in email.accepted:
        name = dispatch.message.title
        dispatch.draw()
    assert patience == {"CRITICAL": 1.0, "WARNING": 7.0, "INFO": 7.0}


def test_a_picture_that_follows_is_recorded_with_its_message(box: SqliteOutbox, clock: Clock) -> None:
    class Painted(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            return replace(super().send(dispatch), illustrate=lambda png: {"photo": png.decode()})

    later: list[Job] = []
    chart = ChartRequest("distance", {"position": "x"})
    box.enqueue(replace(message("a"), chart=chart), ["telegram"], clock())
    box.enqueue(message("b"), ["telegram"], clock())
    drain(box, [Painted("telegram")], clock, chart=lambda *_: b"png", aside=later.append)
    sent = box.original("telegram", "a")
    assert sent is not None
    assert sent.receipt == {"message_id": "1"}, "out before anything is drawn"
    (job,) = later
    job(box)
    sent = box.original("telegram", "a")
    assert sent is not None
    assert sent.receipt == {"message_id": "1", "photo": "png"}


def test_a_channel_that_hangs_and_a_slow_picture_hold_back_nobody(db: Database, clock: Clock) -> None:
    release, drawing = Event(), Event()

    class Hanging(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            release.wait(30)
            return super().send(dispatch)

    class Painted(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            return replace(super().send(dispatch), illustrate=lambda _: {})

    def draw(*_: object) -> bytes:
        drawing.set()
        release.wait(30)
        return b"png"

    @contextmanager
    def open_outbox() -> Iterator[SqliteOutbox]:
        with db.sibling() as mine:
            yield SqliteOutbox(mine)

    bell, email, telegram = Bell(), Hanging("email"), Painted("telegram")
    stop = start(open_outbox, [email, telegram], clock, bell=bell, chart=draw)
    for name in "ab":
        drawn = replace(message(name), chart=ChartRequest("distance"))
        store.enqueue(db, drawn, ["email", "telegram"], clock())
        bell.set()
        eventually(lambda wanted=name: wanted in telegram.titles())
        assert drawing.wait(10)
    assert email.titles() == []
    release.set()
    eventually(lambda: email.titles() == ["a", "b"])
    stop(10)


def test_a_fault_ends_no_thread(db: Database, clock: Clock) -> None:
    opened: list[int] = []

    @contextmanager
    def open_outbox() -> Iterator[SqliteOutbox]:
        opened.append(1)
        if len(opened) <= 2:
            raise OSError("the disk is full")
        with db.sibling() as mine:
            yield SqliteOutbox(mine)

    telegram, bell = Scripted("telegram"), Bell()
    store.enqueue(db, message("a"), ["telegram"], clock())
    stop = start(open_outbox, [telegram], clock, bell=bell, after_fault_s=0.01)
    eventually(lambda: telegram.titles() == ["a"])
    stop(10)


def test_threads_and_corrections_find_what_they_refer_to(box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram")
    first = replace(message("original"), thread="incident")
    box.enqueue(first, ["telegram"], clock())
    drain(box, [telegram], clock)
    box.enqueue(replace(message("next"), thread="incident"), ["telegram"], clock())
    box.enqueue(corrected(), ["telegram"], clock())
    drain(box, [telegram], clock)
    sent, correction, following = telegram.accepted
    assert sent.thread_receipt is None
    assert following.thread_receipt == {"message_id": "1"}
    assert correction.original is not None
    assert correction.original.message == first
    assert correction.message.transition is Transition.CORRECTED


def test_a_lease_that_ran_out_is_claimed_again(box: SqliteOutbox, clock: Clock) -> None:
    box.enqueue(message("a"), ["telegram"], clock())
    lease = Policy().lease_s
    assert len(box.claim("telegram", clock(), lease)) == 1
    assert box.claim("telegram", clock(), lease) == ()
    clock.now += lease
    assert len(box.claim("telegram", clock(), lease)) == 1
    assert box.release_leases() == 1
    assert len(box.claim("telegram", clock(), lease)) == 1


def test_a_small_thing_that_is_refused_bothers_nobody_else(box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram", [Outcome.rejected("400")]), Scripted("email")
    box.enqueue(message("a", Severity.INFO), ["telegram"], clock())
    drain(box, [telegram, email], clock)
    assert email.accepted == []


def test_when_all_were_down_the_first_that_works_tells_of_the_others(box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram"), Scripted("email")
    telegram.always = email.always = DOWN
    box.enqueue(message("a", Severity.CRITICAL), ["telegram", "email"], clock())
    drain_for(box, [telegram, email], clock, 1)
    email.always = None
    drain_for(box, [telegram, email], clock, 1)
    assert any("Telegram delivers nothing" in title for title in email.titles())


def test_who_has_a_part_of_the_late_ones_does_not_get_it_again(box: SqliteOutbox, clock: Clock) -> None:
    email = Scripted("email")
    for name in "abcdef":
        box.enqueue(message(name), ["email"], clock())
    claims = box.claim("email", clock(), 9, 6)
    for claim in claims:
        box.put_back([claim.row], "", {"accepted": "ann"} if claim.message.key == "d" else {}, counted=True)
    clock.now += HOUR
    drain(box, [email], clock)
    assert [dict(one.progress) for one in email.accepted if one.message.title == "d"] == [{"accepted": "ann"}]
    assert len(email.accepted) == 2, "the other five together"


def test_what_stays_behind_keeps_back_what_follows_it(box: SqliteOutbox, clock: Clock) -> None:
    """Half of the recipients have the alert: its recovery does not overtake it for the others."""
    email = Scripted("email")
    for name in "abcdefg":
        thread = "whale" if name in "bf" else name
        box.enqueue(replace(message(name), thread=thread), ["email"], clock())
    for claim in box.claim("email", clock(), 9, 7):
        progress = {"accepted": "ann"} if claim.message.key == "b" else {}
        box.put_back([claim.row], "", progress, counted=True)
    clock.now += HOUR
    drain(box, [email], clock)
    assert [one.message.title[:6] for one in email.accepted] == ["5 late", "b", "f"]


def test_progress_survives_being_looked_at(box: SqliteOutbox, clock: Clock) -> None:
    email = Scripted("email", [DOWN])
    for name in "ab":
        box.enqueue(message(name), ["email"], clock())
    claims = box.claim("email", clock(), 9, 2)
    box.put_back([claims[0].row], "", {}, counted=True)
    box.put_back([claims[1].row], "", {"accepted": "ann"}, counted=True)
    clock.now += HOUR
    drain_for(box, [email], clock, 1)
    assert [dict(one.progress) for one in email.accepted] == [{}, {"accepted": "ann"}]


def test_what_was_collapsed_gets_no_picture_of_one_of_them(box: SqliteOutbox, clock: Clock) -> None:
    class Painted(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            return replace(super().send(dispatch), illustrate=lambda _: {})

    for name in "abcde":
        box.enqueue(replace(message(name), chart=ChartRequest("distance")), ["telegram"], clock())
    clock.now += HOUR
    later: list[Job] = []
    drain(box, [Painted("telegram")], clock, chart=lambda *_: b"png", aside=later.append)
    assert later == []


def test_a_clock_that_is_put_back_hides_no_dead_channel(box: SqliteOutbox, clock: Clock) -> None:
    telegram, email = Scripted("telegram"), Scripted("email")
    telegram.always = DOWN
    box.enqueue(message("a", Severity.CRITICAL), ["telegram"], clock())
    drain(box, [telegram, email], clock)
    clock.now -= 24 * HOUR
    drain(box, [telegram, email], clock)
    assert [one.carried_for for one in email.accepted][:1] == ["telegram"]


def test_what_may_have_been_seen_is_not_taken_back(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    """A refused connection may have come after the message: it needs its correction."""
    for name in ("tried", "fresh"):
        box.enqueue(message(name), ["telegram"], clock())
    (first,) = box.claim("telegram", clock(), 9)
    box.put_back([first.row], "no answer", {}, counted=True)
    assert store.retract(db, "tried", clock()) == ()
    assert store.retract(db, "fresh", clock()) == ("telegram",)


def test_what_is_over_cannot_be_put_back(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    box.enqueue(message("a"), ["telegram"], clock())
    (claim,) = box.claim("telegram", clock(), 9)
    box.delivered([claim.row], clock(), {"message_id": "1"})
    box.put_back([claim.row], "late answer", {}, counted=True)
    assert states(db) == ["delivered"]


def test_rows_can_be_dropped_and_counted(db: Database, box: SqliteOutbox, clock: Clock) -> None:
    telegram = Scripted("telegram")
    for name in "ab":
        box.enqueue(message(name), ["telegram"], clock())
    row = backlog.list_rows(db)[-1].id
    assert store.drop(db, row, clock())
    assert not store.drop(db, row, clock())
    drain(box, [telegram], clock)
    assert telegram.titles() == ["b"]
    assert backlog.counts(db) == {("telegram", "dropped"): 1, ("telegram", "delivered"): 1}


def test_the_thread_sends_as_soon_as_it_is_woken_and_ends_when_told(db: Database, clock: Clock) -> None:
    telegram = Scripted("telegram")
    wake, stopping, sent = Event(), Event(), Event()

    class Telling(Scripted):
        def send(self, dispatch: Dispatch) -> Outcome:
            sent.set()
            return telegram.send(dispatch)

    def work() -> None:
        with db.sibling() as mine:
            serve(SqliteOutbox(mine), [Telling("telegram")], clock, wake=wake, stopping=stopping, idle_s=30)

    thread = Thread(target=work)
    thread.start()
    store.enqueue(db, message("a"), ["telegram"], clock())
    wake.set()
    assert sent.wait(10)
    stopping.set()
    wake.set()
    thread.join(10)
    assert not thread.is_alive()
    assert telegram.titles() == ["a"]
