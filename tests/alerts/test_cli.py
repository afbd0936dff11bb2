"""`ethmon alerts` and `ethmon outbox`, as a person calls them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.model import BlockStamp, Reading
from alerts.rules import parse_rules
from monitor.readings.catalogue import CATALOGUE
from monitor.store import backlog, incidents, ledger
from monitor.store.database import open_beside
from monitor.store.outbox import SqliteOutbox
from monitor.units import UnixTime
from tests.support.commands import ethmon
from tests.support.databases import chain, new_database
from tests.support.telegram_emulator import TOKEN, TelegramEmulator

WATCHLIST = (
    '[[wallet]]\nname = "Whale"\naddress = "0x00000000219ab540356cBB839Cbe05303d7705Fa"\nalert_at = "10%"\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database with one open incident, one message pending and one dead."""
    rules = parse_rules({"wallet": [{"name": "Whale", "alert_at": "10%"}]}, CATALOGUE)[:1]
    at = BlockStamp(100, "0xabc", 1_770_040_991)
    reading = Reading("position.distance", "w", "Whale on Aave v3", Decimal(4), at, {"wallet": "Whale"})
    with new_database(tmp_path / "ethmon.db") as db:
        incidents.decide(
            db, rules, [reading], at=at, channels=["telegram", "email"], now_wall=1_770_040_991.0
        )
        box = SqliteOutbox(db)
        (claim,) = box.claim("email", 1_770_040_992.0, 60)
        box.bury([claim.row], 1_770_040_993.0, "550 no such user")
    (tmp_path / "watchlist.toml").write_text(WATCHLIST)
    return tmp_path


def as_json(folder: Path, *arguments: str) -> Any:
    done = ethmon(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_open_incidents_are_listed_acknowledged_and_snoozed(folder: Path) -> None:
    (row,) = as_json(folder, "alerts", "list")
    assert (row["severity"], row["state"]) == ("critical", "open")
    assert row["what"] == "Whale on Aave v3: 4% from liquidation"
    assert "Whale: alert at" in ethmon(folder, "alerts", "list").stdout
    assert ethmon(folder, "alerts", "ack", row["id"]).stdout == "1 acknowledged.\n"
    assert as_json(folder, "alerts", "list")[0]["state"] == "acked"
    assert "silent for 2h" in ethmon(folder, "alerts", "snooze", "all", "--for", "2h").stdout
    assert as_json(folder, "alerts", "list")[0]["state"] == "snoozed"


def test_all_leaves_alone_what_is_over(folder: Path) -> None:
    """An event is over when it was told: it is not on the list of what is open, and `all` means that list."""
    with open_beside(folder / "ethmon.db") as db:
        asked = {
            "wallet": [{"name": "Whale", "alert_at": "10%"}],
            "rule": [{"reading": "chain.reorg", "above": 1}],
        }
        rules = parse_rules(asked, CATALOGUE)
        at = BlockStamp(101, "0xabd", 1_770_041_003)
        reading = Reading("chain.reorg", "0x12", "Ethereum", Decimal(3), at, {})
        incidents.decide(db, rules, [reading], at=at, channels=[], now_wall=1_770_041_003.0)
    before = [row["id"] for row in as_json(folder, "alerts", "list")]
    assert len(before) == 1
    assert "1 silent" in ethmon(folder, "alerts", "snooze", "all").stdout
    assert [row["id"] for row in as_json(folder, "alerts", "list")] == before


def test_history_says_what_was_told(folder: Path) -> None:
    (row,) = as_json(folder, "alerts", "list", "--history", "10")
    assert (row["time"], row["news"], row["stands"]) == ("2026-02-02T14:03:11Z", "opened", "yes")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["alerts", "ack", "nothing"], "No open incident is called 'nothing'"),
        (["alerts", "snooze", "all", "--for", "soon"], "'soon' is not a time"),
        (["alerts", "test", "--rule", "Whale: alert att"], "Did you mean 'Whale: alert at'?"),
        (["alerts", "test", "--channel", "telegram"], "'telegram' is not configured"),
        (["outbox", "drop", "99"], "Message 99 does not wait"),
    ],
)
def test_wrong_use_is_one_line_that_helps(folder: Path, arguments: list[str], words: str) -> None:
    done = ethmon(folder, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_messages_are_listed_tried_again_and_dropped(folder: Path) -> None:
    rows = as_json(folder, "outbox", "list")
    assert [(row["channel"], row["state"], row["error"]) for row in rows] == [
        ("email", "dead", "550 no such user"),
        ("telegram", "pending", ""),
    ]
    assert len(as_json(folder, "outbox", "list", "--state", "dead")) == 1
    assert ethmon(folder, "outbox", "retry").stdout.startswith("1 dead message waits")
    assert ethmon(folder, "outbox", "drop", str(rows[1]["id"])).returncode == 0
    states = {row["channel"]: row["state"] for row in as_json(folder, "outbox", "list")}
    assert states == {"email": "pending", "telegram": "dropped"}


def test_every_reading_is_shown(folder: Path) -> None:
    assert {row["reading"] for row in as_json(folder, "alerts", "readings")} == set(CATALOGUE.readings)


def test_a_test_message_arrives_and_says_that_it_is_one(folder: Path) -> None:
    with TelegramEmulator() as server:
        server.chat(777)
        settings = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "777", "TELEGRAM_API_URL": server.url}
        done = ethmon(folder, "alerts", "test", "--channel", "telegram", **settings)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "telegram: accepted\n"
        assert "TEST, nothing happened: Whale: 9% from liquidation" in server.texts()[0]
        assert "reply_markup" not in server.messages[0]
        settings["TELEGRAM_CHAT_ID"] = "1"
        refused = ethmon(folder, "alerts", "test", "--channel", "telegram", **settings)
        assert refused.returncode == 1
        assert "chat not found" in refused.stderr
        assert TOKEN not in refused.stderr


