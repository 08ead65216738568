"""The values of a cluster: folders, names, addresses. Pure.

Guarantees: two clusters with different names and slots, and two nodes of a cluster, share no
folder, no interface, no cgroup and no address that the host can reach.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
API_PORT = 6443
MAX_NODES = 9
"""Maximum number of real nodes of a cluster."""
GPU = "nvidia.com/gpu"
"""Name of the extended resource."""
SLOTS = 200
"""Maximum number of clusters on one machine; each uses one /30 of 172.30.0.0/16."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths and names of one cluster."""

    name: str
    state: Path
    """The cluster's folder; `down` removes it."""

    @property
    def run(self) -> Path:
        """Sockets and pid files; short, because a socket's path has at most 107 characters."""
        return Path("/run/trainyard") / self.name

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.state / "logs"

    @property
    def config(self) -> Path:
        """Rendered configuration."""
        return self.state / "config"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def volumes(self) -> Path:
        """Folders behind the persistent volumes."""
        return self.state / "volumes"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        """The container runtime's folder."""
        return self.run / "containerd" / "containerd.sock"

    @property
    def netns(self) -> str:
        """Name of the network namespace."""
        return f"trainyard-{self.name}"

    @property
    def link(self) -> str:
        """The host's end of the veth pair; interface names have at most 15 characters."""
        return f"ty{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"

    @property
    def cgroup(self) -> str:
        """Root of the pods' cgroups; a kubelet removes unknown pods' cgroups below its root."""
        return f"trainyard-{self.name}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The point-to-point network between host and node, from the cluster's slot."""

    slot: int

    @property
    def host(self) -> str:
        """The host's end."""
        return f"172.30.{self.slot}.1"

    @property
    def node(self) -> str:
        """The node's end: API server, NodePorts, DNS."""
        return f"172.30.{self.slot}.2"

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.node}:{API_PORT}"


@dataclass(frozen=True, slots=True)
class Place:
    """A node's addresses within its cluster. Node 1 holds the control plane and the switch."""

    number: int
    at: Addresses

    @property
    def node(self) -> str:
        """The node's own address: that of its kubelet."""
        return self.at.node if self.number == 1 else self.switch

    @property
    def switch(self) -> str:
        """The node's address on the switch that connects the nodes."""
        return f"10.245.0.{self.number}"

    @property
    def pods(self) -> str:
        """The network of the node's pods."""
        return f"10.244.{self.number}.0/24"


def node_layout(cluster: Layout, number: int) -> Layout:
    """The paths and names of a node; node 1 has the cluster's own.

    A cluster's name has no dot, so no cluster is called like a node of another one.
    """
    if number == 1:
        return cluster
    name = f"{cluster.name}.n{number}"
    return Layout(name, cluster.state.with_name(name))


def node_number(cluster: str, text: str) -> int | None:
    """The number of a node, from its number or name; None if it is neither."""
    known = {str(n): n for n in range(1, MAX_NODES + 1)}
    known |= {cluster: 1, **{f"{cluster}.n{n}": n for n in range(2, MAX_NODES + 1)}}
    return known.get(text)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of `up`."""

    name: str = "trainyard"
    gpus: int = 4
    kwok_nodes: int = 0
    kwok_gpus: int = 8
    nodes: int = 1
    """Real nodes; each has `gpus` GPUs."""


def preferred_slot(name: str) -> int:
    """The first slot to try, so that a name mostly keeps its address."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % SLOTS


def slots(name: str) -> list[int]:
    """All slots, in the order of trying."""
    first = preferred_slot(name)
    return [(first + i) % SLOTS for i in range(SLOTS)]
