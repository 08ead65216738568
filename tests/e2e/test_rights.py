"""The rights of operator and gateway are those that they need: no verb is missing, none is left over.

The API server's own audit log tells what they asked. For every single verb of the chart's roles a request among these is shown that
would be refused without it: by arithmetic (tests/support/rights.py), and by the API server itself, asked about an account that has all
rights but this one. For one verb of each it is really taken away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import api_client, unique
from installation import RELEASE, Installation, installed
from kubernetes import client
from poll import eventually
from rights import Request, Right, granted, needing, permitted
from short_accounts import allows, short_accounts

from trainyard import errors
from trainyard.client import Client
from trainyard_api import names
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

ACCOUNTS = ("operator", "gateway")
Proof = tuple[Right, Request]
"""A right, and a request that is refused without it."""
SMALL = {"gpus": 0, "cpu": "100m", "memory": "512Mi"}
SLEEP = [
    "python3",
    "-c",
    "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()",
]


@pytest.fixture(scope="module")
def audit(kubeconfig: Path) -> Path:
    """The API server's audit log; only the embedded cluster writes one where it can be read."""
    log = kubeconfig.parent / "logs" / "audit.log"
    if not log.is_file():
        pytest.skip("this cluster's audit log cannot be read")
    return log


@pytest.fixture(scope="module")
def release(kubeconfig: Path, audit: Path) -> Iterator[Installation]:
    with installed(kubeconfig) as found:
        yield found


def chart_rights(release: Installation, account: str) -> list[Right]:
    """What the chart's roles allow an account, as they are installed."""
    objects = [o for o in yaml.safe_load_all(release.helm("get", "manifest", RELEASE)) if o]
    return granted(objects, f"{RELEASE}-{account}", release.namespace)


def user(release: Installation, account: str) -> str:
    return f"system:serviceaccount:{release.namespace}:{RELEASE}-{account}"


def events(log: Path, release: Installation, account: str) -> list[dict[str, Any]]:
    """What an account asked of the API server about objects."""
    who = user(release, account)
    lines = (line for line in log.read_text().splitlines() if who in line)
    found = [json.loads(line) for line in lines]
    return [e for e in found if e["user"]["username"] == who and "objectRef" in e]


def requests(log: Path, release: Installation, account: str, decision: str) -> set[Request]:
    """The different ones among them that the API server allowed (`allow`) or refused (`forbid`)."""
    return {
        Request.of(e)
        for e in events(log, release, account)
        if e["annotations"]["authorization.k8s.io/decision"] == decision
    }


def apply(release: Installation, name: str, **spec: Any) -> None:
    manifest = {
        "apiVersion": "trainyard.io/v1alpha1",
        "kind": "TrainingSession",
        "metadata": {"name": name},
        "spec": {"resources": SMALL, "retry": {"limit": 0}, **spec},
    }
    release.kubectl("apply", "-f", "-", manifest=manifest)


def live(release: Installation, people: Client, folder: Path) -> None:
    """Everything that people do with sessions, and what happens to sessions by itself."""
    people.upload_dataset("digits", write_digits(folder))
    training = {"task": "tabular-classification", "epochs": 2}
    trained = {"dataset": "digits", "training": training, "resources": SMALL}
    people.estimate(trained)
    first = people.start_training({**trained, "ttlSecondsAfterFinished": 0}, unique("gone")).name
    gang, blocked = unique("gang"), unique("blocked")
    apply(release, gang, command=SLEEP, workers=2)
    apply(release, blocked, command=SLEEP, desiredState="Suspended")
    in_the_way(release, names.job_name(blocked, release.get("ts", blocked)["metadata"]["uid"], 1))
    people.resume(blocked)
    unwanted = unique("unwanted")
    apply(release, unwanted, command=SLEEP, desiredState="Suspended")
    eventually(lambda: people.status(gang).phase == "Running", within=90, what="the gang running")
    people.set_priority(gang, 5)
    people.stop(gang)
    eventually(lambda: people.status(gang).finished, within=120, what="the gang stopped")
    release.kubectl("delete", "ts", gang)
    people.cancel(unwanted)
    assert absent(people, unique("never"))
    eventually(lambda: first not in existing(release), within=120, what="its time to live's end")
    release.kubectl("delete", "ts", blocked)


def in_the_way(release: Installation, name: str) -> None:
    """A Job of somebody else with the name that an attempt wants."""
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "registry.invalid/none:1"}],
    }
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"suspend": True, "template": {"spec": pod}},
    }
    release.kubectl("apply", "-f", "-", manifest=manifest)


def existing(release: Installation) -> set[str]:
    return {session["metadata"]["name"] for session in release.items("ts")}


def absent(people: Client, name: str) -> bool:
    try:
        people.status(name)
    except errors.NotFound:
        return True
    return False


