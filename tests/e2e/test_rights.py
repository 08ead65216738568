"""The rights of operator and gateway are those that they use: no verb is missing, none is left over.

The witness is the API server's own audit log: what is used and not granted shows there as forbidden, what is only granted not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import api_client
from installation import RELEASE, Installation, installed, unique
from kubernetes import client
from poll import eventually

from trainyard import errors
from trainyard.client import Client
from trainyard_api import names
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

Right = tuple[str, str, str]
"""API group, resource with its subresource, verb."""
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


def granted(release: Installation, account: str) -> set[Right]:
    """What the chart's roles allow an account."""
    objects = [o for o in yaml.safe_load_all(release.helm("get", "manifest", RELEASE)) if o]
    roles = {
        binding["roleRef"]["name"]
        for binding in objects
        if binding["kind"].endswith("RoleBinding")
        and any(s["name"] == account for s in binding["subjects"])
    }
    return {
        (group, resource, verb)
        for role in objects
        if role["kind"] in ("Role", "ClusterRole") and role["metadata"]["name"] in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def requests(log: Path, release: Installation, account: str) -> list[dict[str, Any]]:
    """What an account asked of the API server about objects."""
    user = f"system:serviceaccount:{release.namespace}:{account}"
    lines = (line for line in log.read_text().splitlines() if user in line)
    found = [json.loads(line) for line in lines]
    return [e for e in found if e["user"]["username"] == user and "objectRef" in e]


def right(event: dict[str, Any]) -> Right:
    ref = event["objectRef"]
    resource = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
    return ref.get("apiGroup", ""), resource, event["verb"]


def decision(event: dict[str, Any]) -> str:
    return str(event["annotations"]["authorization.k8s.io/decision"])


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
    eventually(lambda: people.status(gang).finished, within=60, what="the gang stopped")
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
    wanted = ("trainyard.io", "trainingsessions", "get")
    with api_client(release.kubeconfig) as api:
        sessions = client.CustomObjectsApi(api)

        def hurry() -> bool:
            for turn in range(100):
                state = ("Suspended", "Running")[turn % 2]
                sessions.patch_namespaced_custom_object(*place, {"spec": {"desiredState": state}})
            return wanted in {right(e) for e in requests(log, release, f"{RELEASE}-operator")}

        eventually(hurry, within=60, what="a status write that came too late")
    release.kubectl("delete", "ts", name)


def test_every_right_is_used_and_every_used_right_is_granted(
    release: Installation, audit: Path, tmp_path: Path
) -> None:
    with release.client() as people:
        live(release, people, tmp_path)
    disturb(release, audit)

    for account in (f"{RELEASE}-operator", f"{RELEASE}-gateway"):
        asked = requests(audit, release, account)
        # A pod may ask before the API server knows its role: what counts is what it was never allowed.
        allowed = {right(e) for e in asked if decision(e) == "allow"}
        refused = {right(e) for e in asked if decision(e) != "allow"} - allowed
        assert (account, refused, granted(release, account) - allowed) == (account, set(), set())


@pytest.mark.parametrize("account", ["trainer", "monitor"])
def test_other_accounts_ask_the_api_server_nothing(
    release: Installation, audit: Path, account: str
) -> None:
    assert requests(audit, release, f"{RELEASE}-{account}") == []
    assert granted(release, f"{RELEASE}-{account}") == set()
