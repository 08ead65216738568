"""`queue`: the waiting sessions, why they wait, and when they start."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.session_fields import starts_in
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import QueueEntry


def queue(
    name: Annotated[str | None, typer.Option("--queue", help="Only this queue.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the waiting sessions in queue order, and why each one waits."""
    with gateway() as (client, clock):
        page = client.queue()
    output.remark_more(page.cursor, len(page.waiting))
    waiting = [e for e in page.waiting if name in (None, e.queue)]
    data = {"waiting": [e.wire() for e in waiting]}
    output.show(form, data, listing(waiting, clock.now(), wide=form is Format.WIDE))


def listing(waiting: list[QueueEntry], now: datetime, *, wide: bool) -> Table:
    """The table of `queue`."""
    columns: list[Column[QueueEntry]] = [
        Column("POS", lambda e: str(e.position or formats.UNKNOWN), right=True),
        Column("NAME", lambda e: e.name),
        Column("QUEUE", lambda e: e.queue),
        Column("PRIORITY", lambda e: str(e.priority), right=True),
        Column("GPUS", lambda e: str(e.gpus), right=True),
        Column("STARTS IN", lambda e: starts_in(e, now)),
        Column("REASON", lambda e: e.reason or formats.UNKNOWN, wide=True),
        Column("WHY", lambda e: e.message or formats.UNKNOWN),
    ]
    return make_table(columns, waiting, wide=wide, empty="no session waits")
