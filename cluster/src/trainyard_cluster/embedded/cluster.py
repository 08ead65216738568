"""Start, repair and remove the embedded cluster. Every step is idempotent."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path

import httpx

from trainyard_cluster import registry
from trainyard_cluster.embedded import (
    certificates,
    files,
    images,
    leftovers,
    network,
    nodes,
    objects,
    processes,
    switch,
)
from trainyard_cluster.embedded.nodes import Node
from trainyard_cluster.errors import NotPossible, StepFailed
from trainyard_cluster.kubectl import Kubectl, wait
from trainyard_cluster.plan import Addresses, Layout, Wanted, node_layout
from trainyard_cluster.programs import packages, parts, policies
from trainyard_cluster.programs.versions import NODE_PARTS
from trainyard_cluster.progress import Progress
from trainyard_cluster.registry import Record

POD_USER = 10001
_DISK_GIB = 6


def up(wanted: Wanted, progress: Progress) -> Path:
    """Start or repair the cluster. Returns the administrator's kubeconfig."""
    layout = registry.layout(wanted.name)
    _require(layout)
    # Create nothing before every requirement is met.
    packages.ensure(progress, parts.cache_root() / "logs" / "apt.log")
    programs = {*NODE_PARTS, "pause", "helm"} | ({"kwok"} if wanted.kwok_nodes else set())
    bin_dir = parts.obtain(programs, progress)
    engine = policies.obtain(progress)
    at = _place(layout, wanted)
    first, *further = [
        nodes.node(layout, at, number, bin_dir, wanted, engine)
        for number in range(1, wanted.nodes + 1)
    ]
    _network_and_files(first, wanted, progress)
    _start(first, progress)
    kubectl = Kubectl(bin_dir / "kubectl", layout.kubeconfig)
    with progress.step("pod sandbox image, storage, rights"):
        images.load_pause(layout, bin_dir / "pause")
        _first_objects(layout, kubectl)
    _members(first, further, bin_dir / "pause", kubectl, progress)
    with progress.step(f"{wanted.gpus} simulated GPUs{_each(wanted)}"):
        for one in (first, *further):
            nodes.set_gpus(one, kubectl, wanted.gpus)
    if engine is not None:
        for one in (first, *further):
            _enforced(one, progress)
    if wanted.kwok_nodes:
        with progress.step(
            f"{wanted.kwok_nodes} simulated nodes with {wanted.kwok_gpus} GPUs each"
        ):
            _kwok_nodes(kubectl, wanted)
    return layout.kubeconfig


def down(name: str, progress: Progress) -> None:
    """Remove everything that `up` created, also if it was interrupted."""
    layout = registry.layout(name)
    _require_root()
    for number in nodes.existing(layout):
        with progress.step(f"remove node {node_layout(layout, number).name}"):
            nodes.down(layout, number)
    with progress.step("stop parts and pods"):
        processes.stop(layout)
    with progress.step("remove network, mounts, cgroups and files"):
        network.down(layout)
        nodes.remove_files(layout)
        leftovers.remove_if_empty(layout.run.parent, layout.state.parent)


def _each(wanted: Wanted) -> str:
    return " on each node" if wanted.nodes > 1 else ""


def _network_and_files(first: Node, wanted: Wanted, progress: Progress) -> None:
    """Make the first node's network, certificates and configuration where they are missing."""
    layout, place = first.layout, first.place
    new = not network.complete(layout, place.at) or processes.strays(layout)
    if new:
        with progress.step(f"network namespace {layout.netns} at {place.node}"):
            # Processes of an interrupted call would stay in the old namespace.
            processes.stop(layout)
            network.up(layout, place.at)
    network.let_services_reach_the_host(layout, place.at)
    with progress.step("certificates and configuration"):
        if not certificates.current(layout):
            processes.stop(layout)
            certificates.create(layout, place)
        files.write_first(layout, place, new_network=new)
    if wanted.nodes > 1:
        if not files.routed(layout, place):
            raise NotPossible(
                f"the cluster {layout.name!r} has the network of an older version, which has one node only; "
                f"take it down first: make cluster-down NAME={layout.name}"
            )
        switch.prepare(layout, place)


def _members(
    first: Node, further: list[Node], pause: Path, kubectl: Kubectl, progress: Progress
) -> None:
    """Start the further nodes, connect all, wait for all; remove those beyond the wanted number."""
    for number in nodes.existing(first.cluster):
        if number > len(further) + 1:
            name = node_layout(first.cluster, number).name
            with progress.step(f"remove node {name}"):
                nodes.down(first.cluster, number)
                nodes.forget(name, kubectl)
    for one in further:
        with progress.step(f"start node {one.name} at {one.place.node}"):
            nodes.up(one, pause)
    if further:
        nodes.connect([first, *further])
    for one in (first, *further):
        with progress.step("node ready" if not further else f"node {one.name} ready"):
            nodes.wait_ready(one, kubectl)


