"""Reports what a program writes to event files, in another thread."""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trainyard_supervisor.event_files.finding import event_files
from trainyard_supervisor.event_files.sending import EventStream

if TYPE_CHECKING:
    from trainyard_supervisor.event_files.follower import Follower, Reading, Session

LOOK_SECONDS = 2.0
"""Between two looks at files that are known."""
SCAN_SECONDS = 5.0
"""Between two looks for new files, at least; and twenty times as long as one takes."""
BYTES_PER_SECOND = 1 << 20
MOST_WAITING = 100
"""Batches that wait for the gateway: then the rest waits in the event files."""
NOT_READ = "not all values of event files were read in time; the next attempt reads the rest"
_JOIN_SECONDS = 0.05


class Place(NamedTuple):
    """How far the training is, by what it writes."""

    step: int
    epoch: int | None


class EventFeed:
    """Follows the event files of one attempt, as long as its program does not report itself.

    Guarantees: neither the program nor the loop that reads its output waits for it. While the
    gateway is away for long, values wait in the event files.
    """

    def __init__(
        self,
        run_dir: Path,
        stream: EventStream,
        session: Callable[[], Session],
        program_reports: Callable[[], bool],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`session` is called once the program runs."""
        self._run_dir, self._stream, self._session = run_dir, stream, session
        self._program_reports, self._look_seconds = program_reports, look_seconds
        self._follower: Follower | None = None
        self._said: deque[str] = deque()
        self._came: deque[Place] = deque(maxlen=1)
        self._last: Place | None = None
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._ending = threading.Event()
        self._until = 0.0
        self._next_scan = 0.0
        self._refused = False
        """Whether the volume took no batch when it was last tried."""
        self._whole = False
        """Whether all was read after the program had ended."""
        self._thread = threading.Thread(target=self._work, name="trainyard-events", daemon=True)

    def watch(
        self,
        selector: selectors.BaseSelector,
        say: Callable[[str], None],
        show: Callable[[int, int | None], None],
    ) -> None:
        """Begin. `selector` calls when there is a sentence to say, or a step to show."""

        def came() -> None:
            with contextlib.suppress(BlockingIOError):
                while os.read(self._read, 4096):
                    pass
            self.take(say, show)

        selector.register(self._read, selectors.EVENT_READ, came)
        self._thread.start()

    def take(self, say: Callable[[str], None], show: Callable[[int, int | None], None]) -> None:
        """Say and show what was found."""
        while self._said:
            say(self._said.popleft())
        while self._came:
            show(*self._came.popleft())

    def finish(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Read what is left, at most for `seconds`, once no program writes any more.

        A stop signal that arrives meanwhile ends it.
        """
        if not self._thread.is_alive():
            return
        before = stopped()
        self._until = time.monotonic() + seconds
        self._ending.set()
        while self._thread.is_alive() and stopped() == before and time.monotonic() < self._until:
            self._thread.join(_JOIN_SECONDS)
        self._until = 0.0
        if not self._whole:
            self._said.append(NOT_READ)

    def stop(self, seconds: float) -> None:
        """Deliver what is left for at most `seconds`; the rest stays in the spool."""
        self._stream.stop(seconds)

    # ── the thread ────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        try:
            self._begin()
            while not self._ending.wait(self._look_seconds):
                self._look()
            self._look_last()
        except Exception as error:  # of any kind: the program runs, and its log says it
            self._say(f"event files are not followed any more ({type(error).__name__}: {error})")
            self._whole = True

    def _begin(self) -> None:
        """Take up what attempts before have left."""
        if self._stream.has_left:
            self._found_follower()
            with contextlib.suppress(OSError):
                self._stream.open()

    def _found_follower(self) -> Follower | None:
        """The follower, once there is something to follow."""
        if self._follower is None and (self._stream.has_left or event_files(self._run_dir)[0]):
            # Imported where there are event files: it takes memory that the others need not.
            from trainyard_supervisor.event_files.follower import Follower

            followed = self._stream.followed()
            self._follower = Follower(self._run_dir, followed, self._session(), self._say)
        return self._follower

    def _look(self) -> None:
        """Report what is new since the last look, no faster than `BYTES_PER_SECOND`."""
        if self._program_reports():
            return
        self._scan()
        while self._follower is not None and self._stream.waiting < MOST_WAITING:
            reading = self._follower.read()
            if not self._taken(self._follower, reading):
                return
            if self._ending.wait(reading.taken / BYTES_PER_SECOND):
                return

    def _scan(self) -> None:
        now = time.monotonic()
        if now < self._next_scan:
            return
        follower = self._found_follower()
        if follower is not None:
            follower.scan()
        self._next_scan = now + max(SCAN_SECONDS, 20 * (time.monotonic() - now))

    def _look_last(self) -> None:
        self._next_scan = 0.0
        if not self._program_reports():
            self._scan()
            follower = self._follower
            while follower is not None and self._taken(follower, follower.read(last=True)):
                if time.monotonic() > self._until:
                    return
        self._whole = True

    def _taken(self, follower: Follower, reading: Reading) -> bool:
        """Send and keep what was read; whether there may be more."""
        if reading.rows:
            try:
                self._stream.send(reading.rows, follower.followed, reading.places)
            except OSError as error:
                if not self._refused:
                    self._say(f"values of event files wait: the volume takes none ({error})")
                self._refused = True
                return False
            self._refused = False
        follower.keep(reading)
        if reading.step is not None:
            self._show(Place(reading.step, reading.epoch))
        return reading.taken > 0

    def _show(self, place: Place) -> None:
        if place != self._last:
            self._last = place
            self._came.append(place)
            self._wake()

    def _say(self, sentence: str) -> None:
        self._said.append(sentence)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"\0")
