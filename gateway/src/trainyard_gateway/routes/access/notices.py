"""`/api/v1/notices`: receivers of notices about sessions, and what was sent to them.

`team` in the query: the team whose receivers are meant; without it, those of the caller.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.rights.decision import Verb
from trainyard_api.rights.owner import User
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.notices.receiver import (
    CreatedReceiver,
    NewReceiver,
    Receiver,
    ReceiverChange,
    ReceiverInfo,
    info,
)
from trainyard_gateway.paging import Cursor
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import OfTeam, TeamQuery, rule
from trainyard_gateway.services import Services
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow
from trainyard_gateway.store.outbox.receivers import ReceiverRow

router = APIRouter(prefix="/notices", tags=["notices"])

_READ = [allowed(Scope.SESSIONS_READ), rule(OfTeam(Verb.GET))]
_WRITE = [allowed(Scope.SESSIONS_WRITE), rule(OfTeam(Verb.UPDATE))]
_LAST = 2**62
_ROWS = 500
_CURSOR = re.compile(r"([0-9]{1,18})/(msg_[0-9a-f]{32})", re.ASCII)


class ReceiversResponse(OpenModel):
    """Receivers of the key's user and of teams."""

    receivers: list[ReceiverInfo]
    """Your own by name, then those of each team."""


class NoticeInfo(OpenModel):
    """A notice, and what became of it."""

    id: str
    """What receivers get as `webhook-id`."""
    receiver: str
    """Name of the receiver."""
    team: str | None = None
    """The team whose receiver it is; null: yours."""
    state: str
    """Waiting, Held for a digest, Digested, Delivered, Dead or Dropped."""
    created: str
    tries: int
    next_try: str | None = None
    """While it waits or is held: when it is tried, or when the digest is made."""
    words: str | None = None
    """Why the last try failed."""
    digest: str | None = None
    """The notice that it is a part of, or by which it was said that it was dropped."""
    message: dict[str, Any]
    """What is sent: type, timestamp and data."""


class NoticesResponse(OpenModel):
    """Notices of receivers that the key's user may change."""

    notices: list[NoticeInfo]
    """Newest first."""
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


class NoticesQuery(OpenModel):
    """Which notices."""

    state: Literal["Waiting", "Held", "Digested", "Delivered", "Dead", "Dropped"] | None = None
    """Default: all."""
    team: str | None = Field(default=None, min_length=1, max_length=63)
    """Of the receivers of this team only."""
    cursor: Cursor | None = None
    """Of the page before."""


@router.get("/receivers", dependencies=_READ)
async def receivers(
    services: ServicesDep, caller: CallerDep, team: TeamQuery = None
) -> ReceiversResponse:
    """Your receivers and those of your teams; with `team` those of one team."""
    found = await _seen(services, caller.user, team)
    return ReceiversResponse(
        receivers=[
            info(r, services.rights.changes_receiver(caller.user, r.row.team)) for r in found
        ]
    )


@router.post("/receivers", status_code=201, dependencies=_WRITE)
async def create(
    services: ServicesDep,
    caller: CallerDep,
    new: NewReceiver,
    response: Response,
    team: TeamQuery = None,
) -> CreatedReceiver:
    """Make a receiver. Its secret is in this answer and nowhere else."""
    response.headers["Cache-Control"] = "no-store"
    return await services.notices.receivers.create(caller.name, new, team or "")


@router.patch("/receivers/{name}", dependencies=_WRITE)
async def change(
    services: ServicesDep,
    caller: CallerDep,
    name: str,
    changes: ReceiverChange,
    team: TeamQuery = None,
) -> ReceiverInfo:
    """Change a receiver; its secret stays."""
    return info(await services.notices.receivers.change(caller.name, name, changes, team or ""))


@router.delete("/receivers/{name}", status_code=204, dependencies=_WRITE)
async def remove(
    services: ServicesDep, caller: CallerDep, name: str, team: TeamQuery = None
) -> None:
    """Delete a receiver with its notices."""
    await services.notices.receivers.remove(caller.name, name, team or "")


