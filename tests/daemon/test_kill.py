"""The daemon killed in the middle of a busy run: nothing lost, one duplicate per kill at most."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter

import pytest

from tests.support.commands import eventually, rows
from tests.support.http_end import HttpEnd
from tests.support.watched_market import WatchedMarket

pytestmark = pytest.mark.localnet

KILLS = 4


def test_killed_in_the_middle_of_its_work(market: WatchedMarket) -> None:
    """Every block is news, told by mail and webhook; Telegram's pace would leave the run idle."""
    chance, prices = random.Random(4), itertools.cycle((1_815, 2_400, 1_870, 2_400))
    market.watch(tuning='cool_down = 0\nchannels = ["email", "webhook"]')
    with HttpEnd() as hook:
        settings = {"WEBHOOK_URL": hook.url, "WEBHOOK_SECRET": "a-secret-for-the-signature"}
        for _ in range(KILLS):
            with market.running(**settings) as daemon:
                enough = len(market.told()) + chance.randint(2, 4)
                while len(market.told()) < enough:
                    market.price(next(prices))
                    time.sleep(chance.uniform(0.0, 0.1))
                daemon.kill()
                daemon.wait()
        market.price(2_400)
        with market.running(**settings) as daemon:
            market.walk(daemon, 1_815)
            eventually(lambda: not rows(market.database, "SELECT 1 FROM outbox WHERE state != 'delivered'"))
        posted = Counter(json.loads(request.body)["key"] for request in hook.requests)
    keys = [str(key) for (key,) in rows(market.database, "SELECT DISTINCT message_key FROM alert")]
    mailed = Counter(str(letter["Message-ID"]).strip("<").partition(".")[0] for letter in market.letters())
    print(
        f"{KILLS} kills, {len(keys)} messages on each of two channels, {posted.total() + mailed.total() - 2 * len(keys)} twice"
    )
    assert set(posted) == set(mailed) == set(keys), "nothing lost, nothing made up"
    assert posted.total() + mailed.total() <= 2 * len(keys) + KILLS
    assert len(keys) > 2 * KILLS, "the run was too idle to prove anything"
    assert rows(market.database, "PRAGMA integrity_check") == [("ok",)]
