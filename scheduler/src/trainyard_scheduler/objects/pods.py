"""Pods, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainyard_api import names
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import (
    Json,
    block,
    count,
    duration,
    exit_code,
    items,
    mapping,
    number,
    text,
)
from trainyard_scheduler.objects.model import Pod
from trainyard_scheduler.resources import ResourceVector, maximum, plus, resource_vector

_STARTING = ("PodInitializing", "ContainerCreating")
_ENDED = ("Succeeded", "Failed")
_SANDBOX = "PodReadyToStartContainers"


def parse_pod(raw: Json, gpu_resources: Sequence[str]) -> Pod:
    """A pod. Of pods that are not a session's, only name, node, phase and requests are read.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta = raw["metadata"]
    base = {
        "uid": meta["uid"],
        "name": meta["name"],
        "version": fields.version(meta),
        "node": used_node(raw),
        "requests": pod_requests(raw, gpu_resources),
        "phase": text(mapping(raw.get("status")).get("phase")),
    }
    labels, owners = mapping(meta.get("labels")), items(meta.get("ownerReferences"))
    owner: Json = next((o for o in owners if o.get("controller")), {})
    ours = owner.get("kind") == "Job" or _is_orphan(labels, owners)
    if not ours or labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY:
        return Pod(**base)
    return Pod(**base, job_uid=text(owner.get("uid")), **_labels(labels), **_worker(raw))


def _labels(labels: Json) -> dict[str, Any]:
    """Which worker of which session it is, or whose packages it installs."""
    builds = labels.get(names.LABEL_COMPONENT) == names.ENVIRONMENT_BUILDER
    return {
        "session_uid": "" if builds else text(labels.get(names.LABEL_SESSION_UID)),
        "prepares": text(labels.get(names.LABEL_PREPARES)) if builds else "",
        "worker": number(labels.get(names.LABEL_COMPLETION_INDEX)),
        "attempt": number(labels.get(names.LABEL_ATTEMPT)),
    }


def _worker(raw: Json) -> dict[str, Any]:
    """What is read of the pods of sessions only."""
    meta, status, spec = raw["metadata"], mapping(raw.get("status")), mapping(raw.get("spec"))
    container = _status_of(status, _program(spec))
    return {
        "deleting": "deletionTimestamp" in meta,
        "deletion": _deletion(meta),
        "deletion_end": parse_seconds(meta.get("deletionTimestamp")),
        "assigned": text(spec.get("nodeName")),
        "created": parse_seconds(meta.get("creationTimestamp")),
        "seen_by_kubelet": bool(items(status.get("containerStatuses"))),
        "preferred_nodes": _preferred_nodes(spec),
        "reason": text(status.get("reason")),
        "message": text(status.get("message")),
        **_conditions(status),
        **(_container(container) or _without_word(meta, status)),
        **(_setup(status) if _waits(container) else {}),
    }


def _is_orphan(labels: Json, owners: list[Json]) -> bool:
    """Whether it is a worker whose Job was deleted without it; its session waits for its end."""
    marks = (names.LABEL_COMPLETION_INDEX, names.LABEL_JOB, names.LABEL_ATTEMPT)
    return not owners and all(text(labels.get(mark)) for mark in marks)


def _program(spec: Json) -> str:
    """The name of the container with the program; others may have been put beside it."""
    given = [text(c.get("name")) for c in items(spec.get("containers"))]
    known = (names.TRAINER_CONTAINER, names.BUILDER_CONTAINER)
    return next((name for name in given if name in known), next(iter(given), ""))


def _status_of(status: Json, container: str) -> Json:
    """The status of the container of this name, {} if the kubelet has not reported on it."""
    found = items(status.get("containerStatuses"))
    return next((c for c in found if text(c.get("name")) == container), {})


def _waits(container: Json) -> bool:
    """Whether the program has not begun to run: only then do init containers matter."""
    state = mapping(container.get("state"))
    return not mapping(state.get("running")) and not mapping(state.get("terminated"))


def pod_requests(raw: Json, gpu_resources: Sequence[str]) -> ResourceVector:
    """What kube-scheduler counts for a pod.

    That is containers and sidecars together, or the largest step of the init containers if that is
    more, plus overhead.
    """
    spec = mapping(raw.get("spec"))
    running = resource_vector({}, gpu_resources)
    for container in items(spec.get("containers")):
        running = plus(running, _requests(container, gpu_resources))
    sidecars = largest = resource_vector({}, gpu_resources)
    for container in items(spec.get("initContainers")):
        asked = _requests(container, gpu_resources)
        if container.get("restartPolicy") == "Always":
            sidecars = plus(sidecars, asked)
            largest = maximum(largest, sidecars)
        else:
            largest = maximum(largest, plus(sidecars, asked))
    total = maximum(plus(running, sidecars), largest)
    if pod_level := mapping(spec.get("resources")):
        total = maximum(total, _requests({"resources": pod_level}, gpu_resources))
    total = plus(total, resource_vector(mapping(spec.get("overhead")), gpu_resources))
    return (1, *total[1:])


