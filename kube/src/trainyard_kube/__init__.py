"""A small asynchronous Kubernetes client for plain JSON, with a list-watch that recovers."""

from trainyard_kube import errors, paths
from trainyard_kube.client import Json, KubeClient
from trainyard_kube.config import KubeConfig
from trainyard_kube.list_watch import (
    Applied,
    Change,
    Deleted,
    Listed,
    ListWatch,
    Live,
    Stale,
    Synced,
)

__all__ = [
    "Applied",
    "Change",
    "Deleted",
    "Json",
    "KubeClient",
    "KubeConfig",
    "ListWatch",
    "Listed",
    "Live",
    "Stale",
    "Synced",
    "errors",
    "paths",
]