def _enforced(one: Node, progress: Progress) -> None:
    """Wait until the engine takes packets; say it where the machine cannot enforce policies."""
    try:
        with progress.step(f"NetworkPolicies enforced on {one.name}"):
            wait(
                lambda: processes.policies_enforced(one.layout),
                what="the engine for NetworkPolicies taking packets",
                seconds=60,
            )
    except StepFailed as error:
        progress.note(f"NetworkPolicies are NOT enforced on {one.name}: {error} ({error.log})")


def _require(layout: Layout) -> None:
    _require_root()
    if not Path("/sys/fs/cgroup").is_mount() and not Path("/sys/fs/cgroup").is_dir():
        raise NotPossible(
            "no cgroups are mounted at /sys/fs/cgroup; a container runtime needs them"
        )
    folder = next(p for p in (layout.state, *layout.state.parents) if p.exists())
    free = shutil.disk_usage(folder).free / 2**30
    if free < _DISK_GIB:
        raise NotPossible(
            f"a cluster with its images needs {_DISK_GIB} GiB of free disk at {folder}; there are {free:.1f}"
        )


def _require_root() -> None:
    if os.geteuid() != 0:
        raise NotPossible(
            "namespaces, mounts and cgroups need root: run it with sudo, or use PROVIDER=kind with a Docker engine"
        )


def _place(layout: Layout, wanted: Wanted) -> Addresses:
    """The cluster's slot: its current one, else a free one, which is recorded first."""
    record = registry.read(wanted.name)
    if record is not None and record.provider != "embedded":
        raise NotPossible(
            f"the cluster {wanted.name!r} was made by {record.provider}; take it down first"
        )
    slot = record.slot if record else network.choose_slot(layout, registry.taken_slots(wanted.name))
    registry.write(
        wanted.name,
        Record("embedded", slot, wanted.gpus, wanted.kwok_nodes, wanted.kwok_gpus, wanted.nodes),
    )
    return Addresses(slot)


def _start(first: Node, progress: Progress) -> None:
    """Start missing processes; wait for the API server and the runtime before the rest."""
    layout = first.layout
    processes.start_missing(layout, first.parts)
    for name, check in (
        ("containerd", lambda: processes.runtime_answers(layout)),
        ("kube-apiserver", lambda: _api_ready(first)),
    ):
        with progress.step(f"{name} answers"):
            log = layout.logs / f"{name}.log"
            wait(check, what=f"{name} answering", seconds=90, log=log)
    # Some ended because the API server was not ready.
    processes.restart_ended(layout, first.parts)


def _api_ready(first: Node) -> bool:
    processes.alive(first.layout, "kube-apiserver")
    context = ssl.create_default_context(cafile=str(first.layout.pki / "ca.crt"))
    try:
        server = first.place.at.server
        answer = httpx.get(f"{server}/readyz", timeout=2, verify=context, trust_env=False)
        return answer.status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _first_objects(layout: Layout, kubectl: Kubectl) -> None:
    """Create the first objects and the folders of volumes; free released volumes."""
    volumes = {v["metadata"]["name"]: v for v in objects.volumes(layout)}
    folders = {name: Path(v["spec"]["local"]["path"]) for name, v in volumes.items()}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, POD_USER, POD_USER)
        # setgid: subPath folders that the kubelet creates as root get the group of the pods.
        folder.chmod(0o2770)
    common = objects.rights_and_storage()
    wait(lambda: _applied(kubectl, common), what="the API server taking objects", seconds=30)
    there = kubectl.get("pv")["items"]
    known = {volume["metadata"]["name"] for volume in there}
    # Kubernetes refuses to change where a volume is, also where an older version wrote it.
    missing = [volume for name, volume in volumes.items() if name not in known]
    if missing:
        kubectl.apply(missing)
    for name, folder in objects.released(there, folders).items():
        _free(folder, name, kubectl)


def _applied(kubectl: Kubectl, objects: list[dict[str, object]]) -> bool:
    try:
        kubectl.apply(objects)
    except StepFailed:
        return False
    return True


def _free(folder: Path, name: str, kubectl: Kubectl) -> None:
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
    kubectl("patch", "pv", name, "--type=merge", '-p={"spec":{"claimRef":null}}')


def _kwok_nodes(kubectl: Kubectl, wanted: Wanted) -> None:
    simulated = [objects.kwok_node(n, wanted.kwok_gpus) for n in range(1, wanted.kwok_nodes + 1)]
    kubectl.apply(simulated)
    for node in simulated:
        name = node["metadata"]["name"]
        if kubectl.gpus(name) != wanted.kwok_gpus:
            patch = {"status": node["status"]}
            kubectl.merge_status("node", name, patch)
    names = [n["metadata"]["name"] for n in simulated]
    wait(
        lambda: all(kubectl.node_ready(name) for name in names),
        what="the simulated nodes becoming ready",
        seconds=60,
    )
