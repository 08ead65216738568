"""Start, repair and remove the embedded node. Every step is idempotent."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from trainyard_cluster import registry
from trainyard_cluster.embedded import certificates, config, images, leftovers, network, supervise
from trainyard_cluster.errors import NotPossible, StepFailed
from trainyard_cluster.kubectl import Kubectl, wait
from trainyard_cluster.plan import Addresses, Layout, Process, Wanted, processes
from trainyard_cluster.programs import packages, parts
from trainyard_cluster.programs.versions import NODE_PARTS
from trainyard_cluster.progress import Progress
from trainyard_cluster.registry import Record

POD_USER = 10001
_DISK_GIB = 6
_KWOK_STAGES = Path(__file__).with_name("kwok.yaml")
_KUBECONFIGS = ("admin", "controller-manager", "scheduler", "kubelet", "kube-proxy", "coredns")


def up(wanted: Wanted, progress: Progress) -> Path:
    """Start or repair the cluster. Returns the administrator's kubeconfig."""
    layout = registry.layout(wanted.name)
    _require(layout)
    # Create nothing before every requirement is met.
    packages.ensure(progress, parts.cache_root() / "logs" / "apt.log")
    programs = {*NODE_PARTS, "pause", "helm"} | ({"kwok"} if wanted.kwok_nodes else set())
    bin_dir = parts.obtain(programs, progress)
    at = _place(layout, wanted)
    running = processes(layout, at, bin_dir, wanted)
    if not network.complete(layout, at) or _strays(layout):
        with progress.step(f"network namespace {layout.netns} at {at.node}"):
            # Processes of an interrupted call would stay in the old namespace.
            _stop(layout)
            network.up(layout, at)
    with progress.step("certificates and configuration"):
        _configure(layout, at)
    _start(layout, running, progress)
    kubectl = Kubectl(bin_dir / "kubectl", layout.kubeconfig)
    with progress.step("pod sandbox image, storage, DNS"):
        images.load_pause(layout, bin_dir / "pause")
        _volumes(layout, kubectl)
    with progress.step("node ready"):
        kubelet_log = layout.logs / "kubelet.log"
        wait(
            lambda: _alive(layout, "kubelet") and kubectl.node_ready(wanted.name),
            what="the node becoming ready",
            seconds=90,
            log=kubelet_log,
        )
    with progress.step(f"{wanted.gpus} simulated GPUs"):
        _gpus(kubectl, wanted)
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
    with progress.step("stop parts and pods"):
        _stop(layout)
    with progress.step("remove network, mounts, cgroups and files"):
        network.down(layout)
        leftovers.unmount(layout)
        leftovers.remove_cni_results(layout)
        leftovers.remove_cgroups(layout)
        for folder in (layout.run, layout.state):
            shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
        leftovers.remove_if_empty(layout.run.parent, layout.state.parent)


def _stop(layout: Layout) -> None:
    """End all processes, then all pods, then the container runtime."""
    for part in reversed(_all_names()):
        if part != "containerd":
            supervise.stop(part, layout.run)
    leftovers.stop_pods(layout)
    supervise.stop("containerd", layout.run)
    leftovers.stop_unrecorded(layout, _all_names(), frozenset())


def _recorded(layout: Layout) -> frozenset[int]:
    """Pids of the running processes, from their pid files."""
    found = (supervise.find(name, layout.run) for name in _all_names())
    return frozenset(part.pid for part in found if part)


def _strays(layout: Layout) -> bool:
    """Whether a process of an interrupted call is outside the namespace."""
    found = (supervise.find(name, layout.run) for name in _all_names())
    return any(part and not network.contains(layout, part.pid) for part in found)


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
        Record("embedded", slot, wanted.gpus, wanted.kwok_nodes, wanted.kwok_gpus),
    )
    return Addresses(slot)


def _configure(layout: Layout, at: Addresses) -> None:
    """Write certificates once; write configuration always, so that new versions apply."""
    if not certificates.current(layout):
        _stop(layout)
        certificates.create(layout, at)
    (layout.config / "cni").mkdir(parents=True, exist_ok=True)
    files = {
        "containerd.toml": config.containerd(layout),
        "cni/10-pods.conflist": config.cni(layout),
        "kubelet.yaml": config.kubelet(layout, at),
        "kube-proxy.yaml": config.kube_proxy(layout),
        "audit.yaml": config.audit(),
        "Corefile": config.corefile(layout),
        "resolv.conf": "",
        "kwok.yaml": _KWOK_STAGES.read_text(),
    }
    ca = (layout.pki / "ca.crt").read_text()
    for user in _KUBECONFIGS:
        pair = [(layout.pki / f"{user}.{suffix}").read_text() for suffix in ("crt", "key")]
        files[f"{user}.kubeconfig"] = config.kubeconfig(at.server, ca, *pair)
    written = {name for name, text in files.items() if _write(layout.config / name, text)}
    if "kwok.yaml" in written:
        # It reads its stages when it starts.
        supervise.stop("kwok", layout.run)
    _write(layout.kubeconfig, files["admin.kubeconfig"])


