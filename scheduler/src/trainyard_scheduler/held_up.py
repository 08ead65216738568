"""What keeps pods from ending and nodes from use, and what people can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from trainyard_api import timestamps
from trainyard_scheduler.clocks import past
from trainyard_scheduler.facts import Node, Runtime, Shape
from trainyard_scheduler.objects.model import Job, Pod
from trainyard_scheduler.placement import when_up
from trainyard_scheduler.resources import copies

LATE_SECONDS: Final = 30.0
"""So long after the end of its grace period a pod that is still there is held up by something."""
MOST_NAMED: Final = 3
"""Pods that are named; the others are counted."""

WAY_OUT: Final = (
    "If it does not come back, an administrator deletes it (kubectl delete node {0}) or, if the"
    " machine is off, marks it (kubectl taint node {0}"
    " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute), and the session continues"
    " elsewhere."
)
"""What to do about a node that is lost; the node's name is left out."""


NODE_DELETED: Final = (
    "Kubernetes removes its pods within two minutes, and the session continues elsewhere."
)
"""What follows where the node is deleted already."""


def way_out(name: str, nodes: Mapping[str, Node] | None) -> str:
    """What follows for the pods of a troubled node, and what people can do about it."""
    deleted = nodes is not None and name not in nodes
    return NODE_DELETED if deleted else WAY_OUT.format(name)


def node_trouble(name: str, nodes: Mapping[str, Node] | None) -> str:
    """What is wrong with a pod's node, as a sentence; empty if nothing is known to be.

    `nodes` is None where nothing is known of nodes.
    """
    if nodes is None:
        return ""
    node = nodes.get(name)
    if not name or (node is not None and node.unready is None):
        return ""
    if node is None or node.unready is None:
        return f"Node {name} is not there any more."
    since = node.unready.since
    at = f" since {timestamps.to_seconds_text(since)}" if since is not None else ""
    if node.unready.silent:
        return f"Node {name} does not answer{at}."
    words = node.unready.message.rstrip(".")
    return f"Node {name} is not ready{at}{f': {words}' if words else ''}."


def out_of_use(nodes: Mapping[str, Node], runtime: Runtime, shape: Shape) -> str:
    """Which nodes could hold workers of a shape but take none, and why; empty if there are none.

    They are cordoned, or not ready.
    """
    found = [
        node
        for _, node in sorted(nodes.items())
        if not node.usable
        and runtime.matches(when_up(node))
        and copies(node.allocatable, shape.worker)
    ]
    troubles = [
        node_trouble(node.name, nodes)
        or f"Node {node.name} is cordoned (kubectl uncordon {node.name})."
        for node in found[:MOST_NAMED]
    ]
    if len(found) > MOST_NAMED:
        troubles.append(f"{len(found) - MOST_NAMED} more nodes are out of use.")
    return " ".join(troubles)


def held_up(
    pods: Iterable[Pod],
    nodes: Mapping[str, Node] | None,
    now: float,
    jobs: Iterable[Job] = (),
) -> str:
    """Which of these live pods do not end, where and why; empty while they have time to end.

    `now` is in seconds since the epoch; `jobs` are their Jobs, as far as there are any.
    """
    ends = _ends(jobs)
    late = sorted((p for p in pods if _is_late(p, nodes, now, ends)), key=lambda p: p.name)
    if not late:
        return ""
    places = [f"{p.name} on node {p.assigned}" if p.assigned else p.name for p in late]
    more = f" and {len(late) - MOST_NAMED} more" if len(late) > MOST_NAMED else ""
    sentence = f"Not gone yet: {', '.join(places[:MOST_NAMED])}{more}."
    troubles = {p.assigned: t for p in late if (t := node_trouble(p.assigned, nodes))}
    if troubles:
        name, trouble = next(iter(troubles.items()))
        return f"{sentence} {trouble} {way_out(name, nodes)}"
    if not late[0].deleting:
        return (
            f"{sentence} Nothing ends it: its Job is over, and it runs on. Its GPUs count as used"
            f" until it ends or is deleted (kubectl delete pod {late[0].name})."
        )
    return (
        f"{sentence} Its grace period is over: its node's kubelet or a finalizer holds it (kubectl"
        f" describe pod {late[0].name})."
    )


def late_at(pods: Iterable[Pod], now: float, jobs: Iterable[Job] = ()) -> float | None:
    """When the first of these pods will be late; None if none will."""
    ends = _ends(jobs)
    times = (_end_of(p, ends) for p in pods if p.live)
    late = (end + LATE_SECONDS for end in times if end is not None)
    return min((time for time in late if time > now), default=None)


def _ends(jobs: Iterable[Job]) -> dict[str, float]:
    return {job.uid: job.finish_time for job in jobs if job.finish_time is not None}


def _end_of(pod: Pod, ends: Mapping[str, float]) -> float | None:
    """When a pod should end: its grace period's end, or that of its Job."""
    return pod.deletion_end if pod.deleting else ends.get(pod.job_uid)


def _is_late(
    pod: Pod, nodes: Mapping[str, Node] | None, now: float, ends: Mapping[str, float]
) -> bool:
    if not pod.live:
        return False
    # Without a Job it was left behind (kubectl delete job --cascade=orphan).
    if not pod.job_uid or (pod.deleting and node_trouble(pod.assigned, nodes)):
        return True
    end = past(_end_of(pod, ends), now)
    return end is not None and end + LATE_SECONDS <= now
