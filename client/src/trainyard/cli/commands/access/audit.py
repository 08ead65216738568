"""`audit`: for administrators."""

from __future__ import annotations

import csv
import json
import re
import sys
import time
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table
from trainyard_api import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainyard.audit.answers import AuditEvent
    from trainyard.client import Client

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PAGE: Final = 1000


class Export(StrEnum):
    """How all events are written."""

    CSV = "csv"
    JSONL = "jsonl"


VerbOption = Annotated[
    Literal["create", "update", "delete"] | None, typer.Option(help="Only this.")
]
ChannelOption = Annotated[
    Literal["key", "browser", "bot", "program", "kubectl", "operator"] | None,
    typer.Option(help="Only what came in by this."),
]


def audit(  # noqa: PLR0913  one argument is one flag
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of such objects, as session.")] = None,
    object: Annotated[str | None, typer.Option(help="Only of this name, id or UID.")] = None,
    verb: VerbOption = None,
    channel: ChannelOption = None,
    since: Annotated[
        str | None, typer.Option(help="From this time, or from so long ago, such as 7d.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="To before this time.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many events.")
    ] = 50,
    export: Annotated[
        Export | None, typer.Option(help="Write all events, as CSV or as lines of JSON.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show who created, changed and deleted what, newest first (administrators)."""
    filters = {"user": user, "kind": kind, "object": object, "verb": verb, "channel": channel}
    filters |= {"since": _time("--since", since), "until": _time("--until", until)}
    with gateway() as (client, _):
        if export is not None:
            _export(client, filters, export)
            return
        page = client.audit.events(limit=limit, **filters)
    output.remark_more(page.cursor, len(page.events))
    data = {"events": [event.wire() for event in page.events]}
    output.show(form, data, listing(page.events, wide=form is Format.WIDE))


def _export(client: Client, filters: dict[str, str | None], export: Export) -> None:
    rows = (event.wire() for event in _all(client, filters))
    if export is Export.JSONL:
        for row in rows:
            output.line(json.dumps(row))
        return
    from trainyard.audit.answers import AuditEvent

    columns = [field.alias or name for name, field in AuditEvent.model_fields.items()]
    table = csv.writer(sys.stdout)
    table.writerow(columns)
    for row in rows:
        table.writerow([_harmless(str(row.get(name, ""))) for name in columns])


def _all(client: Client, filters: dict[str, str | None]) -> Iterator[AuditEvent]:
    cursor: str | None = None
    while True:
        page = client.audit.events(limit=_PAGE, cursor=cursor, **filters)
        yield from page.events
        cursor = page.cursor
        if cursor is None:
            return


def _harmless(value: str) -> str:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def listing(events: list[AuditEvent], *, wide: bool) -> Table:
    """The table of `audit`."""
    columns: list[Column[AuditEvent]] = [
        Column("TIME", lambda e: e.time[:19] + "Z"),
        Column("USER", lambda e: e.user or formats.UNKNOWN),
        Column("CHANNEL", lambda e: e.channel),
        Column("VERB", lambda e: e.verb),
        Column("KIND", lambda e: e.kind),
        Column("OBJECT", lambda e: e.object or formats.UNKNOWN),
        Column("ANSWER", lambda e: str(e.status or formats.UNKNOWN), right=True),
        Column("DETAIL", lambda e: e.detail),
        Column("BY", lambda e: e.credential or formats.UNKNOWN, wide=True),
        Column("CLIENT", lambda e: e.client or formats.UNKNOWN, wide=True),
        Column("UID", lambda e: e.uid or formats.UNKNOWN, wide=True),
        Column("REQUEST", lambda e: e.request_id or formats.UNKNOWN, wide=True),
    ]
    return make_table(columns, events, wide=wide, empty="no events")


def _time(flag: str, text: str | None) -> str | None:
    """A time for the gateway. Raises BadParameter."""
    if text is None:
        return None
    if (ago := _AGO.fullmatch(text)) is not None:
        return timestamps.to_seconds_text(time.time() - int(ago[1]) * _UNITS[ago[2]])
    try:
        return timestamps.datetime_to_text(datetime.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(
            f"{flag}: {text!r} is no time; give one such as 2026-11-30T08:00:00Z, or 7d"
        ) from None