def test_every_rule_of_the_catalogue_can_be_tested() -> None:
    from alerts.ports import Dispatch
    from alerts.quantity import example
    from alerts.render import plain
    from alerts.trial import trial_message

    for key, spec in CATALOGUE.readings.items():
        for side in ("above", "below"):
            table = {"reading": key, side: example(spec.unit).strip('"'), "for": "1h"}
            rule = parse_rules({"rule": [table]}, CATALOGUE)[0]
            message = trial_message(rule, 1_770_000_000)
            assert message.title.startswith("TEST, nothing happened: "), key
            assert message.footer.startswith("2026-02-02 02:40:00 UTC · a test, of no block · rule: "), key
            assert "block 0" not in plain(Dispatch(message)), key


def test_states_of_the_command_are_those_of_the_table(folder: Path) -> None:
    from monitor.cli.outbox import STATES
    from monitor.store.database import open_reader

    with open_reader(folder / "ethmon.db") as db:
        (sql,) = db.row("SELECT sql FROM sqlite_schema WHERE name = 'outbox'")
        assert all(f"'{state}'" in sql for state in STATES)
        assert backlog.counts(db) == {("email", "dead"): 1, ("telegram", "pending"): 1}


def test_a_replay_names_the_rules_that_it_could_not_judge(tmp_path: Path) -> None:
    """That they said nothing means nothing."""
    with new_database(tmp_path / "ethmon.db") as db:
        ledger.append(db, chain(100, 110), UnixTime(0))
    (tmp_path / "watchlist.toml").write_text(
        WATCHLIST + '[[rule]]\nname = "gas"\nreading = "gas.base_fee"\nabove = "0.001 gwei"\n'
    )
    done = ethmon(tmp_path, "replay", "--history")
    assert done.returncode == 0, done.stderr
    assert "Nothing was sent." in done.stdout
    named = done.stderr.partition("Not judged, nothing that they look at is in there: ")[2]
    assert "Whale: alert at" in named
    assert "gas;" not in named
    assert not named.startswith("gas")
    found = as_json(tmp_path, "replay", "--history")
    assert "Whale: alert at" in found["not_judged"]
    assert "gas" not in found["not_judged"]
    assert found["moments"] == 11
