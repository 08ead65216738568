"""The Job and the Service, whole."""

from __future__ import annotations

import json
from dataclasses import replace

import orjson
from operator_state import CONFIG, make_session

from trainyard_operator.core.manifests import build_job, build_service
from trainyard_scheduler.objects.model import Session

LABELS = {
    "app.kubernetes.io/managed-by": "trainyard",
    "trainyard.io/session": "digits",
    "trainyard.io/session-uid": "uid-digits",
}
OWNER = {
    "apiVersion": "trainyard.io/v1alpha1",
    "kind": "TrainingSession",
    "name": "digits",
    "uid": "uid-digits",
    "controller": True,
    "blockOwnerDeletion": False,
}
SUPERVISOR = ["python3", "-I", "-S", "/trainyard/supervisor.pyz", "--"]
NAME = "digits-3d6a473d-2"


def trained(**spec: object) -> Session:
    dataset = {"name": "digits", "file": "7/digits.csv", "format": "csv", "sha256": "0" * 64}
    session = make_session(
        "digits", status={"dataset": orjson.dumps({"state": "Found", **dataset})}
    )
    whole = {
        "training": {"task": "tabular-classification"},
        "dataset": "digits",
        "resources": {"gpus": 2, "cpu": "3", "memory": "4Gi", "sharedMemory": "1Gi"},
        **spec,
    }
    return replace(session, spec=replace(session.spec, json=orjson.dumps(whole)))


def test_a_job_whole() -> None:
    job = build_job(trained(), 2, ("n1",), CONFIG)
    environment = job["spec"]["template"]["spec"]["containers"][0].pop("env")
    labels = {**LABELS, "trainyard.io/attempt": "2"}
    prepared = {"cpu": "3", "memory": "4Gi"}
    amounts = {**prepared, "nvidia.com/gpu": "2"}
    assert job == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": NAME,
            "namespace": "ns",
            "labels": labels,
            "annotations": {"trainyard.io/nodes": "n1", "trainyard.io/backfilled": "false"},
            "ownerReferences": [OWNER],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": 604800,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                    },
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": "trainer",
                            "operator": "NotIn",
                            "values": [0],
                        },
                    },
                ]
            },
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 60,
                    "serviceAccountName": "trainyard-trainer",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "runAsGroup": 10001,
                        "fsGroup": 10001,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "affinity": {
                        "nodeAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {
                                    "weight": 100,
                                    "preference": {
                                        "matchFields": [
                                            {
                                                "key": "metadata.name",
                                                "operator": "In",
                                                "values": ["n1"],
                                            }
                                        ]
                                    },
                                }
                            ]
                        }
                    },
                    "initContainers": [
                        {
                            "name": "supervisor",
                            "image": "trainyard/operator:1",
                            "imagePullPolicy": "IfNotPresent",
                            "command": [
                                "python3",
                                "-S",
                                "-m",
                                "trainyard_supervisor",
                                "install",
                                "/trainyard",
                            ],
                            "resources": {
                                "requests": {**prepared, "ephemeral-storage": "64Mi"},
                                "limits": {**prepared, "ephemeral-storage": "1280Mi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                            "volumeMounts": [{"name": "supervisor", "mountPath": "/trainyard"}],
                        }
                    ],
                    "containers": [
                        {
                            "name": "trainer",
                            "image": "trainyard/trainer:1",
                            "imagePullPolicy": "IfNotPresent",
                            "command": SUPERVISOR,
                            "args": ["python3", "-m", "trainyard_trainer"],
                            "workingDir": "/data/run",
                            "resources": {
                                "requests": {**amounts, "ephemeral-storage": "64Mi"},
                                "limits": {**amounts, "ephemeral-storage": "1280Mi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                            "volumeMounts": [
                                {
                                    "name": "data",
                                    "mountPath": "/data/datasets/digits",
                                    "subPath": "datasets/7",
                                    "readOnly": True,
                                },
                                {
                                    "name": "data",
                                    "mountPath": "/data/run",
                                    "subPath": "runs/uid-digits",
                                },
                                {
                                    "name": "token",
                                    "mountPath": "/var/run/secrets/trainyard",
                                    "readOnly": True,
                                },
                                {"name": "tmp", "mountPath": "/tmp"},
                                {"name": "shm", "mountPath": "/dev/shm"},
                                {
                                    "name": "supervisor",
                                    "mountPath": "/trainyard",
                                    "readOnly": True,
                                },
                            ],
                        }
                    ],
                    "volumes": [
                        {
                            "name": "data",
                            "persistentVolumeClaim": {"claimName": "trainyard-data"},
                        },
                        {
                            "name": "token",
                            "projected": {
                                "sources": [
                                    {
                                        "serviceAccountToken": {
                                            "audience": "trainyard-gateway",
                                            "expirationSeconds": 3600,
                                            "path": "token",
                                        }
                                    }
                                ]
                            },
                        },
                        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
                        {
                            "name": "shm",
                            "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"},
                        },
                        {"name": "supervisor", "emptyDir": {"sizeLimit": "16Mi"}},
                    ],
                },
            },
        },
    }
    values = {e["name"]: e["value"] for e in environment}
    run = json.loads(values.pop("TRAINYARD_RUN"))
    assert values == {
        "TRAINYARD_GATEWAY_URL": "http://trainyard-gateway.ns.svc",
        "TRAINYARD_TOKEN_FILE": "/var/run/secrets/trainyard/token",
        "TRAINYARD_GRACE_SECONDS": "60",
        "TRAINYARD_DATASETS_DIR": "/data/datasets",
        "HOME": "/tmp",
        "USER": "trainyard",
        "LOGNAME": "trainyard",
        "XDG_CACHE_HOME": "/tmp/.cache",
        "HF_HOME": "/tmp/.cache/huggingface",
        "TORCH_HOME": "/tmp/.cache/torch",
        "TRITON_CACHE_DIR": "/tmp/.cache/triton",
        "MPLCONFIGDIR": "/tmp/.cache/matplotlib",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
        "TQDM_MININTERVAL": "5",
        "OMP_NUM_THREADS": "1",
        "PET_NNODES": "1",
        "PET_NPROC_PER_NODE": "2",
    }
    assert run.pop("training")["task"] == "tabular-classification"
    assert run == {
        "session": "digits",
        "namespace": "ns",
        "uid": "uid-digits",
        "attempt": 2,
        "workers": 1,
        "gpus": 2,
        "outputModel": "digits",
        "dataset": {
            "name": "digits",
            "file": "digits/digits.csv",
            "format": "csv",
            "sha256": "0" * 64,
        },
    }


