"""The provider kind, which needs a Docker engine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainyard_cluster import registry
from trainyard_cluster.errors import NotPossible
from trainyard_cluster.kubectl import Kubectl, wait
from trainyard_cluster.plan import Layout, Wanted
from trainyard_cluster.programs import parts
from trainyard_cluster.progress import Progress
from trainyard_cluster.registry import Record
from trainyard_cluster.shell import run, succeeds


def available() -> bool:
    """Whether a Docker engine answers (a client alone does not count)."""
    return shutil.which("docker") is not None and succeeds(["docker", "info"])


@dataclass(frozen=True, slots=True)
class Options:
    """What a kind cluster is made of, beside kind's own defaults."""

    node_image: str | None = None
    config: Path | None = None


def create_command(program: Path, wanted: Wanted, layout: Layout, options: Options) -> list[str]:
    """The call of kind that makes the cluster. Pure."""
    command = [str(program), "create", "cluster", f"--name={wanted.name}"]
    command += [f"--kubeconfig={layout.kubeconfig}", "--wait=120s"]
    command += [f"--image={options.node_image}"] if options.node_image else []
    # An absolute path, so that kind may run in another folder.
    command += [f"--config={options.config.resolve()}"] if options.config else []
    return command


def delete_command(program: Path, layout: Layout) -> list[str]:
    """The call of kind that deletes the cluster. Pure.

    Without this kubeconfig kind would edit the user's.
    """
    return [
        str(program), "delete", "cluster", f"--name={layout.name}", f"--kubeconfig={layout.kubeconfig}"
    ]  # fmt: skip


def up(wanted: Wanted, options: Options, progress: Progress) -> Path:
    """Create the kind cluster unless it exists; set its GPUs. Returns the kubeconfig."""
    if not available():
        raise NotPossible(
            "PROVIDER=kind needs a Docker engine that answers `docker info`; start it, or use PROVIDER=embedded"
        )
    if wanted.kwok_nodes:
        raise NotPossible("simulated nodes (KWOK_NODES) come with PROVIDER=embedded only")
    if wanted.nodes > 1:
        raise NotPossible(
            "a kind cluster gets its nodes from a file: name it with --kind-config (KIND_CONFIG=) instead of NODES"
        )
    if options.config is not None and not options.config.is_file():
        raise NotPossible(f"there is no file {options.config} with a configuration of kind")
    record = registry.read(wanted.name)
    if record is not None and record.provider != "kind":
        raise NotPossible(
            f"the cluster {wanted.name!r} was made by {record.provider}; take it down first"
        )
    layout = registry.layout(wanted.name)
    bin_dir = parts.obtain({"kind", "kubectl", "helm"}, progress)
    registry.write(wanted.name, Record("kind", 0, wanted.gpus, 0, wanted.kwok_gpus))
    if wanted.name not in run([bin_dir / "kind", "get", "clusters"]).split():
        with progress.step("create the kind cluster (pulls its node image the first time)"):
            command = create_command(bin_dir / "kind", wanted, layout, options)
            run(command, log=layout.logs / "kind.log")
    kubectl = Kubectl(bin_dir / "kubectl", layout.kubeconfig)
    with progress.step(f"{wanted.gpus} simulated GPUs"):
        for node in run([bin_dir / "kind", "get", "nodes", f"--name={wanted.name}"]).split():
            wait(partial(kubectl.node_ready, node), what=f"node {node} becoming ready", seconds=120)
            kubectl.set_gpus(node, wanted.gpus)
    return layout.kubeconfig


def down(name: str, progress: Progress) -> None:
    """Delete the kind cluster if it exists. Raises NotPossible if Docker does not answer."""
    layout = registry.layout(name)
    if not available():
        raise NotPossible(
            f"the kind cluster {name!r} lives in Docker, which does not answer `docker info`: start it, then repeat this command"
        )
    with progress.step("delete the kind cluster"):
        bin_dir = parts.obtain({"kind"}, progress)
        run(delete_command(bin_dir / "kind", layout))
        shutil.rmtree(layout.state, ignore_errors=True)


def load(name: str, archive: Path) -> None:
    """Load an image archive into the node."""
    run([parts.bin_dir() / "kind", "load", "image-archive", archive, f"--name={name}"])
