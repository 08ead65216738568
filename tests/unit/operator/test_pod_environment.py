"""What a program finds in its pod: variables, shared memory, scratch space, Secrets."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from operator_state import CONFIG, make_session

from trainyard_api import contract, names
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.manifests import build_job
from trainyard_scheduler.objects.pods import pod_requests

DATASET = orjson.dumps(
    {"state": "Found", "name": "d", "file": "f/g", "format": "csv", "sha256": "0"}
)
TRAINING = {"training": {"task": "tabular-classification"}, "dataset": "d"}


def pod(config: OperatorConfig = CONFIG, **spec: Any) -> dict[str, Any]:
    """The pod template of a session with this spec."""
    user = spec.pop("user", "ada")
    session = replace(make_session("digits", status={"dataset": DATASET}), user=user)
    body = {**({} if "training" in spec else {"command": ["python", "train.py"]}), **spec}
    session = replace(session, spec=replace(session.spec, json=orjson.dumps(body)))
    template: dict[str, Any] = build_job(session, 1, ("n1",), config)["spec"]["template"]
    return template


def variables(config: OperatorConfig = CONFIG, **spec: Any) -> dict[str, str]:
    """The variables; those that Kubernetes fills in with the worker's number are `index`."""
    found = pod(config, **spec)["spec"]["containers"][0]["env"]
    assert len({v["name"] for v in found}) == len(found)
    return {v["name"]: v.get("value", "index") for v in found}


def with_default(**runtime: Any) -> OperatorConfig:
    return replace(CONFIG, pods={"default": replace(CONFIG.pods["default"], **runtime)})


PROCESSES = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_PORT",
    "PET_NNODES", "PET_NPROC_PER_NODE", "PET_NODE_RANK", "PET_MASTER_PORT",
)  # fmt: skip


@pytest.mark.parametrize(
    ("workers", "gpus", "expected"),
    [
        # A single pod is like a machine: libraries take all its GPUs, torchrun a process for each.
        pytest.param(1, 0, {"PET_NNODES": "1", "PET_NPROC_PER_NODE": "1"}, id="cpu"),
        pytest.param(1, 4, {"PET_NNODES": "1", "PET_NPROC_PER_NODE": "4"}, id="four-gpus"),
        pytest.param(
            3,
            1,
            {
                "RANK": "index",
                "WORLD_SIZE": "3",
                "LOCAL_RANK": "0",
                "LOCAL_WORLD_SIZE": "1",
                "NODE_RANK": "index",
                "GROUP_RANK": "index",
                "MASTER_PORT": "29500",
                "PET_NNODES": "3",
                "PET_NPROC_PER_NODE": "1",
                "PET_NODE_RANK": "index",
                "PET_MASTER_PORT": "29500",
            },
            id="three-pods-of-one-gpu",
        ),
        # A launcher starts a process per GPU and gives each its local rank.
        pytest.param(
            2,
            4,
            {
                "RANK": "index",
                "WORLD_SIZE": "2",
                "NODE_RANK": "index",
                "GROUP_RANK": "index",
                "MASTER_PORT": "29500",
                "PET_NNODES": "2",
                "PET_NPROC_PER_NODE": "4",
                "PET_NODE_RANK": "index",
                "PET_MASTER_PORT": "29500",
            },
            id="two-pods-of-four-gpus",
        ),
    ],
)
def test_processes_find_each_other(workers: int, gpus: int, expected: dict[str, str]) -> None:
    found = variables(workers=workers, resources={"gpus": gpus})
    assert {name: found[name] for name in PROCESSES if name in found} == expected
    assert found.get("PET_MASTER_ADDR") == found.get("MASTER_ADDR")
    assert ("MASTER_ADDR" in found) == (workers > 1)


