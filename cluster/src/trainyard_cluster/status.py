"""The state of a cluster: processes with age and memory, nodes with GPUs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from trainyard_cluster import registry
from trainyard_cluster.embedded import nodes, supervise
from trainyard_cluster.errors import StepFailed
from trainyard_cluster.kubectl import Kubectl
from trainyard_cluster.plan import GPU, Addresses
from trainyard_cluster.programs import parts, policies
from trainyard_cluster.progress import seconds
from trainyard_cluster.registry import Record


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the cluster; pid is None if it does not run."""

    name: str
    pid: int | None = None
    age_seconds: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node: whether it is ready, its GPUs, and those that pods hold."""

    name: str
    ready: bool
    gpus: int
    gpus_used: int


@dataclass(frozen=True, slots=True)
class State:
    """A cluster at this moment."""

    name: str
    provider: str
    server: str
    kubeconfig: str
    parts: list[Part] = field(default_factory=list)
    nodes: list[NodeState] = field(default_factory=list)

    @property
    def memory_bytes(self) -> int:
        """Resident memory of all processes, in bytes."""
        return sum(part.memory_bytes for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """The state as JSON, for `-o json`."""
        return {**asdict(self), "memory_bytes": self.memory_bytes}


def read(name: str) -> State:
    """The state of an existing cluster."""
    record = registry.existing(name)
    layout, bin_dir = registry.layout(name), parts.bin_dir()
    embedded = record.provider == "embedded"
    server = Addresses(record.slot).server if embedded else server_of(layout.kubeconfig)
    rows = _embedded_parts(name, record) if embedded else []
    found = _nodes(Kubectl(bin_dir / "kubectl", layout.kubeconfig))
    return State(name, record.provider, server, str(layout.kubeconfig), rows, found)


def server_of(kubeconfig: Path) -> str:
    """The API server's URL in a kubeconfig; "unknown" if there is none."""
    try:
        clusters = yaml.safe_load(kubeconfig.read_text())["clusters"]
        return str(clusters[0]["cluster"]["server"])
    except (OSError, yaml.YAMLError, LookupError, TypeError):
        return "unknown"


def _embedded_parts(name: str, record: Record) -> list[Part]:
    """The processes of every node; those of further nodes have the node's name before theirs."""
    layout, at, bin_dir = registry.layout(name), Addresses(record.slot), parts.bin_dir()
    engine = policies.location()
    rows = []
    for number in range(1, record.nodes + 1):
        one = nodes.node(layout, at, number, bin_dir, record.wanted(name), engine)
        prefix = "" if number == 1 else f"{one.name}/"
        rows += [
            _part(f"{prefix}{p.name}", supervise.find(p.name, one.layout.run)) for p in one.parts
        ]
    return rows


def heading(state: State) -> str:
    """Name, provider, address and memory in one line."""
    # The processes of a kind cluster run in containers, where this command does not look.
    memory = f" · {state.memory_bytes / 2**20:.0f} MiB" if state.parts else ""
    return f"cluster {state.name} ({state.provider}) · {state.server}{memory}"


def table(state: State) -> Table:
    """The state as a table."""
    out = Table()
    for column in ("part", "pid", "age", "memory"):
        out.add_column(column, justify="left" if column == "part" else "right")
    for part in state.parts:
        if part.pid is None:
            out.add_row(part.name, "-", "[red]not running[/red]", "")
        else:
            memory = f"{part.memory_bytes / 2**20:.0f} MiB"
            out.add_row(part.name, str(part.pid), seconds(part.age_seconds), memory)
    out.add_section()
    for node in state.nodes:
        ready = "[green]ready[/green]" if node.ready else "[red]not ready[/red]"
        out.add_row(f"node {node.name}", "", ready, f"GPUs {node.gpus_used}/{node.gpus}")
    return out


def _part(name: str, running: supervise.Running | None) -> Part:
    if running is None:
        return Part(name)
    age, memory = supervise.age_seconds(running), supervise.memory_bytes(running.pid)
    return Part(name, running.pid, age, memory)


def _nodes(kubectl: Kubectl) -> list[NodeState]:
    try:
        nodes, pods = kubectl.get("nodes")["items"], kubectl.get("pods", "-A")["items"]
    except StepFailed:
        return []
    used: dict[str, int] = {}
    for pod in pods:
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            node = pod["spec"].get("nodeName", "")
            used[node] = used.get(node, 0) + _gpus_of(pod)
    return [
        NodeState(
            name=(name := n["metadata"]["name"]),
            ready=any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in n["status"].get("conditions", ())
            ),
            gpus=int(n["status"].get("allocatable", {}).get(GPU, 0)),
            gpus_used=used.get(name, 0),
        )
        for n in nodes
    ]


def _gpus_of(pod: dict[str, Any]) -> int:
    limits = (c.get("resources", {}).get("limits", {}) for c in pod["spec"]["containers"])
    return sum(int(limit.get(GPU, 0)) for limit in limits)
