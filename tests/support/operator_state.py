"""Builders of small cluster states for scheduler and operator core."""

from __future__ import annotations

from typing import Any

import orjson

from trainyard_api import names, timestamps
from trainyard_api.phase import DesiredState, Phase
from trainyard_operator.core.config import OperatorConfig, PodConfig
from trainyard_scheduler.facts import Node, Policy, QueueRules, Runtime, Shape, Toleration
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import (
    BuilderJob,
    Job,
    Pod,
    Queue,
    Session,
    SessionSpec,
    SessionStatus,
)
from trainyard_scheduler.objects.store import ClusterState

NOW = 1_800_000_000.0
GIB = 2**30

INSTALLATION = InstallationConfig(
    runtimes={
        "default": Runtime("default"),
        "special": Runtime(
            "special", 1, frozenset({("gpu", "amd")}), (Toleration("amd", "Exists"),)
        ),
    },
    gpu_resources=("nvidia.com/gpu", "amd.com/gpu"),
    policy=Policy(),
)

CONFIG = OperatorConfig(
    namespace="ns",
    gateway_url="http://trainyard-gateway.ns.svc",
    data_claim="trainyard-data",
    trainer_service_account="trainyard-trainer",
    supervisor_image="trainyard/operator:1",
    pods={
        "default": PodConfig("trainyard/trainer:1"),
        "special": PodConfig(
            "trainyard/special:1",
            gpu_resource="amd.com/gpu",
            node_selector={"gpu": "amd"},
            tolerations=({"key": "amd", "operator": "Exists"},),
            runtime_class="amd",
            image_pull_secrets=("pull",),
        ),
    },
    installation=INSTALLATION,
)


def amount(gpus: int = 0, cpu: int = 1000, cache: int = GIB, pods: int = 1) -> tuple[int, ...]:
    """pods, millicores, bytes, NVIDIA GPUs, AMD GPUs."""
    return (pods, cpu, cache, gpus, 0)


def node(name: str = "n1", gpus: int = 4, cpu: int = 64_000, **more: Any) -> Node:
    """A big node."""
    return Node(name, amount(gpus, cpu, 256 * GIB, 110), **more)


def shape(gpus: int = 1, workers: int = 1, runtime: str = "default", cpu: int = 1000) -> Shape:
    """One CPU and a GiB beside the GPUs."""
    return Shape(amount(gpus, cpu), workers, runtime)


def make_session(
    name: str = "s1",
    *,
    gpus: int = 1,
    workers: int = 1,
    phase: Phase | None = None,
    desired: DesiredState = DesiredState.RUNNING,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
    **more: Any,
) -> Session:
    """A session of people's own program; `spec`, `status`, `own` change fields of the spec, the status, its raw form."""
    body = {
        "command": ["run"],
        "resources": {"gpus": gpus, "cpu": "1", "memory": "1Gi"},
        "workers": workers,
    }
    raw = {**({"phase": phase.value} if phase else {}), **(own or {})}
    fields = {
        "desired": desired,
        "priority": 0,
        "queue": "default",
        "runtime": "default",
        "shape": shape(gpus, workers),
        "datasets": (),
        "resume_session": None,
        "retry_limit": 3,
        "backoff_seconds": 10,
        "max_runtime": None,
        "stall_timeout": None,
        "ttl": None,
        "kind": 1,
        "json": orjson.dumps(body),
        **(spec or {}),
    }
    return Session(
        **{
            "uid": f"uid-{name}",
            "name": name,
            "user": "",
            "created": NOW - 100,
            "generation": 1,
            "version": 7,
            "deleting": False,
            "spec": SessionSpec(**fields),
            "status": SessionStatus(**{"phase": phase, "own": orjson.dumps(raw), **(status or {})}),
            **more,
        }
    )


def make_job(session: Session, attempt: int = 1, **more: Any) -> Job:
    """The Job of an attempt, on node n1."""
    return Job(
        **{
            "uid": f"job-{session.name}-{attempt}",
            "name": names.job_name(session.name, session.uid, attempt),
            "session_uid": session.uid,
            "attempt": attempt,
            "version": 8,
            "created": NOW - 50,
            "workers": session.spec.shape.workers,
            "worker": session.spec.shape.worker,
            "nodes": ("n1",) * session.spec.shape.workers,
            **more,
        }
    )


def make_pod(job: Job, session: Session, phase: str = "Running", **more: Any) -> Pod:
    """A pod of `job`, bound to n1 unless it is Pending."""
    live = phase in ("Pending", "Running")
    worker = more.get("worker", 0)
    fields = {
        "uid": f"pod-{job.name}-{worker}",
        "name": f"{job.name}-{worker}",
        "version": 9,
        "node": "n1" if live and phase == "Running" else None,
        "assigned": "n1" if phase != "Pending" else "",
        "requests": session.spec.shape.worker,
        "session_uid": session.uid,
        "job_uid": job.uid,
        "attempt": job.attempt,
        "preferred_nodes": tuple(dict.fromkeys(job.nodes)),
        "phase": phase,
        "started": NOW - 40 if phase != "Pending" else None,
        **more,
    }
    return Pod(**fields)


def make_builder(session: Session, number: int = 1, **more: Any) -> BuilderJob:
    """The Job that installs the session's packages."""
    return BuilderJob(
        **{
            "uid": f"builder-{session.name}-{number}",
            "name": names.builder_name(session.name, session.uid, number),
            "session_uid": session.uid,
            "number": number,
            "version": 8,
            "created": NOW - 50,
            "image": "trainyard/trainer:1",
            **more,
        }
    )


def make_builder_pod(job: BuilderJob, phase: str = "Running", **more: Any) -> Pod:
    """Its pod; it requests a CPU and a GiB of n1."""
    live = phase in ("Pending", "Running")
    return Pod(
        **{
            "uid": f"pod-{job.uid}",
            "name": f"{job.name}-abcde",
            "version": 9,
            "node": "n1" if phase == "Running" else None,
            "requests": amount(),
            "prepares": job.session_uid,
            "job_uid": job.uid,
            "phase": phase,
            "started": NOW - 40 if not live or phase == "Running" else None,
            **more,
        }
    )


def make_state(
    *items: Any, queues: tuple[QueueRules, ...] = (QueueRules("default"),)
) -> ClusterState:
    """A cluster state of sessions, Jobs, pods and nodes (n1 with 4 GPUs if none is given)."""
    state = ClusterState()
    for rules in queues:
        state.put_queue(Queue(f"q-{rules.name}", rules.name, 1, 1, rules))
    if not any(isinstance(item, Node) for item in items):
        state.put_node(node())
    for item in items:
        match item:
            case Node():
                state.put_node(item)
            case Job():
                state.put_job(item)
            case BuilderJob():
                state.put_builder(item)
            case Pod():
                state.put_pod(item)
            case _:
                state.put_session(item)
    return state


def text(offset: float) -> str:
    """NOW plus `offset` seconds, as the API server writes it."""
    return timestamps.to_seconds_text(NOW + offset)
