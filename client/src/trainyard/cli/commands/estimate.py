"""`estimate`: when a session would start, without submitting it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from trainyard.cli import manifest, output
from trainyard.cli import spec_options as options
from trainyard.cli.connection import gateway
from trainyard.cli.errors import Exit, UsageProblem
from trainyard.cli.options import read_manifest
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.session_fields import between
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import Estimate


def estimate(  # noqa: PLR0913  one argument is one option
    file: options.ManifestOption = None,
    gpus: options.GpusOption = None,
    cpu: options.CpuOption = None,
    memory: options.MemoryOption = None,
    workers: options.WorkersOption = None,
    queue: options.QueueOption = None,
    priority: options.PriorityOption = None,
    assignments: options.SetOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Tell whether and when a session would start, without starting it.

    trainyard estimate --gpus 4 --workers 2
    """
    resources = {"gpus": gpus, "cpu": cpu, "memory": memory}
    fields = options.placement_fields(resources, workers, queue, priority)
    over = options.with_assignments(fields, assignments)
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
    """The known fields, most important first."""
    out = [("starts", _starts(found, now)), ("queue", found.queue), ("gpus", str(found.gpus))]
    if found.position is not None and not found.starts_now:
        out.append(("position", str(found.position)))
    if found.ahead is not None and found.ahead.sessions:
        sessions = formats.count(found.ahead.sessions, "session")
        ahead = f"{sessions}, {formats.count(found.ahead.gpus, 'GPU')}"
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
    """The file's spec; without a file any program, which does not matter for the estimate."""
    if file is None:
        return {"command": ["estimate"]}
    found = manifest.parse(read_manifest(file), "standard input" if file == "-" else file)
    if len(found) > 1:
        raise UsageProblem(f"{file} holds {len(found)} sessions; an estimate is for one")
    return found[0][1]
