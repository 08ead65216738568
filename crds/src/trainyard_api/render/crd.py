"""The CustomResourceDefinitions, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainyard_api import names
from trainyard_api.queue import TrainingQueueSpec, TrainingQueueStatus
from trainyard_api.render.structural import structural_schema
from trainyard_api.session.resources import SAME_CEL
from trainyard_api.session.spec import IMMUTABLE_FIELDS, TrainingSessionSpec
from trainyard_api.session.status import TrainingSessionStatus

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; those with a priority above 0 appear with `-o wide`."""

    name: str
    json_path: str
    type: str = "string"
    description: str = ""
    priority: int = 0

    def render(self) -> Manifest:
        """The column as an entry of `additionalPrinterColumns`."""
        return {
            "name": self.name,
            "jsonPath": self.json_path,
            "type": self.type,
            "description": self.description,
            "priority": self.priority,
        }


_AGE = Column("Age", ".metadata.creationTimestamp", "date", "Time since creation.")

SESSION_COLUMNS = (
    Column("Phase", ".status.phase", description="Phase of the session."),
    Column("Reason", ".status.reason", description="Why it is in this phase, in one word."),
    Column(
        "Progress",
        ".status.progress.percentDisplay",
        description="Completed share of the training.",
    ),
    Column("ETA", ".status.progress.etaDisplay", description="Remaining time at the current rate."),
    Column("Queue", ".spec.queue", description="The queue it waits in."),
    Column("Pos", ".status.queue.position", "integer", "Position in the queue; 1 is next."),
    Column("GPUs", ".status.gpus", "integer", "GPUs of all workers together."),
    Column("User", ".metadata.labels.trainyard\\.io/user", description="Whose session it is."),
    Column("Priority", ".spec.priority", "integer", "Higher starts first."),
    _AGE,
    Column("Workers", ".spec.workers", "integer", "Number of workers.", 1),
    Column("Attempt", ".status.attempt", "integer", "Number of the current attempt.", 1),
    Column("Failures", ".status.failures", "integer", "Failed attempts that count.", 1),
    Column("Dataset", ".spec.dataset", description="The dataset that it trains on.", priority=1),
    Column("Message", ".status.message", description="The reason as a sentence.", priority=1),
)

QUEUE_COLUMNS = (
    Column("Quota", ".spec.gpuQuota", "integer", "Guaranteed GPUs."),
    Column("Used", ".status.gpusUsed", "integer", "GPUs in use."),
    Column("Total", ".status.gpusTotal", "integer", "GPUs of all nodes that sessions can use."),
    Column("Running", ".status.running", "integer", "Sessions that hold GPUs."),
    Column("Waiting", ".status.waiting", "integer", "Sessions that wait."),
    Column("Weight", ".spec.weight", "integer", "Share of unguaranteed GPUs."),
    Column("Paused", ".spec.paused", "boolean", "Whether the queue is paused."),
    _AGE,
)


def session_crd() -> Manifest:
    """The CRD of TrainingSession."""
    name_rule = {
        "rule": f"self.metadata.name.matches('{names.SESSION_NAME_PATTERN}')",
        "message": f"metadata.name must be a DNS label of at most {names.SESSION_NAME_MAX} characters",
    }
    schema: Manifest = {
        "type": "object",
        "description": "One training: a dataset, a configuration or your own program, and the GPUs it may use.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {
                "description": "The wanted session.",
                **structural_schema(TrainingSessionSpec, IMMUTABLE_FIELDS, {"resources": SAME_CEL}),
            },
            "status": {
                "description": "The observed state.",
                **structural_schema(TrainingSessionStatus),
            },
        },
        "x-kubernetes-validations": [name_rule],
    }
    return _crd(
        kind=names.SESSION_KIND,
        plural=names.SESSION_PLURAL,
        short="ts",
        schema=schema,
        columns=SESSION_COLUMNS,
    )


def queue_crd() -> Manifest:
    """The CRD of TrainingQueue."""
    schema: Manifest = {
        "type": "object",
        "description": "A share of the cluster's GPUs with its limits.",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {
                "description": "What sessions of this queue may use.",
                "default": {},
                **structural_schema(TrainingQueueSpec),
            },
            "status": {
                "description": "The observed state.",
                **structural_schema(TrainingQueueStatus),
            },
        },
    }
    return _crd(
        kind=names.QUEUE_KIND,
        plural=names.QUEUE_PLURAL,
        short="tq",
        schema=schema,
        columns=QUEUE_COLUMNS,
    )


def _crd(
    kind: str, plural: str, short: str, schema: Manifest, columns: tuple[Column, ...]
) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": [names.MANAGED_BY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [c.render() for c in columns],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
