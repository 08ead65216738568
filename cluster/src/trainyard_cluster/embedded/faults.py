"""Take a node away and give it back: kill, drain, cut, and their opposites."""

from __future__ import annotations

from trainyard_cluster import registry
from trainyard_cluster.embedded import nodes, processes, switch
from trainyard_cluster.embedded.nodes import Node
from trainyard_cluster.errors import NotPossible
from trainyard_cluster.kubectl import Kubectl
from trainyard_cluster.plan import Addresses, Place, node_number
from trainyard_cluster.programs import parts, policies
from trainyard_cluster.progress import Progress


def find(name: str, text: str, progress: Progress) -> Node:
    """The node that is named by its number or its name. Raises NotPossible if there is none."""
    record = registry.existing(name)
    if record.provider != "embedded":
        raise NotPossible(
            f"the cluster {name!r} was made by {record.provider}; nodes can be killed, drained and cut in an embedded one only"
        )
    number = node_number(name, text)
    if number is None or number > record.nodes:
        known = ", ".join(str(n) for n in range(1, record.nodes + 1))
        raise NotPossible(
            f"the cluster {name!r} has no node {text!r} (there are: {known}); `make cluster-up NAME={name} NODES=3` makes more"
        )
    at, wanted = Addresses(record.slot), record.wanted(name)
    engine = policies.obtain(progress)
    return nodes.node(registry.layout(name), at, number, parts.bin_dir(), wanted, engine)


def kill(one: Node, *, whole: bool, progress: Progress) -> None:
    """SIGKILL kubelet and containerd of a node; with `whole` everything, as at a loss of power."""
    if whole and one.place.number == 1:
        raise NotPossible(
            f"node {one.name} holds the control plane and the switch between the nodes: kill another one, or leave out --whole"
        )
    what = "everything" if whole else "kubelet and containerd"
    with progress.step(f"kill {what} of node {one.name}"):
        nodes.kill(one, whole=whole)


def revive(one: Node, progress: Progress) -> None:
    """Start what is missing on a node, mend its cuts, and let pods be placed on it again."""
    record, kubectl = registry.existing(one.cluster.name), _kubectl(one)
    with progress.step(f"start the programs of node {one.name}"):
        if one.place.number > 1:
            nodes.up(one, parts.bin_dir() / "pause")
        else:
            processes.start_missing(one.layout, one.parts)
        if record.nodes > 1:
            for number in range(1, record.nodes + 1):
                other = Place(number, one.place.at)
                if number != one.place.number:
                    switch.mend(one.layout, one.place, other)
    with progress.step(f"node {one.name} ready"):
        nodes.wait_ready(one, kubectl)
        nodes.set_gpus(one, kubectl, record.gpus)
        kubectl("uncordon", one.name)


def drain(one: Node, progress: Progress, *, seconds: int) -> None:
    """Cordon a node and evict its pods, as before its maintenance. Raises StepFailed in time."""
    with progress.step(f"drain node {one.name}"):
        _kubectl(one)(
            "drain",
            one.name,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--force",
            f"--timeout={seconds}s",
        )


def cut(one: Node, other: Node, progress: Progress) -> None:
    """Drop everything between two nodes, in both directions."""
    _two(one, other)
    with progress.step(f"cut the network between {one.name} and {other.name}"):
        switch.cut(one.layout, other.place)
        switch.cut(other.layout, one.place)


def mend(one: Node, other: Node, progress: Progress) -> None:
    """Undo `cut`."""
    _two(one, other)
    with progress.step(f"mend the network between {one.name} and {other.name}"):
        switch.mend(one.layout, one.place, other.place)
        switch.mend(other.layout, other.place, one.place)


def _two(one: Node, other: Node) -> None:
    if one.place.number == other.place.number:
        raise NotPossible(f"name two nodes; {one.name} is one")


def _kubectl(one: Node) -> Kubectl:
    return Kubectl(parts.bin_dir() / "kubectl", one.cluster.kubeconfig)
