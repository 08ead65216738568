"""Pinned versions of every program; they form the cache key of built programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KUBERNETES: Final = "v1.37.2"
ETCD: Final = "v3.7.0"
COREDNS: Final = "v1.15.0"
HELM: Final = "v4.3.1"
HELM_3: Final = "v3.22.0"
"""The older Helm, `helm3`; only tests of the chart use it. `cluster/helm3/go.mod` has it, too."""
KWOK: Final = "v0.8.0"
KIND: Final = "v0.33.0"

DEBIAN_PACKAGES: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
}
"""Program (or file) → the Debian package that contains it."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """A program that `go install` builds from its module, verified by the Go checksum database."""

    name: str
    package: str
    version: str


GO_TOOLS: Final = {
    "helm": GoTool("helm", "helm.sh/helm/v4/cmd/helm", HELM),
    "kwok": GoTool("kwok", "sigs.k8s.io/kwok/cmd/kwok", KWOK),
    "kind": GoTool("kind", "sigs.k8s.io/kind", KIND),
}

NODE_PARTS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
    "coredns",
)
"""Names of the one program of `cluster/node`."""
