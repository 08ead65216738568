"""Configuration files of the processes, as text. Pure."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import yaml

from trainyard_cluster.plan import GPU, Addresses, Layout

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


def cni(layout: Layout) -> str:
    """One bridge, addresses from a file, host ports; no masquerading: nothing leaves the node."""
    subnet = [[{"subnet": "10.244.0.0/16"}]]
    plugins: list[dict[str, Any]] = [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": False,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": f"{layout.run}/cni",
                "ranges": subnet,
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}, indent=2)


def kubelet(layout: Layout, at: Addresses) -> str:
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
            "clusterDNS": [at.node],
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
    """Services by iptables in the namespace; masquerades all, because pods share one bridge."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": f"{layout.config}/kube-proxy.kubeconfig"},
            "mode": "iptables",
            "hostnameOverride": layout.name,
            "iptables": {"masqueradeAll": True, "minSyncPeriod": "100ms"},
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


def base_objects(layout: Layout, volumes: int = 8) -> list[dict[str, Any]]:
    """The first objects: rights of DNS, a default storage class, volumes on the node."""
    return [
        _coredns_role(),
        _coredns_binding(),
        _storage_class(),
        *(_volume(layout, number) for number in range(1, volumes + 1)),
    ]


def _coredns_role() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["services", "pods", "namespaces"],
                "verbs": ["list", "watch"],
            },
            {
                "apiGroups": ["discovery.k8s.io"],
                "resources": ["endpointslices"],
                "verbs": ["list", "watch"],
            },
        ],
    }


def _coredns_binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "system:coredns"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:coredns",
        },
        "subjects": [
            {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "system:coredns"}
        ],
    }


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Retain",
    }


def volume_path(layout: Layout, number: int) -> Path:
    """Folder of volume `number`."""
    return layout.volumes / f"volume-{number}"


def _volume(layout: Layout, number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"volume-{number}"},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "standard",
            "local": {"path": str(volume_path(layout, number))},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {
                                    "key": "kubernetes.io/hostname",
                                    "operator": "In",
                                    "values": [layout.name],
                                }
                            ]
                        }
                    ]
                }
            },
        },
    }


def kwok_node(number: int, gpus: int) -> dict[str, Any]:
    """A simulated node: kube-scheduler places pods there, but they do not run. It is tainted."""
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
    resources = {**amounts, GPU: str(gpus)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"kwok-{number}",
            "labels": {"type": "kwok", "kubernetes.io/hostname": f"kwok-{number}"},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {
            "taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]
        },
        "status": {"capacity": resources, "allocatable": resources},
    }
