"""Sums over the long lists of a beacon node, read as a stream in constant memory.

Lists come as SSZ (fixed-size records, summed by numpy) or as JSON (rows without nested objects,
summed by regular expressions). Nothing is built per validator. Every byte is accounted for: a row
too few, a repeated row or a cut-off list is a bad answer, not a smaller sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from monitor.errors import BadAnswer, NodeUnavailable

if TYPE_CHECKING:
    from monitor.chain.beacon_http import Stream

MAX_HEAD_BYTES = 4096
"""What may stand before and after the list in JSON: a few flags."""
MAX_ROW_BYTES = 4096


class Listing(NamedTuple):
    """A list to be summed."""

    field: str
    """The amount, in gwei; decimal text in JSON."""
    record_bytes: int
    """Size of an SSZ record."""
    offset: int
    """Where the amount, a little-endian uint64, stands in it."""
    numbered: bool
    """Whether each row carries `index`, from 0 without a gap (first in an SSZ record)."""


BALANCES = Listing("balance", 16, 8, numbered=True)
"""`validator_balances`, and `builder_balances` since Gloas."""
PENDING_DEPOSITS = Listing("amount", 192, 80, numbered=False)
"""Key 48 bytes, credentials 32, amount 8, signature 96, slot 8."""


class Sum(NamedTuple):
    """What a list adds up to."""

    gwei: int
    rows: int
    is_optimistic: bool
    is_finalized: bool


class _Meta(msgspec.Struct):
    """The JSON around a list, its rows taken out."""

    data: list[object]
    execution_optimistic: bool = False
    finalized: bool = False


def sum_listing(stream: Stream, listing: Listing, label: str) -> Sum:
    """Add up a list as it comes in. Raises BadAnswer for anything that is not that list, whole."""
    if stream.is_ssz:
        gwei, rows = _sum_ssz(stream.pieces, listing, label)
        return Sum(gwei, rows, stream.is_optimistic, is_finalized=False)
    summed = _JsonRows(listing, label)
    for piece in stream.pieces:
        summed.feed(piece)
    meta = summed.finish()
    return Sum(summed.gwei, summed.rows, stream.is_optimistic or meta.execution_optimistic, meta.finalized)


def _sum_ssz(pieces: Iterable[bytes], listing: Listing, label: str) -> tuple[int, int]:
    import numpy as np

    total = rows = 0
    for records in _whole_records(pieces, listing.record_bytes, label):
        words = np.frombuffer(records, dtype="<u8").reshape(-1, listing.record_bytes // 8)
        count = len(words)
        if listing.numbered and not np.array_equal(words[:, 0], np.arange(rows, rows + count, dtype="<u8")):
            raise BadAnswer(label, f"its list of {listing.field}s leaves out or repeats a row.")
        amounts = words[:, listing.offset // 8]
        # Halves, because a hostile list could overflow 64 bits.
        total += (int((amounts >> 32).sum()) << 32) + int((amounts & 0xFFFF_FFFF).sum())
        rows += count
    return total, rows


def _whole_records(pieces: Iterable[bytes], size: int, label: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        whole = rest + piece if rest else piece
        end = len(whole) - len(whole) % size
        rest = whole[end:]
        if end:
            yield whole[:end]
    if rest:
        raise BadAnswer(label, "its list ends inside a record.")


class _JsonRows:
    """Takes JSON in pieces and keeps the unfinished row at their seam."""

    # Possessive: nothing that was matched is tried again, whatever a hostile node sends.
    _rows = re.compile(rb"(?:\s*+,?\s*+\{[^{}]*+\})*+")
    _open = re.compile(rb'"data"\s*:\s*\[')

    def __init__(self, listing: Listing, label: str) -> None:
        self.gwei = 0
        self.rows = 0
        self._listing = listing
        self._label = label
        self._field = re.compile(rb'"%s"\s*:\s*"(\d{1,20})"' % listing.field.encode())
        self._index = re.compile(rb'"index"\s*:\s*"(\d{1,20})"')
        self._head: bytes | None = None
        self._tail: bytes | None = None
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """The next bytes of the answer."""
        self._rest += piece
        if self._head is None and not self._find_list():
            return
        if self._tail is None:
            self._take_rows()
        if self._tail is not None:
            self._tail, self._rest = self._tail + self._rest, b""
            if len(self._tail) > MAX_HEAD_BYTES:
                raise self._bad("something long follows the list")

    def finish(self) -> _Meta:
        """What stands around the list, once all bytes are in."""
        if self._head is None:
            raise self._bad("there is no list in it")
        if self._tail is None:
            raise NodeUnavailable(self._label, "its answer was cut off.")
        try:
            return msgspec.json.decode(self._head + self._tail, type=_Meta)
        except msgspec.MsgspecError:
            raise self._bad("it is not JSON of the Beacon API") from None

    def _find_list(self) -> bool:
        found = self._open.search(self._rest)
        if found is None:
            if len(self._rest) > MAX_HEAD_BYTES:
                raise self._bad("there is no list in it")
            return False
        self._head, self._rest = self._rest[: found.end()], self._rest[found.end() :]
        return True

    def _take_rows(self) -> None:
        matched = self._rows.match(self._rest)
        end = matched.end() if matched else 0
        self._count(self._rest[:end])
        self._rest = self._rest[end:]
        following = self._rest.lstrip()
        if following.startswith(b"]"):
            self._tail, self._rest = b"", following
        elif len(self._rest) > MAX_ROW_BYTES:
            raise self._bad("a row is not what it should be")

    def _count(self, rows: bytes) -> None:
        amounts = self._field.findall(rows)
        count = rows.count(b"{")
        if len(amounts) != count:
            raise self._bad(f"a row has no single {self._listing.field}")
        if self._listing.numbered and [*map(int, self._index.findall(rows))] != [
            *range(self.rows, self.rows + count)
        ]:
            raise self._bad("it leaves out or repeats a row")
        self.gwei += sum(map(int, amounts))
        self.rows += count

    def _bad(self, problem: str) -> BadAnswer:
        return BadAnswer(self._label, f"its list of {self._listing.field}s is unusable: {problem}.")
