"""`/api/v1/notices`: webhooks that get notices about sessions, and what was sent to them."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Response

from trainyard_api.model import OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.notices.receivers import (
    CreatedReceiver,
    NewReceiver,
    ReceiverInfo,
    info,
)
from trainyard_gateway.paging import Cursor
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import NoObject, rule
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow

router = APIRouter(prefix="/notices", tags=["notices"])

_READ = [allowed(Scope.SESSIONS_READ), rule(NoObject())]
_WRITE = [allowed(Scope.SESSIONS_WRITE), rule(NoObject())]
_LAST = 2**62
_ROWS = 500
_CURSOR = re.compile(r"([0-9]{1,18})/(msg_[0-9a-f]{32})", re.ASCII)


class ReceiversResponse(OpenModel):
    """The receivers of the key's user."""

    receivers: list[ReceiverInfo]
    """By name."""


class NoticeInfo(OpenModel):
    """A notice, and what became of it."""

    id: str
    """What receivers get as `webhook-id`."""
    receiver: str
    """Name of the receiver."""
    state: str
    """Waiting, Delivered or Dead."""
    created: str
    tries: int
    next_try: str | None = None
    """While it waits: when it is tried again."""
    words: str | None = None
    """Why the last try failed."""
    message: dict[str, Any]
    """What is sent: type, timestamp and data."""


class NoticesResponse(OpenModel):
    """Notices of the key's user."""

    notices: list[NoticeInfo]
    """Newest first."""
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


class NoticesQuery(OpenModel):
    """Which notices."""

    state: Literal["Waiting", "Delivered", "Dead"] | None = None
    """Default: all."""
    cursor: Cursor | None = None
    """Of the page before."""


@router.get("/receivers", dependencies=_READ)
async def receivers(services: ServicesDep, caller: CallerDep) -> ReceiversResponse:
    """Your receivers."""
    return ReceiversResponse(
        receivers=[info(r) for r in await services.notices.receivers.of(caller.name)]
    )


@router.post("/receivers", status_code=201, dependencies=_WRITE)
async def create(
    services: ServicesDep, caller: CallerDep, new: NewReceiver, response: Response
) -> CreatedReceiver:
    """Make a receiver. Its secret is in this answer and nowhere else."""
    response.headers["Cache-Control"] = "no-store"
    return await services.notices.receivers.create(caller.name, new)


@router.delete("/receivers/{name}", status_code=204, dependencies=_WRITE)
async def remove(services: ServicesDep, caller: CallerDep, name: str) -> None:
    """Delete a receiver with its notices."""
    await services.notices.receivers.remove(caller.name, name)


@router.post("/receivers/{name}/test", status_code=202, dependencies=_WRITE)
async def send_test(services: ServicesDep, caller: CallerDep, name: str) -> NoticeInfo:
    """Send a receiver a notice of the type `notice.test`."""
    row = await services.notices.receivers.test(caller.name, name)
    services.notices.delivery.wake(row.receiver)
    return _info(row, name)


@router.get("", dependencies=_READ, response_model=NoticesResponse)
async def listed(
    services: ServicesDep, caller: CallerDep, asked: Annotated[NoticesQuery, Query()]
) -> Response:
    """Your notices, newest first; they stay for 30 days."""
    called = {r.row.id: r.row.name for r in await services.notices.receivers.of(caller.name)}
    before = _place(asked.cursor)
    rows = await services.database.read(
        lambda c: notices.page(c, called, asked.state, before, _ROWS + 1), applied=False
    )
    shown = (_info(row, called[row.receiver]) for row in rows)
    made = {row.id: row.created for row in rows}
    place = lambda one: f"{made[one.id]}/{one.id}"  # noqa: E731  # it needs the rows
    return page_response("notices", shown, place, most=_ROWS)


@router.post("/{notice}/retry", status_code=202, dependencies=_WRITE)
async def retry(services: ServicesDep, caller: CallerDep, notice: str) -> NoticeInfo:
    """Try a dead notice again, from its first try on."""
    row = await services.database.read(lambda c: notices.find(c, notice), applied=False)
    called = {r.row.id: r.row.name for r in await services.notices.receivers.of(caller.name)}
    if row is None or row.receiver not in called:
        raise NotFound(f"there is no notice {notice[:80]!r}; GET /api/v1/notices lists yours")
    now = time.time_ns() // 1000
    if not await services.database.write(lambda c: notices.again(c, notice, now)):
        raise AlreadyThere(f"the notice is {row.state}; only a dead one is tried again")
    services.notices.delivery.wake(row.receiver)
    changed = row._replace(state=notices.WAITING, tries=0, next_try=now)
    return _info(changed, called[row.receiver])


def _info(row: NoticeRow, receiver: str) -> NoticeInfo:
    return NoticeInfo(
        id=row.id,
        receiver=receiver,
        state=row.state,
        created=micros_to_text(row.created),
        tries=row.tries,
        next_try=micros_to_text(row.next_try) if row.state == notices.WAITING else None,
        words=row.words or None,
        message=orjson.loads(row.body),
    )


def _place(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return _LAST, ""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("the cursor is not one that a page of notices gave; leave it out")
    return int(found[1]), found[2]
