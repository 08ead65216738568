"""Tokens at the report door: floods become no flood of TokenReviews, and good tokens stay served."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api import names
from trainyard_gateway.auth.pod_tokens import MAX_TOKEN, Claims, claims_of, fault, job_of
from trainyard_gateway.auth.trainer_identity import Accounts, Trainer, TrainerIdentity
from trainyard_gateway.errors import NotAuthenticated, NotPermitted, TooManyRequests
from trainyard_kube import KubeClient, errors

ACCOUNTS = Accounts("ns", "gateway", "monitor")
SESSION = {"metadata": {"name": "digits", "uid": "u-1"}}
JOB = names.job_name("digits", "u-1", 1)
BUILDER = names.builder_name("digits", "u-1", 1)
NODE_POD = "monitor-abcde"
# One value, since tokens are compared; further away than any run of the tests takes.
EXPIRES = int(time.time()) + 86_400
BASE = Claims(frozenset({"gateway"}), 2e9, "ns", "trainer", "p")


def token(pod: str = JOB, signature: str = "good", **more: Any) -> str:
    claims = {
        "aud": ["gateway"],
        "exp": EXPIRES,
        "kubernetes.io": {
            "namespace": "ns",
            "pod": {"name": pod, "uid": "p-1"},
            "serviceaccount": {"name": "trainer", "uid": "a"},
        },
        **more,
    }
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJ.{middle}.{signature}"


class ApiServer:
    """Answers what the identity asks; only signatures called `good` are valid."""

    def __init__(self) -> None:
        self.reviews = 0

    async def create(self, _: str, body: dict[str, Any]) -> dict[str, Any]:
        self.reviews += 1
        sent = body["spec"]["token"]
        if not sent.endswith(".good"):
            return {"status": {"authenticated": False}}
        claims = claims_of(sent)
        assert claims is not None
        extra = {
            "authentication.kubernetes.io/pod-name": [claims.pod],
            "authentication.kubernetes.io/pod-uid": ["p-1"],
        }
        account = "monitor" if claims.pod == NODE_POD else "trainer"
        user = {"username": f"system:serviceaccount:ns:{account}", "extra": extra}
        return {"status": {"authenticated": True, "audiences": ["gateway"], "user": user}}

    async def get(self, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        if "/jobs/" in path:
            owner = {"kind": names.SESSION_KIND, "uid": "u-1", "controller": True}
            labels = {names.LABEL_ATTEMPT: "1"}
            if name == BUILDER:
                labels[names.LABEL_COMPONENT] = names.ENVIRONMENT_BUILDER
            return {
                "metadata": {
                    "name": name, "uid": "j-1", "labels": labels, "ownerReferences": [owner],
                }
            }  # fmt: skip
        if name == "gone":
            raise errors.NotFound("gone")
        job = BUILDER if name.startswith(BUILDER) else JOB
        owner = {"kind": "Job", "name": job, "uid": "j-1", "controller": True}
        metadata = {"name": name, "uid": "p-1", "ownerReferences": [owner]}
        return {"metadata": metadata, "spec": {"nodeName": "node-1"}}


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def identity(server: ApiServer) -> TrainerIdentity:
    return TrainerIdentity(cast(KubeClient, server), ACCOUNTS, lambda: [SESSION])


async def refused(identity: TrainerIdentity, sent: str, address: str = "10.0.0.1") -> type:
    with pytest.raises((NotAuthenticated, NotPermitted, TooManyRequests)) as caught:
        await identity.verify(sent, address)
    return caught.type


MADE_UP = {
    "words": lambda n: f"made-up-{n}",
    "three parts of nothing": lambda n: f"a.b{n}.c",
    "another audience": lambda n: token(aud=[f"other-{n}"]),
    "no audience": lambda n: token(aud=n),
    "another namespace": lambda n: token(
        **{"kubernetes.io": {"namespace": f"n{n}", "pod": {"name": "p"}, "serviceaccount": {"name": "s"}}}
    ),
    "no pod": lambda n: token(**{"kubernetes.io": {"namespace": "ns", "n": n}}),
    "expired": lambda n: token(exp=n),
    "no time": lambda n: token(exp="x" * n),
    "an endless time": lambda n: token(exp=10**400 + n),
    "a list": lambda n: "a." + base64.urlsafe_b64encode(f"[{n}]".encode()).decode().rstrip("=") + ".c",
    "long": lambda n: token(pod="p" * MAX_TOKEN + str(n)),
}  # fmt: skip


@pytest.mark.parametrize("made_up", MADE_UP.values(), ids=MADE_UP)
async def test_claims_that_cannot_be_right_need_no_review(
    identity: TrainerIdentity, server: ApiServer, made_up: Any
) -> None:
    for number in range(50):
        assert await refused(identity, made_up(number)) is NotAuthenticated

    assert server.reviews == 0


@pytest.mark.parametrize(
    "pods",
    [lambda n: f"pod-{n}", lambda _: JOB, lambda n: f"{JOB}-0-{n:05d}"],
    ids=["pods that are not there", "the pod of a session", "made-up pods of a session"],
)
async def test_a_flood_of_forged_tokens_is_a_trickle_of_reviews(
    identity: TrainerIdentity, server: ApiServer, pods: Any
) -> None:
    forged = [token(pods(n), signature=f"forged{n}") for n in range(2000)]
    kinds = {await refused(identity, sent) for sent in forged}

    assert kinds == {NotAuthenticated, TooManyRequests}
    assert server.reviews < 200


async def test_a_refused_token_is_not_asked_about_again(
    identity: TrainerIdentity, server: ApiServer
) -> None:
    for _ in range(50):
        assert await refused(identity, token(signature="forged")) is NotAuthenticated

    assert server.reviews == 1


async def test_an_attempt_is_verified_behind_an_address_that_floods(
    identity: TrainerIdentity,
) -> None:
    for number in range(2000):
        await refused(identity, token(f"pod-{number}", signature="forged"))

    assert await identity.verify(token(), "10.0.0.1") == Trainer("u-1", 1)
    assert await identity.verify(token(f"{JOB}-0-abcde"), "10.0.0.1") == Trainer("u-1", 1)


async def test_a_token_is_verified_again_behind_a_flood_with_its_own_claims(
    server: ApiServer,
) -> None:
    identity = TrainerIdentity(
        cast(KubeClient, server), ACCOUNTS, lambda: [SESSION], cache_seconds=0.0
    )
    await identity.verify(token(), "10.0.0.1")
    for number in range(2000):
        await refused(identity, token(signature=f"forged{number}"))

    assert await identity.verify(token(), "10.0.0.1") == Trainer("u-1", 1)


async def test_another_address_is_not_slowed(identity: TrainerIdentity) -> None:
    for number in range(2000):
        await refused(identity, token(f"pod-{number}", signature="forged"))

    assert await identity.node(token(NODE_POD), "10.0.0.2") == "node-1"


async def test_a_pod_that_installs_packages_speaks_in_its_own_stream(
    identity: TrainerIdentity,
) -> None:
    found = await identity.verify(token(f"{BUILDER}-abcde"), "10.0.0.1")

    assert found == Trainer("u-1", 1, "builder-p-1")


async def test_a_valid_token_is_asked_about_once_and_opens_one_kind_of_door(
    identity: TrainerIdentity, server: ApiServer
) -> None:
    for _ in range(50):
        await identity.verify(token(), "10.0.0.1")
    with pytest.raises(NotPermitted):
        await identity.node(token(), "10.0.0.1")
    await identity.node(token(NODE_POD), "10.0.0.1")
    with pytest.raises(NotPermitted):
        await identity.verify(token(NODE_POD), "10.0.0.1")

    assert server.reviews == 2


@given(st.text() | st.binary().map(lambda b: f"a.{base64.urlsafe_b64encode(b).decode()}.c"))
def test_any_text_has_claims_or_none(text: str) -> None:
    assert claims_of(text) is None or isinstance(claims_of(text), Claims)


@pytest.mark.parametrize(
    ("claims", "wrong"),
    [
        (BASE, False),
        (Claims(frozenset({"gateway", "x"}), 2e9, "ns", "monitor", "p"), False),
        (Claims(frozenset(), 2e9, "ns", "trainer", "p"), True),
        (Claims(frozenset({"x"}), 2e9, "ns", "trainer", "p"), True),
        (Claims(frozenset({"gateway"}), 2e9, "other", "trainer", "p"), True),
        (Claims(frozenset({"gateway"}), 1.0, "ns", "trainer", "p"), True),
        (Claims(frozenset({"gateway"}), 1e9 - 30, "ns", "trainer", "p"), False),
    ],
    ids=["right", "more audiences", "none", "another", "namespace", "expired", "clocks apart"],
)
def test_what_claims_can_be_right(claims: Claims, wrong: bool) -> None:
    assert (fault(claims, "ns", "gateway", 1e9) is not None) == wrong


@pytest.mark.parametrize(
    ("pod", "job"),
    [
        (JOB, ("digits", JOB)),
        (f"{JOB}-0-abcde", ("digits", JOB)),
        ("a-b-12345678-2-11-x2x3z", ("a-b", "a-b-12345678-2")),
        ("a-b-12345678-e2-x2x3z", ("a-b", "a-b-12345678-e2")),
        ("trainyard-monitor-abcde", None),
        ("a" * 300 + "-12345678-1", None),
    ],
    ids=["a Job", "an indexed pod", "dashes", "packages", "a monitor", "too long"],
)
def test_a_pod_of_an_attempt_is_known_by_its_name(pod: str, job: tuple[str, str] | None) -> None:
    assert job_of(pod) == job
