"""What the client's tests need beside a real gateway: the operator's part of a session's life, written by hand."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from cluster import api_client
from gateway_lab import GatewayLab
from kubernetes import client
from poll import eventually

from trainyard.models import Session
from trainyard_api import names, timestamps

NOW = "2026-01-01T00:00:00Z"
IRIS = "sepal,petal,target\n" + "".join(f"{n}.5,{n}.25,{'a' if n % 2 else 'b'}\n" for n in range(6))


def set_phase(lab: GatewayLab, name: str, phase: str, **more: Any) -> None:
    """Write `status` as the operator would, and wait until the gateway has seen it."""
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP,
            names.VERSION,
            lab.namespace,
            names.SESSION_PLURAL,
            name,
            {"status": {"phase": phase, **more}},
        )
    with lab.client() as gateway:
        eventually(lambda: gateway.status(name).phase == phase, what=f"{name} {phase}")


def make_queue(lab: GatewayLab, name: str = "default", **spec: Any) -> None:
    """A queue; by default the one that the chart makes."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.QUEUE_KIND,
        "metadata": {"name": name},
        "spec": spec,
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.QUEUE_PLURAL, body
        )


def submit(lab: GatewayLab, name: str, **spec: Any) -> Session:
    """A session of one's own program."""
    with lab.client() as gateway:
        return gateway.start_training({"command": ["x"], **spec}, name)


def report(lab: GatewayLab, session: Session, steps: int = 40) -> None:
    """Metrics, lines and a heartbeat of a training that is at `steps` of 50."""
    trainer = lab.trainer(session.uid, session.name)
    points = [
        {"step": n, "time": NOW, "epoch": n // 10, "values": {"train/loss": 1 / n, "val/loss": 2 / n}}
        for n in range(1, steps + 1)
    ]  # fmt: skip
    answer = trainer.report(
        {
            "sequence": 1,
            "metrics": points,
            "logs": [{"time": NOW, "message": f"step {n}"} for n in range(1, steps + 1)],
            "heartbeat": {
                "time": timestamps.now_text(), "step": steps, "totalSteps": 50, "epoch": steps // 10, "epochs": 5,
                "stepsPerSecond": 2.0,
            },
        }
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def safetensors(path: Path, numbers: int = 4) -> Path:
    """A valid file with one tensor of float32 (format: 8 bytes of header length, JSON header, data)."""
    header = json.dumps(
        {"weight": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}
    ).encode()
    data = struct.pack(f"<{numbers}f", *range(numbers))
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path
