"""What wakes `watch` and `logs -f`: the event stream if events arrive, else the interval."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from poll import eventually

from trainyard.cli.event_waiter import EventWaiter
from trainyard.errors import Unreachable
from trainyard.models import Event

LONG = 20.0


def event(number: int) -> Event:
    return Event(kind="metrics", data={}, id=f"{number}.0")


class Stream:
    """Events that the test sends; every connection and the id that it began with is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.number, self.cut = 0, False
        self._more = threading.Condition()

    def __call__(self, last_id: str) -> Iterator[Event]:
        self.asked.append(last_id)
        sent = self.number
        while True:
            with self._more:
                self._more.wait_for(lambda sent=sent: self.cut or self.number > sent)  # type: ignore[misc]
                if self.cut:
                    self.cut = False
                    raise Unreachable("cut")
                sent += 1
            yield event(sent)

    def send(self) -> None:
        with self._more:
            self.number += 1
            self._more.notify_all()

    def break_off(self) -> None:
        with self._more:
            self.cut = True
            self._more.notify_all()


def seconds(waiter: EventWaiter, interval: float = 0.01) -> float:
    start = time.monotonic()
    waiter.wait(interval)
    return time.monotonic() - start


def test_an_event_wakes_and_silence_lets_sleep() -> None:
    stream = Stream()
    waiter = EventWaiter(stream, max_silence=LONG)
    stream.send()
    eventually(lambda: waiter._receiving, what="the first event")
    assert seconds(waiter) < LONG / 4, "what came before the wait is not missed"

    timer = threading.Timer(0.3, stream.send)
    timer.start()
    assert 0.2 < seconds(waiter) < LONG / 4
    timer.join()
    waiter.close()
    stream.send()


def test_with_events_the_first_sleep_is_the_shorter_one() -> None:
    stream = Stream()
    waiter = EventWaiter(stream, max_silence=LONG)
    stream.send()
    eventually(lambda: waiter._receiving, what="the first event")
    start = time.monotonic()

    waiter.wait(LONG, 0.01)

    assert time.monotonic() - start < LONG / 4
    waiter.close()
    stream.send()


def test_a_quiet_stream_is_looked_at_now_and_then() -> None:
    stream = Stream()
    waiter = EventWaiter(stream, max_silence=0.3)
    stream.send()
    eventually(lambda: waiter._receiving, what="the first event")
    seconds(waiter)

    assert 0.25 < seconds(waiter) < LONG / 4
    waiter.close()
    stream.send()


def test_without_a_stream_the_interval_counts() -> None:
    """Refused at once, or open without a word (a proxy that holds it back)."""

    def refused(last_id: str) -> Iterator[Event]:
        raise Unreachable(last_id)
        yield

    silent = Stream()
    for waiter in (EventWaiter(refused, max_silence=LONG), EventWaiter(silent, max_silence=LONG)):
        assert seconds(waiter) < LONG / 4
        assert seconds(waiter) < LONG / 4
        waiter.close()
    silent.send()


def test_a_cut_stream_goes_on_after_the_last_event() -> None:
    stream = Stream()
    waiter = EventWaiter(stream, max_silence=LONG, reconnect=0.01)
    stream.send()
    eventually(lambda: waiter._receiving, what="the first event")
    stream.break_off()

    eventually(lambda: len(stream.asked) == 2, what="another connection")
    assert stream.asked == ["", "1.0"]
    waiter.close()
    stream.send()


def test_the_end_of_the_session_wakes() -> None:
    waiter = EventWaiter(lambda _: iter([event(1)]), max_silence=LONG)

    assert seconds(waiter) < LONG / 4
    eventually(lambda: not waiter._thread.is_alive(), what="the end of reading")
