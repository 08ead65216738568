"""Further real nodes of a cluster, each in its network namespace, with kubelet and containerd."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainyard_cluster.embedded import (
    certificates,
    files,
    images,
    leftovers,
    network,
    processes,
    supervise,
    switch,
)
from trainyard_cluster.embedded.commands import POLICY_ENGINE, Process
from trainyard_cluster.embedded.commands import processes as processes_of
from trainyard_cluster.errors import StepFailed
from trainyard_cluster.kubectl import Kubectl, wait
from trainyard_cluster.plan import MAX_NODES, Addresses, Layout, Place, Wanted, node_layout

_READY_SECONDS = 90
_UNEXPECTED_END = ("kubelet", "containerd")
"""What `kill` ends: the node's programs that the cluster hears of. Its pods run on."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a cluster and the programs that it runs."""

    cluster: Layout
    place: Place
    parts: list[Process]

    @property
    def layout(self) -> Layout:
        """The node's own folders and names."""
        return node_layout(self.cluster, self.place.number)

    @property
    def name(self) -> str:
        """Name of the node in Kubernetes."""
        return self.layout.name


def node(
    cluster: Layout, at: Addresses, number: int, bin_dir: Path, wanted: Wanted, engine: Path | None
) -> Node:
    """Node `number` of a cluster. Pure."""
    place = Place(number, at)
    layout = node_layout(cluster, number)
    return Node(cluster, place, processes_of(layout, place, bin_dir, wanted, engine))


def up(one: Node, pause: Path) -> None:
    """Start or repair a further node; `wait_ready` waits for it."""
    layout, place = one.layout, one.place
    new = not switch.complete(one.cluster, layout, place) or processes.strays(layout)
    if new:
        processes.stop(layout)
        switch.join(one.cluster, layout, place)
    switch.connect(one.cluster, layout)
    network.let_services_reach_the_host(layout, place.at)
    if not certificates.node_current(one.cluster, layout, place):
        processes.stop(layout)
        certificates.create_for_node(one.cluster, layout, place)
    files.write_further(one.cluster, layout, place, new_network=new)
    processes.start_missing(layout, one.parts)
    log = layout.logs / "containerd.log"
    wait(
        lambda: processes.runtime_answers(layout),
        what=f"containerd of {one.name} answering",
        seconds=_READY_SECONDS,
        log=log,
    )
    images.load_pause(layout, pause)


def connect(members: Iterable[Node]) -> None:
    """Set the routes between all nodes; cuts are mended."""
    known = list(members)
    places = [one.place for one in known]
    for one in known:
        switch.set_routes(one.layout, one.place, places)


def wait_ready(one: Node, kubectl: Kubectl) -> None:
    """Wait until the kubelet runs and the node is Ready. Raises StepFailed."""
    kubelet = processes.Kubelet(one.layout, one.parts)
    wait(
        lambda: kubelet.runs() and kubectl.node_ready(one.name),
        what=f"node {one.name} becoming ready",
        seconds=_READY_SECONDS,
        log=one.layout.logs / "kubelet.log",
    )


def set_gpus(one: Node, kubectl: Kubectl, count: int) -> None:
    """Set GPUs again: a starting kubelet removes unknown extended resources."""

    def set_and_kept() -> bool:
        if kubectl.gpus(one.name) == count:
            return True
        kubectl.set_gpus(one.name, count)
        return False

    for _ in range(2):
        wait(set_and_kept, what=f"node {one.name} keeping its GPUs", seconds=30)


def kill(one: Node, *, whole: bool) -> list[str]:
    """SIGKILL kubelet and containerd, or all of the node as when it loses its power.

    Returns the names of the killed processes.
    """
    layout = one.layout
    names = _UNEXPECTED_END if not whole else (*_UNEXPECTED_END, "kube-proxy", POLICY_ENGINE)
    found = {name: supervise.find(name, layout.run) for name in names}
    if whole:
        switch.disconnect(one.cluster, layout)
    for running in found.values():
        if running is not None:
            os.kill(running.pid, signal.SIGKILL)
    if whole:
        leftovers.stop_pods(layout, grace_seconds=0)
    return [name for name, running in found.items() if running is not None]


def down(cluster: Layout, number: int) -> None:
    """Remove everything that `up` created for a further node, also if it was interrupted."""
    layout = node_layout(cluster, number)
    processes.stop(layout, grace_seconds=2)
    switch.leave(cluster, layout)
    remove_files(layout)


def remove_files(layout: Layout) -> None:
    """Remove mounts, cgroups and folders of a node that is stopped."""
    leftovers.unmount(layout)
    leftovers.remove_cni_results(layout)
    leftovers.remove_cgroups(layout)
    for folder in (layout.run, layout.state):
        if folder.exists():
            shutil.rmtree(folder)


def existing(cluster: Layout) -> list[int]:
    """Numbers of the further nodes of which something is left, also of an interrupted `up`."""
    return [number for number in range(2, MAX_NODES + 1) if _left(node_layout(cluster, number))]


def _left(layout: Layout) -> bool:
    return (
        network.exists(layout)
        or layout.state.exists()
        or layout.run.exists()
        or any((root / layout.cgroup).exists() for root in leftovers.all_hierarchies())
    )


def forget(name: str, kubectl: Kubectl) -> None:
    """Delete the node object, so that its pods count as lost."""
    try:
        kubectl("delete", "node", name, "--ignore-not-found", "--timeout=30s")
    except StepFailed as error:
        raise StepFailed(f"node {name} is gone, its object is not: {error}") from error
