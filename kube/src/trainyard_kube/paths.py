"""URL paths of the objects that Trainyard reads and writes."""

from __future__ import annotations

from urllib.parse import quote

from trainyard_api import names

_SESSIONS = f"/apis/{names.GROUP}/{names.VERSION}"


def _namespaced(prefix: str, plural: str, namespace: str | None, name: str | None) -> str:
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{prefix}{scope}/{plural}" + (f"/{quote(name, safe='')}" if name else "")


def sessions(namespace: str | None = None, name: str | None = None) -> str:
    """TrainingSessions; without `namespace` those of the whole cluster."""
    return _namespaced(_SESSIONS, names.SESSION_PLURAL, namespace, name)


def queues(namespace: str | None = None, name: str | None = None) -> str:
    """TrainingQueues."""
    return _namespaced(_SESSIONS, names.QUEUE_PLURAL, namespace, name)


def jobs(namespace: str | None = None, name: str | None = None) -> str:
    """Jobs."""
    return _namespaced("/apis/batch/v1", "jobs", namespace, name)


def pods(namespace: str | None = None, name: str | None = None) -> str:
    """Pods."""
    return _namespaced("/api/v1", "pods", namespace, name)


def services(namespace: str | None = None, name: str | None = None) -> str:
    """Services."""
    return _namespaced("/api/v1", "services", namespace, name)


def namespaces(name: str | None = None) -> str:
    """Namespaces."""
    return _namespaced("/api/v1", "namespaces", None, name)


def nodes(name: str | None = None) -> str:
    """Nodes."""
    return _namespaced("/api/v1", "nodes", None, name)


def events(namespace: str | None = None, name: str | None = None) -> str:
    """Events of events.k8s.io/v1."""
    return _namespaced("/apis/events.k8s.io/v1", "events", namespace, name)


def leases(namespace: str | None = None, name: str | None = None) -> str:
    """Leases."""
    return _namespaced("/apis/coordination.k8s.io/v1", "leases", namespace, name)


def token_reviews() -> str:
    """TokenReviews (create only)."""
    return "/apis/authentication.k8s.io/v1/tokenreviews"


def crds(name: str | None = None) -> str:
    """CustomResourceDefinitions."""
    return _namespaced("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", None, name)


def status(path: str) -> str:
    """The status subresource of the object at `path`."""
    return f"{path}/status"
