"""Objects of the API server in JSON → typed objects.

Operator and gateway read the cluster here and nowhere else.

Every function raises UnparsableObject for an object that makes no sense.
"""

from __future__ import annotations

from trainyard_scheduler.facts import Node
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.builders import parse_builder
from trainyard_scheduler.objects.fields import Json, UnparsableObject, parsing
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.jobs import parse_job
from trainyard_scheduler.objects.model import (
    BuilderJob,
    InvalidSession,
    Job,
    Pod,
    Queue,
    ReleasedSecret,
    Session,
)
from trainyard_scheduler.objects.nodes import parse_node
from trainyard_scheduler.objects.pods import parse_pod
from trainyard_scheduler.objects.queues import parse_queue
from trainyard_scheduler.objects.sessions import parse_session
from trainyard_scheduler.objects.warning_events import WarningEvent, parse_warning

__all__ = [
    "UnparsableObject",
    "builder",
    "is_orphaning",
    "job",
    "node",
    "pod",
    "queue",
    "secret",
    "session",
    "warning",
]


def session(
    raw: Json, config: InstallationConfig, before: Session | InvalidSession | None = None
) -> Session | InvalidSession:
    """A TrainingSession; `InvalidSession` if only its spec cannot be used.

    `before` is the same object as it was known; its spec is not parsed again if the generation is
    the same.
    """
    with parsing("TrainingSession", raw):
        return parse_session(raw, config, before)


def is_orphaning(raw: Json) -> bool:
    """Whether an object is being deleted and what it owns is to stay."""
    meta = fields.mapping(raw.get("metadata"))
    finalizers = meta.get("finalizers")
    return "deletionTimestamp" in meta and isinstance(finalizers, list) and "orphan" in finalizers


def queue(raw: Json) -> Queue:
    """A TrainingQueue from its JSON. Raises UnparsableObject."""
    with parsing("TrainingQueue", raw):
        return parse_queue(raw)


def secret(raw: Json) -> ReleasedSecret:
    """A Secret that is released to sessions, from its metadata."""
    with parsing("Secret", raw):
        meta = raw["metadata"]
        return ReleasedSecret(meta["uid"], meta["name"], fields.version(meta))


def node(raw: Json, config: InstallationConfig) -> Node:
    """A node from its JSON. Raises UnparsableObject."""
    with parsing("node", raw):
        return parse_node(raw, config.gpu_resources)


def job(raw: Json, config: InstallationConfig) -> Job | None:
    """The Job of an attempt; None for any other Job."""
    with parsing("Job", raw):
        return parse_job(raw, config.gpu_resources)


def builder(raw: Json) -> BuilderJob | None:
    """The Job that installs the packages of a session; None for any other Job."""
    with parsing("Job", raw):
        return parse_builder(raw)


def pod(raw: Json, config: InstallationConfig) -> Pod:
    """A pod, of a session or of anyone else."""
    with parsing("pod", raw):
        return parse_pod(raw, config.gpu_resources)


def warning(raw: Json) -> WarningEvent | None:
    """A Warning Event about a pod or Job; None for any other Event."""
    with parsing("Event", raw):
        return parse_warning(raw)
