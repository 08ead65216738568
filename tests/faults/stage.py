"""What a scenario may do: act as users, administrators, the gateway and a kubelet do, and wait for what must come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from history import Seen
from kubernetes import client
from operator_lab import LABEL, Lab
from oracle import Violation
from poll import eventually

from trainyard_api import names
from trainyard_api.phase import TERMINAL

CANARY: Final = "canary-5f0c1e9a-do-not-print"
"""The value of the Secret in these scenarios; it must be nowhere else."""
LOCK: Final = "b" * 64
MADE: Final = {"environment": {"lock": LOCK, "packages": 12, "bytes": 5, "reused": False}}


class OutcomeError(AssertionError):
    """A session ended otherwise than it must."""


@dataclass
class Stage:
    """One trial's place: the lab, and names that no other trial has."""

    lab: Lab
    token: str
    patience: float
    """Seconds that every wait may take."""
    sessions: dict[str, str] = field(default_factory=dict)
    """Name by UID of all sessions that were created."""
    removed: set[str] = field(default_factory=set)
    """UIDs of those that were deleted on purpose."""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    """What is to be removed at the end."""

    # ── users ─────────────────────────────────────────────────────────────────────────────────

    def name(self, prefix: str) -> str:
        """A name of this trial."""
        return f"{prefix}-{self.token}"

    def create(self, prefix: str, *command: str, gpus: int = 1, **more: Any) -> str:
        """Submit a session; its name. A field of the spec that is None is left out."""
        name = self.name(prefix)
        spec: dict[str, Any] = {
            "command": list(command) or ["run"],
            "resources": {"gpus": gpus, "cpu": "1", "memory": "1Gi"},
            "retry": {"limit": 1, "backoffSeconds": 0},
            **more,
        }
        made = self.lab.create(name, {k: v for k, v in spec.items() if v is not None})
        self.sessions[made["metadata"]["uid"]] = name
        return name

    def delete(self, name: str) -> None:
        """Delete a session."""
        self.removed.add(self.lab.get(name)["metadata"]["uid"])
        self.lab.delete(name)

    def stop(self, name: str) -> None:
        """Stop a session and wait for its end."""
        self.lab.patch(name, desiredState="Stopped")
        self.expect(name, "Stopped")

    def before(self, first: str, second: str) -> None:
        """The first attempt of one session has to start before that of the other."""
        self.pairs.append((first, second))

    # ── waiting ───────────────────────────────────────────────────────────────────────────────

    def until(self, check: Callable[[], object], what: str) -> Any:
        """The first true result of `check`."""
        return eventually(check, within=self.patience, every=0.2, what=what)

    def wait(self, name: str, *phases: str) -> dict[str, Any]:
        """The status once the session is in one of these phases."""

        def reached() -> dict[str, Any] | None:
            status = self.lab.status(name)
            if status.get("phase") in phases:
                return status
            if status.get("phase") in TERMINAL:
                raise OutcomeError(f"{name} is {status['phase']}: {status.get('message')}")
            return None

        return dict(self._until(reached, f"{name} in {phases}"))

    def _until(self, check: Callable[[], object], what: str) -> Any:
        wrong: list[OutcomeError] = []

        def tried() -> object:
            try:
                return check()
            except OutcomeError as error:
                wrong.append(error)
                return True

        found = self.until(tried, what)
        if wrong:
            raise wrong[0]
        return found

    def expect(self, name: str, phase: str, failure: str | None = None, **fields: Any) -> None:
        """The session comes into this phase with these fields of the status; 0 is absent, too."""

        def reached() -> bool:
            status = self.lab.status(name)
            found: dict[str, Any] = {key: status.get(key, 0) for key in fields}
            right = found == fields
            if failure is not None:
                right = right and (status.get("failure") or {}).get("class") == failure
            if status.get("phase") == phase and right:
                return True
            if status.get("phase") in TERMINAL:
                said = {"phase": status["phase"], **found, "failure": status.get("failure")}
                raise OutcomeError(f"{name} must be {phase} {fields}, {failure}; it is {said}")
            return False

        self._until(reached, f"{name} {phase} {fields}")

    # ── administrators ────────────────────────────────────────────────────────────────────────

    def node(self, gpus: int) -> str:
        """A simulated node that only sessions of more than four GPUs need."""
        name = f"{self.lab.namespace}-{self.token}"
        amounts = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}
        resources = {**amounts, names.GPU_RESOURCE: str(gpus)}
        labels = {"type": "kwok", LABEL: self.lab.namespace, "kubernetes.io/hostname": name}
        taint = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
        body = {
            "metadata": {
                "name": name,
                "labels": labels,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
            },
            "spec": {"taints": [taint]},
            "status": {"capacity": resources, "allocatable": resources},
        }
        self.lab.core.create_node(body)
        self.undo.append(lambda: self.lab.core.delete_node(name))
        return name

    def queue(self, prefix: str, **spec: Any) -> str:
        """A TrainingQueue."""
        name = self.name(prefix)
        self.lab.create_queue(name, **spec)
        self.undo.append(
            lambda: self.lab.custom.delete_namespaced_custom_object(
                names.GROUP, names.VERSION, self.lab.namespace, names.QUEUE_PLURAL, name
            )
        )
        return name

    def quota(self, **hard: str) -> Callable[[], object]:
        """A ResourceQuota that counts; the result removes it."""
        name, core = self.name("quota"), self.lab.core
        core.create_namespaced_resource_quota(
            self.lab.namespace, {"metadata": {"name": name}, "spec": {"hard": hard}}
        )

        def remove() -> object:
            return core.delete_namespaced_resource_quota(name, self.lab.namespace)

        self.undo.append(remove)
        self.until(
            lambda: core.read_namespaced_resource_quota(name, self.lab.namespace).status.hard,
            "the quota counts",
        )
        return remove

    def secret(self, prefix: str) -> str:
        """A Secret with the canary, not released."""
        name = self.name(prefix)
        body = {"metadata": {"name": name}, "stringData": {"TOKEN": CANARY}}
        self.lab.core.create_namespaced_secret(self.lab.namespace, body)
        self.undo.append(lambda: self.lab.core.delete_namespaced_secret(name, self.lab.namespace))
        return name

    # ── the gateway ───────────────────────────────────────────────────────────────────────────

    def report(self, name: str, **status: Any) -> None:
        """What the gateway writes into a session's status."""
        self.lab.patch_status(name, status)

    # ── a kubelet ─────────────────────────────────────────────────────────────────────────────

    def pods(self, name: str, *, builders: bool = False) -> list[client.V1Pod]:
        """The running pods of a session, or of the installation of its packages."""
        return [
            p
            for p in self.lab.pods()
            if (p.metadata.labels or {}).get(names.LABEL_SESSION) == name
            and (names.LABEL_COMPONENT in p.metadata.labels) is builders
            and p.status.phase == "Running"
            and p.metadata.deletion_timestamp is None
        ]

    def pod(self, name: str, *, builders: bool = False) -> client.V1Pod:
        """One running pod of it, once there is one."""
        found: client.V1Pod = self.until(
            lambda: next(iter(self.pods(name, builders=builders)), None), f"a pod of {name}"
        )
        return found

    def end(self, pod: client.V1Pod, code: int, report: dict[str, Any]) -> None:
        """The pod's program ends."""
        terminated = {"exitCode": code, "reason": "Error", "message": json.dumps(report)}
        container = {
            "name": pod.spec.containers[0].name,
            "image": "x",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}
        self.lab.core.patch_namespaced_pod_status(
            pod.metadata.name, self.lab.namespace, {"status": status}
        )

    def collect(self, pod: client.V1Pod) -> None:
        """What the garbage collector of pods does forty seconds after its node is gone."""
        marked = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC"}
        where = (pod.metadata.name, self.lab.namespace)
        self.lab.core.patch_namespaced_pod_status(
            *where, {"status": {"phase": "Failed", "conditions": [marked]}}
        )
        with suppress(client.ApiException):
            self.lab.core.delete_namespaced_pod(*where, grace_period_seconds=0)

    # ── the end ───────────────────────────────────────────────────────────────────────────────

    def clear(self) -> None:
        """Remove everything that the scenario made."""
        self.removed |= set(self.sessions)
        self.lab.custom.delete_collection_namespaced_custom_object(
            names.GROUP, names.VERSION, self.lab.namespace, names.SESSION_PLURAL
        )
        for remove in self.undo:
            with suppress(client.ApiException):
                remove()

    def lost(self, events: Iterable[Seen]) -> list[Violation]:
        """Sessions that are gone, and nobody deleted them."""
        gone = {e.uid for e in events if e.kind == "sessions" and e.deleted}
        lost = (self.sessions[uid] for uid in gone & set(self.sessions) - self.removed)
        return [Violation("I1 no session lost", f"{name} is gone") for name in lost]

    def overtaken(self, events: Iterable[Seen]) -> list[Violation]:
        """Sessions that started before one that had to start first."""
        started: dict[str, int] = {}
        for seen in events:
            labels = seen.object["metadata"].get("labels") or {}
            if seen.kind == "jobs" and names.LABEL_SESSION_UID in labels:
                started.setdefault(labels.get(names.LABEL_SESSION, ""), seen.version)
        late = 2**63
        return [
            Violation("I5 queue order", f"{second} started before {first}")
            for first, second in self.pairs
            if second in started and started.get(first, late) > started[second]
        ]
