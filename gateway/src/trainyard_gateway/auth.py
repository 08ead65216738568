"""API keys: every path but the open ones needs one, and every attempt is written down."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time

from sqlalchemy import insert
from starlette.requests import Request

from trainyard_gateway import clock
from trainyard_gateway.errors import BadRequest, NotAuthenticated, Problem
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.tables import auth_logs

FAILURES_BEFORE_WAIT = 20
"""Wrong keys from one address within a minute after which it has to wait."""


class TooManyAttempts(Problem):
    """Too many wrong keys."""

    status, title = 429, "Too many attempts"


class ApiKeys:
    """Knows the hash of the administrator's key; compares in constant time."""

    def __init__(self, admin_key: str, database: Database) -> None:
        self._hash = hashlib.sha256(admin_key.encode()).digest()
        self._database = database
        self._failures: dict[str, list[float]] = {}
        self._pending: set[asyncio.Task[object]] = set()

    def require(self, request: Request) -> None:
        """Let the request pass or raise NotAuthenticated, BadRequest or TooManyAttempts."""
        client = request.client.host if request.client else "unknown"
        try:
            key = _key_of(request)
        except Problem:
            self._note(request, client, False, "malformed")
            raise
        if key is None:
            self._note(request, client, False, "missing")
            raise NotAuthenticated(
                "an API key is needed: Authorization: Bearer <key>, or X-API-Key: <key>"
            )
        # A right key always passes: an attacker at the same address cannot lock its owner out.
        if hmac.compare_digest(hashlib.sha256(key.encode()).digest(), self._hash):
            self._failures.pop(client, None)
            self._note(request, client, True, "admin")
            return
        self._note(request, client, False, "unknown")
        self._slow_down(client)
        raise NotAuthenticated("the API key is not valid")

    def _slow_down(self, client: str) -> None:
        now = time.monotonic()
        recent = [t for t in self._failures.get(client, []) if now - t < 60] + [now]
        self._failures[client] = recent[-1000:]
        if len(recent) > FAILURES_BEFORE_WAIT:
            raise TooManyAttempts(
                "too many wrong keys; wait a minute", headers={"Retry-After": "60"}
            )

    def _note(self, request: Request, client: str, accepted: bool, reason: str) -> None:
        """Write the attempt down without letting the answer wait for the disk."""
        row = {
            "time": clock.now(),
            "client": client[:64],
            "method": request.method[:8],
            "path": request.url.path[:256],
            "accepted": accepted,
            "reason": reason,
        }
        task: asyncio.Task[object] = asyncio.create_task(
            self._database.write(lambda c: c.execute(insert(auth_logs).values(row)).rowcount)
        )
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)


def bearer(request: Request) -> str | None:
    """The token of an Authorization header, None without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _key_of(request: Request) -> str | None:
    named, authorization = request.headers.get("x-api-key"), request.headers.get("authorization")
    if named is not None and authorization is not None:
        raise BadRequest("give the key once: either Authorization or X-API-Key")
    return named or bearer(request)