@router.post("/receivers/{name}/test", status_code=202, dependencies=_WRITE)
async def send_test(
    services: ServicesDep, caller: CallerDep, name: str, team: TeamQuery = None
) -> NoticeInfo:
    """Send a receiver a notice of the type `notice.test`."""
    row = await services.notices.receivers.test(caller.name, name, team or "")
    services.notices.delivery.wake(row.receiver)
    return _info(row, name, team)


@router.get("", dependencies=_READ, response_model=NoticesResponse)
async def listed(
    services: ServicesDep, caller: CallerDep, asked: Annotated[NoticesQuery, Query()]
) -> Response:
    """Notices of receivers that you may change, newest first; they stay for 30 days."""
    called = await _changeable(services, caller.user, asked.team)
    before = _place(asked.cursor)
    rows = await services.database.read(
        lambda c: notices.page(c, called, asked.state, before, _ROWS + 1), applied=False
    )
    recheck = services.notices.recheck
    seen = [await recheck.shown(row, called[row.receiver]) for row in rows]
    shown = (_of_receiver(row, called) for row in seen)
    made = {row.id: row.created for row in rows}
    place = lambda one: f"{made[one.id]}/{one.id}"  # noqa: E731  # it needs the rows
    return page_response("notices", shown, place, most=_ROWS)


@router.post("/{notice}/retry", status_code=202, dependencies=_WRITE)
async def retry(
    services: ServicesDep, caller: CallerDep, notice: str, team: TeamQuery = None
) -> NoticeInfo:
    """Try a dead notice again, from its first try on."""
    row = await services.database.read(lambda c: notices.find(c, notice), applied=False)
    called = await _changeable(services, caller.user, team)
    if row is None or row.receiver not in called:
        raise NotFound(f"there is no notice {notice[:80]!r}; GET /api/v1/notices lists yours")
    now = time.time_ns() // 1000
    if not await services.database.write(lambda c: notices.again(c, notice, now)):
        raise AlreadyThere(f"the notice is {row.state}; only a dead one is tried again")
    services.notices.delivery.wake(row.receiver)
    changed = row._replace(state=notices.WAITING, tries=0, next_try=now)
    seen = await services.notices.recheck.shown(changed, called[row.receiver])
    return _of_receiver(seen, called)


async def _seen(services: Services, user: User, team: str | None) -> list[Receiver]:
    """Receivers of the user and the user's teams, or of one team."""
    known = services.notices.receivers
    own = [] if team else await known.of(user.name)
    teams = [team] if team else sorted(set(user.teams))
    return own + [receiver for name in teams for receiver in await known.of("", name)]


async def _changeable(
    services: Services, user: User, team: str | None
) -> Mapping[str, ReceiverRow]:
    """Of these, by id, the ones that the user may change."""
    return {
        receiver.row.id: receiver.row
        for receiver in await _seen(services, user, team)
        if services.rights.changes_receiver(user, receiver.row.team)
    }


def _of_receiver(row: NoticeRow, called: Mapping[str, ReceiverRow]) -> NoticeInfo:
    receiver = called[row.receiver]
    return _info(row, receiver.name, receiver.team or None)


def _info(row: NoticeRow, receiver: str, team: str | None) -> NoticeInfo:
    waits = row.state in (notices.WAITING, notices.HELD)
    return NoticeInfo(
        id=row.id,
        receiver=receiver,
        team=team,
        state=row.state,
        created=micros_to_text(row.created),
        tries=row.tries,
        next_try=micros_to_text(row.next_try) if waits else None,
        words=row.words or None,
        digest=row.digest,
        message=orjson.loads(row.body),
    )


def _place(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return _LAST, ""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("the cursor is not one that a page of notices gave; leave it out")
    return int(found[1]), found[2]
