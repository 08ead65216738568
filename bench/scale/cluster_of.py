"""A cluster of any size as the raw objects that an API server would send, and what becomes of writes.

Here is no API server: writes are applied to the objects as one would, and every pod that is
created runs at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from trainyard_api import timestamps
from trainyard_kube import KubeClient
from trainyard_operator.core.actions import CreateJob, DeleteJobs, PatchQueue, PatchStatus, Write
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.informer import Informer

NAMESPACE = "trainyard"
Json = dict[str, Any]
GPUS = 8
"""GPUs of a node."""


@dataclass
class Objects:
    """All objects, by kind and UID; each gets a new version when it changes."""

    now: float
    by_kind: dict[str, dict[str, Json]] = field(
        default_factory=lambda: {k: {} for k in ("nodes", "queues", "sessions", "jobs", "pods")}
    )
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, kind: str, raw: Json) -> Json:
        """Keep an object in its newest version."""
        raw["metadata"]["resourceVersion"] = str(next(self._versions))
        self.by_kind[kind][raw["metadata"]["uid"]] = raw
        return raw

    def metadata(self, name: str, **more: Any) -> Json:
        """Metadata of a new object; its name is its UID as well."""
        created = timestamps.to_seconds_text(self.now)
        common = {"name": name, "uid": f"uid-{name}", "creationTimestamp": created}
        return {**common, "generation": 1, "namespace": NAMESPACE, **more}

    def add_node(self, number: int) -> None:
        """A node of eight GPUs."""
        amounts = {"cpu": "128", "memory": "2Ti", "pods": "110", "nvidia.com/gpu": str(GPUS)}
        conditions = [{"type": "Ready", "status": "True"}]
        self.put(
            "nodes",
            {
                "metadata": self.metadata(f"node-{number}"),
                "spec": {},
                "status": {"allocatable": amounts, "conditions": conditions},
            },
        )

    def add_queue(self, number: int) -> None:
        """A queue like the one that every installation has."""
        self.put("queues", {"metadata": self.metadata(f"queue-{number}"), "spec": {}})

    def add_session(self, number: int, queue: int) -> None:
        """A session of one GPU with a limit, of one of 200 programs."""
        limit = (900, 3600, 14400, 86400)[number % 4]
        spec = {
            "command": ["python3", f"train-{number % 200}.py", "--seed", str(number)],
            "queue": f"queue-{queue}",
            "resources": {"gpus": 1, "cpu": "2", "memory": "8Gi"},
            "maxRuntimeSeconds": limit,
            "desiredState": "Running",
            "priority": number % 3,
        }
        self.put("sessions", {"metadata": self.metadata(f"s-{number}"), "spec": spec})

    def apply(self, write: Write) -> list[tuple[str, Json]]:
        """The objects that a write makes or changes."""
        if isinstance(write, CreateJob):
            return self._create_job(write)
        if isinstance(write, PatchStatus):
            return [("sessions", self._patched("sessions", write.uid, write.patch))]
        if isinstance(write, PatchQueue):
            return [("queues", self._patched("queues", write.uid, write.patch))]
        if isinstance(write, DeleteJobs):
            return []
        raise TypeError(f"this bench makes no {type(write).__name__}")

    def end(self, uid: str) -> list[tuple[str, Json]]:
        """The objects that change when the Job of a session completes."""
        job = self.by_kind["jobs"][f"{uid}-job"]
        at = timestamps.to_seconds_text(self.now)
        job["status"] = {
            "succeeded": 1,
            "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": at}],
        }
        pod = self.by_kind["pods"][f"{uid}-pod"]
        ended = {"exitCode": 0, "startedAt": at, "finishedAt": at}
        pod["status"] = {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "trainer", "state": {"terminated": ended}}],
        }
        return [("pods", self.put("pods", pod)), ("jobs", self.put("jobs", job))]

    def _create_job(self, write: CreateJob) -> list[tuple[str, Json]]:
        metadata = {**self.metadata(write.name), **write.job["metadata"], "uid": f"{write.uid}-job"}
        job = {**write.job, "metadata": metadata, "status": {"active": 1, "ready": 1}}
        template = write.job["spec"]["template"]
        owner = {"kind": "Job", "name": write.name, "uid": metadata["uid"], "controller": True}
        at = timestamps.to_seconds_text(self.now)
        pod = {
            "metadata": {
                **self.metadata(f"{write.name}-0"),
                **template["metadata"],
                "uid": f"{write.uid}-pod",
                "ownerReferences": [owner],
            },
            "spec": {**template["spec"], "nodeName": write.nodes[0]},
            "status": {
                "phase": "Running",
                "startTime": at,
                "containerStatuses": [
                    {"name": "trainer", "ready": True, "state": {"running": {"startedAt": at}}}
                ],
            },
        }
        return [("jobs", self.put("jobs", job)), ("pods", self.put("pods", pod))]

    def _patched(self, kind: str, uid: str, patch: Json) -> Json:
        return self.put(kind, merged(self.by_kind[kind][uid], patch))


def merged(target: Json, patch: Json) -> Json:
    """RFC 7386, JSON Merge Patch."""
    found = dict(target)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            before = found.get(key)
            found[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            found[key] = value
    return found


def informer(config: OperatorConfig) -> Informer:
    """An informer that is fed by hand; it has no API server to ask."""
    return Informer(cast(KubeClient, None), config, lambda: None)
