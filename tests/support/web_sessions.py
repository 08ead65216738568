"""Sessions in the states that the web page shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cluster import api_client
from gateway_lab import GatewayLab
from kubernetes import client

from trainyard_api import names


def text(after: float = 0) -> str:
    """The time in so many seconds."""
    return (datetime.now(UTC) + timedelta(seconds=after)).strftime("%Y-%m-%dT%H:%M:%SZ")


def set_status(lab: GatewayLab, session: str, **status: Any) -> None:
    """What the operator would write."""
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, session, {"status": status}
        )  # fmt: skip


def start(lab: GatewayLab, name: str, **spec: Any) -> str:
    """A session of a program; its UID."""
    with lab.client() as gateway:
        body = {"command": ["python", "train.py"], **spec}
        return gateway.start_training(body, name).uid


def wait_in_queue(lab: GatewayLab, session: str, position: int) -> None:
    """Queued, with a reason and an estimate."""
    place = {
        "position": position,
        "reason": "WaitingForGPUs",
        "message": "Needs 2 GPUs; 1 is free on one node.",
        "estimatedStart": {"earliest": text(250), "latest": text(550)},
    }
    set_status(lab, session, phase="Queued", message=place["message"], queue=place)


def run(lab: GatewayLab, session: str, percent: float = 40) -> None:
    """Running, with progress and a metric."""
    progress = {"percent": percent, "step": 40, "totalSteps": 100, "etaSeconds": 600}
    metrics = [{"name": "train/loss", "value": "0.25", "step": 40}]
    set_status(
        lab, session, phase="Running", message="All workers run.", progress=progress, metrics=metrics,
        startTime=text(-400),
    )  # fmt: skip


def fail(lab: GatewayLab, session: str) -> None:
    """Failed, with a hint."""
    failure = {
        "class": "OutOfMemory",
        "attempt": 1,
        "message": "The worker used more than its 2Gi.",
        "hint": "Raise resources.memory or lower the batch size.",
        "lastLogLines": ["step 7", "Killed"],
        "time": text(),
    }
    set_status(
        lab,
        session,
        phase="Failed",
        message="Out of memory.",
        failure=failure,
        completionTime=text(),
    )
