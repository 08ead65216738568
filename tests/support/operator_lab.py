"""A real operator in a separate namespace on separate simulated nodes, watched from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cluster import api_client, fresh_namespace
from kubernetes import client, watch
from poll import eventually
from ports import free_port
from urllib3.exceptions import HTTPError

GROUP, VERSION = "trainyard.io", "v1alpha1"
SESSIONS, QUEUES = "trainingsessions", "trainingqueues"
GPU = "nvidia.com/gpu"
LABEL = "trainyard-test"


class Lab:
    """A namespace with queue, volume claim and simulated nodes, ready for an operator."""

    def __init__(
        self, kubeconfig: Path, namespace: str, folder: Path, nodes: dict[str, int]
    ) -> None:
        self.kubeconfig, self.namespace, self.folder = kubeconfig, namespace, folder
        self.nodes = nodes
        self.api = api_client(kubeconfig)
        self.core, self.batch = client.CoreV1Api(self.api), client.BatchV1Api(self.api)
        self.custom = client.CustomObjectsApi(self.api)
        self.settings: dict[str, Any] = {
            "namespace": namespace,
            "release": "t",
            "gatewayUrl": "http://gateway.invalid",
            "dataClaim": "data",
            "supervisorImage": "trainyard/operator:1",
            "trainerServiceAccount": "trainer",
            "identity": "lab",
            "leaseSeconds": 3,
            "runtimes": {
                "default": {
                    "image": "docker.io/trainyard/trainer:test",
                    "nodeSelector": {LABEL: namespace},
                    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
                }
            },
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.health = 0
        self.metrics = 0

    # ── the cluster's side ────────────────────────────────────────────────────────────────────────────────

    def furnish(self) -> None:
        """Nodes, volume claim, service account, queue `default`."""
        for name, gpus in self.nodes.items():
            self.core.create_node(_node(name, gpus, self.namespace))
        volume = f"{self.namespace}-data"
        self.core.create_persistent_volume(
            {
                "metadata": {"name": volume},
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteMany"],
                    "storageClassName": "",
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"name": "data", "namespace": self.namespace},
                    "hostPath": {"path": "/nowhere"},
                },
            }
        )
        self.core.create_namespaced_persistent_volume_claim(
            self.namespace,
            {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteMany"],
                    "storageClassName": "",
                    "volumeName": volume,
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
        )
        self.core.create_namespaced_service_account(
            self.namespace, {"metadata": {"name": "trainer"}}
        )
        self.create_queue("default")
        eventually(
            lambda: (
                self.core.read_namespaced_persistent_volume_claim(
                    "data", self.namespace
                ).status.phase
                == "Bound"
            ),
            what="claim bound",
        )

    def clear(self) -> None:
        """Remove what does not go with the namespace."""
        for name in self.nodes:
            with suppress(client.ApiException):
                self.core.delete_node(name)
        with suppress(client.ApiException):
            self.core.delete_persistent_volume(f"{self.namespace}-data")
        self.api.close()

    def create_queue(self, name: str, **spec: Any) -> None:
        """A TrainingQueue."""
        self._create(QUEUES, "TrainingQueue", name, spec)

    def create(
        self, name: str, spec: dict[str, Any], user: str | None = None, **others: str
    ) -> dict[str, Any]:
        """A TrainingSession; `others` are further labels of ours, such as `team`."""
        given = {**others, **({"user": user} if user else {})}
        labels = {f"{GROUP}/{name}": value for name, value in given.items()}
        return self._create(SESSIONS, "TrainingSession", name, spec, labels)

    def _create(
        self,
        plural: str,
        kind: str,
        name: str,
        spec: dict[str, Any],
        labels: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": kind,
            "metadata": {"name": name, "labels": labels or {}},
            "spec": spec,
        }
        created: dict[str, Any] = self.custom.create_namespaced_custom_object(
            GROUP, VERSION, self.namespace, plural, body
        )
        return created

    def get(self, name: str) -> dict[str, Any]:
        """A session as it is."""
        found: dict[str, Any] = self.custom.get_namespaced_custom_object(
            GROUP, VERSION, self.namespace, SESSIONS, name
        )
        return found

    def status(self, name: str) -> dict[str, Any]:
        """A session's status, {} before the first."""
        return dict(self.get(name).get("status") or {})

    def phase(self, name: str) -> str | None:
        """A session's phase."""
        return self.status(name).get("phase")

    def sessions(self) -> dict[str, dict[str, Any]]:
        """All sessions by name."""
        listed = self.custom.list_namespaced_custom_object(GROUP, VERSION, self.namespace, SESSIONS)
        return {item["metadata"]["name"]: item for item in listed["items"]}

    def phases(self, names: list[str]) -> list[str | None]:
        """Phases of some sessions, from one list."""
        found = self.sessions()
        return [(found[name].get("status") or {}).get("phase") for name in names]

    def patch(self, name: str, **spec: Any) -> None:
        """Change a session's spec."""
        self.custom.patch_namespaced_custom_object(
            GROUP, VERSION, self.namespace, SESSIONS, name, {"spec": spec}
        )

    def patch_status(self, name: str, status: dict[str, Any]) -> None:
        """Change a session's status, as the gateway does."""
        self.custom.patch_namespaced_custom_object_status(
            GROUP, VERSION, self.namespace, SESSIONS, name, {"status": status}
        )

    def patch_queue(self, name: str, **spec: Any) -> None:
        """Change a queue."""
        self.custom.patch_namespaced_custom_object(
            GROUP, VERSION, self.namespace, QUEUES, name, {"spec": spec}
        )

    def queue_status(self, name: str) -> dict[str, Any]:
        """A queue's status."""
        found = self.custom.get_namespaced_custom_object(
            GROUP, VERSION, self.namespace, QUEUES, name
        )
        return dict(found.get("status") or {})

    def delete(self, name: str) -> None:
        """Delete a session."""
        self.custom.delete_namespaced_custom_object(GROUP, VERSION, self.namespace, SESSIONS, name)

    def delete_all(self) -> None:
        """Delete all sessions and wait until their pods are gone."""
        self.custom.delete_collection_namespaced_custom_object(
            GROUP, VERSION, self.namespace, SESSIONS
        )
        eventually(lambda: not self.live_pods(), within=60, what="pods gone")

    def jobs(self) -> list[client.V1Job]:
        """All Jobs."""
        return list(self.batch.list_namespaced_job(self.namespace).items)

    def pods(self) -> list[client.V1Pod]:
        """All pods."""
        return list(self.core.list_namespaced_pod(self.namespace).items)

    def live_pods(self) -> list[client.V1Pod]:
        """Pods that have not ended."""
        return [p for p in self.pods() if p.status.phase not in ("Succeeded", "Failed")]

    def events(self, name: str) -> list[str]:
        """Reasons of the Events about a session."""
        listed = self.core.list_namespaced_event(
            self.namespace, field_selector=f"involvedObject.name={name}"
        )
        return [event.reason for event in listed.items]

    def wait_phase(self, name: str, *phases: str, within: float = 30) -> dict[str, Any]:
        """The status once the session is in one of `phases`."""

        def reached() -> dict[str, Any] | None:
            status = self.status(name)
            assert status.get("phase") in phases, status
            return status

        found = eventually(reached, within=within, every=0.05, what=f"{name} in {phases}")
        assert found is not None
        return found

    # ── the operator's side ───────────────────────────────────────────────────────────────────────────────

    def start(self, wait: bool = True) -> None:
        """Start the operator as its own process."""
        self.health, self.metrics = free_port(), free_port()
        config = self.folder / "operator.yaml"
        config.write_text(yaml.safe_dump(self.settings))
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "TRAINYARD_OPERATOR_HEALTH_PORT": str(self.health),
            "TRAINYARD_OPERATOR_METRICS_PORT": str(self.metrics),
        }
        with (self.folder / "operator.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trainyard_operator", "--config", str(config)],
                env=environment,
                stdout=log,
                stderr=log,
            )
        if wait:
            eventually(self._started, within=90, every=0.05, what="operator ready")

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.health}/readyz", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _started(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the operator ended: {self.log()[-2000:]}")
        ready = self.ready()
        assert ready, self.log()[-2000:]
        return ready

    def scrape(self) -> dict[str, float]:
        """The operator's metrics by name with labels."""
        url = f"http://127.0.0.1:{self.metrics}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def writes(self) -> float:
        """How many writes the operator has sent, its Lease apart."""
        return sum(v for k, v in self.scrape().items() if "api_writes_total" in k)

    def kill(self) -> None:
        """SIGKILL, as if the machine had gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM and wait; the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def log(self) -> str:
        """What the operator logged."""
        return (self.folder / "operator.log").read_text()


def _node(name: str, gpus: int, namespace: str) -> dict[str, Any]:
    amounts = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}
    resources = {**amounts, GPU: str(gpus)}
    return {
        "metadata": {
            "name": name,
            "labels": {"type": "kwok", LABEL: namespace, "kubernetes.io/hostname": name},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {
            "taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]
        },
        "status": {"capacity": resources, "allocatable": resources},
    }


@contextmanager
def laboratory(
    kubeconfig: Path, folder: Path, gpus_per_node: tuple[int, ...] = (4,), **settings: Any
) -> Iterator[Lab]:
    """A furnished lab with a running operator."""
    with fresh_namespace(kubeconfig, "op") as namespace:
        nodes = {f"{namespace}-n{i}": gpus for i, gpus in enumerate(gpus_per_node)}
        lab = Lab(kubeconfig, namespace, folder, nodes)
        lab.settings |= settings
        try:
            lab.furnish()
            lab.start()
            yield lab
        finally:
            lab.kill()
            lab.clear()


@dataclass
class Witness:
    """Follows pods and Jobs of a namespace and remembers whatever must never be, at every single event."""

    lab: Lab
    violations: list[str] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)
    """Most GPUs that were held at once, by node."""
    jobs_seen: dict[str, str] = field(default_factory=dict)
    """UID by Job name."""

    def __post_init__(self) -> None:
        self._pods: dict[str, tuple[str, int]] = {}
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=args, daemon=True)
            for args in (
                (self.lab.core.list_namespaced_pod, self._pod),
                (self.lab.batch.list_namespaced_job, self._job),
            )
        ]

    def __enter__(self) -> Witness:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _follow(self, listing: Any, see: Any) -> None:
        """Every event since the first list: what happens between two watches comes with the second."""
        version = ""
        while not self._stop.is_set():
            try:
                if not version:
                    version = self._list(listing, see)
                stream = watch.Watch()
                stream.resource_version = version
                for event in stream.stream(
                    listing, self.lab.namespace, timeout_seconds=2, resource_version=version
                ):
                    see(event["type"], event["object"])
                version = stream.resource_version or version
            except (client.ApiException, OSError, HTTPError):
                version = ""

    def _list(self, listing: Any, see: Any) -> str:
        found = listing(self.lab.namespace)
        if see == self._pod:
            self._pods.clear()
        for item in found.items:
            see("ADDED", item)
        return str(found.metadata.resource_version)

    def _pod(self, kind: str, pod: client.V1Pod) -> None:
        held = (
            kind != "DELETED"
            and pod.spec.node_name is not None
            and pod.status.phase not in ("Succeeded", "Failed")
        )
        self._pods.pop(pod.metadata.uid, None)
        if not held:
            return
        gpus = sum(
            int((c.resources.limits or {}).get(GPU, 0)) if c.resources else 0
            for c in pod.spec.containers
        )
        self._pods[pod.metadata.uid] = (pod.spec.node_name, gpus)
        for name, capacity in self.lab.nodes.items():
            used = sum(g for node, g in self._pods.values() if node == name)
            self.highest[name] = max(self.highest.get(name, 0), used)
            if used > capacity:
                self.violations.append(f"{name} holds {used} GPUs of {capacity}")

    def _job(self, kind: str, job: client.V1Job) -> None:
        name, uid = job.metadata.name, job.metadata.uid
        if kind == "DELETED":
            return
        if self.jobs_seen.setdefault(name, uid) != uid:
            self.violations.append(f"Job {name} was made twice")


def held(pods: list[client.V1Pod]) -> tuple[datetime, datetime]:
    """From the first binding to the last end, as the pods themselves say."""
    bound = (
        c.last_transition_time
        for p in pods
        for c in p.status.conditions
        if c.type == "PodScheduled" and c.status == "True"
    )
    ends = (p.status.container_statuses[0].state.terminated.finished_at for p in pods)
    return min(bound), max(ends)


def unique(prefix: str) -> str:
    """A name that no other example uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def now() -> float:
    """Seconds since the epoch."""
    return time.time()
