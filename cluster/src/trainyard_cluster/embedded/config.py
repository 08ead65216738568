"""Configuration files of the processes, as text. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any

import yaml

from trainyard_cluster.plan import POD_CIDR, Layout, Place

PAUSE_IMAGE = "localhost/trainyard/pause:1"


def containerd(layout: Layout) -> str:
    """containerd with the cluster's folders; images come from archives only."""
    run = layout.run
    return f"""version = 2
root = "{layout.state}/containerd"
state = "{run}/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.btrfs",
]

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.state}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE runc cannot lower the OOM score and dies.
  restrict_oom_score_adj = true
  # Pods' network namespaces belong to this cluster's mounts, not to the shared /run/netns.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.config}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def cni(layout: Layout, place: Place) -> str:
    """One link per pod, addresses from a file, host ports.

    The node routes every packet between its pods, so that NetworkPolicies see it; a bridge would
    pass it on beside them. No masquerading: nothing leaves the cluster.
    """
    plugins: list[dict[str, Any]] = [
        {
            "type": "ptp",
            "ipMasq": False,
            "ipam": {
                "type": "host-local",
                "dataDir": f"{layout.run}/cni",
                "ranges": [[{"subnet": place.pods}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}, indent=2)


def kubelet(layout: Layout, place: Place) -> str:
    """The kubelet: a separate cgroup root; no image clean-up, because no image can be pulled."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True, "cacheTTL": "2m"},
                "x509": {"clientCAFile": f"{layout.pki}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{layout.pki}/kubelet-serving.crt",
            "tlsPrivateKeyFile": f"{layout.pki}/kubelet-serving.key",
            "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{layout.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [place.at.node],
            "clusterDomain": "cluster.local",
            "resolvConf": f"{layout.config}/resolv.conf",
            "podLogsDir": f"{layout.state}/pod-logs",
            "volumePluginDir": f"{layout.state}/volume-plugins",
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "maxPods": 110,
            # Parallel pulls and frequent status updates start the demo's sessions seconds earlier.
            "serializeImagePulls": False,
            "nodeStatusUpdateFrequency": "5s",
        },
        sort_keys=False,
    )


def kube_proxy(layout: Layout) -> str:
    """Services by iptables in the namespace. What pods send keeps their address between nodes."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": f"{layout.config}/kube-proxy.kubeconfig"},
            "mode": "iptables",
            "hostnameOverride": layout.name,
            "clusterCIDR": POD_CIDR,
            "iptables": {"masqueradeAll": False, "minSyncPeriod": "100ms"},
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
        },
        sort_keys=False,
    )


def audit() -> str:
    """Log the requests of pods without bodies; it shows which rights they need."""
    rules = [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    }
    return yaml.safe_dump(policy)


def corefile(layout: Layout) -> str:
    """Resolve names of the cluster only."""
    return f""".:53 {{
    errors
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {layout.config}/coredns.kubeconfig default
        fallthrough in-addr.arpa
    }}
}}
"""


def kubeconfig(server: str, ca: str, certificate: str, key: str) -> str:
    """A kubeconfig with embedded certificates and the context `default`."""

    def data(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "default",
            "clusters": [
                {
                    "name": "default",
                    "cluster": {"server": server, "certificate-authority-data": data(ca)},
                }
            ],
            "users": [
                {
                    "name": "default",
                    "user": {
                        "client-certificate-data": data(certificate),
                        "client-key-data": data(key),
                    },
                }
            ],
            "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        },
        sort_keys=False,
    )