def disturb(release: Installation, log: Path) -> None:
    """Change a session faster than the operator writes, until a status write comes too late and is decided anew."""
    name = unique("busy")
    apply(release, name, dataset="absent", training={"task": "tabular-classification"})
    place = ("trainyard.io", "v1alpha1", release.namespace, "trainingsessions", name)

    def read_again() -> bool:
        asked = requests(log, release, "operator", "allow")
        return any((r.resource, r.verb, r.name) == ("trainingsessions", "get", name) for r in asked)

    with api_client(release.kubeconfig) as api:
        sessions = client.CustomObjectsApi(api)

        def hurry() -> bool:
            for turn in range(100):
                state = ("Suspended", "Running")[turn % 2]
                sessions.patch_namespaced_custom_object(*place, {"spec": {"desiredState": state}})
            return read_again()

        eventually(hurry, within=60, what="a status write that came too late")
    release.kubectl("delete", "ts", name)


@pytest.fixture(scope="module")
def lived(
    release: Installation, audit: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """The installation after everything that needs rights has happened in it."""
    with release.client() as people:
        live(release, people, tmp_path_factory.mktemp("digits"))
    disturb(release, audit)
    return release


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_right_is_missing(lived: Installation, audit: Path, account: str) -> None:
    held = chart_rights(lived, account)
    allowed = requests(audit, lived, account, "allow")
    refused = requests(audit, lived, account, "forbid")

    # The arithmetic of the next test is the API server's.
    assert {r for r in allowed if not permitted(held, r)} == set()
    # A pod may ask before the API server knows its role: what counts is what it was never allowed.
    assert {r for r in refused if not permitted(held, r)} == set()


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_single_verb_is_needed(lived: Installation, audit: Path, account: str) -> None:
    held = chart_rights(lived, account)
    asked = sorted(requests(audit, lived, account, "allow"), key=str)
    proofs: list[Proof] = []
    for right in held:
        request = needing(right, held, asked, lived.namespace)
        assert request, f"{account} never needed this right, take it out of the chart: {right}"
        proofs.append((right, request))

    with (
        api_client(lived.kubeconfig) as api,
        short_accounts(api, lived.namespace, account, held) as short,
    ):
        for index, (right, request) in enumerate(proofs):
            assert allows(api, user(lived, account), request), f"{account} may not: {request}"
            # Rights reach the authorizer a moment after they are written: first those that are left.
            neighbour = kept_beside(proofs, index)
            eventually(
                lambda who=short[index], what=neighbour: allows(api, who, what),  # type: ignore[misc]  # bound here
                within=60,
                every=0.05,
                what=f"the rights of {account} without {right}",
            )
            assert not allows(api, short[index], request), (
                f"{account} needs no {right}: {request} is allowed without it"
            )


def kept_beside(proofs: Sequence[Proof], index: int) -> Request:
    """What another right of the same role is needed for, by which one sees that this role is known."""
    role = (proofs[index][0].role, proofs[index][0].namespace)
    return next(
        request
        for other, (right, request) in enumerate(proofs)
        if other != index and (right.role, right.namespace) == role
    )


@contextmanager
def taken_away(release: Installation, account: str, resource: str, verb: str) -> Iterator[None]:
    """The installed role without one verb, until the end."""
    name = f"{RELEASE}-{account}"
    whole = release.get("role", name)["rules"]
    short = [
        {**rule, "verbs": [v for v in rule["verbs"] if v != verb]}
        if resource in rule["resources"]
        else rule
        for rule in whole
    ]

    def put(what: Any) -> None:
        changes = json.dumps({"rules": what})
        release.kubectl("patch", "role", name, "--type=merge", "-p", changes)

    put([rule for rule in short if rule["verbs"]])
    try:
        yield
    finally:
        put(whole)


def start_by_people(release: Installation, name: str) -> None:
    with release.client() as people:
        try:
            people.start_training({"command": SLEEP, "resources": SMALL}, name)
        except errors.TrainyardError:
            return


def start_by_kubectl(release: Installation, name: str) -> None:
    apply(release, name, command=SLEEP)


DROPS: dict[str, tuple[str, str, str, Callable[[Installation, str], None]]] = {
    "operator": ("events.k8s.io", "events", "create", start_by_kubectl),
    "gateway": ("trainyard.io", "trainingsessions", "create", start_by_people),
}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_without_a_verb_the_api_server_refuses(
    lived: Installation, audit: Path, account: str
) -> None:
    group, resource, verb, start = DROPS[account]
    wanted = Request(group, resource, verb, lived.namespace)
    name = unique("short")
    before = requests(audit, lived, account, "forbid")
    assert wanted not in before

    with taken_away(lived, account, resource, verb):
        start(lived, name)
        eventually(
            lambda: wanted in requests(audit, lived, account, "forbid"),
            within=30,
            what=f"{verb} {resource} refused to the {account}",
        )

    with lived.client() as people:
        if absent(people, name):
            start(lived, name)
        eventually(lambda: people.status(name).phase == "Running", within=90, what="Running")
        lived.kubectl("delete", "ts", name)


@pytest.mark.parametrize("account", ["trainer", "monitor"])
def test_other_accounts_ask_the_api_server_nothing(
    lived: Installation, audit: Path, account: str
) -> None:
    assert events(audit, lived, account) == []
    assert chart_rights(lived, account) == []
