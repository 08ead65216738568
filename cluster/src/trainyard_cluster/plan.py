"""The values of a cluster: folders, addresses, command lines. Pure.

Guarantees: two clusters with different names and slots share no folder, no interface, no cgroup and
no address that the host can reach.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
API_PORT = 6443
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
class Wanted:
    """The options of `up`."""

    name: str = "trainyard"
    gpus: int = 4
    kwok_nodes: int = 0
    kwok_gpus: int = 8


def preferred_slot(name: str) -> int:
    """The first slot to try, so that a name mostly keeps its address."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % SLOTS


def slots(name: str) -> list[int]:
    """All slots, in the order of trying."""
    first = preferred_slot(name)
    return [(first + i) % SLOTS for i in range(SLOTS)]


@dataclass(frozen=True, slots=True)
class Process:
    """A process: name, command line, whether it is in the node's network namespace."""

    name: str
    argv: tuple[str, ...]


def processes(layout: Layout, at: Addresses, bin_dir: Path, wanted: Wanted) -> list[Process]:
    """The processes of a node, in the order in which they start."""
    config = layout.config
    processes = [
        Process("containerd", ("containerd", f"--config={config}/containerd.toml")),
        Process("etcd", (f"{bin_dir}/etcd", *_etcd(layout))),
        Process("kube-apiserver", (f"{bin_dir}/kube-apiserver", *_api_server(layout, at))),
        Process(
            "kube-controller-manager",
            (f"{bin_dir}/kube-controller-manager", *_controller_manager(layout)),
        ),
        Process(
            "kube-scheduler",
            (
                f"{bin_dir}/kube-scheduler",
                f"--kubeconfig={config}/scheduler.kubeconfig",
                "--bind-address=127.0.0.1",
                _NO_LEADER_ELECTION,
            ),
        ),
        Process("kubelet", (f"{bin_dir}/kubelet", *_kubelet(layout, at))),
        Process("kube-proxy", (f"{bin_dir}/kube-proxy", f"--config={config}/kube-proxy.yaml")),
        Process("coredns", (f"{bin_dir}/coredns", "-conf", f"{config}/Corefile")),
    ]
    if wanted.kwok_nodes:
        processes.append(Process("kwok", (f"{bin_dir}/kwok", *_kwok(layout))))
    return processes


_NO_LEADER_ELECTION = "--leader-elect=false"


def _etcd(layout: Layout) -> tuple[str, ...]:
    return (
        f"--data-dir={layout.state}/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--listen-metrics-urls=http://127.0.0.1:2381",
        # After a power cut this disposable cluster may lack its last moments.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _controller_manager(layout: Layout) -> tuple[str, ...]:
    pki = layout.pki
    return (
        f"--kubeconfig={layout.config}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--use-service-account-credentials=true",
        # A lost node is noticed after 20 s instead of minutes.
        "--node-monitor-grace-period=20s",
        # The default of 20 requests a second is used up by three Jobs a second.
        "--kube-api-qps=300",
        "--kube-api-burst=400",
        "--bind-address=127.0.0.1",
        _NO_LEADER_ELECTION,
    )


def _kubelet(layout: Layout, at: Addresses) -> tuple[str, ...]:
    config = layout.config
    return (
        f"--config={config}/kubelet.yaml",
        f"--kubeconfig={config}/kubelet.kubeconfig",
        f"--root-dir={layout.state}/kubelet",
        f"--hostname-override={layout.name}",
        f"--node-ip={at.node}",
    )


def _kwok(layout: Layout) -> tuple[str, ...]:
    return (
        f"--kubeconfig={layout.config}/admin.kubeconfig",
        "--manage-all-nodes=false",
        "--manage-nodes-with-label-selector=type=kwok",
        "--node-ip=127.0.0.1",
        f"--config={layout.config}/kwok.yaml",
    )


def _api_server(layout: Layout, at: Addresses) -> tuple[str, ...]:
    pki = layout.pki
    return (
        f"--audit-policy-file={layout.config}/audit.yaml",
        f"--audit-log-path={layout.logs}/audit.log",
        "--audit-log-maxsize=50",
        "--audit-log-maxbackup=1",
        f"--advertise-address={at.node}",
        f"--secure-port={API_PORT}",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        # Otherwise `kubectl logs` asks the machine's resolver for the node's name.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-account-signing-key-file={pki}/service-account.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
    )
