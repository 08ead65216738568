"""`watch`: one line that is kept up to date, until the session ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from trainyard import errors
from trainyard.cli import output
from trainyard.cli.connection import GatewayClock, gateway
from trainyard.cli.errors import Exit, SessionNotSucceeded
from trainyard.cli.event_waiter import event_waiter
from trainyard.cli.options import SessionArgument
from trainyard.cli.text import progress
from trainyard.cli.text.progress import Trend
from trainyard.cli.text.session_fields import colour
from trainyard_api.phase import WAITING, Phase

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import QueueEntry, Session

LINES_EVERY_SECONDS: Final = 10.0
"""Without a terminal a line is printed at each change of phase, else at most so often."""


def watch(
    session: SessionArgument,
    interval: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds between two looks at least.")
    ] = 1.0,
) -> None:
    """Follow a session to its end: percent, epoch, loss with trend, time left.

    Ctrl-C stops watching; the session keeps running.
    """
    with gateway() as (client, clock):
        follow(client, clock, session, interval)


def follow(client: Client, clock: GatewayClock, name: str, interval: float = 1.0) -> None:
    """Show a session until it ends, polling at most every `interval` seconds.

    Raises SessionNotSucceeded if it did not succeed, typer.Exit(130) at Ctrl-C.
    """
    trend = Trend()
    found = client.status(name)
    try:
        with _screen() as screen, event_waiter(client, found) as waiter:
            while not found.finished:
                trend = trend.seen(_metrics(client, found))
                line = progress.current_line(found, trend, _entry(client, found), clock.now())
                screen.show(found, line)
                waiter.wait(interval)
                found = _look(client, found, screen)
    except KeyboardInterrupt:
        raise left_running(found.name) from None
    show_ending(found)


def left_running(name: str) -> typer.Exit:
    """Say after Ctrl-C that the session keeps running; the exit of the command."""
    output.remark(
        f"stopped watching; {name} keeps running. "
        f"Watch it again with `trainyard watch {name}`, "
        f"end it with `trainyard stop {name}`"
    )
    return typer.Exit(Exit.INTERRUPTED)


def show_ending(found: Session) -> None:
    """Show how a session has ended. Raises SessionNotSucceeded if it did not succeed."""
    first, *rest = progress.ending(found)
    Console(highlight=False).print(Text(first, colour(found.phase)), soft_wrap=True)
    for line in rest:
        output.done(line)
    if not found.succeeded:
        raise SessionNotSucceeded(
            f"{found.name} ended as {found.phase}; its output: `trainyard logs {found.name}`"
        )


class _Screen(Protocol):
    def show(self, session: Session, line: str) -> None:
        """Update the line."""

    def note(self, line: str) -> None:
        """Show a remark in place of the line."""


class _Live:
    """A line that changes in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, session: Session, line: str) -> None:
        head = Text(f"{session.name} ", "bold").append(f"{session.phase}  ", colour(session.phase))
        room = self._live.console.width - head.cell_len
        self._live.update(head.append(progress.fitted(line, room)), refresh=True)

    def note(self, line: str) -> None:
        self._live.update(Text(line, "yellow"), refresh=True)


class _Lines:
    """Lines one after the other, few enough for a log file."""

    def __init__(self) -> None:
        self._phase, self._line, self._last = "", "", -LINES_EVERY_SECONDS

    def show(self, session: Session, line: str) -> None:
        due = time.monotonic() - self._last >= LINES_EVERY_SECONDS
        if session.phase == self._phase and (line == self._line or not due):
            return
        self._phase, self._line, self._last = session.phase, line, time.monotonic()
        output.done(f"{session.name} {session.phase}  {line}")

    def note(self, line: str) -> None:
        output.remark(line)


@contextmanager
def _screen() -> Iterator[_Screen]:
    if not output.to_terminal():
        yield _Lines()
        return
    with Live(console=Console(highlight=False), auto_refresh=False, transient=True) as live:
        yield _Live(live)


def _look(client: Client, before: Session, screen: _Screen) -> Session:
    """The session as it is now; waits for a gateway that is unreachable for a while."""
    while True:
        try:
            return client.status(before.uid)
        except (errors.Unreachable, errors.ServerError, errors.TooManyRequests) as error:
            screen.note(f"{before.name}: no response, trying again: {error}")
            time.sleep(1)


def _metrics(client: Client, session: Session) -> dict[str, float]:
    if session.phase not in (Phase.RUNNING, Phase.SUSPENDING, Phase.STOPPING):
        return {}
    try:
        found = client.metrics(session.uid).metrics
    except (errors.Unreachable, errors.ServerError, errors.TooManyRequests):
        return {}
    return {m.name: float(m.value) for m in found if _is_number(m.value)}


def _is_number(value: float | str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _entry(client: Client, session: Session) -> QueueEntry | None:
    if session.phase not in WAITING:
        return None
    try:
        waiting = client.queue().waiting
    except (errors.Unreachable, errors.ServerError, errors.TooManyRequests):
        return None
    return next((e for e in waiting if e.uid == session.uid), None)
