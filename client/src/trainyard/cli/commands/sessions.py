"""`ls`, `status`, `stop`, `suspend`, `resume`, `priority` and `cancel`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.options import SessionArgument, SessionsArgument, checked_priority
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats, session_fields
from trainyard.cli.text.table import Column, Table, make_table
from trainyard_api.interruptions import interruptions
from trainyard_api.phase import Phase

if TYPE_CHECKING:
    from trainyard.models import Session


def ls(
    phase: Annotated[
        Phase | None, typer.Option(case_sensitive=False, help="Only sessions in this phase.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Sessions that the cluster no longer has.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List sessions, newest first."""
    found: list[Session] = []
    with gateway() as (client, clock):
        cursor: str | None = None
        while len(found) < limit:
            page = client.sessions(
                phase, limit=min(1000, limit - len(found)), cursor=cursor, history=history
            )
            found += page.sessions
            cursor = page.cursor
            if cursor is None or not page.sessions:
                break
    if cursor is not None:
        output.remark(f"there are more: --limit {limit * 2}", "dim")
    data = {"sessions": [s.wire() for s in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


def status(session: SessionArgument, form: FormatOption = Format.TABLE) -> None:
    """Show one session: where it stands, and why."""
    with gateway() as (client, clock):
        found = client.status(session)
    output.show(form, found.wire(), details(found, clock.now()))


def stop(sessions: SessionsArgument) -> None:
    """Save a checkpoint and end; final."""
    with gateway() as (client, _):
        for name in sessions:
            _report(client.stop(name), "stops", Phase.STOPPED, Phase.CANCELLED)


def suspend(sessions: SessionsArgument) -> None:
    """Save a checkpoint and release the GPUs."""
    with gateway() as (client, _):
        for name in sessions:
            _report(
                client.suspend(name), "saves a checkpoint and releases its GPUs", Phase.SUSPENDED
            )


def resume(sessions: SessionsArgument) -> None:
    """Put a suspended session back into its queue."""
    with gateway() as (client, _):
        for name in sessions:
            _report(client.resume(name), "goes back to its queue", Phase.RUNNING)


def priority(
    session: SessionArgument,
    value: Annotated[str, typer.Argument(help="-1000 to 1000; higher goes first.")],
) -> None:
    """Change the priority, also while the session waits or runs."""
    wanted = checked_priority(value)
    with gateway() as (client, _):
        found = client.set_priority(session, wanted)
    output.done(f"session {found.name} has priority {found.spec.priority}")


def cancel(sessions: SessionsArgument) -> None:
    """Remove a waiting or suspended session from its queue."""
    with gateway() as (client, _):
        for name in sessions:
            output.done(f"session {client.cancel(name).name} cancelled")


def listing(found: list[Session], now: datetime, *, wide: bool) -> Table:
    """The table of `ls`."""
    columns: list[Column[Session]] = [
        Column("NAME", lambda s: s.name),
        Column("PHASE", lambda s: s.phase, style=lambda s: session_fields.colour(s.phase)),
        Column("PROGRESS", session_fields.progress, right=True),
        Column("ETA", lambda s: formats.duration(session_fields.seconds_left(s)), right=True),
        Column("LOSS", lambda s: formats.number(session_fields.loss(s)), right=True),
        Column("GPUS", lambda s: str(session_fields.gpus(s)), right=True),
        Column("QUEUE", lambda s: s.spec.queue),
        Column("POS", session_fields.position, right=True),
        Column("AGE", lambda s: formats.since(s.created, now), right=True),
        Column("PRIORITY", lambda s: str(s.spec.priority), wide=True, right=True),
        Column("DATASET", lambda s: _datasets(s) or formats.UNKNOWN, wide=True),
        Column("EPOCH", session_fields.epoch, wide=True, right=True),
        Column(
            "ATTEMPT", lambda s: str(s.status.attempt or formats.UNKNOWN), wide=True, right=True
        ),
        Column("USER", lambda s: s.user or formats.UNKNOWN, wide=True),
        Column("MESSAGE", lambda s: s.status.message or formats.UNKNOWN, wide=True),
    ]
    return make_table(
        columns, found, wide=wide, empty="no sessions; start one with `trainyard submit`"
    )


def details(session: Session, now: datetime) -> Table:
    """The table of `status`: one line for each thing that is known."""
    columns: list[Column[tuple[str, str]]] = [
        Column("FIELD", lambda p: p[0]),
        Column("VALUE", lambda p: p[1]),
    ]
    known = [(name, value) for name, value in _facts(session, now) if value not in ("", "-")]
    return make_table(columns, known, wide=True, empty="")


def _datasets(session: Session) -> str:
    return session.spec.dataset or ", ".join(session.spec.datasets or [])


def _facts(session: Session, now: datetime) -> list[tuple[str, str]]:
    spec, state = session.spec, session.status
    place, progress, failure = state.queue, state.progress, state.failure
    facts = [
        ("name", session.name),
        ("uid", session.uid),
        ("phase", session.phase),
        ("message", state.message or ""),
        ("dataset", _datasets(session)),
        ("packages", session_fields.packages(session)),
        ("gpus", str(session_fields.gpus(session))),
        ("queue", spec.queue),
        ("priority", str(spec.priority)),
        ("position", session_fields.position(session)),
        ("reason", (place.message if place else None) or ""),
        ("progress", session_fields.progress(session)),
        ("epoch", session_fields.epoch(session)),
        ("time left", formats.duration(session_fields.seconds_left(session))),
        ("attempt", str(state.attempt or "")),
        ("interrupted", interruptions(state)),
        ("age", formats.since(session.created, now)),
    ]
    if progress and progress.last_checkpoint:
        facts.append(("checkpoint", f"step {progress.last_checkpoint.step}"))
    facts += [(m.name, formats.number(m.value)) for m in state.metrics or []]
    if state.model:
        facts.append(("model", f"{state.model.name} version {state.model.version}"))
    facts += [("output", found) for found in session_fields.outputs(session)]
    if failure:
        facts.append(("failure", f"{failure.failure_class}: {failure.message or ''}".rstrip(": ")))
        facts.append(("what to do", failure.hint or ""))
        facts += [("last lines", line) for line in failure.last_log_lines or []]
    return facts


def _report(session: Session, becomes: str, *already: Phase) -> None:
    over = session.phase in {str(p) for p in already}
    what = f"is {session.phase}" if over else becomes
    output.done(f"session {session.name} {what}")
