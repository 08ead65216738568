"""Remove shims, mounts and cgroups of pods, found by this cluster's paths only."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from trainyard_cluster.embedded import supervise
from trainyard_cluster.plan import Layout
from trainyard_cluster.shell import run

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_CNI_RESULTS = Path("/var/lib/cni/results")


def stop_pods(layout: Layout, *, grace_seconds: float = 0.2) -> None:
    """End every process in this node's cgroups and every shim of its runtime.

    Without grace they get no SIGTERM: as when the machine loses its power.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pids = [*_pids_in_cgroups(layout), *_shims(layout)]
        if not pids:
            return
        for pid in pids:
            running = supervise.running_at(pid)
            if running is not None:
                supervise.terminate(running, grace_seconds)


def stop_unrecorded(layout: Layout, parts: Iterable[str], recorded: frozenset[int]) -> None:
    """End processes without a pid file (lost with /run, or overwritten).

    They are identified by the program's name and by this cluster's folder in its arguments.
    """
    programs, mark = {part.encode() for part in parts}, f"{layout.state}/".encode()
    for pid, command in _commands():
        program = command.split(b"\0", 1)[0].rpartition(b"/")[2]
        if pid not in recorded and program in programs and mark in command:
            running = supervise.running_at(pid)
            if running is not None:
                supervise.terminate(running, grace_seconds=5)


def unmount(layout: Layout) -> None:
    """Unmount everything below this cluster's folders, deepest first."""
    for mount in sorted(mounts(layout), key=len, reverse=True):
        run(["umount", "--lazy", mount])


def mounts(layout: Layout) -> list[str]:
    """Mount points below this cluster's folders."""
    roots = (f"{layout.state}/", f"{layout.run}/")
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].replace("\\040", " ") for line in lines]
    return [p for p in points if p.startswith(roots)]


def remove_cni_results(layout: Layout) -> None:
    """Remove CNI's records of this cluster's pods; its folder serves the whole machine."""
    for sandbox in (layout.state / "containerd/io.containerd.grpc.v1.cri/sandboxes").glob("*"):
        for result in _CNI_RESULTS.glob(f"*-{sandbox.name}-*"):
            result.unlink(missing_ok=True)


def make_cgroups(layout: Layout) -> None:
    """Create the kubelet's cgroup root in every hierarchy; pods may use every core."""
    for hierarchy in hierarchies():
        root = hierarchy / layout.cgroup
        root.mkdir(exist_ok=True)
        for knob in ("cpuset.cpus", "cpuset.mems"):
            if (root / knob).exists() and not (root / knob).read_text().strip():
                (root / knob).write_text((hierarchy / knob).read_text())


def remove_cgroups(layout: Layout) -> None:
    """Remove the empty cgroups of this cluster, deepest first."""
    for hierarchy in all_hierarchies():
        root = hierarchy / layout.cgroup
        if root.exists():
            for folder, _, _ in sorted(os.walk(root), key=lambda entry: -len(entry[0])):
                _remove_cgroup(Path(folder))


def forget_old_runtime(layout: Layout) -> None:
    """Remove the runtime's socket file, which a crash leaves behind."""
    if supervise.find("containerd", layout.run) is None:
        layout.containerd_socket.unlink(missing_ok=True)


def remove_if_empty(*folders: Path) -> None:
    """Remove empty folders, and parents that become empty."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder)


def _remove_cgroup(folder: Path) -> None:
    """Remove a cgroup; retry briefly while its last process ends."""
    deadline = time.monotonic() + 5
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def hierarchies() -> list[Path]:
    """cgroup v2 has one hierarchy, v1 one per controller group."""
    if (_CGROUP_ROOT / "cgroup.controllers").exists():
        return [_CGROUP_ROOT]
    return sorted(
        {p.resolve() for p in _CGROUP_ROOT.iterdir() if p.is_dir() and p.name != "unified"}
    )


def all_hierarchies() -> list[Path]:
    """Those of `hierarchies`, and the v2 one beside v1, in which runc makes cgroups as well."""
    unified = _CGROUP_ROOT / "unified"
    return [*hierarchies(), unified] if unified.is_dir() else hierarchies()


def _pids_in_cgroups(layout: Layout) -> list[int]:
    return sorted({pid for h in all_hierarchies() for pid in pids_below(h / layout.cgroup)})


def pids_below(cgroup: Path) -> Iterator[int]:
    """Every process in a cgroup and below; cgroups may disappear during the call."""
    for folder, _, _ in os.walk(cgroup):
        try:
            yield from map(int, Path(folder, "cgroup.procs").read_text().split())
        except OSError:
            continue


def _shims(layout: Layout) -> list[int]:
    """Whether a shim belongs to this containerd, by the socket in its arguments."""
    mark = str(layout.containerd_socket).encode()
    return [pid for pid, line in _commands() if b"containerd-shim" in line and mark in line]


def _commands() -> Iterator[tuple[int, bytes]]:
    """Every process with its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "cmdline").read_bytes()
            except OSError:
                continue
