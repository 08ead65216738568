"""The Job that installs packages, whole, and what of it depends on session, runtime and installation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from operator_state import CONFIG, make_session

from trainyard_operator.core.builder_job import build_builder
from trainyard_operator.core.config import EnvironmentConfig
from trainyard_scheduler.objects.builders import parse_builder
from trainyard_scheduler.objects.model import BuilderJob, Session
from trainyard_scheduler.objects.pods import parse_pod

BUNDLE = "c" * 64
POD_UID = "5f0e0a3c-6f67-4f3e-9a0d-2f7d0f6f1a2b"


def session(packages: dict[str, Any], attempt: int = 0, **more: Any) -> Session:
    body = {"command": ["run"], "packages": packages, **more}
    found = make_session("digits", gpus=4, status={"attempt": attempt})
    return replace(found, spec=replace(found.spec, packages=True, json=orjson.dumps(body)))


LINES = session({"requirements": ["einops", "cost$(HOME)"]})
FILE = session({"file": "requirements.txt"}, code={"bundle": BUNDLE}, runtime="special")


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod_of(job)["containers"]
    return dict(found)


def variables(job: dict[str, Any]) -> dict[str, str]:
    return {e["name"]: e.get("value", "") for e in container_of(job)["env"]}


def test_the_job_whole() -> None:
    job = build_builder(LINES, 3, CONFIG)
    labels = {
        "app.kubernetes.io/managed-by": "trainyard",
        "trainyard.io/session": "digits",
        "trainyard.io/component": "environment-builder",
        "trainyard.io/prepares": "uid-digits",
        "trainyard.io/build": "3",
        "trainyard.io/attempt": "1",
    }

    assert job["metadata"]["name"] == "digits-3d6a473d-e3"
    assert job["metadata"]["labels"] == labels
    assert job["metadata"]["ownerReferences"][0]["uid"] == "uid-digits"
    assert job["spec"]["template"]["metadata"] == {"labels": labels}
    assert {k: v for k, v in job["spec"].items() if k != "template"} == {
        "backoffLimit": 0,
        "activeDeadlineSeconds": 3600,
        "podReplacementPolicy": "Failed",
        "ttlSecondsAfterFinished": 86400,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": "builder", "operator": "NotIn", "values": [0]},
                },
            ]
        },
    }


def test_its_program_gets_what_the_session_asks_for_as_it_is_written() -> None:
    build = ["python3", "-I", "-S", "/trainyard-builder/environment.pyz", "build"]
    where = ["--environments", "/data/environments", "--image"]
    command = ["python3", "-I", "-S", "/trainyard/supervisor.pyz", "--"]

    lines = container_of(build_builder(LINES, 1, CONFIG))
    file = container_of(build_builder(FILE, 1, CONFIG))

    asked = json.dumps(["einops", "cost$$(HOME)"], separators=(",", ":"))
    image, special = "trainyard/trainer:1", "trainyard/special:1"
    assert (lines["command"], file["command"]) == (command, command)
    assert lines["args"] == [*build, *where, image, "--requirements-json", asked]
    code = ["--code", "/data/code", "--file", "requirements.txt"]
    assert file["args"] == [*build, *where, special, *code]
    assert (lines["image"], file["image"]) == (image, special)


def test_it_takes_no_gpu_and_sees_none() -> None:
    for waits in (LINES, FILE):
        job = build_builder(waits, 1, CONFIG)
        asked = [
            c["resources"][kind]
            for c in (*pod_of(job)["initContainers"], *pod_of(job)["containers"])
            for kind in ("requests", "limits")
        ]
        assert all(a.keys() == {"cpu", "memory", "ephemeral-storage"} for a in asked)
        assert "runtimeClassName" not in pod_of(job)
        assert variables(job)["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_it_goes_where_the_image_of_its_runtime_goes() -> None:
    pod = pod_of(build_builder(FILE, 1, CONFIG))

    assert pod["nodeSelector"] == {"gpu": "amd"}
    assert pod["tolerations"] == [{"key": "amd", "operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "pull"}]


def test_of_the_volume_it_mounts_only_the_packages_and_the_code() -> None:
    def of_data(waits: Session) -> set[tuple[str, str, bool]]:
        mounts = container_of(build_builder(waits, 1, CONFIG))["volumeMounts"]
        return {
            (m["mountPath"], m["subPath"], m.get("readOnly", False))
            for m in mounts
            if m["name"] == "data"
        }

    packages = ("/data/environments", "environments", False)
    assert of_data(LINES) == {packages}
    assert of_data(FILE) == {packages, ("/data/code", f"code/bundles/{BUNDLE}", True)}


def test_pods_keep_to_pod_security_restricted() -> None:
    pod = pod_of(build_builder(LINES, 1, CONFIG))

    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (*pod["initContainers"], *pod["containers"]):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_its_init_containers_bring_the_supervisor_and_the_installer() -> None:
    first, second = pod_of(build_builder(LINES, 1, CONFIG))["initContainers"]

    assert (first["name"], second["name"]) == ("supervisor", "installer")
    assert second["command"] == [
        "python3", "-m", "trainyard_environment", "install", "/trainyard-builder",
    ]  # fmt: skip
    assert first["image"] == second["image"] == "trainyard/operator:1"


def test_it_reports_as_one_stream_for_each_pod_and_as_the_attempt_that_follows() -> None:
    job = build_builder(session({"requirements": ["a$b"]}, attempt=2), 1, CONFIG)
    env = container_of(job)["env"]
    order = [e["name"] for e in env]
    run = json.loads(variables(job)["TRAINYARD_RUN"].replace("$(TRAINYARD_POD_UID)", POD_UID))

    assert (run["uid"], run["attempt"]) == ("uid-digits", 3)
    assert run["stream"] == f"builder-{POD_UID}"
    assert order.index("TRAINYARD_POD_UID") < order.index("TRAINYARD_RUN")
    assert variables(job)["TRAINYARD_PROGRESS"] == "off"


def test_the_index_and_its_credentials_are_the_administrators() -> None:
    chosen = EnvironmentConfig(
        index_url="https://index.example/simple",
        ca_config_map="ca",
        credentials_secret="index",
        max_bytes=10,
        limits={"memory": "8Gi"},
    )
    job = build_builder(LINES, 1, replace(CONFIG, environments=chosen))
    secrets = {
        e["name"]: e["valueFrom"]["secretKeyRef"]
        for e in container_of(job)["env"]
        if "secretKeyRef" in e.get("valueFrom", {})
    }

    assert variables(job)["TRAINYARD_INDEX_URL"] == "https://index.example/simple"
    assert variables(job)["TRAINYARD_INDEX_CA"] == "/etc/trainyard-index/ca.crt"
    assert variables(job)["TRAINYARD_ENVIRONMENTS_MAX_BYTES"] == "10"
    assert secrets == {
        "UV_INDEX_TRAINYARD_USERNAME": {"name": "index", "key": "username"},
        "UV_INDEX_TRAINYARD_PASSWORD": {"name": "index", "key": "password"},
    }
    assert container_of(job)["resources"]["limits"]["memory"] == "8Gi"


KEYS = {"items": [{"key": "bundle.crt", "path": "ca.crt"}], "optional": True}


@pytest.mark.parametrize(
    ("chosen", "volume", "called"),
    [
        (
            EnvironmentConfig(ca_config_map="a", ca_key="bundle.crt"),
            {"configMap": {"name": "a", **KEYS}},
            "the key bundle.crt of ConfigMap a",
        ),
        (
            EnvironmentConfig(ca_secret="b", ca_key="bundle.crt"),
            {"secret": {"secretName": "b", **KEYS}},
            "the key bundle.crt of Secret b",
        ),
    ],
    ids=["a ConfigMap", "a Secret"],
)
def test_the_authorities_of_the_index_are_one_key_that_the_builder_looks_for(
    chosen: EnvironmentConfig, volume: dict[str, Any], called: str
) -> None:
    """Optional, so that the pod starts without it and says so; the kubelet would wait for it."""
    job = build_builder(LINES, 1, replace(CONFIG, environments=chosen))

    volumes = {v["name"]: v for v in pod_of(job)["volumes"]}
    mounts = {m["name"]: m for m in container_of(job)["volumeMounts"]}
    assert volumes["index-ca"] == {"name": "index-ca", **volume}
    assert mounts["index-ca"] == {
        "name": "index-ca",
        "mountPath": "/etc/trainyard-index",
        "readOnly": True,
    }
    assert variables(job)["TRAINYARD_INDEX_CA_SOURCE"] == called


def test_without_an_index_of_ones_own_there_is_neither() -> None:
    job = build_builder(LINES, 1, CONFIG)

    assert variables(job)["TRAINYARD_INDEX_URL"] == variables(job)["TRAINYARD_INDEX_CA"] == ""
    assert "index-ca" not in {v["name"] for v in pod_of(job)["volumes"]}


def test_operator_and_gateway_know_it_again() -> None:
    job = build_builder(LINES, 2, CONFIG)
    meta = {**job["metadata"], "uid": "j", "resourceVersion": "5"}
    raw = {**job, "metadata": meta}
    owner = {"kind": "Job", "uid": "j", "controller": True}
    pod = {
        "metadata": {
            **job["spec"]["template"]["metadata"],
            "name": "p", "uid": "p", "resourceVersion": "6", "ownerReferences": [owner],
        },
        "spec": pod_of(job),
        "status": {"phase": "Running"},
    }  # fmt: skip

    found = parse_builder(raw)
    seen = parse_pod(pod, ("nvidia.com/gpu",))

    assert found == BuilderJob(
        "j", "digits-3d6a473d-e2", "uid-digits", 2, 5, 0.0, image="trainyard/trainer:1"
    )
    assert (seen.prepares, seen.session_uid, seen.job_uid) == ("uid-digits", "", "j")
    assert seen.requests[-1] == 0, "it requests no GPU"


def test_a_job_of_another_name_or_without_an_owner_is_none() -> None:
    job = build_builder(LINES, 2, CONFIG)
    meta = {**job["metadata"], "uid": "j", "resourceVersion": "5"}

    assert parse_builder({**job, "metadata": {**meta, "name": "other"}}) is None
    assert parse_builder({**job, "metadata": {**meta, "ownerReferences": []}}) is None
    assert parse_builder({**job, "metadata": {**meta, "labels": {}}}) is None
