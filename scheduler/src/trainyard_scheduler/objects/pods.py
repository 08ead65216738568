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


def parse_pod(raw: Json, gpu_resources: Sequence[str]) -> Pod:
    """A pod. Of pods that are not a session's, only name, node, phase and requests are read.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta, status, spec = raw["metadata"], mapping(raw.get("status")), mapping(raw.get("spec"))
    labels, owners = mapping(meta.get("labels")), items(meta.get("ownerReferences"))
    owner: Json = next((o for o in owners if o.get("controller")), {})
    ours = owner.get("kind") == "Job" and labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    base = {
        "uid": meta["uid"],
        "name": meta["name"],
        "version": fields.version(meta),
        "node": used_node(raw),
        "requests": pod_requests(raw, gpu_resources),
        "phase": text(status.get("phase")),
    }
    if not ours:
        return Pod(**base)
    builds = labels.get(names.LABEL_COMPONENT) == names.ENVIRONMENT_BUILDER
    return Pod(
        **base,
        session_uid="" if builds else text(labels.get(names.LABEL_SESSION_UID)),
        prepares=text(labels.get(names.LABEL_PREPARES)) if builds else "",
        job_uid=text(owner.get("uid")),
        deleting="deletionTimestamp" in meta,
        deletion=_deletion(meta),
        assigned=text(spec.get("nodeName")),
        preferred_nodes=_preferred_nodes(spec),
        reason=text(status.get("reason")),
        message=text(status.get("message")),
        worker=number(labels.get(names.LABEL_COMPLETION_INDEX)),
        attempt=number(labels.get(names.LABEL_ATTEMPT)),
        **_conditions(status),
        **_container(status),
        **_setup(status),
    )


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
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message, reason = text(condition.get("message")), text(condition.get("reason"))
            found["unschedulable"] = message or reason or "?"
            found["unschedulable_since"] = parse_seconds(condition.get("lastTransitionTime"))
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            found["disruption"] = text(condition.get("reason")) or "?"
            found["disrupted"] = parse_seconds(condition.get("lastTransitionTime"))
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


def _container(status: Json) -> dict[str, Any]:
    containers = items(status.get("containerStatuses"))
    if not containers:
        return {}
    state = mapping(containers[0].get("state"))
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
