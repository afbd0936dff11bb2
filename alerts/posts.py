"""The threads of delivery: one for each channel, and one for pictures.

    wake --> telegram   text out at once; its picture goes to the easel and follows
         --> email      waits for its picture, and for a slow server, alone
         --> console
             easel      draws one picture at a time

A server that hangs holds back its own messages only, and a picture holds back none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from queue import Full, Queue
from threading import Event, Thread
from time import monotonic

from alerts.delivery import Clock, Job, drain
from alerts.ports import Channel, ChartRenderer, Outbox

log = logging.getLogger("ethmon")

OpenOutbox = Callable[[], AbstractContextManager[Outbox]]
"""An outbox for the thread that calls it."""

WAITING_PICTURES = 50
"""More than these are not drawn: old pictures help nobody."""


class Bell(Event):
    """An event that several threads wait for, each with a copy of its own to clear."""

    def __init__(self) -> None:
        super().__init__()
        self._copies: list[Event] = []

    def copy(self) -> Event:
        """Set whenever the bell is."""
        self._copies.append(Event())
        return self._copies[-1]

    def set(self) -> None:
        """Wake everybody."""
        super().set()
        for one in self._copies:
            one.set()


class Easel:
    """Jobs that nothing waits for, done one after the other."""

    def __init__(self) -> None:
        self._jobs: Queue[Job | None] = Queue(WAITING_PICTURES)

    def __call__(self, job: Job) -> None:
        """Do it later; dropped when too much waits already."""
        try:
            self._jobs.put_nowait(job)
        except Full:
            log.info("a picture is left out: %d others wait", WAITING_PICTURES)

    def work(self, outbox: Outbox, stopping: Event) -> None:
        """Until `stopping` is set and `stop` was called."""
        while (job := self._jobs.get()) is not None and not stopping.is_set():
            try:
                job(outbox)
            except Exception as error:  # noqa: BLE001  an ornament: whatever is wrong with it, the words are out
                log.info("a picture was not added (%s)", type(error).__name__)

    def stop(self) -> None:
        """Wake the worker a last time."""
        try:
            self._jobs.put_nowait(None)
        except Full:
            self._jobs.get_nowait()
            self._jobs.put_nowait(None)


def serve(
    outbox: Outbox,
    channels: Sequence[Channel],
    now: Clock,
    *,
    wake: Event,
    stopping: Event,
    names: Sequence[str] = (),
    chart: ChartRenderer | None = None,
    aside: Callable[[Job], None] | None = None,
    idle_s: float = 5.0,
) -> None:
    """Drain whenever `wake` is set or a wait is over, until `stopping`."""
    while not stopping.is_set():
        wake.clear()
        done = drain(outbox, channels, now, names=names, chart=chart, aside=aside, stopping=stopping)
        wait = idle_s if done.next_at is None else min(max(done.next_at - now(), 0.0), idle_s)
        wake.wait(wait)


def start(
    open_outbox: OpenOutbox,
    channels: Sequence[Channel],
    now: Clock,
    *,
    bell: Bell,
    chart: ChartRenderer | None = None,
    after_fault_s: float = 5.0,
) -> Callable[[float], None]:
    """Deliver on every channel until the returned function is called; it waits so many seconds at most."""
    stopping, easel = Event(), Easel()
    names = [channel.name for channel in channels]

    def post(channel: Channel, wake: Event) -> Callable[[Outbox], None]:
        return lambda outbox: serve(
            outbox, [channel], now, wake=wake, stopping=stopping, names=names, chart=chart, aside=easel
        )

    jobs = {channel.name: post(channel, bell.copy()) for channel in channels}
    jobs["easel"] = lambda outbox: easel.work(outbox, stopping)
    threads = [
        Thread(
            target=_persist, args=(open_outbox, name, job, stopping, after_fault_s), name=name, daemon=True
        )
        for name, job in jobs.items()
    ]
    for thread in threads:
        thread.start()

    def stop(within_s: float) -> None:
        end = monotonic() + within_s
        stopping.set()
        bell.set()
        easel.stop()
        for thread in threads:
            thread.join(max(end - monotonic(), 0.0))

    return stop


def _persist(
    open_outbox: OpenOutbox, name: str, job: Callable[[Outbox], None], stopping: Event, after_fault_s: float
) -> None:
    """No fault ends a thread: what it would not send any more, nobody would."""
    while not stopping.is_set():
        try:
            with open_outbox() as outbox:
                job(outbox)
        except Exception as error:  # noqa: BLE001  a full disk, a locked file, a fault of ours: it must go on
            log.warning("delivery (%s) stopped and starts again: %s", name, type(error).__name__)
            stopping.wait(after_fault_s)
