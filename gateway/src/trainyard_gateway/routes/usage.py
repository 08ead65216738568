"""`/api/v1/usage`: who used how many GPUs, and for how long."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field

from trainyard_api.model import OpenModel
from trainyard_api.report import Time
from trainyard_api.timestamps import micros_to_text, to_micros
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import MOST_ROWS, Cursor
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import Lists, rule
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.usage.reports import Answer, Asked, cursor_after, rows_after
from trainyard_gateway.usage.row import UsageRow, as_csv

router = APIRouter(prefix="/usage", tags=["usage"])

_CSV = "text/csv"
_WRITTEN: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _written(given: object) -> object:
    """The same. Raises ValueError for a number, which could be seconds or milliseconds."""
    if isinstance(given, str) and not _WRITTEN.fullmatch(given):
        raise ValueError("a time looks like 2026-11-01T00:00:00Z, with a time zone")
    return given


WrittenTime = Annotated[Time, BeforeValidator(_written)]
"""A time as RFC 3339 writes it."""


class UsageQuery(OpenModel):
    """What is summed, and by what."""

    by: list[Literal["user", "queue", "month", "label"]] = Field(
        default=["user"], min_length=1, max_length=4
    )
    """The groups: each combination of values is one row. Empty texts stand for no value."""
    label: str | None = Field(default=None, min_length=1, max_length=317)
    """Name of the label of sessions by whose value `by=label` groups, such as project."""
    since: WrittenTime | None = None
    """From this time. Default: the beginning of this month in UTC."""
    until: WrittenTime | None = None
    """To before this time. Default: now."""
    user: str | None = Field(default=None, max_length=64)
    """Only sessions of this user."""
    queue: str | None = Field(default=None, max_length=64)
    """Only sessions of this queue."""
    format: Literal["json", "csv"] | None = None
    """Default: csv if the header Accept names text/csv, otherwise json."""
    limit: int = Field(default=1000, ge=1, le=MOST_ROWS)
    """At most so many rows on a page of JSON."""
    cursor: Cursor | None = None
    """Of the page before."""


class UsageResponse(OpenModel):
    """Some groups, in the order of their values."""

    since: str
    until: str
    usage: list[UsageRow]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {_CSV: {"schema": {"type": "string"}}}}
}


@router.get(
    "",
    dependencies=[allowed(Scope.SESSIONS_READ), rule(Lists(Kind.SESSION))],
    response_model=UsageResponse,
    responses=_RESPONSES,
)
async def usage(
    services: ServicesDep,
    caller: CallerDep,
    request: Request,
    asked: Annotated[UsageQuery, Query()],
) -> Response:
    """What sessions that the caller may see held, summed by group: as JSON, or all of it as CSV."""
    by = tuple(asked.by)
    since, until = _micros(asked.since), _micros(asked.until)
    question = Asked(by, since, until, asked.label, asked.user, asked.queue)
    answer = await services.usage.ask(question, caller.user)
    if _wants_csv(asked.format, request.headers.get("accept", "")):
        return _csv(by, answer)
    rows = rows_after(by, answer.rows, asked.cursor)
    window = {
        "since": micros_to_text(answer.window.start),
        "until": micros_to_text(answer.window.end),
    }
    place = lambda row: cursor_after(by, row)  # noqa: E731  # it needs `by`
    return page_response("usage", rows, place, most=asked.limit, others=window)


def _wants_csv(form: str | None, accept: str) -> bool:
    """Whether CSV is asked for: by the query, or else by the header."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return form == "csv" if form is not None else _CSV in kinds


def _csv(by: tuple[str, ...], answer: Answer) -> Response:
    if len(answer.rows) > MOST_ROWS:
        raise Unprocessable(
            f"by: there are {len(answer.rows):,} groups, of which CSV takes {MOST_ROWS:,}; group by"
            " less, or ask for less time"
        )
    return Response(as_csv(by, answer.rows), media_type=f"{_CSV}; charset=utf-8; header=present")


def _micros(time: datetime | None) -> int | None:
    return None if time is None else to_micros(time)
