"""`python -m monitor.reports.chart_process`: draws the pictures of messages, apart from the daemon.

Matplotlib, its second of loading and its 60 MB live and die here. A request is a line of JSON on
standard input; the answer on standard output is the length of a PNG in four bytes, and the PNG;
length 0 is "no picture". It ends with its asker, or after some minutes without a request.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path
from typing import Any

from monitor.errors import EthmonError

IDLE_S = 300


def main() -> int:
    """Answer until standard input ends or nobody has asked for `IDLE_S`."""
    while select.select([sys.stdin], [], [], IDLE_S)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            break
        picture = answer(line)
        sys.stdout.buffer.write(len(picture).to_bytes(4) + picture)
        sys.stdout.buffer.flush()
    return 0


def answer(line: bytes) -> bytes:
    """One picture; empty where it cannot be drawn."""
    try:
        request: dict[str, Any] = json.loads(line)
        database, watchlist = Path(request["database"]), Path(request["watchlist"])
        if request["kind"] == "correlation":
            until = int(request["day"]) if request.get("day") else None
            return draw_correlation(database, watchlist, request["with"], int(request["days"]), until)
        block = int(request["block"]) if request.get("block") else None
        return draw(database, watchlist, request["subject"], block)
    except (EthmonError, ValueError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        return b""


def draw(database: Path, watchlist: Path, subject: str, block: int | None = None) -> bytes:
    """The last days of a position up to `block`, for a phone.

    Raises EthmonError where there is too little to show.
    """
    from monitor.reports.charts.position import position
    from monitor.reports.charts.style import Look
    from monitor.reports.charts.track import SPAN_S, of_subject, track
    from monitor.store.database import open_reader
    from monitor.units import UnixTime

    with open_reader(database) as db:
        now = of_subject(db, subject, block)
        if now is None:
            raise EthmonError("that position is not there any more")
        found = track(db, now, UnixTime(now.block_time - SPAN_S), _rules(watchlist))
    if len(found.points) < 2:
        raise EthmonError("the position was seen once: nothing to draw")
    return position(found, Look(phone=True))


def draw_correlation(
    database: Path, watchlist: Path, other: str, days: int, until: int | None = None
) -> bytes:
    """How ETH moved with one series in the half year up to the day `until`, for a phone.

    Raises EthmonError where nothing is known.
    """
    from monitor.comovement import Others
    from monitor.reports.charts.correlation import correlation
    from monitor.reports.charts.style import Look
    from monitor.reports.comovement import comovement
    from monitor.store.database import open_reader
    from monitor.watchlist import load_watchlist

    others = Others(load_watchlist(watchlist).series)
    with open_reader(database) as db:
        return correlation(comovement(db, [other], days, "180d", others, until=until), Look(phone=True))


def _rules(watchlist: Path) -> Any:
    """Levels are an ornament: a watchlist that was broken since the start costs no picture."""
    from monitor.watchlist import load_watchlist

    try:
        return load_watchlist(watchlist).rules
    except EthmonError:
        return ()


if __name__ == "__main__":
    sys.exit(main())