def _write(path: Path, text: str) -> bool:
    """Write a file unless it holds `text` already; whether it was written."""
    # kube-proxy exits when its configuration is written, even with the same content.
    if path.exists() and path.read_text() == text:
        return False
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(text)
    return True


def _start(layout: Layout, parts_: list[Process], progress: Progress) -> None:
    """Start missing processes; wait for the API server and the runtime before the rest."""
    leftovers.make_cgroups(layout)
    (layout.run / "containerd").mkdir(parents=True, exist_ok=True)
    leftovers.forget_old_runtime(layout)
    leftovers.stop_unrecorded(layout, _all_names(), _recorded(layout))
    for part in parts_:
        log = layout.logs / f"{part.name}.log"
        if supervise.find(part.name, layout.run) is None:
            supervise.start(part.name, [*network.enter(layout), *part.argv], layout.run, log)
    for name, check in (
        ("containerd", lambda: layout.containerd_socket.exists()),
        ("kube-apiserver", lambda: _api_ready(layout)),
    ):
        with progress.step(f"{name} answers"):
            log = layout.logs / f"{name}.log"
            wait(check, what=f"{name} answering", seconds=90, log=log)
    # Restart processes that exited before the API server was ready.
    for part in parts_:
        if supervise.find(part.name, layout.run) is None:
            log = layout.logs / f"{part.name}.log"
            supervise.start(part.name, [*network.enter(layout), *part.argv], layout.run, log)


def _api_ready(layout: Layout) -> bool:
    record = registry.read(layout.name)
    if record is None or not _alive(layout, "kube-apiserver"):
        return False
    context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
    try:
        server = Addresses(record.slot).server
        answer = httpx.get(f"{server}/readyz", timeout=2, verify=context, trust_env=False)
        return answer.status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _alive(layout: Layout, part: str) -> bool:
    """Whether the process runs; waiting for an exited one is useless."""
    if supervise.find(part, layout.run) is None:
        raise StepFailed(f"{part} ended", layout.logs / f"{part}.log")
    return True


def _volumes(layout: Layout, kubectl: Kubectl) -> None:
    """Create volume folders for group 10001 and their objects; free released volumes."""
    objects = config.base_objects(layout)
    volumes = [o for o in objects if o["kind"] == "PersistentVolume"]
    folders = {v["metadata"]["name"]: Path(v["spec"]["local"]["path"]) for v in volumes}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, POD_USER, POD_USER)
        # setgid: subPath folders that the kubelet creates as root get the group of the pods.
        folder.chmod(0o2770)
    wait(lambda: _applied(kubectl, objects), what="the API server taking objects", seconds=30)
    for name, folder in released(kubectl.get("pv")["items"], folders).items():
        _free(folder, name, kubectl)


def released(volumes: list[dict[str, Any]], folders: Mapping[str, Path]) -> dict[str, Path]:
    """Those of `folders` (by volume) whose claim is gone. Volumes of others are left alone."""
    ended = ("Released", "Failed")
    names = {v["metadata"]["name"] for v in volumes if v["status"].get("phase") in ended}
    return {name: folder for name, folder in folders.items() if name in names}


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


def _gpus(kubectl: Kubectl, wanted: Wanted) -> None:
    """Set GPUs again: a starting kubelet removes unknown extended resources."""

    def set_and_kept() -> bool:
        if kubectl.gpus(wanted.name) == wanted.gpus:
            return True
        kubectl.set_gpus(wanted.name, wanted.gpus)
        return False

    for _ in range(2):
        wait(set_and_kept, what="the node keeping its GPUs", seconds=30)


def _kwok_nodes(kubectl: Kubectl, wanted: Wanted) -> None:
    nodes = [config.kwok_node(n, wanted.kwok_gpus) for n in range(1, wanted.kwok_nodes + 1)]
    kubectl.apply(nodes)
    for node in nodes:
        name = node["metadata"]["name"]
        if kubectl.gpus(name) != wanted.kwok_gpus:
            patch = {"status": node["status"]}
            kubectl.merge_status("node", name, patch)
    names = [n["metadata"]["name"] for n in nodes]
    wait(
        lambda: all(kubectl.node_ready(name) for name in names),
        what="the simulated nodes becoming ready",
        seconds=60,
    )


def _all_names() -> list[str]:
    return ["containerd", *(p for p in NODE_PARTS if p != "kubectl"), "kwok"]
