"""`estimate`: when would it start, before anything is submitted."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from typing import Annotated, Any

import typer

from trainyard.cli import manifest, output
from trainyard.cli.commands.queue import between
from trainyard.cli.commands.sessions import checked_priority
from trainyard.cli.commands.submit import read
from trainyard.cli.connection import gateway
from trainyard.cli.errors import Exit, UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table
from trainyard.models import Estimate


def estimate(  # noqa: PLR0913  one argument is one flag
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="Manifest; - is standard input.")
    ] = None,
    gpus: Annotated[int | None, typer.Option(help="Per worker; 0 is the CPU.")] = None,
    cpu: Annotated[str | None, typer.Option(help="Such as 2 or 500m.")] = None,
    memory: Annotated[str | None, typer.Option(help="Such as 4Gi.")] = None,
    workers: Annotated[int | None, typer.Option(help="Started all or none.")] = None,
    queue: Annotated[str | None, typer.Option(help="Queue to wait in.")] = None,
    priority: Annotated[str | None, typer.Option(help="-1000 to 1000; higher goes first.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Any other field. Repeatable."),
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Tell whether and when a session would start, without starting it.

    trainyard estimate --gpus 4 --workers 2
    """
    resources = {"gpus": gpus, "cpu": cpu, "memory": memory}
    flags: dict[str, Any] = {
        "resources": {k: v for k, v in resources.items() if v is not None} or None,
        "workers": workers,
        "queue": queue,
        "priority": None if priority is None else checked_priority(priority),
    }
    over = {k: v for k, v in flags.items() if v is not None}
    over = reduce(manifest.merged, map(manifest.assignment, assignments or []), over)
    wanted = manifest.submission(None, manifest.merged(_base(file), over))
    with gateway() as (client, clock):
        found = client.estimate(wanted.spec)
    output.show(form, found.wire(), listing(found, clock.now()))
    if not found.possible:
        raise typer.Exit(Exit.NOT_SUCCEEDED)


def listing(found: Estimate, now: datetime) -> Table:
    """The table of `estimate`."""
    columns: list[Column[tuple[str, str]]] = [
        Column("FIELD", lambda p: p[0]),
        Column("VALUE", lambda p: p[1]),
    ]
    return make_table(columns, facts(found, now), wide=True, empty="")


def facts(found: Estimate, now: datetime) -> list[tuple[str, str]]:
    """What is known, in the order of reading."""
    out = [("starts", _starts(found, now)), ("queue", found.queue), ("gpus", str(found.gpus))]
    if found.position is not None and not found.starts_now:
        out.append(("position", str(found.position)))
    if found.ahead is not None and found.ahead.sessions:
        ahead = f"{formats.count(found.ahead.sessions, 'session')}, {formats.count(found.ahead.gpus, 'GPU')}"
        out.append(("ahead", ahead))
    return [*out, ("why", found.message)]


def _starts(found: Estimate, now: datetime) -> str:
    if not found.possible:
        return "never"
    if found.starts_now:
        return "now"
    away = between(found.estimated_start, now)
    return "unknown" if away == formats.UNKNOWN else f"in {away}"


def _base(file: str | None) -> dict[str, Any]:
    """The spec of the file; without one any program, for what it does has no part in the estimate."""
    if file is None:
        return {"command": ["estimate"]}
    found = manifest.parse(read(file), "standard input" if file == "-" else file)
    if len(found) > 1:
        raise UsageProblem(f"{file} holds {len(found)} sessions; an estimate is for one")
    return found[0][1]
