"""What of Kueue's chart this bench uses, and every difference from how it is shipped. Pure.

The manager runs as a process beside the operator's, not in a pod. Webhooks reach it through its own
Service, whose selector is replaced by the host's address.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

NAMESPACE = "kueue-system"
SERVICE = "kueue-webhook-service"
CERTIFICATE = "kueue-webhook-server-cert"
GROUP = "kueue.x-k8s.io"
VERSION = f"{GROUP}/v1beta2"
KINDS = ("clusterqueue", "cohort", "job", "localqueue", "resourceflavor", "workload")
"""The kinds whose webhooks stay: Kueue's, and Jobs."""
DEVIATIONS = (
    "the manager is a process on the machine, as the operator is: no limits, no RBAC checks",
    "one framework, batch/job; the webhooks of other frameworks and of pods are removed",
    "v1beta1 of the CRDs is not served: the API server would convert each write by a call",
    "no visibility server, no KueueViz; health and metrics on loopback",
)


def configuration(shipped: dict[str, Any], certificates: Path, health: int) -> dict[str, Any]:
    """The manager's shipped configuration with the differences of DEVIATIONS."""
    found = copy.deepcopy(shipped)
    found["integrations"] = {"frameworks": ["batch/job"]}
    found["health"] = {"healthProbeBindAddress": f"127.0.0.1:{health}"}
    found["metrics"] = {"bindAddress": "0"}
    found["webhook"] = {**found["webhook"], "certDir": str(certificates)}
    found["leaderElection"] = {**found["leaderElection"], "resourceNamespace": NAMESPACE}
    return found


def objects(rendered: list[dict[str, Any]], host: str, port: int) -> list[dict[str, Any]]:
    """CRDs, the certificate's Secret, the webhooks' Service to `host` and its address."""
    found: list[dict[str, Any]] = []
    for document in copy.deepcopy(rendered):
        kind, name = document["kind"], document["metadata"]["name"]
        document["metadata"].pop("creationTimestamp", None)
        if kind == "CustomResourceDefinition":
            versions = document["spec"]["versions"]
            document["spec"]["versions"] = [v for v in versions if v["storage"]]
            found.append(document)
        elif kind == "Secret" and name == CERTIFICATE:
            found.append(document)
        elif kind == "Service" and name == SERVICE:
            document["spec"].pop("selector", None)
            found.append(document)
    labels = {"kubernetes.io/service-name": SERVICE}
    address = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{SERVICE}-host", "namespace": NAMESPACE, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host]}],
        "ports": [{"port": port, "protocol": "TCP"}],
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return [namespace, *found, address]


def webhooks(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The webhook configurations, with the webhooks of KINDS only."""
    found = []
    for document in copy.deepcopy(rendered):
        if document["kind"].endswith("WebhookConfiguration"):
            document["metadata"].pop("namespace", None)
            document["webhooks"] = [h for h in document["webhooks"] if _kind(h["name"]) in KINDS]
            found.append(document)
    return found


def _kind(webhook: str) -> str:
    """`mjob.kb.io` is the mutating webhook of Jobs."""
    return webhook.partition(".")[0][1:]


def queue(namespace: str, gpus: int) -> list[dict[str, Any]]:
    """One flavor, one ClusterQueue with that many GPUs and ample other amounts, one LocalQueue."""
    amounts = {
        "cpu": "100k",
        "memory": "1000Ti",
        "ephemeral-storage": "1000Ti",
        "nvidia.com/gpu": gpus,
    }
    flavor = {
        "name": namespace,
        "resources": [{"name": k, "nominalQuota": v} for k, v in amounts.items()],
    }
    group = {"coveredResources": list(amounts), "flavors": [flavor]}
    spec = {"namespaceSelector": {}, "resourceGroups": [group]}
    return [
        {"apiVersion": VERSION, "kind": "ResourceFlavor", "metadata": {"name": namespace}},
        {
            "apiVersion": VERSION,
            "kind": "ClusterQueue",
            "metadata": {"name": namespace},
            "spec": spec,
        },
        {
            "apiVersion": VERSION,
            "kind": "LocalQueue",
            "metadata": {"name": "default", "namespace": namespace},
            "spec": {"clusterQueue": namespace},
        },
    ]
