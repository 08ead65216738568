"""Logins by single sign-on, in memory as in the database.

One opens the gateway as a key does: a cookie of a browser names it, a command line has its key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from trainyard_api.rights.owner import Role
from trainyard_gateway.auth.keys import EVERYTHING, Scope
from trainyard_gateway.store.access.sso import LoginRow

_READS: Final = frozenset(
    {Scope.SESSIONS_READ, Scope.DATASETS_READ, Scope.MODELS_READ, Scope.SYSTEM_READ}
)


class OpenLogins:
    """The logins that the database keeps, and when each was used last."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rows: dict[str, LoginRow] = {}
        self._used: dict[str, float] = {}

    def known(self, rows: Iterable[LoginRow]) -> None:
        """These are the logins now."""
        self._rows = {row.id: row for row in rows}
        self._used = {id: used for id, used in self._used.items() if id in self._rows}

    def of(self, id: str) -> LoginRow | None:
        """The login with this id, also one that is over."""
        return self._rows.get(id)

    def all(self) -> list[LoginRow]:
        """All logins, newest first, also those that were over within a day."""
        return sorted(self._rows.values(), key=lambda row: (row.created, row.id), reverse=True)

    def used(self, id: str) -> float | None:
        """When a login was used last at this gateway; None if it was not since its start."""
        return self._used.get(id)

    def is_open(self, row: LoginRow) -> bool:
        """Whether a login opens something."""
        return row.ended is None and row.expires > self._clock()

    def use(self, id: str) -> None:
        """Remember that a login is used now."""
        self._used[id] = self._clock()

    def used_since(self, time: float) -> list[LoginRow]:
        """Open logins that were used since then."""
        used = (self._rows[id] for id, at in self._used.items() if at >= time)
        return [row for row in used if self.is_open(row)]


def scopes_of(role: Role | None) -> frozenset[Scope]:
    """What a login allows: all that the user's role does."""
    if role is None:
        return frozenset()
    if role == Role.ADMINISTRATOR:
        return EVERYTHING
    return _READS if role == Role.VIEWER else EVERYTHING - {Scope.KEYS_ADMIN}


def over(row: LoginRow | None) -> str:
    """Why a login opens nothing any more."""
    if row is None or not row.reason:
        return "the login is over; log in again"
    return f"the login is over: {row.reason}"
