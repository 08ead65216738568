"""Pods, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trainyard_api import names
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, duration, mapping, number, text
from trainyard_scheduler.objects.model import Pod
from trainyard_scheduler.resources import ResourceVector, maximum, plus, resource_vector

_ENDED = ("Succeeded", "Failed")


def parse_pod(raw: Json, gpu_resources: Sequence[str]) -> Pod:
    """A pod. Of pods that are not a session's, only name, node, phase and requests are read.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta, status, spec = raw["metadata"], raw.get("status") or {}, raw.get("spec") or {}
    labels = meta.get("labels") or {}
    owners: Iterable[Json] = meta.get("ownerReferences") or ()
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
    return Pod(
        **base,
        session_uid=text(labels.get(names.LABEL_SESSION_UID)),
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
    )


def pod_requests(raw: Json, gpu_resources: Sequence[str]) -> ResourceVector:
    """What kube-scheduler counts for a pod.

    That is containers and sidecars together, or the largest step of the init containers if that is
    more, plus overhead.
    """
    spec = raw.get("spec") or {}
    running = resource_vector({}, gpu_resources)
    for container in spec.get("containers") or ():
        running = plus(running, _requests(container, gpu_resources))
    sidecars = largest = resource_vector({}, gpu_resources)
    for container in spec.get("initContainers") or ():
        asked = _requests(container, gpu_resources)
        if container.get("restartPolicy") == "Always":
            sidecars = plus(sidecars, asked)
            largest = maximum(largest, sidecars)
        else:
            largest = maximum(largest, plus(sidecars, asked))
    total = maximum(plus(running, sidecars), largest)
    if pod_level := spec.get("resources"):
        total = maximum(total, _requests({"resources": pod_level}, gpu_resources))
    total = plus(total, resource_vector(spec.get("overhead") or {}, gpu_resources))
    return (1, *total[1:])


def used_node(raw: Json) -> str | None:
    """The node whose resources a pod uses; None before it is bound and after it has ended."""
    if (raw.get("status") or {}).get("phase") in _ENDED:
        return None
    name = (raw.get("spec") or {}).get("nodeName")
    return str(name) if name else None


def _requests(container: Json, gpu_resources: Sequence[str]) -> ResourceVector:
    resources = container.get("resources") or {}
    # Kubernetes takes a limit without a request as the request.
    merged = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return resource_vector(merged, gpu_resources)


def _deletion(meta: Json) -> float | None:
    """When its deletion was asked for: its deletionTimestamp is the end of the grace period."""
    end = parse_seconds(meta.get("deletionTimestamp"))
    grace = duration(meta.get("deletionGracePeriodSeconds")) or 0.0
    return None if end is None else end - grace


def _preferred_nodes(spec: Json) -> tuple[str, ...]:
    """The nodes that the operator's pod template puts into the preferred node affinity."""
    affinity = mapping(mapping(spec.get("affinity")).get("nodeAffinity"))
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    found = (f for t in terms for f in mapping(t.get("preference")).get("matchFields") or ())
    return tuple(f["values"][0] for f in found if f.get("key") == "metadata.name")


def _conditions(status: Json) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message, reason = text(condition.get("message")), text(condition.get("reason"))
            found["unschedulable"] = message or reason or "?"
            found["unschedulable_since"] = parse_seconds(condition.get("lastTransitionTime"))
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            found["disruption"] = text(condition.get("reason")) or "?"
            found["disrupted"] = parse_seconds(condition.get("lastTransitionTime"))
    return found


def _container(status: Json) -> dict[str, Any]:
    containers = status.get("containerStatuses") or ()
    if not containers:
        return {}
    state = containers[0].get("state") or {}
    if waiting := state.get("waiting"):
        return {
            "waiting_reason": text(waiting.get("reason")),
            "waiting_message": text(waiting.get("message")),
        }
    if running := state.get("running"):
        return {"started": parse_seconds(running.get("startedAt"))}
    ended = state.get("terminated") or {}
    code = ended.get("exitCode")
    return {
        "started": parse_seconds(ended.get("startedAt")),
        "ended": parse_seconds(ended.get("finishedAt")),
        "exit_code": int(code) if code is not None else None,
        "signal": int(ended.get("signal") or 0),
        "terminated_reason": text(ended.get("reason")),
        "termination_message": text(ended.get("message")),
    }
