"""Which message leaves next: the worst, but none before an earlier one about the same subject."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import BlockStamp, Message, Reading, Severity, Transition
from alerts.rules import parse_rules
from monitor.readings.catalogue import CATALOGUE
from monitor.store import incidents
from monitor.store.database import Database
from monitor.store.outbox import SqliteOutbox
from tests.support.databases import new_database, ref

RULES = parse_rules(
    {"wallet": [{"name": name, "alert_at": ["20%", "10%", "5%"], "cool_down": 0} for name in "abc"]},
    CATALOGUE,
)


@contextmanager
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder, new_database(Path(folder) / "ethmon.db") as db:
        yield db


def decide(db: Database, number: int, distances: Sequence[int]) -> tuple[Message, ...]:
    at = BlockStamp(number, ref(number).hash, ref(number).timestamp)
    readings = [
        Reading("position.distance", name, name, Decimal(distance), at, {"wallet": name})
        for name, distance in zip("abc", distances, strict=True)
    ]
    return incidents.decide(db, RULES, readings, at=at, channels=["email"], now_wall=number)


def leave(db: Database, count: int, limit: int = 1) -> list[Message]:
    """Deliver so many claims; of several that were claimed together, in their order."""
    box, left = SqliteOutbox(db), list[Message]()
    for _ in range(count):
        claims = box.claim("email", 0.0, 60.0, limit)
        box.delivered([claim.row for claim in claims], 0.0, {})
        left += [claim.message for claim in claims]
    return left


def test_a_recovery_leaves_after_its_alert_and_before_the_next_one() -> None:
    with database() as db:
        told = [decide(db, 1_000 + at, (now, 50, 50))[0] for at, now in enumerate((15, 50, 4))]
        other = decide(db, 1_003, (4, 15, 50))
        assert told[2].severity is Severity.CRITICAL > max(one.severity for one in (*told[:2], *other))
        assert told[1].transition is Transition.RECOVERED
        assert leave(db, 5) == [*told, *other], "the critical one takes what it follows with it"


def test_of_two_subjects_the_worse_leaves_first() -> None:
    with database() as db:
        mild, worse = decide(db, 1_000, (15, 50, 50)), decide(db, 1_001, (15, 4, 50))
        assert leave(db, 2) == [*worse, *mild]


def test_a_group_leaves_after_what_any_of_its_members_follows() -> None:
    with database() as db:
        first, unrelated = decide(db, 1_000, (15, 50, 50)), decide(db, 1_001, (15, 50, 15))
        (group,) = decide(db, 1_002, (4, 4, 15))
        assert len(group.items) == 2
        assert leave(db, 3) == [*first, group, *unrelated]


def test_what_was_claimed_by_somebody_who_hangs_holds_back_nobody() -> None:
    """One sender a channel: a lease is that of a batch in hand, or of one that died."""
    with database() as db:
        (mild,), (worse,) = decide(db, 1_000, (15, 50, 50)), decide(db, 1_001, (4, 50, 50))
        box = SqliteOutbox(db)
        assert [claim.message for claim in box.claim("email", 0.0, 60.0)] == [mild]
        assert [claim.message for claim in box.claim("email", 0.0, 60.0)] == [worse]


moments = st.lists(
    st.tuples(*[st.sampled_from([4, 8, 15, 50])] * 3, st.integers(0, 2), st.sampled_from([1, 3])),
    min_size=1,
    max_size=12,
)


@given(moments)
@settings(max_examples=60, deadline=None)
def test_every_subject_is_told_in_order_and_everything_leaves(
    steps: list[tuple[int, int, int, int, int]],
) -> None:
    with database() as db:
        told: list[Message] = []
        left: list[Message] = []
        for number, (*distances, count, limit) in enumerate(steps, 1_000):
            told += decide(db, number, distances)
            left += leave(db, count, limit)
        left += leave(db, len(told))
        assert sorted(one.key for one in left) == sorted(one.key for one in told)
        place = {message.key: index for index, message in enumerate(left)}
        heard: dict[str, list[int]] = {}
        for subject, key in db.rows("SELECT subject, message_key FROM alert ORDER BY serial"):
            heard.setdefault(subject, []).append(place[key])
        assert all(places == sorted(places) for places in heard.values())


def test_a_claim_looks_at_what_waits_and_not_at_years_of_what_was_sent() -> None:
    with database() as db:
        plans = [
            " ".join(str(step[3]) for step in db.rows(f"EXPLAIN QUERY PLAN {query}", *values))
            for query, values in statements()
        ]
    assert all("USING INDEX outbox_waiting" in plan for plan in plans)


def statements() -> list[tuple[str, tuple[object, ...]]]:
    from monitor.store import claims

    return [(claims.WORST, ("email", 0.0)), (claims.FOLLOWED, ("email", 0.0, 1, "key"))]
