"""Which sessions have changed since when, for streams of all sessions."""

from __future__ import annotations

import hashlib
import re
import secrets
from itertools import takewhile
from typing import NamedTuple

from trainyard_api.rights.owner import Role, User
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.events.hub import Hub

ALL = "*"
"""What a stream of all sessions follows at the hub, in place of a UID."""
MOST_REMEMBERED = 20_000
"""Sessions whose last change is remembered; a stream that was away longer gets all rows."""
EVERYTHING = User("", Role.ADMINISTRATOR)
"""Who sees every session; all administrators share what is read."""
_CURSOR = re.compile(r"([0-9a-f]{16})\.([0-9]{1,15})")


class Changed(NamedTuple):
    """UIDs of sessions that changed, each in one of the lists."""

    objects: list[str]
    """Those whose object changed."""
    values: list[str]
    """Those that were measured, and have not changed otherwise."""


class SessionChanges:
    """The order in which sessions changed, of each the last change. Not shared by gateways.

    A cursor is of one process: one of an earlier process, or of another gateway, leads to all rows.
    """

    def __init__(self, hub: Hub, most: int = MOST_REMEMBERED) -> None:
        self._hub, self._most = hub, most
        self._process = secrets.token_hex(8)
        self._changes: dict[str, int] = {}
        """UIDs with the number of their last change, in that order."""
        self._objects: dict[str, int] = {}
        """Of these, the number of the last change of the object."""
        self._number = 0
        self._forgotten = 0
        """The last change that is not remembered."""

    def changed(self, uid: str) -> None:
        """Remember that the object of a session changed, and wake the streams."""
        self._objects[uid] = self._number + 1
        self.measured(uid)

    def measured(self, uid: str) -> None:
        """Remember that a session reported, and wake the streams."""
        self._number += 1
        self._changes.pop(uid, None)
        self._changes[uid] = self._number
        if len(self._changes) > self._most:
            oldest = next(iter(self._changes))
            self._forgotten = self._changes.pop(oldest)
            self._objects.pop(oldest, None)
        self._hub.notify(ALL)

    def cursor(self, user: User = EVERYTHING) -> str:
        """The position after the last change, of a stream of what `user` sees."""
        return f"{self._begin(user)}.{self._number}"

    def since(self, cursor: str | None, user: User = EVERYTHING) -> Changed | None:
        """What changed after a cursor; None where all sessions are to be read.

        A cursor of another process, of another user, or of a user with other rights leads to all.
        Raises BadRequest for a text that no stream sent.
        """
        if cursor is None:
            return None
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise BadRequest("Last-Event-ID is not one that this stream sent; leave it out")
        number = int(found[2])
        if found[1] != self._begin(user) or not self._forgotten <= number <= self._number:
            return None
        newest = list(takewhile(lambda uid: self._changes[uid] > number, reversed(self._changes)))
        objects = [uid for uid in newest if self._objects.get(uid, 0) > number]
        return Changed(objects, [uid for uid in newest if self._objects.get(uid, 0) <= number])

    def _begin(self, user: User) -> str:
        """What the cursors of a process begin with, for all who see the same."""
        if user.is_administrator:
            return self._process
        text = f"{self._process}\0{user.name}\0{user.role}\0{' '.join(sorted(user.teams))}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]
