"""`metrics`: newest values, and curves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.options import SessionArgument
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import charts, formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import Value


def metrics(  # noqa: PLR0913  one argument is one flag
    session: SessionArgument,
    only: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="Only this one. Repeatable.")
    ] = None,
    draw: Annotated[bool, typer.Option("--plot", help="Draw the curves.")] = False,
    by_epoch: Annotated[bool, typer.Option("--by-epoch", help="One point per epoch.")] = False,
    png: Annotated[Path | None, typer.Option(help="Write the curves as a picture.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the points as CSV.")] = None,
    points: Annotated[
        int,
        typer.Option(min=4, max=100_000, help="Points per curve; spikes survive the thinning."),
    ] = 1000,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the newest values; with --plot, --png or --csv the curves."""
    names = tuple(only or ())
    with gateway() as (client, clock):
        if not (draw or png or csv):
            found = client.metrics(session)
            values = [v for v in found.metrics if not names or v.name in names]
            data = {"session": found.session, "metrics": [v.wire() for v in values]}
            output.show(form, data, listing(values, clock.now(), wide=form is Format.WIDE))
            return
        history = client.history(session, *names, by_epoch=by_epoch, max_points=points)
    if draw and not output.for_programs(form, history.wire()):
        from rich.console import Console

        console = Console()
        width, colours = console.width, console.is_terminal and not console.no_color
        output.line(charts.draw(history.series, width=width, height=12, colours=colours))
    if png:
        charts.write_png(png, history.session, history.series)
        output.remark(f"curves written to {png}")
    if csv:
        charts.write_csv(csv, history.series)
        output.remark(f"points written to {csv}")


def listing(values: list[Value], now: datetime, *, wide: bool) -> Table:
    """The table of `metrics`."""
    columns: list[Column[Value]] = [
        Column("METRIC", lambda v: v.name),
        Column("VALUE", lambda v: formats.number(v.value), right=True),
        Column("STEP", lambda v: f"{v.step:,}", right=True),
        Column("EPOCH", lambda v: formats.UNKNOWN if v.epoch is None else str(v.epoch), right=True),
        Column("AGE", lambda v: formats.since(v.time, now), right=True),
        Column("TIME", lambda v: v.time, wide=True),
    ]
    return make_table(columns, values, wide=wide, empty="no metrics yet")
