"""The life of one program, from its start until none of its processes is left."""

from __future__ import annotations

import os
import select
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from trainyard.reporting.secret_mask import SecretMask
from trainyard_supervisor.ending.due import Action, Patience, State, due
from trainyard_supervisor.ending.launcher_report import worker_exit
from trainyard_supervisor.event_files.feed import EventFeed
from trainyard_supervisor.output.line_splitter import Line
from trainyard_supervisor.output.masked_stream import MaskedStream
from trainyard_supervisor.output.mirror import Mirror
from trainyard_supervisor.output.pump import Pump
from trainyard_supervisor.processes import process_tree
from trainyard_supervisor.processes.process_tree import Exit
from trainyard_supervisor.processes.program_start import start
from trainyard_supervisor.processes.senders import Sender
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.reports import Reports
from trainyard_supervisor.stop_signals import StopSignals
from trainyard_supervisor.takers import Takers

SMALL_BYTES = 32 << 10
COLLECT_SECONDS = 0.1
"""After a small piece of output: one turn for many lines costs less than one for each of them."""
MIRROR_SECONDS = 1.0
"""How long the reader of the log may take for the rest at the end."""
EVENT_FILES_SECONDS = 10.0
"""How long the rest of event files is read at the end."""
STOPPED_SECONDS = 1.0
"""The same after a stop signal."""


