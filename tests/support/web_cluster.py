"""What the pages of queues and nodes show: counts of queues, pods that hold GPUs, and node monitors."""

from __future__ import annotations

from typing import Any

import httpx
from cluster import api_client, unique
from gateway_lab import GatewayLab
from kubernetes import client
from web_sessions import text

from trainyard_api import names

GIB = 1 << 30


def count_queue(lab: GatewayLab, queue: str, **status: int) -> None:
    """What the operator would write of a queue."""
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP, names.VERSION, lab.namespace, names.QUEUE_PLURAL, queue, {"status": status}
        )  # fmt: skip


def gpu_node(lab: GatewayLab, gpus: int, resource: str = "nvidia.com/gpu") -> str:
    """A new node that only the API server knows, ready and with GPUs; `remove_node` takes it away."""
    name = unique("gpu")
    size = {"cpu": "64", "memory": "512Gi", "pods": "110", resource: str(gpus)}
    body = {
        "metadata": {"name": name, "labels": {"type": "web"}},
        "spec": {"taints": [{"key": "trainyard.io/web-test", "effect": "NoSchedule"}]},
    }
    with api_client(lab.kubeconfig) as api:
        core = client.CoreV1Api(api)
        core.create_node(body)
        core.patch_node_status(name, {"status": {"capacity": size, "allocatable": size}})
    be_ready(lab, name)
    return name


def be_ready(lab: GatewayLab, node: str) -> None:
    """Say that a node is ready; a cluster believes it for forty seconds."""
    now = text()
    ready = {
        "type": "Ready", "status": "True", "reason": "Test", "message": "for a test",
        "lastHeartbeatTime": now, "lastTransitionTime": now,
    }  # fmt: skip
    with api_client(lab.kubeconfig) as api:
        client.CoreV1Api(api).patch_node_status(node, {"status": {"conditions": [ready]}})


def remove_node(lab: GatewayLab, name: str) -> None:
    """Take a node away."""
    with api_client(lab.kubeconfig) as api:
        client.CoreV1Api(api).delete_node(name)


def hold_gpus(
    lab: GatewayLab, session: str, node: str, gpus: int, resource: str = "nvidia.com/gpu"
) -> None:
    """A pod of a session on a node that only the API server knows; nothing runs in it."""
    limits = {resource: str(gpus)}
    container: dict[str, Any] = {
        "name": "trainer",
        "image": "docker.io/trainyard/trainer:test",
        "resources": {"limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    body = {
        "metadata": {"name": unique("held"), "labels": {names.LABEL_SESSION: session}},
        "spec": {
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "containers": [container],
        },
    }
    with api_client(lab.kubeconfig) as api:
        client.CoreV1Api(api).create_namespaced_pod(lab.namespace, body)


def tell_of_gpus(lab: GatewayLab, token: str, *busy: float, name: str = "NVIDIA H200") -> None:
    """What the monitor of a node with such GPUs would report through its door."""
    gpus = [
        {
            "index": index, "name": name, "utilizationPercent": percent,
            "memoryTotalBytes": 140 * GIB, "memoryUsedBytes": int(percent * GIB),
        }
        for index, percent in enumerate(busy)
    ]  # fmt: skip
    whole = {"totalBytes": 512 * GIB, "usedBytes": 128 * GIB, "percent": 25}
    body = {"cpuPercent": 37.5, "cpuCount": 64, "memory": whole, "disk": whole, "gpus": gpus}
    httpx.post(
        f"{lab.url}/api/v1/report/node", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30
    ).raise_for_status()  # fmt: skip