@pytest.mark.parametrize(
    ("cpu", "gpus", "threads"),
    [("500m", 0, "1"), ("1", 1, "1"), ("8", 0, "8"), ("8", 1, "8"), ("8", 4, "2"), ("2", 4, "1")],
)
def test_threads_follow_the_cpus_of_a_process(cpu: str, gpus: int, threads: str) -> None:
    assert variables(resources={"cpu": cpu, "gpus": gpus})["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize(
    ("gpus", "seen"), [(0, "void"), (1, None), (8, None)], ids=["none", "one", "eight"]
)
def test_a_session_without_gpus_sees_none_whatever_its_image_says(
    gpus: int, seen: str | None
) -> None:
    assert variables(resources={"gpus": gpus}).get("NVIDIA_VISIBLE_DEVICES") == seen


def test_the_session_comes_over_its_runtime_and_that_over_the_defaults() -> None:
    config = with_default(env={"COLUMNS": "120", "HF_HOME": "/opt/models", "SITE": "north"})
    found = variables(config, env=[{"name": "COLUMNS", "value": "80"}, {"name": "DEPTH"}])
    assert (found["COLUMNS"], found["HF_HOME"], found["SITE"]) == ("80", "/opt/models", "north")
    assert found["DEPTH"] == ""
    assert found["HOME"] == "/tmp"


CACHES = ("XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME", "TRITON_CACHE_DIR", "MPLCONFIGDIR")


@pytest.mark.parametrize(
    ("user", "kept", "place"),
    [
        pytest.param("ada", True, "/data/cache", id="a-user"),
        pytest.param("../../db", True, "/data/cache", id="any-name-is-safe"),
        pytest.param("", True, "/tmp/.cache", id="nobody"),
        pytest.param("ada", False, "/tmp/.cache", id="switched-off"),
    ],
)
def test_caches_are_kept_by_user(user: str, kept: bool, place: str) -> None:
    config = replace(CONFIG, caches=kept)
    container = pod(config, user=user)["spec"]["containers"][0]
    found = {v["name"]: v.get("value", "") for v in container["env"]}
    mounts = [m for m in container["volumeMounts"] if m["mountPath"] == "/data/cache"]

    assert all(found[name] == place or found[name].startswith(f"{place}/") for name in CACHES)
    assert len({found[name] for name in CACHES}) == len(CACHES)
    assert found["HOME"] == "/tmp"
    assert len(mounts) == (place == "/data/cache")
    for mount in mounts:
        assert re.fullmatch("cache/[0-9a-f]{32}", mount["subPath"])
        assert mount["subPath"].endswith(names.cache_folder(user))


def test_users_share_no_cache() -> None:
    assert names.cache_folder("ada") != names.cache_folder("Ada")


def test_a_value_reaches_the_program_as_it_is() -> None:
    assert variables(env=[{"name": "PRICE", "value": "$(HOME) $5"}])["PRICE"] == "$$(HOME) $$5"


def test_a_secret_is_named_and_its_values_are_nowhere() -> None:
    found = pod(secrets=["hub", "tracker.example"])["spec"]
    container = found["containers"][0]
    assert container["envFrom"] == [
        {"secretRef": {"name": "hub"}},
        {"secretRef": {"name": "tracker.example"}},
    ]
    mounts = {m["name"]: m for m in container["volumeMounts"] if "secret" in m["name"]}
    assert {(m["mountPath"], m["readOnly"]) for m in mounts.values()} == {
        ("/trainyard-secrets/hub", True),
        ("/trainyard-secrets/tracker.example", True),
    }
    volumes = {v["name"]: v["secret"] for v in found["volumes"] if "secret" in v}
    assert {v["secretName"] for v in volumes.values()} == {"hub", "tracker.example"}
    assert volumes.keys() == mounts.keys()
    assert all(v["optional"] and not v["defaultMode"] & 0o007 for v in volumes.values())
    assert all("secret" not in m["name"] for m in found["initContainers"][0]["volumeMounts"])
    assert "envFrom" not in pod()["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("resources", "shm", "scratch", "disk"),
    [
        pytest.param({}, "1024Mi", "1Gi", "1280Mi", id="defaults"),
        pytest.param({"memory": "20000001"}, "10000000", "1Gi", "1280Mi", id="odd-memory"),
        pytest.param({"sharedMemory": "64Mi"}, "64Mi", "1Gi", "1280Mi", id="own-shared-memory"),
        pytest.param({"scratch": "20Gi"}, "1024Mi", "20Gi", "20736Mi", id="own-scratch"),
        pytest.param({"scratch": "999T"}, "1024Mi", "999T", "999000268435456", id="large-scratch"),
    ],
)
def test_space(resources: dict[str, str], shm: str, scratch: str, disk: str) -> None:
    found = pod(resources=resources)["spec"]
    sizes = {v["name"]: v["emptyDir"]["sizeLimit"] for v in found["volumes"] if "emptyDir" in v}
    assert sizes == {"shm": shm, "tmp": scratch, "supervisor": "16Mi"}
    amounts = found["containers"][0]["resources"]
    assert amounts["limits"]["ephemeral-storage"] == disk
    assert amounts["requests"]["ephemeral-storage"] == "64Mi"


