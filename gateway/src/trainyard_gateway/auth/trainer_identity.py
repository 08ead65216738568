"""Who a trainer is: its projected token, by TokenReview, down the chain pod → Job → session.

Guarantees:

- A token of one session is worth nothing for another, and nothing at all once its pod is gone.
- A flood of tokens that are not valid becomes no flood of TokenReviews: tokens whose own claims are
  wrong are refused without one, refusals are remembered, and reviews have a rate.
- A flood from one address does not keep the attempts of sessions from being verified: each attempt
  has a separate rate.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from trainyard_api import names
from trainyard_gateway.auth import pod_tokens
from trainyard_gateway.auth.pod_tokens import Claims
from trainyard_gateway.errors import NotAuthenticated, NotPermitted, TooManyRequests, Unavailable
from trainyard_gateway.token_buckets import TokenBuckets
from trainyard_kube import Json, KubeClient, errors, paths

CACHE_SECONDS = 30.0
"""How long a token is believed without asking again; a deleted pod's token dies within it."""
REFUSED_SECONDS = 10.0
"""How long a refused token is refused without asking again."""
ATTEMPT_REVIEWS = 8.0
"""Reviews per second of tokens that name one attempt of a session; 128 at once."""
OTHER_REVIEWS = 2.0
"""Reviews per second of other tokens from one address; 20 at once."""
_CACHE_LIMIT = 10_000
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True, slots=True)
class Trainer:
    """The session and attempt that a token speaks for."""

    session_uid: str
    attempt: int
    stream: str | None = None
    """Of a pod that installs packages: the one stream in which it may report lines of the log."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What tokens are accepted."""

    namespace: str
    audience: str
    monitor: str
    """ServiceAccount of the node monitors."""