def used_node(raw: Json) -> str | None:
    """The node whose resources a pod uses; None before it is bound and after it has ended."""
    if mapping(raw.get("status")).get("phase") in _ENDED:
        return None
    return text(mapping(raw.get("spec")).get("nodeName")) or None


def _requests(container: Json, gpu_resources: Sequence[str]) -> ResourceVector:
    resources = mapping(container.get("resources"))
    # Kubernetes takes a limit without a request as the request.
    merged = {**mapping(resources.get("limits")), **mapping(resources.get("requests"))}
    return resource_vector(merged, gpu_resources)


def _deletion(meta: Json) -> float | None:
    """When its deletion was asked for: its deletionTimestamp is the end of the grace period."""
    end = parse_seconds(meta.get("deletionTimestamp"))
    grace = duration(meta.get("deletionGracePeriodSeconds")) or 0.0
    return None if end is None else end - grace


def _preferred_nodes(spec: Json) -> tuple[str, ...]:
    """The nodes that the operator's pod template puts into the preferred node affinity."""
    affinity = mapping(mapping(spec.get("affinity")).get("nodeAffinity"))
    terms = items(affinity.get("preferredDuringSchedulingIgnoredDuringExecution"))
    found = (f for t in terms for f in items(mapping(t.get("preference")).get("matchFields")))
    return tuple(
        text(f["values"][0]) for f in found if f.get("key") == "metadata.name" and f.get("values")
    )


def _conditions(status: Json) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for condition in items(status.get("conditions")):
        kind, truth = condition.get("type"), condition.get("status")
        since = parse_seconds(condition.get("lastTransitionTime"))
        if (kind, truth) == ("PodScheduled", "False"):
            message, reason = text(condition.get("message")), text(condition.get("reason"))
            found["unschedulable"] = message or reason or "?"
            found["unschedulable_since"] = since
        if (kind, truth) == ("PodScheduled", "True"):
            found["scheduled"] = since
        if (kind, truth) == (_SANDBOX, "True"):
            found["sandboxed"] = True
        if (kind, truth) == ("DisruptionTarget", "True"):
            found["disruption"] = text(condition.get("reason")) or "?"
            found["disrupted"] = since
    return found


def _setup(status: Json) -> dict[str, Any]:
    """What keeps its init containers from being done, other than time."""
    for container in items(status.get("initContainerStatuses")):
        state = mapping(container.get("state"))
        waiting, ended = mapping(state.get("waiting")), mapping(state.get("terminated"))
        reason = text(waiting.get("reason"))
        if reason and reason not in _STARTING:
            return {"setup_reason": reason, "setup_message": text(waiting.get("message"))}
        if ended and exit_code(ended.get("exitCode")) != 0:
            message = block(ended.get("message")) or f"exit code {ended.get('exitCode')}"
            return {"setup_reason": text(ended.get("reason")) or "Error", "setup_message": message}
    return {}


def _without_word(meta: Json, status: Json) -> dict[str, Any]:
    """Of a pod that runs, and whose kubelet says nothing of the program: it began with the pod."""
    if status.get("phase") != "Running":
        return {}
    began = parse_seconds(status.get("startTime")) or parse_seconds(meta.get("creationTimestamp"))
    return {"started": began}


def _container(container: Json) -> dict[str, Any]:
    state = mapping(container.get("state"))
    if not state:
        return {}
    if waiting := mapping(state.get("waiting")):
        return {
            "waiting_reason": text(waiting.get("reason")),
            "waiting_message": text(waiting.get("message")),
        }
    if running := mapping(state.get("running")):
        return {"started": parse_seconds(running.get("startedAt"))}
    ended = mapping(state.get("terminated"))
    return {
        "started": parse_seconds(ended.get("startedAt")),
        "ended": parse_seconds(ended.get("finishedAt")),
        "exit_code": exit_code(ended.get("exitCode")),
        "signal": count(ended.get("signal")),
        "terminated_reason": text(ended.get("reason")),
        "termination_message": block(ended.get("message")),
    }
