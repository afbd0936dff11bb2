"""`watchlist.toml` is edited while the daemon runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from monitor.reload import Refused, WatchlistFile
from monitor.units import UnixTime
from monitor.watchlist import Watchlist
from tests.support.commands import eventually
from tests.support.watched_market import WatchedMarket, text_of

LEVEL = '[[level]]\nname = "{name}"\nprice_usd = 1780\nalert_at = ["10%"]\n'


DEEP = "x = " + "[" * 5_000 + "]" * 5_000
VAST = '[[level]]\nname = "a"\nprice_usd = "1e999999"\n'


def level(*names: str) -> str:
    return "\n".join(LEVEL.format(name=name) for name in names)


def texts(market: WatchedMarket) -> list[str]:
    return [text_of(message) for message in market.messages()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "watchlist.toml"
    found.write_text(level("a"))
    return found


def names(found: Watchlist | Refused | None) -> list[str]:
    assert isinstance(found, Watchlist)
    return [one.name for one in found.levels]


def test_a_change_is_taken_up_once_it_has_settled(path: Path) -> None:
    file = WatchlistFile(path, ["console"])
    assert file.look() is None
    path.write_text(level("a", "b"))
    assert file.look() is None, "it may still be being written"
    assert names(file.look()) == ["a", "b"]
    assert file.look() is None
    path.write_text(level("c"))
    assert names(file.look(at_once=True)) == ["c"], "asked for by a signal"


@pytest.mark.parametrize(
    "broken", ["[[level]\n", '[[level]]\nnome = "x"\n', LEVEL + 'channels = ["pager"]', DEEP, VAST]
)
def test_a_broken_file_is_refused_once_and_mended_ones_are_used(path: Path, broken: str) -> None:
    file = WatchlistFile(path, ["console"])
    path.write_text(broken)
    found = file.look(at_once=True)
    assert isinstance(found, Refused)
    assert "not used" in found.message(UnixTime(0)).title
    assert file.look() is None
    assert file.look() is None
    path.write_text(level("b"))
    assert file.look() is None
    assert names(file.look()) == ["b"]


def test_a_file_that_is_gone_is_not_an_empty_list(path: Path) -> None:
    file = WatchlistFile(path, [])
    path.unlink()
    assert file.look() is None, "an editor may be about to put the new one there"
    path.write_text(level("b"))
    assert file.look() is None
    assert names(file.look()) == ["b"]
    path.unlink()
    assert file.look() is None
    assert isinstance(file.look(), Refused)


class Vanishing(type(Path())):
    """A file that an editor takes away between two looks at it, once."""

    taken = False

    def exists(self) -> bool:
        if not self.taken:
            self.taken = True
            self.rename(self.with_suffix(".backup"))
        return super().exists()


def test_a_file_that_goes_while_it_is_read_is_not_an_empty_list(path: Path) -> None:
    file = WatchlistFile(Vanishing(path), [])
    path.write_text(level("a", "b"))
    assert file.look(at_once=True) is None
    path.with_suffix(".backup").rename(path)
    assert names(file.look(at_once=True)) == ["a", "b"]


def test_where_there_was_no_file_one_is_taken_up(tmp_path: Path) -> None:
    file = WatchlistFile(tmp_path / "watchlist.toml", [])
    assert file.look() is None
    assert file.look() is None
    (tmp_path / "watchlist.toml").write_text(level("a"))
    assert names(file.look(at_once=True)) == ["a"]


def test_an_edited_list_is_in_force_without_a_restart(market: WatchedMarket) -> None:
    file = market.folder / "watchlist.toml"
    any_health = '[[rule]]\nname = "any health"\nreading = "position.health_factor"\nbelow = 5\n'
    market.watch(more=any_health)
    with market.running() as daemon:
        market.walk(daemon, 2_200)
        before = len(texts(market))
        file.write_text("[[wallet]\n")
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: any("not used" in text for text in texts(market)))
        market.walk(daemon, 1_960)
        assert any("Whale" in text and "10%" in text for text in texts(market)[before:]), "the old list holds"
        file.write_text(any_health + level("Edited"))
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: "in force" in market.log)
        market.walk(daemon, 1_870)
        eventually(lambda: any("Edited" in text for text in texts(market)))
        assert daemon.poll() is None
    assert any("it is not watched any more" in text for text in texts(market))
    assert not any("the position was closed" in text for text in texts(market))
