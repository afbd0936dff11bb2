r"""Many old blocks at once: requests in flight on threads, pieces to one consumer, constant memory.

    spans -> worker --\
    spans -> worker ---> queue of at most 8 pieces -> consumer (writes to the store)
    spans -> worker --/

Pieces come as they are ready, each tagged with its range; inside a piece every parent link has
been checked, the joints between pieces are the store's to prove. How many workers there are is
learned: one is fastest on loopback, sixteen at 50 ms of distance.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from monitor.chain.blocks import BLOCK, BlobFee, BlockJson, to_blocks
from monitor.chain.features import probe
from monitor.chain.incomplete import all_without_doubted, gaps_in
from monitor.chain.member import Feature, Member
from monitor.chain.pace import Meter, Pace
from monitor.chain.pool import Pool
from monitor.chain.receipts import with_receipts
from monitor.chain.rpc import Call, Shape
from monitor.chain.sieve import HashSieve
from monitor.domain import Block, BlockRef, BurnRule, Gap, GapKind
from monitor.errors import BadAnswer, NodeError, NodeUnavailable, RateLimited, Unsupported, WrongChain
from monitor.units import BlockNumber

ReadBlocks = Callable[[BlockNumber, BlockNumber], Sequence[Block | None]]
"""Blocks of an inclusive range, one entry each, as `BlockSource.blocks`: safe to call from many threads."""

BATCH = 100
WAITING_PIECES = 8
ATTEMPTS = 5
"""Reads of one span with every endpoint, before the run gives up (away) or bisects (nonsense)."""
PAUSE_S = 0.5
"""Before the second attempt; doubles from there. A server's own `Retry-After` goes before."""
LONGEST_PAUSE_S = 30.0
_TICK_S = 0.2


class Piece(NamedTuple):
    """Blocks `first` to `last` as far as they could be read: ascending, linked; what is not known is in gaps."""

    first: BlockNumber
    last: BlockNumber
    blocks: Sequence[Block]
    gaps: Sequence[Gap]


def block_reader(pool: Pool, blob_fee: BlobFee, *, headers: bool = False) -> ReadBlocks:
    """Reads old blocks from the first endpoint of `pool` that has them.

    `headers` asks for headers alone where the node can give them: a tenth of the bytes, and no
    count of transactions, no withdrawals. Block hashes are taken as the node states them: the
    parent links of what is read end in blocks that were checked when they were followed.
    """

    def read(first: BlockNumber, last: BlockNumber) -> Sequence[Block | None]:
        def ask(member: Member) -> Sequence[Block | None]:
            if headers and probe(member, Feature.HEADERS):
                answers = member.endpoint.batch(header_calls(first, last), BLOCK)
            else:
                answers = member.endpoint.batch(block_calls(first, last), COUNTED)
            blocks = to_blocks(answers, first, blob_fee, member.label)
            newest = blocks[-1]  # a fork that needs receipts needs them from its first block on
            if newest is not None and newest.row.burn_rule is BurnRule.HEADER:
                return all_without_doubted(blocks, pool.gas_doubt_since)
            return all_without_doubted(with_receipts(member, blocks), pool.gas_doubt_since)

        return pool.using(ask)

    return read


COUNTED: Shape[BlockJson | None] = Shape(BlockJson | None, HashSieve)
"""Blocks whose transactions are counted while they arrive."""


def block_calls(first: int, last: int) -> list[Call]:
    """Requests for blocks with the hashes of their transactions."""
    return [Call("eth_getBlockByNumber", (hex(number), False)) for number in range(first, last + 1)]


def header_calls(first: int, last: int) -> list[Call]:
    """Requests for headers."""
    return [Call("eth_getHeaderByNumber", (hex(number),)) for number in range(first, last + 1)]


def newest_first(
    ranges: Iterable[tuple[BlockNumber, BlockNumber]], size: int = BATCH
) -> Iterator[tuple[BlockNumber, BlockNumber]]:
    """Inclusive ranges cut into spans of at most `size`, from the highest block down."""
    for first, last in sorted(ranges, reverse=True):
        for end in range(last, first - 1, -size):
            yield BlockNumber(max(first, end - size + 1)), BlockNumber(end)


