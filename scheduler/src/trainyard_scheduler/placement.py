"""Where the workers of a session go.

Guarantees:

- All or nothing: a placement names a node for every worker, or there is none.
- Exact: if the workers fit on the eligible nodes at all, a placement is found, since workers of one session are alike.
- Packing: one node if one can hold them all, and of those the fullest; otherwise as few nodes as greedy choice gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping

from trainyard_scheduler.facts import Node, Runtime, Shape
from trainyard_scheduler.resources import ResourceVector, copies, gpus, minus, times


def place(
    free: Mapping[str, ResourceVector], eligible: Iterable[str], shape: Shape
) -> tuple[str, ...] | None:
    """Node of each worker, or None if they do not all fit now."""
    worker, workers = shape.worker, shape.workers
    room = [(name, n) for name in eligible if (n := copies(free[name], worker)) > 0]
    whole = [name for name, n in room if n >= workers]
    if whole:
        return (min(whole, key=lambda name: _fullness(free[name], name)),) * workers
    if sum(n for _, n in room) < workers:
        return None
    chosen: list[str] = []
    room.sort(key=lambda item: (-item[1], _fullness(free[item[0]], item[0])))
    for name, n in room:
        chosen.extend([name] * min(n, workers - len(chosen)))
        if len(chosen) == workers:
            break
    return tuple(chosen)


def _fullness(free: ResourceVector, name: str) -> tuple[int, int, int, str]:
    """Sorts nodes with the least left first, GPUs before CPU before memory."""
    return (gpus(free), free[1], free[2], name)


def take(
    free: MutableMapping[str, ResourceVector], nodes: Iterable[str], worker: ResourceVector
) -> None:
    """Subtract one worker on each of `nodes` (a node may stand there several times)."""
    for name in nodes:
        free[name] = minus(free[name], worker)


def give(
    free: MutableMapping[str, ResourceVector], nodes: Iterable[str], worker: ResourceVector
) -> None:
    """Give back what `take` took; nodes that are not usable any more are left out."""
    back = times(worker, -1)
    for name in nodes:
        if name in free:
            free[name] = minus(free[name], back)


def could_ever_fit(nodes: Iterable[Node], runtime: Runtime, shape: Shape) -> bool:
    """Whether the workers would fit on empty nodes, those that are down or cordoned included."""
    room = sum(copies(n.allocatable, shape.worker) for n in nodes if runtime.matches(_up(n)))
    return room >= shape.workers


_PASSING = "node.kubernetes.io/"


def _up(node: Node) -> Node:
    """The node without the taints that Kubernetes sets and removes by itself (not ready, unreachable, pressure)."""
    if not any(t.key.startswith(_PASSING) for t in node.taints):
        return node
    lasting = tuple(t for t in node.taints if not t.key.startswith(_PASSING))
    return Node(node.name, node.allocatable, node.usable, node.labels, lasting, node.version)
