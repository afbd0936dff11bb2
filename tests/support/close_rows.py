"""Daily closes of the three feeds as the price job stores them, and what follows from them."""

from __future__ import annotations

import math
import random

from monitor.comovement import Others
from monitor.past.closes import store_correlations
from monitor.store import closes
from monitor.store.closes import CloseRow
from monitor.store.database import Database
from monitor.units import Address, BlockNumber, UnixTime
from tests.support.databases import GENESIS_TIME

DAY = 86_400
FEEDS = ("ETH/USD", "BTC/USD", "XAU/USD")


def save_closes(db: Database, days: int = 200) -> None:
    """Random walks up to the day before the first block; gold rests two days of seven."""
    last = GENESIS_TIME // DAY - 1
    for seed, feed in enumerate(FEEDS):
        dice, price = random.Random(seed), 2_000.0
        rows: list[CloseRow] = []
        for day in range(last - days + 1, last + 1):
            price *= math.exp(dice.gauss(0, 0.03))
            rests = feed == "XAU/USD" and day % 7 in {2, 3}
            at = UnixTime(rows[-1].updated_at if rests and rows else (day + 1) * DAY - 60)
            answer = rows[-1].answer if rests and rows else round(price * 10**8)
            rows.append(CloseRow(feed, day, day, answer, 8, at, Address("0x" + "11" * 20), BlockNumber(1)))
        closes.save(db, rows)
    store_correlations(db, Others())
