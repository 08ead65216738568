"""What the middleware requires of a request, by the router that its path belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainyard_api.report import MAX_BATCH_BYTES

MAX_BODY = 1 << 20
"""Bytes of a request's body, unless its route has another bound."""
MAX_VALUES = 10_000
"""Values in the JSON of a body, unless its route has another bound."""


@dataclass(frozen=True, slots=True)
class BodyBound:
    """The bounds of a body that is read whole; None bounds nothing."""

    most_bytes: int | None = MAX_BODY
    most_values: int | None = MAX_VALUES
    """Counted by the commas outside of strings."""


BATCH_BODY = BodyBound(MAX_BATCH_BYTES, 500_000)
MODEL_REPORT_BODY = BodyBound(MAX_BODY, 100_000)
MANIFEST_BODY = BodyBound(16 << 20, 250_000)
"""A manifest of as many files as `codeMaxFiles` can allow."""
TREE_REPORT_BODY = BodyBound(64 << 10, 1_000)
NODE_BODY = BodyBound(64 << 10, 1_000)
MLFLOW_BODY = BodyBound(4 << 20, 100_000)
"""MLflow's clients send at most a megabyte; the schema of a dataset may have more."""
FILE_BODY = BodyBound(None, None)
"""A file: streamed to the volume, bounded by quota, reserve and the size of its part."""
OTHER_BODY = BodyBound()

BODIES: Mapping[str, BodyBound] = {
    "POST /datasets": FILE_BODY,
    "POST /code/bundles": MANIFEST_BODY,
    "POST /code/contents": FILE_BODY,
    "PUT /code/contents/{sha256}": FILE_BODY,
    "POST /models": FILE_BODY,
    "PUT /uploads/datasets/{upload}/parts/{number}": FILE_BODY,
    "PUT /uploads/models/{upload}/parts/{number}": FILE_BODY,
    "POST /report/batches": BATCH_BODY,
    "POST /report/model": MODEL_REPORT_BODY,
    "POST /report/tree": TREE_REPORT_BODY,
    "POST /report/node": NODE_BODY,
}
"""Routes whose bodies have another bound than `OTHER_BODY`."""


@dataclass(frozen=True, slots=True)
class RouterPolicy:
    """The rules for all routes of one router."""

    api_key: bool = True
    """Whether an API key is needed. Without, the routes verify a pod's token themselves, or begin a
    login."""
    body: BodyBound | None = OTHER_BODY
    """Bound of a body. None: the routes bound it themselves. A route that streams may lift it."""
    pods: bool = False
    """Whether the token of a pod may come instead of a key; the routes verify it."""
    basic: bool = False
    """Whether the key may be the password of Basic authentication."""


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
