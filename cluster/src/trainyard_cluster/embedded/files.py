"""Write the configuration of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainyard_cluster.embedded import certificates, config, supervise
from trainyard_cluster.plan import Layout, Place

_KWOK_STAGES = Path(__file__).with_name("kwok.yaml")
_USERS = ("admin", "controller-manager", "scheduler", "kubelet", "kube-proxy", "coredns")
_POLICIES = "network-policies"
_CNI = "cni/10-pods.conflist"
_PROXY = "kube-proxy.yaml"


def write_first(layout: Layout, place: Place, *, new_network: bool) -> None:
    """Write the configuration of the first node and the administrator's kubeconfig."""
    certificates.add_missing(layout, place)
    files = {
        "audit.yaml": config.audit(),
        "Corefile": config.corefile(layout),
        "kwok.yaml": _KWOK_STAGES.read_text(),
    }
    ca = (layout.pki / "ca.crt").read_text()
    for user in (*_USERS, _POLICIES):
        files[f"{user}.kubeconfig"] = _kubeconfig(layout, place, ca, user)
    if "kwok.yaml" in _write_node(layout, place, files, new_network=new_network):
        # It reads its stages when it starts.
        supervise.stop("kwok", layout.run)
    _write(layout.kubeconfig, files["admin.kubeconfig"])


def write_further(cluster: Layout, node: Layout, place: Place, *, new_network: bool) -> None:
    """Write the configuration of a further node, which has its own certificates."""
    ca = (node.pki / "ca.crt").read_text()
    shared = [f"{user}.kubeconfig" for user in ("kube-proxy", _POLICIES)]
    files = {name: (cluster.config / name).read_text() for name in shared}
    files["kubelet.kubeconfig"] = _kubeconfig(node, place, ca, "kubelet")
    _write_node(node, place, files, new_network=new_network)


def routed(layout: Layout, place: Place) -> bool:
    """Whether the node's pods have the network that this version makes."""
    path = layout.config / _CNI
    return path.exists() and path.read_text() == config.cni(layout, place)


def _write_node(
    layout: Layout, place: Place, more: Mapping[str, str], *, new_network: bool
) -> set[str]:
    """Write what every node has, and `more`; the names of the changed files.

    What belongs to the network is written with it: pods of one kind of network do not reach those
    of another one.
    """
    (layout.config / "cni").mkdir(parents=True, exist_ok=True)
    files = {
        "containerd.toml": config.containerd(layout),
        "kubelet.yaml": config.kubelet(layout, place),
        "resolv.conf": "",
        **more,
    }
    if new_network or not (layout.config / _CNI).exists():
        files |= {_CNI: config.cni(layout, place), _PROXY: config.kube_proxy(layout)}
    return {name for name, text in files.items() if _write(layout.config / name, text)}


def _kubeconfig(layout: Layout, place: Place, ca: str, user: str) -> str:
    pair = [(layout.pki / f"{user}.{suffix}").read_text() for suffix in ("crt", "key")]
    return config.kubeconfig(place.at.server, ca, *pair)


def _write(path: Path, text: str) -> bool:
    """Write a file unless it holds `text` already; whether it was written."""
    # kube-proxy exits when its configuration is written, even with the same content.
    if path.exists() and path.read_text() == text:
        return False
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(text)
    return True