class _Results:
    """What tokens turned out to be, by their hash; bounded, the least recently used go first."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[float, Trainer | str]] = OrderedDict()

    def get(self, key: str) -> Trainer | str | None:
        """What is remembered of a token."""
        until, found = self._found.get(key, (0.0, None))
        if until <= time.monotonic():
            return None
        self._found.move_to_end(key)
        return found

    def was_known(self, key: str) -> bool:
        """Whether something was remembered of a token once, and is not forgotten yet."""
        return key in self._found

    def put(self, key: str, found: Trainer | str, seconds: float) -> None:
        """Remember what a token is."""
        self._found[key] = (time.monotonic() + seconds, found)
        self._found.move_to_end(key)
        if len(self._found) > _CACHE_LIMIT:
            self._found.popitem(last=False)


class TrainerIdentity:
    """Verifies tokens with the API server."""

    def __init__(
        self,
        kube: KubeClient,
        accounts: Accounts,
        sessions: Callable[[], list[Json]],
        cache_seconds: float = CACHE_SECONDS,
    ) -> None:
        """`sessions`: those of the cluster."""
        self._cache_seconds = cache_seconds
        self._kube, self._accounts, self._sessions = kube, accounts, sessions
        self._valid, self._refused = _Results(), _Results()
        self._attempts = TokenBuckets(ATTEMPT_REVIEWS, time.monotonic, burst=128)
        self._others = TokenBuckets(OTHER_REVIEWS, time.monotonic, burst=20)

    async def verify(self, token: str, address: str) -> Trainer:
        """Whose token it is.

        `address`: where it comes from. Raises NotAuthenticated, NotPermitted, TooManyRequests or
        Unavailable.
        """
        found = await self._known(token, address, self._trainer)
        if not isinstance(found, Trainer):
            raise NotPermitted("the token belongs to no attempt of a session")
        return found

    async def node(self, token: str, address: str) -> str:
        """The node of a monitor's pod. Raises as `verify`."""
        found = await self._known(token, address, self._node)
        if not isinstance(found, str):
            raise NotPermitted("the token belongs to no node monitor")
        return found

    async def _known(
        self, token: str, address: str, ask: Callable[[str], Awaitable[Trainer | str]]
    ) -> Trainer | str:
        key = hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
        if (found := self._valid.get(key)) is not None:
            return found
        # What is no monitor's token may be a trainer's.
        at_this_door = f"{ask.__name__} {key}"
        if (refusal := self._refused.get(at_this_door)) is not None:
            raise NotAuthenticated(str(refusal))
        claims = pod_tokens.claims_of(token)
        if claims is None:
            raise NotAuthenticated("the token is not valid for this gateway")
        namespace, audience = self._accounts.namespace, self._accounts.audience
        if fault := pod_tokens.fault(claims, namespace, audience, time.time()):
            raise NotAuthenticated(fault)
        # A flood with the claims of a pod cannot keep its token from being verified again.
        if not self._valid.was_known(key):
            self._take_review(claims, address)
        try:
            found = await self._asked(token, ask)
        except (NotAuthenticated, NotPermitted) as error:
            self._refused.put(at_this_door, error.detail, REFUSED_SECONDS)
            raise
        self._valid.put(key, found, self._cache_seconds)
        return found

    def _take_review(self, claims: Claims, address: str) -> None:
        """Count a TokenReview. Raises TooManyRequests."""
        job = pod_tokens.job_of(claims.pod)
        known = job if job is not None and self._is_attempt(*job) else None
        wait = self._attempts.take(known[1]) if known else self._others.take(address)
        if wait:
            raise TooManyRequests("too many tokens to verify; send the report again", wait)

    def _is_attempt(self, session: str, job: str) -> bool:
        last = job.rpartition("-")[2]
        named = names.builder_name if last.startswith("e") else names.job_name
        number = int(last.removeprefix("e"))
        return any(
            named(session, body["metadata"]["uid"], number) == job
            for body in self._sessions()
            if body["metadata"]["name"] == session
        )

    async def _asked(
        self, token: str, ask: Callable[[str], Awaitable[Trainer | str]]
    ) -> Trainer | str:
        try:
            return await ask(token)
        except errors.NotFound as error:
            raise NotAuthenticated("the token's pod or Job is gone") from error
        except errors.KubeError as error:
            raise Unavailable(f"the token cannot be verified now: {error}") from error

    async def _trainer(self, token: str) -> Trainer:
        pod, _ = await self._pod(token)
        return await self._session_of(pod)

    async def _node(self, token: str) -> str:
        pod, account = await self._pod(token)
        node = pod["spec"].get("nodeName")
        if account != self._accounts.monitor or not node:
            raise NotPermitted("the token belongs to no node monitor")
        return str(node)

    async def _pod(self, token: str) -> tuple[Json, str]:
        """The pod that a token is bound to, and its service account's name."""
        review = await self._kube.create(
            paths.token_reviews(),
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token, "audiences": [self._accounts.audience]},
            },
        )
        status = review.get("status") or {}
        if not status.get("authenticated") or self._accounts.audience not in (
            status.get("audiences") or ()
        ):
            raise NotAuthenticated("the token is not valid for this gateway")
        extra = (status.get("user") or {}).get("extra") or {}
        name, uid = _first(extra, _POD_NAME), _first(extra, _POD_UID)
        user = str((status.get("user") or {}).get("username", ""))
        if not name or not user.startswith(f"system:serviceaccount:{self._accounts.namespace}:"):
            raise NotPermitted("the token belongs to no pod of this installation")
        pod = await self._kube.get(paths.pods(self._accounts.namespace, name))
        if pod["metadata"]["uid"] != uid:
            raise NotAuthenticated("the token's pod is gone")
        return pod, user.rpartition(":")[2]

    async def _session_of(self, pod: Json) -> Trainer:
        job_ref = _owner(pod, "Job")
        job = await self._kube.get(paths.jobs(self._accounts.namespace, job_ref["name"]))
        if job["metadata"]["uid"] != job_ref["uid"]:
            raise NotAuthenticated("the token's Job is gone")
        session = _owner(job, names.SESSION_KIND)
        labels = job["metadata"].get("labels") or {}
        attempt = labels.get(names.LABEL_ATTEMPT)
        if attempt is None:
            raise NotPermitted("the token's Job is no attempt of a session")
        builds = labels.get(names.LABEL_COMPONENT) == names.ENVIRONMENT_BUILDER
        stream = names.builder_stream(pod["metadata"]["uid"]) if builds else None
        return Trainer(session["uid"], int(attempt), stream)


def _first(extra: Json, key: str) -> str | None:
    values = extra.get(key) or ()
    return str(values[0]) if values else None


def _owner(body: Json, kind: str) -> Json:
    for reference in body["metadata"].get("ownerReferences") or ():
        if reference.get("kind") == kind and reference.get("controller"):
            found: Json = reference
            return found
    raise NotPermitted(f"{body['metadata']['name']} does not belong to a {kind}")
