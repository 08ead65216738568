"""`ls`, `status`, and what is done to a session: stop, suspend, resume, priority, cancel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from trainyard import models
from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table
from trainyard.models import Session
from trainyard_api.phase import Phase

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="Name or UID.")]

_COLOURS = {
    Phase.RUNNING: "green",
    Phase.SUCCEEDED: "bold green",
    Phase.FAILED: "bold red",
    Phase.QUEUED: "yellow",
    Phase.PENDING: "yellow",
    Phase.STARTING: "cyan",
    Phase.SUSPENDING: "magenta",
    Phase.SUSPENDED: "magenta",
    Phase.STOPPING: "dim",
    Phase.STOPPED: "dim",
    Phase.CANCELLED: "dim",
}


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
            if cursor is None:
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


def stop(sessions: Annotated[list[str], typer.Argument(metavar="SESSION...")]) -> None:
    """Save a checkpoint and end; final."""
    with gateway() as (client, _):
        for name in sessions:
            _told(client.stop(name), "stops", Phase.STOPPED, Phase.CANCELLED)


def suspend(sessions: Annotated[list[str], typer.Argument(metavar="SESSION...")]) -> None:
    """Save a checkpoint and give the GPUs back."""
    with gateway() as (client, _):
        for name in sessions:
            _told(client.suspend(name), "makes room", Phase.SUSPENDED)


def resume(sessions: Annotated[list[str], typer.Argument(metavar="SESSION...")]) -> None:
    """Let a suspended session go on."""
    with gateway() as (client, _):
        for name in sessions:
            _told(client.resume(name), "goes back to its queue", Phase.RUNNING)


def priority(
    session: SessionArgument,
    value: Annotated[str, typer.Argument(help="-1000 to 1000; higher goes first.")],
) -> None:
    """Change the priority, also while the session waits or runs."""
    wanted = checked_priority(value)
    with gateway() as (client, _):
        found = client.set_priority(session, wanted)
    output.done(f"session {found.name} has priority {found.spec.priority}")


def cancel(sessions: Annotated[list[str], typer.Argument(metavar="SESSION...")]) -> None:
    """Take a waiting session out of the queue."""
    with gateway() as (client, _):
        for name in sessions:
            output.done(f"session {client.cancel(name).name} cancelled")


def checked_priority(value: str) -> int:
    """A priority, which unlike other arguments may begin with a dash. Raises UsageProblem."""
    try:
        number = int(value)
    except ValueError:
        number = 1001
    if not -1000 <= number <= 1000:
        raise UsageProblem(
            f"priority is {value!r}; it is a whole number from -1000 to 1000, and higher goes first"
        )
    return number


def listing(found: list[Session], now: datetime, *, wide: bool) -> Table:
    """The table of `ls`."""
    columns: list[Column[Session]] = [
        Column("NAME", lambda s: s.name),
        Column("PHASE", lambda s: s.phase, style=lambda s: colour(s.phase)),
        Column("PROGRESS", _progress, right=True),
        Column("ETA", lambda s: formats.duration(_eta(s)), right=True),
        Column("LOSS", lambda s: formats.number(loss(s)), right=True),
        Column("GPUS", lambda s: str(gpus(s)), right=True),
        Column("QUEUE", lambda s: s.spec.queue),
        Column("POS", _position, right=True),
        Column("AGE", lambda s: formats.since(s.created, now), right=True),
        Column("PRIORITY", lambda s: str(s.spec.priority), wide=True, right=True),
        Column("DATASET", lambda s: s.spec.dataset or formats.UNKNOWN, wide=True),
        Column("EPOCH", _epoch, wide=True, right=True),
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


def _facts(session: Session, now: datetime) -> list[tuple[str, str]]:
    spec, state = session.spec, session.status
    place, progress, failure = state.queue, state.progress, state.failure
    facts = [
        ("name", session.name),
        ("uid", session.uid),
        ("phase", session.phase),
        ("message", state.message or ""),
        ("dataset", spec.dataset or ""),
        ("gpus", str(gpus(session))),
        ("queue", spec.queue),
        ("priority", str(spec.priority)),
        ("position", _position(session)),
        ("reason", (place.message if place else None) or ""),
        ("progress", _progress(session)),
        ("epoch", _epoch(session)),
        ("time left", formats.duration(_eta(session))),
        ("attempt", str(state.attempt or "")),
        ("age", formats.since(session.created, now)),
    ]
    if progress and progress.last_checkpoint:
        facts.append(("checkpoint", f"step {progress.last_checkpoint.step}"))
    facts += [(m.name, formats.number(m.value)) for m in state.metrics or []]
    if state.model:
        facts.append(("model", f"{state.model.name} version {state.model.version}"))
    if failure:
        facts.append(("failure", f"{failure.failure_class}: {failure.message or ''}".rstrip(": ")))
        facts.append(("what to do", failure.hint or ""))
        facts += [("last lines", line) for line in failure.last_log_lines or []]
    return facts


def colour(phase: str) -> str:
    """The colour of a phase."""
    return {str(p): c for p, c in _COLOURS.items()}.get(phase, "")


def gpus(session: Session) -> int:
    """GPUs over all workers."""
    return session.spec.resources.gpus * session.spec.workers


def loss(session: Session) -> str | None:
    """The training loss if there is one, else any metric that is a loss."""
    named = {m.name: m.value for m in session.status.metrics or []}
    name = loss_name(list(named))
    return named[name] if name else None


def loss_name(names: list[str]) -> str | None:
    """Which of these metrics is the loss that people look at: the training loss before others."""
    losses = sorted(n for n in names if "loss" in n.lower())
    preferred = [n for n in ("train/loss", "loss", "training_loss") if n in losses]
    return (preferred or losses or [None])[0]


def epochs(session: Session) -> int | None:
    """Epochs in all: as reported, else as configured."""
    progress, training = session.status.progress, session.spec.training
    if progress and progress.epochs:
        return progress.epochs
    return training.epochs if training else None


def _told(session: models.Session, becomes: str, *already: Phase) -> None:
    over = session.phase in {str(p) for p in already}
    what = f"is {session.phase}" if over else becomes
    output.done(f"session {session.name} {what}")


def _progress(session: Session) -> str:
    progress = session.status.progress
    return formats.percent(progress.percent if progress else None)


def _epoch(session: Session) -> str:
    progress = session.status.progress
    if progress is None or progress.epoch is None:
        return formats.UNKNOWN
    return f"{progress.epoch}/{epochs(session) or '?'}"


def _eta(session: Session) -> float | None:
    progress = session.status.progress
    return progress.eta_seconds if progress and session.phase == Phase.RUNNING else None


def _position(session: Session) -> str:
    place = session.status.queue
    waits = session.phase in (Phase.QUEUED, Phase.PENDING)
    return str(place.position) if waits and place and place.position else formats.UNKNOWN
