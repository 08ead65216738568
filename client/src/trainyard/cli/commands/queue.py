"""`queue`: who waits, in which order, why, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table
from trainyard.models import QueueEntry


def queue(
    name: Annotated[str | None, typer.Option("--queue", help="Only this queue.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show who waits, in order, and why."""
    with gateway() as (client, clock):
        waiting = [e for e in client.queue().waiting if name in (None, e.queue)]
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
    return make_table(columns, waiting, wide=wide, empty="nobody waits")


def starts_in(entry: QueueEntry, now: datetime) -> str:
    """`2m10s`, `2m10s to 1h05m`, `2m10s or later`; `-` while unknown: never a guess."""
    return between(entry.estimated_start, now)


def between(window: Mapping[str, Any] | None, now: datetime) -> str:
    """An interval of estimated starts, counted from now."""
    earliest, latest = (_away((window or {}).get(k), now) for k in ("earliest", "latest"))
    if earliest is None:
        return formats.UNKNOWN
    if latest is None:
        return f"{formats.duration(earliest)} or later"
    low, high = formats.duration(earliest), formats.duration(latest)
    return low if low == high else f"{low} to {high}"


def _away(time: str | None, now: datetime) -> float | None:
    return None if time is None else (datetime.fromisoformat(time) - now).total_seconds()
