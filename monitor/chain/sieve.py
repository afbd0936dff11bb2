"""Takes the lists of transaction hashes out of blocks while they arrive.

The hashes are five sixths of a block's text and only their number is kept. Finding the end of a
list takes a quarter of the time of parsing it, and what never leaves a small buffer is never in
memory as a whole: sixteen answers in flight cost 6 MB instead of 40.
"""

from __future__ import annotations

from typing import Protocol

SIZE = 1 << 18
_KEY = b'"transactions":['
_TO_BRACKET = len(_KEY) - 1
_HASH_ITEM = len('"",') + 66
_OPENING = b'"0x'
_QUOTE = ord('"')


class Sieve(Protocol):
    """Where the bytes of an answer go: into `room()`, then `took(so many)`, at the end `text()`."""

    def room(self) -> memoryview:
        """Where the next bytes may be written; never empty."""
        ...

    def took(self, count: int) -> None:
        """So many bytes were written there."""
        ...

    def text(self) -> bytes:
        """What passed."""
        ...


class Whole(Sieve):
    """Lets everything pass."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(SIZE))
        self._pieces: list[bytes] = []

    def room(self) -> memoryview:
        """The free part of the buffer."""
        return self._buffer

    def took(self, count: int) -> None:
        """Let them pass, as far as that can be told yet."""
        self._pieces.append(bytes(self._buffer[:count]))

    def text(self) -> bytes:
        """All that passed."""
        return b"".join(self._pieces)


class HashSieve(Sieve):
    """JSON of blocks with each list of transaction hashes replaced by their number.

    A key and a bracket cannot be inside a string, where quotes are escaped. Lists of anything else
    pass as they are.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._pieces: list[bytes] = []

    def room(self) -> memoryview:
        """The free part of the buffer."""
        return self._view[self._end :]

    def took(self, count: int) -> None:
        """Let them pass, as far as that can be told yet."""
        self._end += count
        kept = self._sift()
        if kept == 0 and self._end == len(self._buffer):  # a list larger than all there is: let it pass
            self._pass(0, self._end)
            kept = self._end
        rest = self._end - kept
        self._view[:rest] = self._view[kept : self._end]
        self._end = rest

    def text(self) -> bytes:
        """All that passed."""
        self._pass(0, self._end)
        self._end = 0
        return b"".join(self._pieces)

    def _sift(self) -> int:
        """Pass on what is complete; from where on the rest has to wait for more."""
        buffer, at, end = self._buffer, 0, self._end
        while (key := buffer.find(_KEY, at, end)) >= 0:
            start = key + _TO_BRACKET
            after = buffer.find(b"]", start, end) + 1
            if not after:
                self._pass(at, key)
                return key
            count = hash_count(self._view[start:after])
            self._pass(at, after if count is None else start)
            if count is not None:
                self._pieces.append(b"%d" % count)
            at = after
        kept = max(at, end - _TO_BRACKET)  # the beginning of a key may be there
        self._pass(at, kept)
        return kept

    def _pass(self, start: int, end: int) -> None:
        self._pieces.append(bytes(self._view[start:end]))


def feed(sieve: Sieve, data: bytes) -> None:
    """Put bytes through that are in memory already."""
    left = memoryview(data)
    while left:
        room = sieve.room()
        count = min(len(room), len(left))
        room[:count] = left[:count]
        sieve.took(count)
        left = left[count:]


def hash_count(text: memoryview) -> int | None:
    """How many hashes are in a JSON list of hashes without white space; None for any other text.

    A list of other strings is taken for one only if it was written to be: such a node could send
    false hashes just as well.
    """
    size = len(text)
    if size == 2:
        return 0
    count, rest = divmod(size - 1, _HASH_ITEM)
    return count if rest == 0 and bytes(text[1:4]) == _OPENING and text[-2] == _QUOTE else None
