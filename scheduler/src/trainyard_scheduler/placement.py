"""Which nodes the workers of a session go to.

Guarantees:

- All or nothing: a placement names a node for every worker, or there is none.
- Exact: if the workers fit on the eligible nodes at all, a placement is found, since the workers of
  a session are alike.
- Packing: if one node can hold all workers, the fullest such node is chosen; otherwise the nodes
  that hold most come first, which gives few nodes but not always the fewest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

from trainyard_scheduler.facts import Node, Runtime, Shape
from trainyard_scheduler.resources import CPU, MEMORY, ResourceVector, copies, gpus, minus, scaled

MOST_SHAPES = 64
"""Shapes whose nodes are kept: each start looks at its nodes for every one of them."""

_Fullness = tuple[int, int, int, str]


def place(
    free: Mapping[str, ResourceVector], eligible: Iterable[str], shape: Shape
) -> tuple[str, ...] | None:
    """The node of each worker, or None if they do not all fit into `free` now."""
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


class Placements:
    """Placements one after another, as `place` finds them, while nodes only get fuller.

    For each of the first shapes it keeps the nodes that hold all workers in a heap, so that many
    starts at once do not look at all nodes each.
    """

    def __init__(
        self,
        free: MutableMapping[str, ResourceVector],
        eligible: Callable[[str], Iterable[str]],
        most_shapes: int = MOST_SHAPES,
    ) -> None:
        """`free` changes by `take` alone; `eligible` gives the names of a runtime's nodes."""
        self._free = free
        self._eligible = eligible
        self._most = most_shapes
        self._fullest: dict[Shape, tuple[frozenset[str], list[_Fullness]]] = {}

    def find(self, shape: Shape) -> tuple[str, ...] | None:
        """The node of each worker, or None if they do not all fit now."""
        known = self._fullest.get(shape)
        if known is None and len(self._fullest) >= self._most:
            return place(self._free, self._eligible(shape.runtime), shape)
        if known is None:
            known = self._fullest[shape] = self._new(shape)
        heap = known[1]
        # A node that got fuller stands there twice, as it is now before as it was.
        while heap and not self._holds(heap[0][-1], shape):
            heappop(heap)
        if heap:
            return (heap[0][-1],) * shape.workers
        return place(self._free, self._eligible(shape.runtime), shape)

    def take(self, nodes: Sequence[str], worker: ResourceVector) -> None:
        """Subtract one worker on each of `nodes`."""
        take(self._free, nodes, worker)
        for name in set(nodes):
            for shape, (inside, heap) in self._fullest.items():
                if name in inside and self._holds(name, shape):
                    heappush(heap, _fullness(self._free[name], name))

    def _new(self, shape: Shape) -> tuple[frozenset[str], list[_Fullness]]:
        inside = frozenset(self._eligible(shape.runtime))
        heap = [_fullness(self._free[name], name) for name in inside if self._holds(name, shape)]
        heapify(heap)
        return inside, heap

    def _holds(self, name: str, shape: Shape) -> bool:
        return copies(self._free[name], shape.worker) >= shape.workers


def _fullness(free: ResourceVector, name: str) -> _Fullness:
    """Sort key: the node with the least left first, by GPUs, then CPU, then memory."""
    return (gpus(free), free[CPU], free[MEMORY], name)


def take(
    free: MutableMapping[str, ResourceVector], nodes: Iterable[str], worker: ResourceVector
) -> None:
    """Subtract one worker on each of `nodes`; a node may stand there several times."""
    for name in nodes:
        free[name] = minus(free[name], worker)


def give(
    free: MutableMapping[str, ResourceVector], nodes: Iterable[str], worker: ResourceVector
) -> None:
    """Add back what `take` subtracted. Nodes that are not usable any more are skipped."""
    back = scaled(worker, -1)
    for name in nodes:
        if name in free:
            free[name] = minus(free[name], back)


def could_ever_fit(nodes: Iterable[Node], runtime: Runtime, shape: Shape) -> bool:
    """Whether the workers would fit if all nodes were empty.

    Nodes that are down or cordoned count as well: they may come back.
    """
    room = sum(copies(n.allocatable, shape.worker) for n in nodes if runtime.matches(when_up(n)))
    return room >= shape.workers


_CONDITION_TAINTS = "node.kubernetes.io/"


def when_up(node: Node) -> Node:
    """The node without the taints that Kubernetes itself sets and removes.

    These are the taints of conditions: not ready, unschedulable, under pressure.
    """
    if not any(t.key.startswith(_CONDITION_TAINTS) for t in node.taints):
        return node
    lasting = tuple(t for t in node.taints if not t.key.startswith(_CONDITION_TAINTS))
    return replace(node, taints=lasting)
