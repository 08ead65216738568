"""Whole lists of the API server → a `ClusterState`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from trainyard_api.limits.published import PublishedLimits
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.fields import Json, UnparsableObject
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.store import ClusterState


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """The items of lists, as the API server gave them."""

    nodes: Iterable[Json]
    pods: Iterable[Json]
    """All live pods of the cluster, and all pods of sessions, ended ones included.

    A pod may be there twice.
    """
    jobs: Iterable[Json]
    queues: Iterable[Json]
    sessions: Iterable[Json]
    limits: PublishedLimits | None = None
    """As the gateway publishes them."""


def load(objects: ClusterObjects, config: InstallationConfig) -> ClusterState:
    """The state of these objects. Objects that make no sense are skipped, as the operator does."""
    state = ClusterState(limits=objects.limits)
    for raw in objects.nodes:
        with suppress(UnparsableObject):
            state.put_node(parse.node(raw, config))
    for raw in objects.queues:
        with suppress(UnparsableObject):
            state.put_queue(parse.queue(raw))
    for raw in objects.sessions:
        with suppress(UnparsableObject):
            state.put_session(parse.session(raw, config))
    for raw in objects.jobs:
        with suppress(UnparsableObject):
            job = parse.job(raw, config)
            if job is not None:
                state.put_job(job)
    for raw in objects.pods:
        with suppress(UnparsableObject):
            pod = parse.pod(raw, config)
            known = state.pods.get(pod.uid)
            if known is None or known.version < pod.version:
                state.put_pod(pod)
    return state