class Bulk:
    """Reads spans of blocks with several requests in flight.

    `pieces` raises NodeUnavailable when no endpoint answers any more, WrongChain at once; single
    blocks that stay unreadable are gaps in their piece. Ends early, without an error and within
    `_TICK_S`, when `cancel` is set; calls then in flight run out in daemon threads.
    """

    def __init__(
        self,
        read: ReadBlocks,
        cancel: threading.Event,
        pace: Pace | None = None,
        *,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._read = read
        self._cancel = cancel
        self._pace = pace or Pace()
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._take = threading.Lock()
        self._working = 0
        self._ready: queue.Queue[Piece | Exception | None] = queue.Queue(WAITING_PIECES)

    def pieces(self, spans: Iterable[tuple[BlockNumber, BlockNumber]]) -> Generator[Piece]:
        """What `spans` hold, in the order in which it arrives. Close it: the workers end then."""
        work = iter(spans)
        meter = Meter(self._pace)
        try:
            while self._hire(work):
                result = self._next()
                if isinstance(result, Exception):
                    raise result
                if result is not None:
                    meter.count(len(result.blocks))
                    yield result
        finally:
            self._stop.set()

    def _hire(self, work: Iterator[tuple[BlockNumber, BlockNumber]]) -> bool:
        """Start the workers that are wanted and have something to do; False when all is delivered."""
        if self._cancel.is_set():
            return False
        while self._working < self._pace.wanted:
            with self._take:
                span = next(work, None)
            if span is None:
                break
            self._working += 1
            threading.Thread(target=self._work, args=(span, work), name="bulk", daemon=True).start()
        return self._working > 0 or not self._ready.empty()

    def _next(self) -> Piece | Exception | None:
        """The next result; None when a worker has ended or the run is cancelled."""
        while not self._cancel.is_set():
            try:
                result = self._ready.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            if result is None:
                self._working -= 1
            return result
        return None

    def _work(
        self, span: tuple[BlockNumber, BlockNumber] | None, work: Iterator[tuple[BlockNumber, BlockNumber]]
    ) -> None:
        """One worker: spans until there are none or fewer workers are wanted."""
        try:
            while span is not None and self._put(self._piece(*span)):
                with self._take:
                    span = next(work, None) if self._working <= self._pace.wanted else None
        except Exception as error:  # noqa: BLE001 - handed to the consumer, which raises it
            self._put(error)
        self._put(None)

    def _put(self, result: Piece | Exception | None) -> bool:
        """Hand over, waiting while the consumer is behind; False when nobody wants it any more."""
        while not (self._stop.is_set() or self._cancel.is_set()):
            try:
                self._ready.put(result, timeout=_TICK_S)
            except queue.Full:
                continue
            return True
        return False

    def _piece(self, first: BlockNumber, last: BlockNumber) -> Piece:
        """A span, bisected as long as part of it is nonsense: one bad block costs only itself."""
        try:
            return _as_piece(first, last, self._patiently(first, last))
        except (NodeUnavailable, WrongChain):
            raise
        except NodeError as error:
            if first == last or isinstance(error, Unsupported):
                return Piece(first, last, (), (Gap(GapKind.BLOCKS, first, last, error.problem),))
        middle = BlockNumber((first + last) // 2)
        low, high = self._piece(first, middle), self._piece(BlockNumber(middle + 1), last)
        return Piece(first, last, (*low.blocks, *high.blocks), (*low.gaps, *high.gaps))

    def _patiently(self, first: BlockNumber, last: BlockNumber) -> Sequence[Block | None]:
        """Read a span, again after a pause while the node is away or its answer does not link."""
        pause = self._pause_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                blocks = self._read(first, last)
                _check_links(blocks)
            except RateLimited as error:
                self._pace.refused(time.monotonic())
                pause = max(pause, error.retry_after_s or 0.0)
                self._pause(attempt, error, pause)
            except NodeUnavailable as error:
                self._pause(attempt, error, pause)
            except BrokenPiece as error:
                self._pause(attempt, error, 0.0)
            else:
                return blocks
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise AssertionError("the last attempt raises")

    def _pause(self, attempt: int, error: NodeError, seconds: float) -> None:
        """Wait before the next attempt. Raises `error` when there is none, or when the run ends."""
        until = time.monotonic() + min(seconds, LONGEST_PAUSE_S)
        while (left := until - time.monotonic()) > 0:
            if self._stop.wait(min(left, _TICK_S)) or self._cancel.is_set():
                raise error
        if attempt == ATTEMPTS:
            raise error


class BrokenPiece(BadAnswer):
    """Blocks of one answer that do not build on each other."""


def _check_links(blocks: Sequence[Block | None]) -> None:
    below: BlockRef | None = None
    for block in blocks:
        ref = None if block is None else block.ref
        if below is not None and ref is not None and ref.parent_hash != below.hash:
            raise BrokenPiece("node", f"block {ref.number} does not build on block {below.number}")
        below = ref


def _as_piece(first: BlockNumber, last: BlockNumber, answers: Sequence[Block | None]) -> Piece:
    """Blocks that the node has; runs of those that it has not, and what it does not tell of others, are gaps."""
    blocks = [block for block in answers if block is not None]
    return Piece(first, last, blocks, (*_not_there(first, last, blocks), *gaps_in(blocks)))


def _not_there(first: BlockNumber, last: BlockNumber, blocks: Sequence[Block]) -> list[Gap]:
    if len(blocks) == last - first + 1:
        return []
    gaps: list[Gap] = []
    present = {block.ref.number for block in blocks}
    for number in range(first, last + 1):
        if number in present:
            continue
        start = gaps.pop().first if gaps and gaps[-1].last == number - 1 else BlockNumber(number)
        gaps.append(Gap(GapKind.BLOCKS, start, BlockNumber(number), "the node does not have it"))
    return gaps