def test_a_gang_gets_its_rendezvous() -> None:
    session = trained(workers=3)
    job = build_job(session, 1, ("n1", "n1", "n2"), CONFIG)
    pod = job["spec"]["template"]["spec"]
    service = build_service(session, CONFIG)
    environment = {e["name"]: e for e in pod["containers"][0]["env"]}
    assert (job["spec"]["completions"], job["spec"]["parallelism"]) == (3, 3)
    assert environment["WORLD_SIZE"]["value"] == "3"
    assert environment["MASTER_PORT"]["value"] == "29500"
    first = f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert environment["MASTER_ADDR"]["value"] == first
    path = environment["RANK"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.labels['batch.kubernetes.io/job-completion-index']"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert (
        len(pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]) == 2
    )
    assert service == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": pod["subdomain"],
            "namespace": "ns",
            "labels": LABELS,
            "ownerReferences": [OWNER],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"trainyard.io/session-uid": "uid-digits"},
            "ports": [{"name": "rendezvous", "port": 29500}],
        },
    }


def test_own_program_in_a_special_runtime_without_gpus() -> None:
    session = make_session("digits")
    spec = {
        "command": ["python", "train.py", "{if-checkpoint}", "{latest-checkpoint}", "{end}"],
        "runtime": "special",
        "resources": {"gpus": 0},
        "resume": "auto",
        "resumeFrom": {"session": "old", "checkpoint": "best"},
    }
    session = replace(session, spec=replace(session.spec, json=orjson.dumps(spec)))
    pod = build_job(session, 1, ("n1",), CONFIG, resume_uid="u-old", backfilled=True)["spec"][
        "template"
    ]["spec"]
    container = pod["containers"][0]
    # The supervisor replaces what stands in braces.
    assert (container["command"], container["args"]) == (SUPERVISOR, spec["command"])
    assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert pod["nodeSelector"] == {"gpu": "amd"}
    assert pod["tolerations"] == [{"key": "amd", "operator": "Exists"}]
    assert pod["runtimeClassName"] == "amd"
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    resume = container["volumeMounts"][-1]
    assert (resume["subPath"], resume["readOnly"]) == ("runs/u-old", True)
    run = json.loads({e["name"]: e.get("value") for e in container["env"]}["TRAINYARD_RUN"])
    assert "u-old" in json.dumps(run)
    assert run["resume"] == "auto"


def test_pods_of_a_runtime_that_may_reach_the_internet_say_so() -> None:
    opened = replace(CONFIG, pods={"default": replace(CONFIG.pods["default"], egress=True)})

    closed_job, open_job = (build_job(trained(), 1, ("n1",), c) for c in (CONFIG, opened))

    assert "trainyard.io/egress" not in closed_job["spec"]["template"]["metadata"]["labels"]
    assert open_job["spec"]["template"]["metadata"]["labels"]["trainyard.io/egress"] == "internet"
    assert "trainyard.io/egress" not in open_job["metadata"]["labels"]


def test_installed_packages_are_mounted_and_named() -> None:
    session = trained(command=["run"], training=None)
    lock = "a" * 64
    prepared = replace(session, status=replace(session.status, environment=lock))

    plain, over = (
        build_job(s, 1, ("n1",), CONFIG)["spec"]["template"]["spec"]["containers"][0]
        for s in (session, prepared)
    )

    mount = {
        "name": "data", "mountPath": "/trainyard-environment",
        "subPath": f"environments/{lock}", "readOnly": True,
    }  # fmt: skip
    variable = {"name": "TRAINYARD_ENVIRONMENT_DIR", "value": "/trainyard-environment"}
    assert mount in over["volumeMounts"]
    assert mount not in plain["volumeMounts"]
    assert variable in over["env"]
    assert variable not in plain["env"]
