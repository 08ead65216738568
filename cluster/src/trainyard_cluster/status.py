"""The state of a cluster: processes with age and memory, nodes with GPUs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from trainyard_cluster import registry
from trainyard_cluster.embedded import supervise
from trainyard_cluster.errors import StepFailed
from trainyard_cluster.kubectl import Kubectl
from trainyard_cluster.plan import GPU, Addresses, processes
from trainyard_cluster.programs import parts
from trainyard_cluster.progress import seconds


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
    layout, at = registry.layout(name), Addresses(record.slot)
    bin_dir = parts.bin_dir()
    rows = []
    if record.provider == "embedded":
        rows = [
            _part(p.name, supervise.find(p.name, layout.run))
            for p in processes(layout, at, bin_dir, record.wanted(name))
        ]
    nodes = _nodes(Kubectl(bin_dir / "kubectl", layout.kubeconfig))
    return State(name, record.provider, at.server, str(layout.kubeconfig), rows, nodes)


def heading(state: State) -> str:
    """Name, provider, address and memory in one line."""
    memory = f"{state.memory_bytes / 2**20:.0f} MiB"
    return f"cluster {state.name} ({state.provider}) · {state.server} · {memory}"


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
