"""The command lines of a node's processes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainyard_cluster.plan import API_PORT, SERVICE_CIDR, Layout, Place, Wanted

POLICY_ENGINE = "kube-network-policies"
"""Name of the program that enforces NetworkPolicies."""
_NO_LEADER_ELECTION = "--leader-elect=false"


@dataclass(frozen=True, slots=True)
class Process:
    """A process: name and command line. It runs in the node's network namespace."""

    name: str
    argv: tuple[str, ...]


def processes(
    layout: Layout, place: Place, bin_dir: Path, wanted: Wanted, policy_engine: Path | None = None
) -> list[Process]:
    """The processes of a node, in the order in which they start.

    Node 1 runs the control plane as well. Without `policy_engine` nothing enforces NetworkPolicies.
    """
    runtime, *rest = _node(layout, place, bin_dir, policy_engine)
    if place.number > 1:
        return [runtime, *rest]
    found = [runtime, *_control_plane(layout, place, bin_dir), *rest]
    found.append(Process("coredns", (f"{bin_dir}/coredns", "-conf", f"{layout.config}/Corefile")))
    if wanted.kwok_nodes:
        found.append(Process("kwok", (f"{bin_dir}/kwok", *_kwok(layout))))
    return found


def _node(layout: Layout, place: Place, bin_dir: Path, engine: Path | None) -> list[Process]:
    """What every node runs."""
    config = layout.config
    found = [
        Process("containerd", ("containerd", f"--config={config}/containerd.toml")),
        Process("kubelet", (f"{bin_dir}/kubelet", *_kubelet(layout, place))),
        Process("kube-proxy", (f"{bin_dir}/kube-proxy", f"--config={config}/kube-proxy.yaml")),
    ]
    if engine is not None:
        own = (f"--kubeconfig={config}/network-policies.kubeconfig", f"--node={layout.name}")
        found.append(Process(POLICY_ENGINE, (str(engine), *own)))
    return found


def _control_plane(layout: Layout, place: Place, bin_dir: Path) -> list[Process]:
    scheduler = (
        f"--kubeconfig={layout.config}/scheduler.kubeconfig",
        "--bind-address=127.0.0.1",
        _NO_LEADER_ELECTION,
    )
    return [
        Process("etcd", (f"{bin_dir}/etcd", *_etcd(layout))),
        Process("kube-apiserver", (f"{bin_dir}/kube-apiserver", *_api_server(layout, place))),
        Process(
            "kube-controller-manager",
            (f"{bin_dir}/kube-controller-manager", *_controller_manager(layout)),
        ),
        Process("kube-scheduler", (f"{bin_dir}/kube-scheduler", *scheduler)),
    ]


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


def _kubelet(layout: Layout, place: Place) -> tuple[str, ...]:
    config = layout.config
    return (
        f"--config={config}/kubelet.yaml",
        f"--kubeconfig={config}/kubelet.kubeconfig",
        f"--root-dir={layout.state}/kubelet",
        f"--hostname-override={layout.name}",
        f"--node-ip={place.node}",
    )


def _kwok(layout: Layout) -> tuple[str, ...]:
    return (
        f"--kubeconfig={layout.config}/admin.kubeconfig",
        "--manage-all-nodes=false",
        "--manage-nodes-with-label-selector=type=kwok",
        "--node-ip=127.0.0.1",
        f"--config={layout.config}/kwok.yaml",
    )


def _api_server(layout: Layout, place: Place) -> tuple[str, ...]:
    pki = layout.pki
    return (
        f"--audit-policy-file={layout.config}/audit.yaml",
        f"--audit-log-path={layout.logs}/audit.log",
        "--audit-log-maxsize=50",
        "--audit-log-maxbackup=1",
        f"--advertise-address={place.node}",
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
