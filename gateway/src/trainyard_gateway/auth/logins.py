"""Logins of browsers: a key once, then a cookie."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from trainyard_gateway.auth import login_cookies
from trainyard_gateway.auth.keys import Caller
from trainyard_gateway.auth.login_cookies import LIFETIME_SECONDS, Login

MOST_ENDED = 10_000
"""Logouts that are remembered until their cookies expire; the oldest go first."""


class Logins:
    """Writes and reads cookies, and remembers those that a logout has ended."""

    def __init__(self, admin_digest: str, clock: Callable[[], float] = time.time) -> None:
        """`admin_digest`: of the administrator's key; another one ends every login."""
        self._key, self._clock = login_cookies.signing_key(admin_digest), clock
        self.name = login_cookies.name_of(self._key)
        """Of the cookie."""
        self._ended: dict[str, int] = {}

    def begin(self, caller: Caller) -> tuple[Login, str]:
        """A login of a key's owner, and the value of its cookie."""
        expires = int(self._clock()) + LIFETIME_SECONDS
        login = Login(caller.key_id, expires, secrets.token_hex(16))
        return login, login_cookies.written(login, self._key)

    def read(self, cookie_header: str) -> Login | None:
        """The login that a Cookie header holds; None without a valid one."""
        text = login_cookies.cookie_of(cookie_header, self.name)
        login = login_cookies.read(text, self._key, self._clock()) if text else None
        return login if login is not None and login.number not in self._ended else None

    def is_in(self, cookie_header: str) -> bool:
        """Whether a Cookie header holds a login, valid or not."""
        return login_cookies.cookie_of(cookie_header, self.name) is not None

    def end(self, login: Login) -> None:
        """Accept this cookie no more."""
        now = self._clock()
        self._ended = {n: until for n, until in self._ended.items() if until > now}
        while len(self._ended) >= MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[login.number] = login.expires
