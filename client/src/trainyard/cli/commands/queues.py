"""`queues`: what each queue may use, and what it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import QueueInfo


def queues(form: FormatOption = Format.TABLE) -> None:
    """List the queues: quota, share by weight, GPUs that their sessions hold, and who waits."""
    with gateway() as (client, _):
        found = client.queues()
    output.show(form, found.wire(), listing(found.queues, wide=form is Format.WIDE))


def listing(queues: list[QueueInfo], *, wide: bool) -> Table:
    """The table of `queues`."""
    columns: list[Column[QueueInfo]] = [
        Column("NAME", lambda q: q.name),
        Column("HELD", lambda q: _count(q.gpus_used), right=True),
        Column("QUOTA", lambda q: _count(q.gpu_quota), right=True),
        Column("SHARE", lambda q: formats.percent(100 * q.share), right=True),
        Column("RUNNING", lambda q: _count(q.running), right=True),
        Column("WAITING", lambda q: _count(q.waiting), right=True),
        Column("STATE", lambda q: "paused" if q.paused else "open"),
        Column("STRATEGY", lambda q: q.queueing_strategy, wide=True),
        Column("WEIGHT", lambda q: str(q.weight), wide=True, right=True),
        Column("BORROWS", lambda q: "yes" if q.borrow else "no", wide=True),
        Column("USER MAX", lambda q: _count(q.max_sessions_per_user), wide=True, right=True),
        Column("SESSION MAX", lambda q: _count(q.max_gpus_per_session), wide=True, right=True),
    ]
    return make_table(columns, queues, wide=wide, empty="there are no queues")


def _count(number: int | None) -> str:
    return formats.UNKNOWN if number is None else f"{number:,}"