def test_a_session_mounts_its_own_bundle_and_no_other() -> None:
    code = {"bundle": "c" * 64, "workingDir": "src", "commit": "a" * 40}
    container = pod(code=code)["spec"]["containers"][0]
    mounts = {m["mountPath"]: m for m in container["volumeMounts"]}
    run = next(e["value"] for e in container["env"] if e["name"] == contract.ENV_RUN)
    assert mounts[contract.CODE_DIR] == {
        "name": "data",
        "mountPath": contract.CODE_DIR,
        "subPath": f"code/bundles/{'c' * 64}",
        "readOnly": True,
    }
    assert orjson.loads(run)["code"] == {"bundle": "c" * 64, "workingDir": "src"}
    assert contract.CODE_DIR not in [
        m["mountPath"] for m in pod()["spec"]["containers"][0]["volumeMounts"]
    ]


def test_the_grace_period_is_the_sessions() -> None:
    assert pod()["spec"]["terminationGracePeriodSeconds"] == 60
    assert pod(gracePeriodSeconds=300)["spec"]["terminationGracePeriodSeconds"] == 300


def test_the_init_container_raises_no_request() -> None:
    """Neither what kube-scheduler counts nor what the queue counts."""
    found = pod(resources={"gpus": 2, "cpu": "50m", "memory": "64Mi"})
    gpus = CONFIG.installation.gpu_resources
    alone = {"spec": {**found["spec"], "initContainers": []}}
    assert pod_requests(found, gpus) == pod_requests(alone, gpus)


def program(template: dict[str, Any]) -> list[str]:
    """What the supervisor starts."""
    args: list[str] = template["spec"]["containers"][0]["args"]
    return args


def test_a_runtime_may_have_its_own_program() -> None:
    config = with_default(command=("lab", "$train"))
    assert program(pod(config, **TRAINING)) == ["lab", "$$train"]
    assert program(pod(**TRAINING)) == ["python3", "-m", "trainyard_trainer"]
    assert program(pod(config)) == ["python", "train.py"]


def test_a_runtime_adds_annotations_and_resources() -> None:
    config = with_default(annotations={"net": "fast"}, resources={"rdma/hca": "1"})
    found = pod(config)
    amounts = found["spec"]["containers"][0]["resources"]
    assert found["metadata"]["annotations"] == {"net": "fast"}
    assert amounts["requests"]["rdma/hca"] == amounts["limits"]["rdma/hca"] == "1"
    assert "annotations" not in pod()["metadata"]


def test_the_supervisor_is_told_the_outputs() -> None:
    outputs = [{"path": "runs/weights", "name": "mine"}, {"path": "$(HOME)/x", "name": "odd"}]
    found = run_of(pod(outputs=outputs))

    # The kubelet makes one $ of two.
    assert found["outputs"] == [outputs[0], {"path": "$$(HOME)/x", "name": "odd"}]
    assert "outputs" not in run_of(pod())
    assert "outputs" not in run_of(pod(outputs=[]))


def run_of(found: dict[str, Any]) -> dict[str, Any]:
    """What `TRAINYARD_RUN` of a pod says."""
    variables = found["spec"]["containers"][0]["env"]
    run: dict[str, Any] = orjson.loads(
        next(e["value"] for e in variables if e["name"] == contract.ENV_RUN)
    )
    return run
