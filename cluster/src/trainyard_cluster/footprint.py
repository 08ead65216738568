"""Everything that clusters created on this machine; equal before `up` and after `down`."""

from __future__ import annotations

from pathlib import Path

from trainyard_cluster import registry
from trainyard_cluster.embedded import leftovers
from trainyard_cluster.shell import run


def read() -> dict[str, list[str]]:
    """Processes, mounts, network namespaces, links, routes, cgroups and folders by kind, sorted."""
    return {
        "processes": _processes(),
        "mounts": sorted(
            mount
            for line in Path("/proc/self/mounts").read_text().splitlines()
            if "trainyard" in (mount := line.split()[1])
        ),
        "networkNamespaces": sorted(p.name for p in Path("/run/netns").glob("trainyard-*")),
        "links": sorted(
            name for name in _links() if name.startswith("ty") or name.startswith("trainyard")
        ),
        "routes": sorted(
            line for line in run(["ip", "-4", "route"]).splitlines() if "172.30." in line
        ),
        "cgroups": sorted(
            str(path) for h in leftovers.all_hierarchies() for path in h.glob("trainyard-*")
        ),
        "clusters": registry.folders(),
        "runFolders": sorted(str(p) for p in Path("/run/trainyard").glob("*")),
    }


def _links() -> list[str]:
    return [p.name for p in Path("/sys/class/net").iterdir()]


def _processes() -> list[str]:
    """Command lines that name a cluster's folders."""
    marks = (str(registry.root()).encode(), b"/run/trainyard/")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if any(mark in command for mark in marks):
                found.append(
                    f"{entry.name} {command.replace(bytes(1), b' ').decode(errors='replace')[:120]}"
                )
    return sorted(found)
