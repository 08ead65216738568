"""The audit log as the API shows it: as JSON, as lines of JSON, and as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from trainyard_api.model import OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.audit.event import AuditKind, AuditVerb, Channel
from trainyard_gateway.store.access.audit import AuditRow

_MOST_DIGITS: Final = 18
"""Numbers with so many digits have 64 bits."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class AuditEventInfo(OpenModel):
    """Who did what to which object."""

    id: str
    """Of the event."""
    time: str
    """When it was answered; of a change in the cluster when it was made, or else seen."""
    user: str
    """Name of the user; empty if it is not known."""
    channel: Channel
    """By what it came in: key, browser, bot, program, kubectl or operator."""
    credential: str
    """Public part of the key, id of the login, or UID of the program's session; of a change in the
    cluster the name that the client gave of itself."""
    client: str
    """Address; empty of a change in the cluster."""
    verb: AuditVerb
    """create, update or delete."""
    kind: AuditKind
    """What it was done to."""
    object: str
    """Its name or id."""
    uid: str
    """UID of a session; empty of others."""
    status: int
    """HTTP status of the answer; 0 of a change in the cluster."""
    detail: str
    """What was asked for or changed."""
    request_id: str
    """As in the header X-Request-Id; empty of a change in the cluster."""


COLUMNS: Final = [field.alias or name for name, field in AuditEventInfo.model_fields.items()]


def info(number: int, row: AuditRow) -> AuditEventInfo:
    """An event as the API shows it; `number` is the id of its row."""
    shown = {"id": f"{row.time}.{number}", "time": micros_to_text(row.time)}
    return AuditEventInfo(**{**row._asdict(), **shown})


def place_of(id: str | None) -> tuple[int, int] | None:
    """Time and number of the row with that id. Raises ValueError for what is none."""
    if id is None:
        return None
    time, _, number = id.partition(".")
    digits = time.isascii() and time.isdecimal() and number.isascii() and number.isdecimal()
    if not digits or max(len(time), len(number)) > _MOST_DIGITS:
        raise ValueError(f"{id[:40]!r} is no cursor")
    return int(time), int(number)


def as_lines(rows: Sequence[AuditEventInfo]) -> str:
    """One line of JSON for each event."""
    return "".join(f"{row.model_dump_json(by_alias=True)}\n" for row in rows)


def as_csv(rows: Sequence[AuditEventInfo], *, header: bool) -> str:
    """A table (RFC 4180); what a spreadsheet takes for a formula gets an apostrophe."""
    text = io.StringIO()
    table = csv.writer(text)
    if header:
        table.writerow(COLUMNS)
    for row in rows:
        values = row.model_dump(by_alias=True, mode="json")
        table.writerow([_harmless(str(values[name])) for name in COLUMNS])
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
