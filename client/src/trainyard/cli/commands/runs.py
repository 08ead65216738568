"""`runs`: runs of sessions and of programs elsewhere, and one of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import Run, RunDetails


class Kind(StrEnum):
    """What a run is."""

    SESSION = "session"
    PROGRAM = "program"
    LOCAL = "local"


class Status(StrEnum):
    """Where a run stands, in MLflow's words."""

    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


def runs(  # noqa: PLR0913  one argument is one flag
    run: Annotated[str | None, typer.Argument(help="Id of one run, to show it.")] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(
            help="session: of a session; program: made by a session's program; local: without one."
        ),
    ] = None,
    experiment: Annotated[str | None, typer.Option(help="Only of this experiment.")] = None,
    status: Annotated[
        Status | None, typer.Option(case_sensitive=False, help="Only those that stand so.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only those with this in their name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List runs, also those that programs elsewhere report by MLflow; with an id show one."""
    with gateway() as (client, clock):
        if run is not None:
            one = client.run(run)
            output.show(form, one.wire(), details(one, clock.now()))
            return
        filters = {"kind": kind, "experiment": experiment, "status": status, "name": name}
        found, more = _read(client, filters, limit)
    if more:
        output.remark(f"there are more: --limit {limit * 2}", "dim")
    data = {"runs": [each.wire() for each in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


def _read(client: Client, filters: dict[str, str | None], limit: int) -> tuple[list[Run], bool]:
    """The newest runs, and whether there are more."""
    found: list[Run] = []
    cursor: str | None = None
    while len(found) < limit:
        page = client.runs(**filters, limit=min(1000, limit - len(found)), cursor=cursor)
        found += page.runs
        cursor = page.cursor
        if cursor is None or not page.runs:
            break
    return found, cursor is not None


def listing(found: list[Run], now: datetime, *, wide: bool) -> Table:
    """The table of `runs`."""
    columns: list[Column[Run]] = [
        Column("ID", lambda r: r.id),
        Column("NAME", lambda r: r.name),
        Column("KIND", lambda r: r.kind),
        Column("STATUS", lambda r: r.status),
        Column("EXPERIMENT", lambda r: r.experiment),
        Column("SESSION", lambda r: r.session or formats.UNKNOWN),
        Column("AGE", lambda r: formats.since(r.start_time, now), right=True),
        Column("USER", lambda r: r.user or formats.UNKNOWN, wide=True),
        Column("KEY", lambda r: r.key or formats.UNKNOWN, wide=True),
        Column("PARENT", lambda r: r.parent or formats.UNKNOWN, wide=True),
        Column("ENDED", lambda r: r.end_time or formats.UNKNOWN, wide=True),
    ]
    return make_table(columns, found, wide=wide, empty="no runs")


def details(run: RunDetails, now: datetime) -> Table:
    """The table of one run: what it is, then params, metrics and tags."""
    about = [
        ("name", run.name),
        ("kind", run.kind),
        ("status", run.status),
        ("experiment", run.experiment),
        ("session", run.session),
        ("parent", run.parent),
        ("user", run.user),
        ("key", run.key),
        ("started", f"{run.start_time} ({formats.since(run.start_time, now)} ago)"),
        ("ended", run.end_time),
    ]
    rows = [(name, value) for name, value in about if value]
    rows += [(f"param {key}", value) for key, value in sorted(run.params.items())]
    rows += [
        (f"metric {v.name}", f"{formats.number(v.value)} (step {v.step:,})") for v in run.metrics
    ]
    rows += [(f"tag {key}", value) for key, value in sorted(run.tags.items())]
    columns: list[Column[tuple[str, str]]] = [
        Column("FIELD", lambda row: row[0]),
        Column("VALUE", lambda row: row[1]),
    ]
    return make_table(columns, rows, wide=False, empty="nothing")
