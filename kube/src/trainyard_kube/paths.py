"""URL paths of the objects that Trainyard reads and writes.

With `name` a path names one object, without it the collection. Without `namespace` the collection
is that of the whole cluster. Names and namespaces are quoted.
"""

from __future__ import annotations

from urllib.parse import quote

from trainyard_api import names

_SESSIONS = f"/apis/{names.GROUP}/{names.VERSION}"


def _namespaced(prefix: str, plural: str, namespace: str | None, name: str | None) -> str:
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{prefix}{scope}/{plural}" + (f"/{quote(name, safe='')}" if name else "")


def sessions(namespace: str | None = None, name: str | None = None) -> str:
    """Path of TrainingSessions (trainyard.io/v1alpha1)."""
    return _namespaced(_SESSIONS, names.SESSION_PLURAL, namespace, name)


def queues(namespace: str | None = None, name: str | None = None) -> str:
    """Path of TrainingQueues (trainyard.io/v1alpha1)."""
    return _namespaced(_SESSIONS, names.QUEUE_PLURAL, namespace, name)


def jobs(namespace: str | None = None, name: str | None = None) -> str:
    """Path of Jobs (batch/v1)."""
    return _namespaced("/apis/batch/v1", "jobs", namespace, name)


def pods(namespace: str | None = None, name: str | None = None) -> str:
    """Path of pods (v1)."""
    return _namespaced("/api/v1", "pods", namespace, name)


def secrets(namespace: str | None = None, name: str | None = None) -> str:
    """Path of Secrets (v1)."""
    return _namespaced("/api/v1", "secrets", namespace, name)


def services(namespace: str | None = None, name: str | None = None) -> str:
    """Path of Services (v1)."""
    return _namespaced("/api/v1", "services", namespace, name)


def namespaces(name: str | None = None) -> str:
    """Path of namespaces (v1)."""
    return _namespaced("/api/v1", "namespaces", None, name)


def nodes(name: str | None = None) -> str:
    """Path of nodes (v1)."""
    return _namespaced("/api/v1", "nodes", None, name)


def events(namespace: str | None = None, name: str | None = None) -> str:
    """Path of Events (events.k8s.io/v1)."""
    return _namespaced("/apis/events.k8s.io/v1", "events", namespace, name)


def leases(namespace: str | None = None, name: str | None = None) -> str:
    """Path of Leases (coordination.k8s.io/v1)."""
    return _namespaced("/apis/coordination.k8s.io/v1", "leases", namespace, name)


def token_reviews() -> str:
    """Path of TokenReviews (authentication.k8s.io/v1), which can only be created."""
    return "/apis/authentication.k8s.io/v1/tokenreviews"


def crds(name: str | None = None) -> str:
    """Path of CustomResourceDefinitions (apiextensions.k8s.io/v1)."""
    return _namespaced("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", None, name)


def status(path: str) -> str:
    """The status subresource of the object at `path`."""
    return f"{path}/status"
