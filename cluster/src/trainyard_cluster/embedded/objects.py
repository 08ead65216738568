"""The first objects of a cluster: rights, storage, volumes, simulated nodes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainyard_cluster.embedded.certificates import POLICY_USER
from trainyard_cluster.plan import GPU, Layout

_REAL_NODES = {
    "matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]
}


def rights_and_storage() -> list[dict[str, Any]]:
    """Rights of DNS and of the engine for NetworkPolicies, and a default storage class."""
    names = {"apiGroups": [""], "resources": ["services", "pods", "namespaces"]}
    slices = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]}
    pods = {"apiGroups": [""], "resources": ["pods", "namespaces"]}
    policies = {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"]}
    return [
        *_reader("system:coredns", "system:coredns", names, slices),
        *_reader("trainyard:network-policies", POLICY_USER, pods, policies),
        _storage_class(),
    ]


def volumes(layout: Layout, count: int = 24) -> list[dict[str, Any]]:
    """Persistent volumes in folders of this machine."""
    return [_volume(layout, number) for number in range(1, count + 1)]


def released(there: list[dict[str, Any]], folders: Mapping[str, Path]) -> dict[str, Path]:
    """Those of `folders` (by volume) whose claim is gone. Volumes of others are left alone."""
    ended = ("Released", "Failed")
    names = {v["metadata"]["name"] for v in there if v["status"].get("phase") in ended}
    return {name: folder for name, folder in folders.items() if name in names}


def _reader(name: str, user: str, *resources: dict[str, Any]) -> list[dict[str, Any]]:
    """A user who may list and watch some resources."""
    group = "rbac.authorization.k8s.io"
    rules = [{**resource, "verbs": ["list", "watch"]} for resource in resources]
    common = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    subjects = [{"kind": "User", "apiGroup": group, "name": user}]
    return [
        {**common, "kind": "ClusterRole", "rules": rules},
        {**common, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": subjects},
    ]


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
            # All real nodes of this machine see the folder, as if on a network file system.
            # Kubelets set this label; simulated nodes have none.
            "nodeAffinity": {"required": {"nodeSelectorTerms": [_REAL_NODES]}},
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
