"""Which blocks' events are read when, after absences, blindness and reorgs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import BlockRef
from monitor.units import BlockHash, BlockNumber, UnixTime
from monitor.watch.unread import AT_ONCE, KEPT, Unread


def ref(number: int, branch: str = "a") -> BlockRef:
    return BlockRef(BlockNumber(number), BlockHash(f"0x{branch}{number}"), BlockHash("0x"), UnixTime(number))


def span(first: int, last: int, branch: str = "a") -> list[BlockRef]:
    return [ref(number, branch) for number in range(first, last + 1)]


def test_a_long_absence_is_read_in_parts_newest_first() -> None:
    unread = Unread()
    unread.after_restart(span(1, 100))
    unread.follow(span(101, 150), None)
    first = unread.next()
    assert first == span(150 - AT_ONCE + 1, 150)
    unread.done(first)
    unread.follow([ref(151)], None)
    assert unread.next()[-1] == ref(151)
    read = {*first}
    while blocks := unread.next():
        read |= {*blocks}
        unread.done(blocks)
    assert read == {*span(1, 151)}


def test_before_the_first_look_only_the_newest_blocks_are_told() -> None:
    unread = Unread()
    unread.follow(span(1, 300), None)
    unread.done(blocks := unread.next())
    assert blocks == span(300 - AT_ONCE + 1, 300)
    assert unread.next() == []


def test_blocks_that_were_replaced_are_not_read_and_their_successors_are() -> None:
    unread = Unread()
    unread.follow(span(1, 5), None)
    unread.done(unread.next())
    unread.follow(span(6, 8), None)
    unread.follow(span(7, 9, "b"), BlockNumber(6))
    assert unread.next() == [ref(6), *span(7, 9, "b")]
    unread.done(unread.next())
    unread.follow(span(5, 10, "c"), BlockNumber(4))
    assert unread.next() == span(5, 10, "c"), "events of the new branch are new"


def test_what_was_replaced_while_it_was_read_is_not_done() -> None:
    unread = Unread()
    unread.follow(span(1, 3), None)
    blocks = unread.next()
    unread.follow(span(3, 4, "b"), BlockNumber(2))
    unread.done(blocks)
    assert unread.next() == span(3, 4, "b")


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.booleans())
def test_repeating_a_step_changes_nothing_and_memory_is_bounded(steps: list[int], after: bool) -> None:
    unread = Unread()
    if after:
        unread.after_restart([])
    head = 0
    for length in steps:
        for _ in range(2):  # a transaction that failed is tried again
            unread.follow(span(head + 1, head + length), None)
        head += length
    assert len(unread._refs) == min(head, KEPT if after else AT_ONCE)
    assert unread.next()[-1] == ref(head)
