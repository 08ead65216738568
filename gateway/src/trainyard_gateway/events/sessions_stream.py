"""One stream of all sessions: first every row, then the rows that change.

Guarantees:

- A client that reconnects with the id of the last event gets what has changed since, and nothing
  that it has. Where that is not known, `reset` says so and every row follows.
- A row is sent as it is now: a session that changes often is sent once in `PAUSE_SECONDS`.
- Progress and metrics of a session that runs are those of its last report, not of its status, which
  is written less often. Where nothing else changed, they are sent without the row. While the
  database is away, rows have those of the status.
- Rows are written as JSON once for all streams of a user at the same position; what was measured
  is read once for all users.
- A row that the user may see no more is `gone` at once; one that the user never saw is not named.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from trainyard_api.phase import HOLDING_GPUS
from trainyard_api.rights.owner import User
from trainyard_gateway.events.hub import Client, Hub
from trainyard_gateway.events.session_changes import ALL, EVERYTHING, SessionChanges
from trainyard_gateway.events.session_row import RowValues, session_row
from trainyard_gateway.events.stream import KEEP_ALIVE_SECONDS, frame, pieces, wait
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import phase_of
from trainyard_gateway.sessions.reported.measured import Measured
from trainyard_gateway.sessions.reported.measured_cache import MeasuredCache
from trainyard_gateway.store.errors import is_unavailable
from trainyard_kube import Json

PAUSE_SECONDS = 0.25
"""Between two messages at least."""
ROWS_AT_ONCE = 200
"""Rows of one event."""


@dataclass(frozen=True, slots=True)
class _News:
    frames: bytes
    cursor: str


class SessionsFollower:
    """Reads the rows that change, for one client."""

    def __init__(
        self,
        changes: SessionChanges,
        cache: SessionCache,
        values: MeasuredCache,
        hub: Hub,
        client: Client,
        user: Callable[[], User] = lambda: EVERYTHING,
    ) -> None:
        """`user`: who follows, as of now; rows that this user may not see are left out."""
        self._changes, self._cache, self._hub, self._client = changes, cache, hub, client
        self._values, self._user = values, user

    async def follow(self, cursor: str | None) -> AsyncIterator[bytes]:
        """Events from a cursor on; None: from every row on."""
        spoke = time.monotonic()
        with self._hub.following(ALL, self._client) as touched:
            yield b"retry: 2000\n\n"
            while self._client.is_allowed() and not self._hub.stopping.is_set():
                touched.clear()
                user = self._user()
                user = EVERYTHING if user.is_administrator else user
                news = partial(self._news, cursor, user)
                found: _News = await self._hub.shared(ALL, (cursor, user), news)
                cursor = found.cursor
                if found.frames:
                    async with self._hub.slots.taking(ALL):
                        for piece in pieces(found.frames):
                            yield piece
                    spoke = time.monotonic()
                    await asyncio.sleep(PAUSE_SECONDS)
                elif time.monotonic() - spoke >= KEEP_ALIVE_SECONDS:
                    yield b": still here\n\n"
                    spoke = time.monotonic()
                await wait(touched, KEEP_ALIVE_SECONDS)

    async def _news(self, cursor: str | None, user: User) -> _News:
        at = self._changes.cursor(user)
        # Other rights than those of the cursor lead to all rows.
        changed = self._changes.since(cursor, user)
        if changed is None:
            bodies = self._cache.seen_by(user)
            found = await self._measured(
                [body for body in bodies if phase_of(body) in HOLDING_GPUS]
            )
            rows = [_row(body, found) for body in bodies]
            return _News(_frames(rows, [], [], at, reset=True), at)
        if not changed.objects and not changed.values:
            return _News(b"", at)
        known = {uid: body for uid in changed.objects if (body := self._seen(uid, user))}
        gone = [u for u in changed.objects if u not in known and self._cache.was_seen(user, u)]
        found = await self._measured(
            [
                body
                for uid in (*known, *changed.values)
                if (body := self._seen(uid, user)) is not None and phase_of(body) in HOLDING_GPUS
            ]
        )
        rows = [_row(body, found) for body in known.values()]
        values = [_values(uid, found[uid]) for uid in changed.values if uid in found]
        if not (rows or values or gone):
            return _News(b"", at)
        return _News(_frames(rows, values, gone, at), at)

    def _seen(self, uid: str, user: User) -> Json | None:
        body = self._cache.get(uid)
        return body if body is not None and self._cache.is_seen(user, body) else None

    async def _measured(self, bodies: Sequence[Json]) -> dict[str, Measured]:
        """What sessions that run reported last: their status has it up to two seconds later."""
        uids = [body["metadata"]["uid"] for body in bodies]
        if not uids:
            return {}
        try:
            return await self._values.read(uids)
        except Exception as error:
            if is_unavailable(error):
                return {}  # rows then show the values of the status
            raise


def _row(body: Json, found: dict[str, Measured]) -> str:
    row = session_row(body, found.get(body["metadata"]["uid"]))
    return row.model_dump_json(by_alias=True)


def _values(uid: str, found: Measured) -> str:
    return RowValues(uid=uid, **found._asdict()).model_dump_json(by_alias=True)


def _frames(
    rows: list[str], values: list[str], gone: list[str], cursor: str, reset: bool = False
) -> bytes:
    """Events of at most ROWS_AT_ONCE rows; the last one carries the cursor. Pure."""
    starts = range(0, max(len(rows), len(values), 1), ROWS_AT_ONCE)
    return b"".join(
        frame(
            "sessions",
            _body(
                rows[at : at + ROWS_AT_ONCE],
                values[at : at + ROWS_AT_ONCE],
                gone if at == 0 else [],
                reset and at == 0,
            ),
            cursor if at == starts[-1] else None,
        )
        for at in starts
    )


def _body(rows: list[str], values: list[str], gone: list[str], reset: bool) -> bytes:
    rest = orjson.dumps({"gone": gone, "reset": reset})
    lists = '{"sessions":[' + ",".join(rows) + '],"values":[' + ",".join(values) + "],"
    return lists.encode() + rest[1:]
