"""What the middleware requires of a request, by the router that its path belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_BODY = 1 << 20
"""Bytes of a request's body, unless its router has another bound."""


@dataclass(frozen=True, slots=True)
class RouterPolicy:
    """The rules for all routes of one router."""

    api_key: bool = True
    """Whether an API key is needed. Without, the routes verify a pod's token themselves."""
    max_body_bytes: int | None = MAX_BODY
    """Bound of a body. None: the routes bound it themselves. A route that streams may lift it."""


DEFAULT = RouterPolicy()


class RouterPolicies:
    """Finds the policy for a path. Paths that belong to no router get the default policy."""

    def __init__(self, by_prefix: Mapping[str, RouterPolicy]) -> None:
        """`by_prefix`: the prefixes of routers, such as `/api/v1/datasets`."""
        # Without a key nothing is answered but what lies below the prefix, not the prefix itself.
        self._by_prefix = tuple(
            (prefix if policy.api_key else f"{prefix}/", policy)
            for prefix, policy in by_prefix.items()
            if policy != DEFAULT
        )

    def of(self, path: str) -> RouterPolicy:
        """The policy of the first router whose prefix the path has."""
        for prefix, policy in self._by_prefix:
            if path.startswith(prefix):
                return policy
        return DEFAULT
