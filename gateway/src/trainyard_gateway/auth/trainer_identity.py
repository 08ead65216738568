"""Who a trainer is: its projected token, by TokenReview, down the chain pod → Job → session.

A token of one session is worth nothing for another, and nothing at all once its pod is gone.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from trainyard_api import names
from trainyard_gateway.errors import NotAuthenticated, NotPermitted, Unavailable
from trainyard_kube import Json, KubeClient, errors, paths

CACHE_SECONDS = 30.0
"""How long a token is believed without asking again; a deleted pod's token dies within it."""
_CACHE_LIMIT = 10_000
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True, slots=True)
class Trainer:
    """The session and attempt that a token speaks for."""

    session_uid: str
    attempt: int


class TrainerIdentity:
    """Verifies tokens with the API server."""

    def __init__(
        self, kube: KubeClient, namespace: str, audience: str, monitor_account: str
    ) -> None:
        self._kube, self._namespace, self._audience = kube, namespace, audience
        self._monitor = monitor_account
        self._cache: dict[str, tuple[float, Trainer]] = {}

    async def verify(self, token: str | None) -> Trainer:
        """Whose token it is. Raises NotAuthenticated, NotPermitted or Unavailable."""
        if not token:
            raise NotAuthenticated("a trainer's token is needed: Authorization: Bearer <token>")
        key = hashlib.sha256(token.encode()).hexdigest()
        known = self._cache.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            trainer = await self._ask(token)
        except errors.NotFound as error:
            raise NotAuthenticated("the token's pod or Job is gone") from error
        except errors.KubeError as error:
            raise Unavailable(f"the token cannot be verified now: {error}") from error
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        self._cache[key] = (time.monotonic() + CACHE_SECONDS, trainer)
        return trainer

    async def node(self, token: str | None) -> str:
        """The node of a monitor's pod. Raises as `verify`."""
        if not token:
            raise NotAuthenticated("a monitor's token is needed: Authorization: Bearer <token>")
        try:
            pod, account = await self._pod(token)
        except errors.NotFound as error:
            raise NotAuthenticated("the token's pod is gone") from error
        except errors.KubeError as error:
            raise Unavailable(f"the token cannot be verified now: {error}") from error
        node = pod["spec"].get("nodeName")
        if account != self._monitor or not node:
            raise NotPermitted("the token belongs to no node monitor")
        return str(node)

    async def _ask(self, token: str) -> Trainer:
        pod, _ = await self._pod(token)
        return await self._session_of(pod)

    async def _pod(self, token: str) -> tuple[Json, str]:
        """The pod that a token is bound to, and its service account's name."""
        review = await self._kube.create(
            paths.token_reviews(),
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token, "audiences": [self._audience]},
            },
        )
        status = review.get("status") or {}
        if not status.get("authenticated") or self._audience not in (status.get("audiences") or ()):
            raise NotAuthenticated("the token is not valid for this gateway")
        extra = (status.get("user") or {}).get("extra") or {}
        name, uid = _first(extra, _POD_NAME), _first(extra, _POD_UID)
        user = str((status.get("user") or {}).get("username", ""))
        if not name or not user.startswith(f"system:serviceaccount:{self._namespace}:"):
            raise NotPermitted("the token belongs to no pod of this installation")
        pod = await self._kube.get(paths.pods(self._namespace, name))
        if pod["metadata"]["uid"] != uid:
            raise NotAuthenticated("the token's pod is gone")
        return pod, user.rpartition(":")[2]

    async def _session_of(self, pod: Json) -> Trainer:
        job_ref = _owner(pod, "Job")
        job = await self._kube.get(paths.jobs(self._namespace, job_ref["name"]))
        if job["metadata"]["uid"] != job_ref["uid"]:
            raise NotAuthenticated("the token's Job is gone")
        session = _owner(job, names.SESSION_KIND)
        attempt = (job["metadata"].get("labels") or {}).get(names.LABEL_ATTEMPT)
        if attempt is None:
            raise NotPermitted("the token's Job is no attempt of a session")
        return Trainer(session["uid"], int(attempt))


def _first(extra: Json, key: str) -> str | None:
    values = extra.get(key) or ()
    return str(values[0]) if values else None


def _owner(body: Json, kind: str) -> Json:
    for reference in body["metadata"].get("ownerReferences") or ():
        if reference.get("kind") == kind and reference.get("controller"):
            found: Json = reference
            return found
    raise NotPermitted(f"{body['metadata']['name']} does not belong to a {kind}")
