"""The provider kind, which needs a Docker engine."""

from __future__ import annotations

import shutil
from pathlib import Path

from trainyard_cluster import registry
from trainyard_cluster.errors import NotPossible
from trainyard_cluster.kubectl import Kubectl, wait
from trainyard_cluster.plan import Wanted
from trainyard_cluster.programs import parts
from trainyard_cluster.progress import Progress
from trainyard_cluster.registry import Record
from trainyard_cluster.shell import run, succeeds


def available() -> bool:
    """Whether a Docker engine answers (a client alone does not count)."""
    return shutil.which("docker") is not None and succeeds(["docker", "info"])


def up(wanted: Wanted, progress: Progress) -> Path:
    """Create the kind cluster unless it exists; set its GPUs. Returns the kubeconfig."""
    if not available():
        raise NotPossible(
            "PROVIDER=kind needs a Docker engine that answers `docker info`; start it, or use PROVIDER=embedded"
        )
    if wanted.kwok_nodes:
        raise NotPossible("simulated nodes (KWOK_NODES) come with PROVIDER=embedded only")
    layout = registry.layout(wanted.name)
    bin_dir = parts.obtain({"kind", "kubectl", "helm"}, progress)
    registry.write(wanted.name, Record("kind", 0, wanted.gpus, 0, wanted.kwok_gpus))
    if wanted.name not in run([bin_dir / "kind", "get", "clusters"]).split():
        with progress.step("create the kind cluster (pulls its node image the first time)"):
            run(
                [
                    bin_dir / "kind",
                    "create",
                    "cluster",
                    f"--name={wanted.name}",
                    f"--kubeconfig={layout.kubeconfig}",
                    "--wait=120s",
                ],
                log=layout.logs / "kind.log",
            )
    kubectl = Kubectl(bin_dir / "kubectl", layout.kubeconfig)
    node = f"{wanted.name}-control-plane"
    with progress.step(f"{wanted.gpus} simulated GPUs"):
        wait(lambda: kubectl.node_ready(node), what="the node becoming ready", seconds=120)
        kubectl.set_gpus(node, wanted.gpus)
    return layout.kubeconfig


def down(name: str, progress: Progress) -> None:
    """Delete the kind cluster if it exists."""
    layout = registry.layout(name)
    with progress.step("delete the kind cluster"):
        if available():
            bin_dir = parts.obtain({"kind"}, progress)
            run([bin_dir / "kind", "delete", "cluster", f"--name={name}"])
        shutil.rmtree(layout.state, ignore_errors=True)


def load(name: str, archive: Path) -> None:
    """Load an image archive into the node."""
    run([parts.bin_dir() / "kind", "load", "image-archive", archive, f"--name={name}"])
