"""Objects of the API server in JSON, as operator and gateway list them. Nothing here knows either program."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

NOW = 1_800_000_000.0
NAMESPACE = "ns"
GPU, AMD = "nvidia.com/gpu", "amd.com/gpu"


def at(offset: float) -> str:
    """`NOW` plus `offset` seconds, as the API server writes it."""
    return datetime.fromtimestamp(NOW + offset, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def meta(name: str, version: int = 7, **more: Any) -> Json:
    """Metadata; the UID is made of the name."""
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": at(-1000),
        **more,
    }


def node(name: str, gpus: int = 4, *, cpu: str = "64", kind: str = GPU, **spec: Any) -> Json:
    """A node that is ready. `spec` may have `unschedulable` and `taints`."""
    allocatable = {"cpu": cpu, "memory": "256Gi", "pods": "110", kind: str(gpus)}
    return {
        "metadata": meta(name, labels={"gpu": "amd"} if kind == AMD else {}),
        "spec": spec,
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def queue(name: str = "default", **spec: Any) -> Json:
    """A TrainingQueue."""
    return {"metadata": meta(name), "spec": spec}


def session(
    name: str,
    status: Json | None = None,
    *,
    gpus: int = 1,
    version: int = 7,
    user: str = "",
    metadata: Json | None = None,
    **spec: Any,
) -> Json:
    """A TrainingSession of people's own program, with the defaults that the API server fills in."""
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    return {
        "metadata": meta(name, version, labels={"trainyard.io/user": user}) | (metadata or {}),
        "spec": {"command": ["run"], "resources": resources} | spec,
        "status": status or {},
    }


def job(owner: Json, attempt: int = 1, nodes: tuple[str, ...] = ("n1",), **more: Any) -> Json:
    """The Job of an attempt of session `owner`; `more` may have `backfilled`, `conditions`, `metadata`."""
    name, uid = owner["metadata"]["name"], owner["metadata"]["uid"]
    labels = {
        "app.kubernetes.io/managed-by": "trainyard",
        "trainyard.io/session": name,
        "trainyard.io/session-uid": uid,
        "trainyard.io/attempt": str(attempt),
    }
    annotations = {
        "trainyard.io/nodes": ",".join(nodes),
        "trainyard.io/backfilled": "true" if more.get("backfilled") else "false",
    }
    short = hashlib.sha256(uid.encode()).hexdigest()[:8]
    owners = [{"kind": "TrainingSession", "name": name, "uid": uid, "controller": True}]
    found = meta(
        f"{name}-{short}-{attempt}",
        labels=labels,
        annotations=annotations,
        ownerReferences=owners,
    )
    container = {"name": "trainer", "resources": {"limits": _limits(owner)}}
    return {
        "metadata": found | more.get("metadata", {}),
        "spec": {
            "completions": owner["spec"].get("workers", 1),
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        "status": {"conditions": more.get("conditions", [])},
    }


def pod(of: Json, worker: int = 0, on: str | None = "n1", phase: str = "Running") -> Json:
    """A pod of Job `of`, bound to node `on` unless that is None."""
    index = {"batch.kubernetes.io/job-completion-index": str(worker)}
    labels = of["metadata"]["labels"] | index
    owners = [
        {
            "kind": "Job",
            "name": of["metadata"]["name"],
            "uid": of["metadata"]["uid"],
            "controller": True,
        }
    ]
    spec = dict(of["spec"]["template"]["spec"])
    if on is not None:
        spec["nodeName"] = on
    name = f"{of['metadata']['name']}-{worker}"
    return {
        "metadata": meta(name, labels=labels, ownerReferences=owners),
        "spec": spec,
        "status": {"phase": phase},
    }


def foreign_pod(name: str, on: str, gpus: int) -> Json:
    """A pod of someone else, outside the namespace."""
    container = {"name": "x", "resources": {"limits": {GPU: str(gpus)}}}
    return {
        "metadata": meta(name, namespace="elsewhere"),
        "spec": {"nodeName": on, "containers": [container]},
        "status": {"phase": "Running"},
    }


def _limits(owner: Json) -> Json:
    resources = owner["spec"]["resources"]
    resource = AMD if owner["spec"].get("runtime") == "special" else GPU
    limits = {k: resources[k] for k in ("cpu", "memory") if k in resources}
    return limits | ({resource: str(resources["gpus"])} if resources.get("gpus") else {})


def running(name: str, gpus: int = 1, *, ran: float = 1000, **more: Any) -> list[Json]:
    """A session whose first attempt has run for `ran` seconds on n1, with its Job and pod."""
    status = {
        "phase": "Running",
        "attempt": 1,
        "queuedTime": at(-ran - 10),
        "attemptStartTime": at(-ran),
    } | more.pop("status", {})
    owner = session(name, status, gpus=gpus, **more)
    its = job(owner, status["attempt"])
    return [owner, its, pod(its)]
