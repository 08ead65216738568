"""`/api/v1/audit`: who did what to which object; for administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.timestamps import to_micros
from trainyard_gateway.audit import answers
from trainyard_gateway.audit.answers import AuditEventInfo
from trainyard_gateway.audit.event import AuditKind, AuditVerb, Channel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import MOST_ROWS, Cursor
from trainyard_gateway.routes.deps import ServicesDep, allowed
from trainyard_gateway.routes.usage import WrittenTime
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditQuery
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.sql.text import escape_nul

router = APIRouter(prefix="/audit", tags=["audit"])

_EXPORTED_AT_ONCE: Final = 1000
_CSV, _LINES = "text/csv", "application/jsonl"


class AuditAsked(OpenModel):
    """Which events."""

    user: str | None = Field(default=None, max_length=256)
    """Only of this user; empty: of changes whose user is not known."""
    kind: AuditKind | None = None
    """Only of such objects."""
    object: str | None = Field(default=None, min_length=1, max_length=256)
    """Only of the object with this name, id or UID."""
    verb: AuditVerb | None = None
    """create, update or delete."""
    channel: Channel | None = None
    """key, browser, bot, program, kubectl or operator."""
    since: WrittenTime | None = None
    """From this time."""
    until: WrittenTime | None = None
    """To before this time."""
    format: Literal["json", "jsonl", "csv"] = "json"
    """A page of JSON, or all events as lines of JSON or as CSV."""
    limit: int = Field(default=1000, ge=1, le=MOST_ROWS)
    """At most so many events on a page of JSON."""
    cursor: Cursor | None = None
    """Of the page before."""


class AuditResponse(OpenModel):
    """Events, newest first."""

    events: list[AuditEventInfo]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in (_CSV, _LINES)}}
}


@router.get(
    "",
    dependencies=[allowed(Scope.KEYS_ADMIN)],
    response_model=AuditResponse,
    responses=_RESPONSES,
)
async def events(services: ServicesDep, asked: Annotated[AuditAsked, Query()]) -> Response:
    """What was created, changed and deleted, newest first: a page of JSON, or all of it."""
    wanted, before = _query(asked), _place(asked.cursor)
    if asked.format != "json":
        kind = _CSV if asked.format == "csv" else _LINES
        export = _export(services.database, wanted, before, csv=asked.format == "csv")
        return StreamingResponse(export, media_type=kind)
    rows = await services.database.read(
        lambda c: audit.page(c, wanted, before, asked.limit + 1), applied=False
    )
    shown = (answers.info(number, row) for number, row in rows)
    return page_response("events", shown, lambda event: event.id, most=asked.limit)


async def _export(
    database: Database, wanted: AuditQuery, before: tuple[int, int] | None, *, csv: bool
) -> AsyncIterator[str]:
    """All events, some at a time, so that it takes no more memory than a page."""
    first = True
    while True:
        shown = await _some(database, wanted, before)
        yield answers.as_csv(shown, header=first) if csv else answers.as_lines(shown)
        if len(shown) < _EXPORTED_AT_ONCE:
            return
        first, before = False, answers.place_of(shown[-1].id)


async def _some(
    database: Database, wanted: AuditQuery, before: tuple[int, int] | None
) -> list[AuditEventInfo]:
    rows = await database.read(
        lambda c: audit.page(c, wanted, before, _EXPORTED_AT_ONCE), applied=False
    )
    return [answers.info(number, row) for number, row in rows]


def _query(asked: AuditAsked) -> AuditQuery:
    return AuditQuery(
        None if asked.user is None else escape_nul(asked.user),
        asked.kind,
        None if asked.object is None else escape_nul(asked.object),
        asked.verb,
        asked.channel,
        None if asked.since is None else to_micros(asked.since),
        None if asked.until is None else to_micros(asked.until),
    )


def _place(cursor: str | None) -> tuple[int, int] | None:
    try:
        return answers.place_of(cursor)
    except ValueError as error:
        raise Unprocessable(f"cursor: {error}; give the one of the page before") from error
