"""`logs`: what a session printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard import errors
from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.event_waiter import event_waiter
from trainyard.cli.options import SessionArgument
from trainyard.cli.output import Format
from trainyard.cli.text import formats

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import LogLine, Logs, Session

PAGE = 1000
PAUSE_SECONDS = 1.0
SOONEST_SECONDS = 0.2
"""Shortest time between two polls while the gateway's events arrive."""


def logs(
    session: SessionArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow until the session ends.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Only the last so many lines.")
    ] = None,
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="Time of each line (UTC) before it.")
    ] = False,
    rank: Annotated[int | None, typer.Option(min=0, help="Only this worker.")] = None,
    form: Annotated[
        Format, typer.Option("--output", "-o", help="json is one object per line.")
    ] = Format.TABLE,
) -> None:
    """Show what a session printed."""
    with gateway() as (client, _):
        lines = log_lines(client, session, follow, tail)
        for one in (found for found in lines if rank in (None, found.rank)):
            _show(one, form, timestamps)


def _show(line: LogLine, form: Format, timestamps: bool) -> None:
    if form is Format.JSON:
        output.line(output.as_json(line.wire()))
    elif form is Format.YAML:
        output.for_programs(form, [line.wire()])
    else:
        output.line(rendered(line, timestamps=timestamps, wide=form is Format.WIDE))


def rendered(line: LogLine, *, timestamps: bool, wide: bool) -> str:
    """One line as people read it: control characters as escapes; wide adds attempt, rank, level."""
    shown = line.message
    if wide:
        shown = f"{line.attempt}/{line.rank} {line.level:<5} {shown}"
    return formats.clean(f"{line.time} {shown}" if timestamps or wide else shown)


def _ignored(_: Session) -> None:
    pass


def log_lines(
    client: Client,
    session: str,
    follow: bool,
    tail: int | None = None,
    on_status: Callable[[Session], None] = _ignored,
) -> Iterator[LogLine]:
    """What a session printed; with `follow` until it ends, with its status given to `on_status`."""
    page = client.logs(session, limit=tail or PAGE, tail=tail is not None)
    cursor = page.next
    yield from page.lines
    if not follow:
        if tail is None:
            yield from _rest(client, session, cursor, patient=False)
        return
    found = client.status(session)
    with event_waiter(client, found) as waiter:
        while True:
            on_status(found)
            for line in _rest(client, session, cursor, patient=True):
                cursor = line.cursor
                yield line
            if found.finished:
                return
            waiter.wait(PAUSE_SECONDS, SOONEST_SECONDS)
            # Read the status first: the lines then include all that is printed until the end.
            found = _status(client, found)


def _rest(client: Client, session: str, cursor: int, *, patient: bool) -> Iterator[LogLine]:
    while True:
        page = _page(client, session, cursor, patient=patient)
        yield from page.lines
        more = page.more if page.more is not None else len(page.lines) == PAGE
        # A cursor that does not advance would give the same page for ever.
        if not more or page.next <= cursor:
            return
        cursor = page.next


def _status(client: Client, before: Session) -> Session:
    while True:
        try:
            return client.status(before.uid)
        except (errors.Unreachable, errors.ServerError, errors.TooManyRequests):
            time.sleep(PAUSE_SECONDS)


def _page(client: Client, session: str, cursor: int, *, patient: bool) -> Logs:
    while True:
        try:
            return client.logs(session, after=cursor, limit=PAGE)
        except (errors.Unreachable, errors.ServerError, errors.TooManyRequests):
            if not patient:
                raise
            time.sleep(PAUSE_SECONDS)
