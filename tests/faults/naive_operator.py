"""A textbook kopf operator for TrainingSessions: the naive baseline of the fault suite. It is no part of the product.

It is written as tutorials write operators: a handler for creation makes the Job with a generated name and stores that name in the
status; a handler for Jobs copies their end into the status; a handler for the wish of the owner deletes the Job. What is in use is
counted from the statuses of the sessions. It runs each session once and knows no retries, preemption, datasets or packages.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import sys
from typing import Any

import kopf
import kubernetes
import yaml

GROUP, VERSION, PLURAL = "trainyard.io", "v1alpha1", "trainingsessions"
GPU = "nvidia.com/gpu"
GPUS = 4
CONFIG: dict[str, Any] = {}


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    """As tutorials have it, without Events."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    kubernetes.config.load_kube_config(os.environ["KUBECONFIG"])


@kopf.on.login()
def login(**_: object) -> kopf.ConnectionInfo:
    """The proxy asks for no credentials."""
    configuration = kubernetes.client.Configuration.get_default_copy()
    return kopf.ConnectionInfo(server=configuration.host)


@kopf.on.create(GROUP, VERSION, PLURAL)
def create(  # kopf's arguments
    body: kopf.Body, spec: kopf.Spec, meta: kopf.Meta, name: str, patch: kopf.Patch, **_: object
) -> None:
    """Start the Job as soon as enough GPUs are free."""
    workers, gpus = spec.get("workers", 1), spec.get("resources", {}).get("gpus", 0)
    if used() + workers * gpus > GPUS:
        patch.status["phase"] = "Queued"
        raise kopf.TemporaryError("not enough GPUs are free", delay=1)
    job = manifest(name, spec, workers, gpus, meta)
    kopf.adopt(job, owner=body)
    made = kubernetes.client.BatchV1Api().create_namespaced_job(CONFIG["namespace"], job)
    patch.status.update(
        phase="Running",
        jobName=made.metadata.name,
        attempt=1,
        gpus=gpus,
        observedGeneration=meta["generation"],
    )


def used() -> int:
    """GPUs of sessions that run, as their statuses say."""
    found = kubernetes.client.CustomObjectsApi().list_namespaced_custom_object(
        GROUP, VERSION, CONFIG["namespace"], PLURAL
    )
    running = [s for s in found["items"] if (s.get("status") or {}).get("phase") == "Running"]
    return sum(s["spec"].get("workers", 1) * s["spec"]["resources"].get("gpus", 0) for s in running)


def manifest(
    name: str, spec: kopf.Spec, workers: int, gpus: int, meta: kopf.Meta
) -> dict[str, Any]:
    """The Job of a session."""
    runtime = CONFIG["runtimes"]["default"]
    labels = {
        "trainyard.io/session": name,
        "trainyard.io/session-uid": meta["uid"],
        "trainyard.io/attempt": "1",
    }
    amounts = {"cpu": "1", "memory": "1Gi", GPU: str(gpus)}
    container = {
        "name": "trainer",
        "image": runtime["image"],
        "command": list(spec["command"]),
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "nodeSelector": runtime["nodeSelector"],
        "tolerations": runtime["tolerations"],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{name}-", "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "parallelism": workers,
            "completions": workers,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@kopf.on.event("batch", "v1", "jobs", labels={"trainyard.io/session": kopf.PRESENT})
def job_changed(body: kopf.Body, labels: kopf.Labels, **_: object) -> None:
    """Copy the end of the Job into the status."""
    ended = {
        c["type"] for c in body.get("status", {}).get("conditions", ()) if c["status"] == "True"
    }
    phase = "Succeeded" if "Complete" in ended else "Failed" if "Failed" in ended else None
    if phase is None:
        return
    time = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        kubernetes.client.CustomObjectsApi().patch_namespaced_custom_object_status(
            GROUP, VERSION, CONFIG["namespace"], PLURAL, labels["trainyard.io/session"],
            {"status": {"phase": phase, "completionTime": time}},
        )  # fmt: skip
    except kubernetes.client.ApiException as error:
        if error.status != 404:
            raise


@kopf.on.field(GROUP, VERSION, PLURAL, field="spec.desiredState", new="Stopped")
def stop(status: kopf.Status, meta: kopf.Meta, patch: kopf.Patch, **_: object) -> None:
    """Delete the Job."""
    if status.get("jobName"):
        kubernetes.client.BatchV1Api().delete_namespaced_job(
            status["jobName"], CONFIG["namespace"], propagation_policy="Background"
        )
    patch.status["phase"] = "Stopped"
    patch.status["observedGeneration"] = meta["generation"]


def main(arguments: list[str]) -> int:
    """`--config operator.yaml`, as the real operator."""
    with open(arguments[1]) as file:  # noqa: PTH123  # a tutorial's way
        CONFIG.update(yaml.safe_load(file))
    asyncio.run(kopf.operator(namespaces=[CONFIG["namespace"]], standalone=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