class Supervision:
    """Runs one program; `run` returns how it ended."""

    def __init__(  # noqa: PLR0913  # what a program is run with
        self,
        signals: StopSignals,
        reports: Reports,
        progress: DerivedProgress | None,
        patience: Patience,
        said: deque[str],
        takers: Takers,
        events: EventFeed | None = None,
    ) -> None:
        """`progress` is None on workers other than 0; `said` has sentences for the log."""
        self._takers, self._events = takers, events
        self._said = said
        self.worker_exit: Exit | None = None
        """How the worker ended that failed first, where a launcher says so."""
        self._signals = signals
        self._reports = reports
        self._progress = progress
        self._patience = patience
        self._selector = selectors.DefaultSelector()
        self._out, self._err = Mirror(1), Mirror(2)
        self._pumps = (self._pump("info", self._out), self._pump("warning", self._err))
        self._program: Exit | None = None
        self._pid = 0
        self._passed_on = False
        self._own_passed_on = False
        self._left = True
        self._ended_at: float | None = None
        self._rest_ended_at: float | None = None
        self._killed_at: float | None = None
        self._wake: float | None = None
        self._read_bytes = 0
        """The largest piece of output of the last turn."""

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> Exit | None:
        """Run `command` until none of its processes is left. Raises CannotStart.

        None if a stop signal has arrived already: then nothing is started.
        """
        if self._signals.number is not None:
            return None
        process_tree.adopt_orphans()
        out, err = self._pumps
        with self._signals.unblocked():
            process = start(command, environment, out.program_end, err.program_end)
        self._pid = process.pid
        self._selector.register(self._signals.descriptor, selectors.EVENT_READ, self._signals.clear)
        for pump in self._pumps:
            pump.started()
            self._selector.register(pump.descriptor, selectors.EVENT_READ, self._reader(pump))
        self._takers.watch(self._selector)
        if self._events is not None:
            self._events.watch(self._selector, self.say, self._show)
        while self._left:
            self._turn()
        process.returncode = 0
        return self._program

    def say(self, sentence: str, level: str = "warning") -> None:
        """A sentence of the supervisor's own, in the log and in the reports."""
        sentence = self.mask.in_text(sentence)
        self._err.say(sentence)
        self._reports.line(level, f"trainyard: {sentence}")

    @property
    def mask(self) -> SecretMask:
        """What must not be shown."""
        return self._reports.mask

    @property
    def stopped(self) -> bool:
        """Whether a stop signal has arrived."""
        return self._signals.number is not None

    @property
    def stopped_before_end(self) -> bool:
        """Whether a stop signal arrived before the program itself had ended."""
        arrived = self._signals.arrived
        return arrived is not None and (self._ended_at is None or arrived <= self._ended_at)

    @property
    def out_of_time(self) -> bool:
        """Whether a stop signal has arrived, and the grace is over but for the supervisor's own."""
        arrived = self._signals.arrived
        return arrived is not None and time.monotonic() >= arrived + self._patience.grace

    @property
    def last_lines(self) -> list[str]:
        """The last lines of the output, oldest first."""
        return list(self._reports.last_lines)

    def take_rest(self) -> None:
        """Take what is left of the output, once no process is left."""
        if not self._pid:
            return
        for pump in self._pumps:
            pump.close(time.monotonic())
        self._takers.take()
        if self._events is not None:
            self._events.finish(
                STOPPED_SECONDS if self.stopped else EVENT_FILES_SECONDS, lambda: self.stopped
            )
            self._events.take(self.say, self._show)
        self._pid = 0
        for mirror in (self._out, self._err):
            mirror.flush()

    def close(self) -> None:
        """Take the rest of the output, and wait a little for the reader of the log."""
        self.take_rest()
        self._takers.close()
        self._say_what_others_said()
        for mirror in (self._out, self._err):
            mirror.close(MIRROR_SECONDS)

    # ── one turn of the loop ──────────────────────────────────────────────────────────────

    def _turn(self) -> None:
        self._watch_mirrors()
        if 0 < self._read_bytes < SMALL_BYTES:
            # Only signals are listened to, such as that of a child's end.
            select.select([self._signals.descriptor], [], [], COLLECT_SECONDS)
        self._read_bytes = 0
        for key, _ in self._selector.select(self._timeout()):
            key.data()
        now = time.monotonic()
        self._say_what_others_said()
        for pump in self._pumps:
            if (wake := pump.wake()) is not None and wake <= now:
                pump.settle(now)
        self._pass_signals_on()
        if self._progress is not None:
            self._progress.beat(now)
        self._reap(now)
        self._act(now)

    def _say_what_others_said(self) -> None:
        while self._said:
            self._err.say(self._said.popleft())

    def _timeout(self) -> float | None:
        wakes = [self._wake, *(pump.wake() for pump in self._pumps)]
        if self._progress is not None:
            wakes.append(self._progress.wake())
        first = min((wake for wake in wakes if wake is not None), default=None)
        return None if first is None else max(0.0, first - time.monotonic())

    def _reader(self, pump: Pump) -> Callable[[], None]:
        def read() -> None:
            self._read_bytes = max(self._read_bytes, pump.read(time.monotonic()))
            if not pump.open:
                self._selector.unregister(pump.descriptor)

        return read

    def _pump(self, level: str, mirror: Mirror) -> Pump:
        masked = MaskedStream(self.mask, time.monotonic())
        return Pump(level, mirror, masked, self._reports.budget, self._line)

    def _watch_mirrors(self) -> None:
        watched = self._selector.get_map()
        for mirror in (self._out, self._err):
            if mirror.waits != (mirror.descriptor in watched):
                if mirror.waits:
                    self._selector.register(mirror.descriptor, selectors.EVENT_WRITE, mirror.flush)
                else:
                    self._selector.unregister(mirror.descriptor)

    def _show(self, step: int, epoch: int | None) -> None:
        if self._progress is not None:
            self._progress.observe(step, epoch, time.monotonic())

    def _line(self, level: str, line: Line) -> None:
        if self._progress is not None:
            self._progress.see(line, time.monotonic())
        if not line.whole:
            return
        self._reports.line(level, line.text)
        if (found := worker_exit(line.text)) is not None:
            self.worker_exit = found

    # ── processes ─────────────────────────────────────────────────────────────────────────

    def _pass_signals_on(self) -> None:
        number = self._signals.number
        if number is not None and not self._passed_on:
            self._passed_on = True
            process_tree.signal_group(self._pid, number)
        if self._signals.own and not self._own_passed_on:
            self._own_passed_on = True
            self._pass_own_on(*self._signals.own[0])
        while self._signals.to_pass_on:
            passed = self._signals.to_pass_on.pop(0)
            if self._program is None:
                os.kill(self._pid, passed)

    def _pass_own_on(self, number: int, sender: Sender) -> None:
        """What the program sends to this process is meant for all of it, and no interruption."""
        name = f" ({sender.name})" if sender.name else ""
        self.say(
            f"process {sender.pid}{name} of the program sent {signal.Signals(number).name} to the "
            "supervisor: it is passed on to the program, and counts as no interruption"
        )
        process_tree.signal_group(self._pid, number)

    def _reap(self, now: float) -> None:
        ended, self._left = process_tree.reap()
        for pid, how in ended:
            if pid == self._pid and self._program is None:
                self._program, self._ended_at = how, now

    def _act(self, now: float) -> None:
        state = State(
            processes_left=self._left,
            program_ended=self._ended_at,
            stop_asked=self._signals.arrived,
            rest_ended=self._rest_ended_at,
            killed=self._killed_at,
        )
        action, self._wake = due(state, now, self._patience)
        if action is Action.END_REST:
            self._rest_ended_at = now
            self._end_rest()
        elif action is Action.KILL:
            if self._killed_at is None:
                self._say_kill()
            self._killed_at = now
            process_tree.signal_all(signal.SIGKILL)

    def _end_rest(self) -> None:
        number = len(process_tree.descendants())
        if self._passed_on:
            # The program's group has had the signal.
            process_tree.signal_all(signal.SIGTERM, but_group=self._pid)
            return
        self.say(
            "the program has ended; "
            f"{_counted(number)} that it started and that still ran: sent SIGTERM"
        )
        process_tree.signal_all(signal.SIGTERM)

    def _say_kill(self) -> None:
        left = [str(process.pid) for process in process_tree.descendants()]
        shown = ", ".join(left[:10]) + (", …" if len(left) > 10 else "")
        why = "the grace period is over" if self._passed_on else "they ignore SIGTERM"
        self.say(f"{why}; killed {_counted(len(left))} ({shown})")


def _counted(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"
