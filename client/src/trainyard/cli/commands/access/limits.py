"""`limits ls|set|rm`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, make_table

if TYPE_CHECKING:
    from trainyard.limits.answers import Limit

app = typer.Typer(
    help="GPUs at once and GPU-hours of users, teams and keys.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
KindArgument = Annotated[
    Literal["user", "team", "key"], typer.Argument(help="Whose sessions: user, team or key.")
]
NameArgument = Annotated[
    str, typer.Argument(help="Name of the user or team, or id of the key as `keys ls` shows it.")
]

PeriodOption = Annotated[
    Literal["day", "week", "month", "total"],
    typer.Option(help="When the budget renews, in UTC; total: never."),
]
WhenSpentOption = Annotated[
    Literal["wait", "suspend"],
    typer.Option(help="What running sessions do then: run on, or wait as new ones do."),
]


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List the limits that you are under, and what is spent; administrators see all."""
    with gateway() as (client, clock):
        found = client.limits.all()
    columns: list[Column[Limit]] = [
        Column("KIND", lambda v: v.kind),
        Column("NAME", lambda v: v.name),
        Column("GPUS", lambda v: _or_unknown(v.max_gpus), right=True),
        Column("GPU-HOURS", lambda v: _or_unknown(v.gpu_hours), right=True),
        Column("SPENT", spent, right=True),
        Column("PERIOD", lambda v: v.period if v.gpu_hours is not None else formats.UNKNOWN),
        Column("RENEWS IN", lambda v: formats.until(v.renews, clock.now()), right=True),
        Column("WHEN SPENT", lambda v: v.when_spent, wide=True),
        Column("QUEUES", lambda v: " ".join(v.queues or ()) or formats.UNKNOWN, wide=True),
        Column("PRIORITY", lambda v: _or_unknown(v.max_priority), right=True, wide=True),
    ]
    table = make_table(columns, found, wide=form is Format.WIDE, empty="no limits")
    output.show(form, {"limits": [v.wire() for v in found]}, table)


@app.command("set")
def set_limit(  # noqa: PLR0913  # one parameter for each option
    kind: KindArgument,
    name: NameArgument,
    max_gpus: Annotated[
        int | None, typer.Option(min=0, help="GPUs at once; further sessions wait.")
    ] = None,
    gpu_hours: Annotated[
        float | None, typer.Option(min=0, help="The budget: GPU-hours in a period.")
    ] = None,
    period: PeriodOption = "month",
    when_spent: WhenSpentOption = "wait",
    warn_percent: Annotated[
        int, typer.Option(min=1, max=100, help="From which share on a notice warns.")
    ] = 80,
    queues: Annotated[
        list[str] | None, typer.Option("--queue", help="Only this queue. Repeatable.")
    ] = None,
    max_priority: Annotated[
        int | None, typer.Option(help="The highest priority that is accepted.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Set a limit, in place of the one of before (administrators)."""
    if max_gpus is None and gpu_hours is None and not queues and max_priority is None:
        raise UsageProblem("give --max-gpus, --gpu-hours, --queue or --max-priority")
    if gpu_hours is not None and not math.isfinite(gpu_hours):
        raise UsageProblem("--gpu-hours must be a finite number; without it there is no budget")
    given: dict[str, Any] = {
        "maxGpus": max_gpus,
        "gpuHours": gpu_hours,
        "period": period,
        "whenSpent": when_spent,
        "warnPercent": warn_percent,
        "queues": queues or None,
        "maxPriority": max_priority,
    }
    with gateway() as (client, _):
        made = client.limits.set(kind, name, **given)
    if not output.for_programs(form, made.wire()):
        output.done(f"limit of the {kind} {name} set")


@app.command("rm")
def rm(kind: KindArgument, name: NameArgument) -> None:
    """Delete a limit (administrators)."""
    with gateway() as (client, _):
        client.limits.remove(kind, name)
        output.done(f"limit of the {kind} {name} deleted")


def spent(limit: Limit) -> str:
    """GPU-hours with their share of the budget."""
    hours = f"{limit.spent_gpu_hours:,.1f}"
    if not limit.gpu_hours:
        return hours
    return f"{hours} ({limit.spent_gpu_hours / limit.gpu_hours:.0%})"


def _or_unknown(value: float | None) -> str:
    return formats.UNKNOWN if value is None else f"{value:,g}"
