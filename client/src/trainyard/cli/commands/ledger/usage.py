"""`usage`: who used how many GPUs, and for how long."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table
from trainyard_api import timestamps

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import UsageGroup, UsagePage

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_ROWS = 1000


class Group(StrEnum):
    """What is summed by."""

    USER = "user"
    QUEUE = "queue"
    MONTH = "month"
    LABEL = "label"


def usage(  # noqa: PLR0913  one argument is one flag
    by: Annotated[
        list[Group] | None,
        typer.Option(help="Group by this; give it once for each. [default: user]"),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Label of sessions to group by, such as project.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="A month in UTC, such as 2026-11.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From this time. [default: the beginning of this month]")
    ] = None,
    until: Annotated[str | None, typer.Option(help="To before this time. [default: now]")] = None,
    user: Annotated[str | None, typer.Option(help="Only sessions of this user.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only sessions of this queue.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Sum the GPU hours of sessions, also of deleted ones, and what was lost of them."""
    groups = [g.value for g in by or ([Group.LABEL] if label else [Group.USER])]
    if label is not None and Group.LABEL not in groups:
        groups.append(Group.LABEL.value)
    first, last = _window(month, since, until)
    with gateway() as (client, _):
        filters = {"label": label, "since": first, "until": last, "user": user, "queue": queue}
        pages = _read(client, tuple(groups), filters)
    rows = [row for page in pages for row in page.usage]
    unknown = sum(row.unknown_attempts for row in rows)
    if unknown:
        output.remark(
            f"{formats.count(unknown, 'attempt')} of unknown length: not in these sums, or in part",
            "yellow",
        )
    data = {"since": pages[0].since, "until": pages[0].until, "usage": [r.wire() for r in rows]}
    output.show(form, data, table(groups, rows, wide=form is Format.WIDE))


def _window(
    month: str | None, since: str | None, until: str | None
) -> tuple[str | None, str | None]:
    """The asked time, as texts for the gateway. Raises BadParameter."""
    if month is None:
        return _time("--since", since), _time("--until", until)
    if since is not None or until is not None:
        raise typer.BadParameter("give either --month or --since and --until")
    return month_window(month)


def month_window(month: str) -> tuple[str, str]:
    """A month's beginning and end in UTC. Raises BadParameter."""
    found = _MONTH.fullmatch(month)
    if found is None or not 1970 <= int(found[1]) < 9999:
        raise typer.BadParameter(f"--month: {month!r} is no month; give one such as 2026-11")
    year, number = int(found[1]), int(found[2])
    ends = (year + number // 12, number % 12 + 1)
    times = (datetime(y, m, 1, tzinfo=UTC) for y, m in ((year, number), ends))
    first, last = (timestamps.to_seconds_text(time.timestamp()) for time in times)
    return first, last


def _time(flag: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{flag}: {text!r} is no time; give one such as 2026-11-30 or 2026-11-30T08:00:00Z"
        ) from None
    return timestamps.datetime_to_text(found)


def _read(client: Client, by: tuple[str, ...], filters: dict[str, str | None]) -> list[UsagePage]:
    pages: list[UsagePage] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        pages.append(client.usage(*by, **filters, limit=_ROWS, cursor=cursor))
        # Of one moment: what is under way grows while pages are read.
        filters = {**filters, "since": pages[0].since, "until": pages[0].until}
        cursor = pages[-1].cursor
    return pages


def table(groups: list[str], rows: list[UsageGroup], *, wide: bool) -> Table:
    """The table of `usage`; hours have two decimals."""
    columns: list[Column[UsageGroup]] = [
        Column(name.upper(), lambda r, name=name: getattr(r, name) or formats.UNKNOWN)  # type: ignore[misc]  # the loop's value
        for name in groups
    ]
    columns += [
        Column("GPU HOURS", lambda r: hours(r.gpu_seconds), right=True),
        Column(
            "LOST",
            lambda r: hours(r.failed_gpu_seconds + r.interrupted_gpu_seconds),
            right=True,
        ),
        Column("ATTEMPTS", lambda r: f"{r.attempts:,}", right=True),
        Column("RUNNING", lambda r: f"{r.running_attempts:,}", right=True),
        Column("UNKNOWN", lambda r: f"{r.unknown_attempts:,}", right=True),
        Column("FAILED", lambda r: hours(r.failed_gpu_seconds), wide=True, right=True),
        Column("INTERRUPTED", lambda r: hours(r.interrupted_gpu_seconds), wide=True, right=True),
        Column("CORE HOURS", lambda r: hours(r.cpu_core_seconds), wide=True, right=True),
        Column("GIB HOURS", lambda r: hours(r.memory_gib_seconds), wide=True, right=True),
        Column(
            "INSTALLING",
            lambda r: hours(r.installation_cpu_core_seconds),
            wide=True,
            right=True,
        ),
    ]
    return make_table(columns, rows, wide=wide, empty="nothing was used")


def hours(seconds: float) -> str:
    """Seconds as hours, such as 1,234.50."""
    return f"{seconds / 3600:,.2f}"
