"""Who speaks MLflow's protocol: the owner of an API key, or a session's pod."""

from __future__ import annotations

from dataclasses import dataclass

from trainyard_api.rights.owner import Role, User
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import NotPermitted

OF_PODS = frozenset(
    {Scope.SESSIONS_READ, Scope.SESSIONS_WRITE, Scope.MODELS_READ, Scope.MODELS_WRITE}
)
"""What a pod may do: with the runs of its session, and with models as `registry.rights` says."""


NOBODY = User("", None)
"""A user who may do nothing."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The caller of one request."""

    name: str
    """Name of the API key; empty of a pod."""
    scopes: frozenset[Scope]
    session_uid: str | None = None
    """The pod's session: only its runs are there for the pod. None for an API key."""
    attempt: int = 0
    """The pod's attempt."""
    user: User = NOBODY
    """Whose key it is, or the user of the pod's session."""

    def require(self, scope: Scope) -> None:
        """Raises NotPermitted."""
        if scope not in self.scopes:
            raise NotPermitted(
                f"this key may not do that: it needs the scope {scope}; an administrator makes keys "
                "with POST /api/v1/keys"
            )
        changes = scope.value.endswith(":write")
        if changes and self.session_uid is None and self.user.role in (None, Role.VIEWER):
            raise NotPermitted(f"user {self.user.name!r} is a viewer, and changes nothing")
