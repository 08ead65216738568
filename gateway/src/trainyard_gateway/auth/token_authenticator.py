"""Which pod sends a request to `/report`. Failures are counted and logged as those of keys."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.datastructures import Headers
from starlette.types import Scope

from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.auth.authenticator import bearer
from trainyard_gateway.auth.client_address import counted_address
from trainyard_gateway.auth.rate_limits import FailedLoginThrottle
from trainyard_gateway.auth.trainer_identity import Trainer, TrainerIdentity
from trainyard_gateway.errors import NotAuthenticated, NotPermitted, TooManyRequests

T = TypeVar("T")


class TokenAuthenticator:
    """Tokens, audit log and back-off together: whose report it is.

    A valid token is always taken, also from an address whose failures are slowed down: many pods
    may share one address.
    """

    def __init__(self, identity: TrainerIdentity, audit_log: AuditLog) -> None:
        self._identity, self._audit_log = identity, audit_log
        # No success clears it: that of another pod would, behind a shared address.
        self._failures = FailedLoginThrottle(time.monotonic)

    async def trainer(self, scope: Scope) -> Trainer:
        """The trainer. Raises NotAuthenticated, NotPermitted, TooManyRequests or Unavailable."""
        return await self._admit(scope, self._identity.verify)

    async def node(self, scope: Scope) -> str:
        """The node of a monitor's pod. Raises as `trainer`."""
        return await self._admit(scope, self._identity.node)

    async def _admit(self, scope: Scope, verify: Callable[[str, str], Awaitable[T]]) -> T:
        token, address = bearer(Headers(scope=scope)), counted_address(scope)
        if not token:
            self._audit_log.record(scope, False, "no token")
            raise NotAuthenticated("a pod's token is needed: Authorization: Bearer <token>")
        try:
            return await verify(token, address)
        except (NotAuthenticated, NotPermitted) as error:
            self._audit_log.record(scope, False, "token")
            if wait := self._failures.failed(address):
                raise TooManyRequests(
                    "too many tokens that are not valid; wait before the next try", wait
                ) from error
            raise
        except TooManyRequests:
            self._audit_log.record(scope, False, "token not verified")
            raise
