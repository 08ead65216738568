"""Who speaks MLflow's protocol: the owner of an API key, or a session's pod."""

from __future__ import annotations

from dataclasses import dataclass

from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import NotPermitted

OF_PODS = frozenset(
    {Scope.SESSIONS_READ, Scope.SESSIONS_WRITE, Scope.MODELS_READ, Scope.MODELS_WRITE}
)
"""What a pod may do: with the runs of its session, and with models as `registry.rights` says."""


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

    def require(self, scope: Scope) -> None:
        """Raises NotPermitted."""
        if scope not in self.scopes:
            raise NotPermitted(
                f"this key may not do that: it needs the scope {scope}; an administrator makes keys "
                "with POST /api/v1/keys"
            )
