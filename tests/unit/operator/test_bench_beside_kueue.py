"""The bench beside Kueue: what of Kueue's chart is used, which writes count, when a Job has started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import api_server
import kueue_manifests
import pytest
from arms import KUEUE, PLAIN, TRAINYARD, is_own
from comparison import summary

CRD = {
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workloads.kueue.x-k8s.io", "creationTimestamp": None},
    "spec": {
        "conversion": {"strategy": "Webhook"},
        "versions": [{"name": "v1beta1", "storage": False}, {"name": "v1beta2", "storage": True}],
    },
}
HOOKS = {
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "kueue-mutating-webhook-configuration", "namespace": "kueue-system"},
    "webhooks": [{"name": f"m{kind}.kb.io"} for kind in ("job", "pod", "workload", "rayjob")],
}
SERVICE = {
    "kind": "Service",
    "metadata": {"name": kueue_manifests.SERVICE},
    "spec": {"selector": {"a": "b"}, "ports": []},
}
OTHERS = [
    {"kind": "Deployment", "metadata": {"name": "kueue-controller-manager"}},
    {"kind": "Secret", "metadata": {"name": "another"}},
]
RENDERED: list[dict[str, Any]] = [CRD, HOOKS, SERVICE, *OTHERS]


def test_only_what_a_process_beside_the_cluster_needs_is_installed() -> None:
    found = kueue_manifests.objects(RENDERED, "10.0.0.1", 9443)
    assert [o["kind"] for o in found] == [
        "Namespace",
        "CustomResourceDefinition",
        "Service",
        "EndpointSlice",
    ]
    crd, service, address = found[1:]
    assert [v["name"] for v in crd["spec"]["versions"]] == ["v1beta2"]
    assert crd["spec"]["conversion"], "Kueue puts its certificate there"
    assert "selector" not in service["spec"]
    assert address["endpoints"] == [{"addresses": ["10.0.0.1"]}]
    assert len(CRD["spec"]["versions"]) == 2, "what was rendered is not changed"


def test_webhooks_of_other_frameworks_are_left_out() -> None:
    (hooks,) = kueue_manifests.webhooks(RENDERED)
    assert [h["name"] for h in hooks["webhooks"]] == ["mjob.kb.io", "mworkload.kb.io"]
    assert "namespace" not in hooks["metadata"]


def test_the_configuration_is_the_shipped_one_but_for_what_is_said() -> None:
    shipped = {
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True},
        "clientConnection": {"qps": 300},
        "integrations": {"frameworks": ["pod"]},
    }
    found = kueue_manifests.configuration(shipped, Path("/certificates"), 8081)
    assert found["clientConnection"] == {"qps": 300}
    assert found["leaderElection"] == {"leaderElect": True, "resourceNamespace": "kueue-system"}
    assert found["integrations"] == {"frameworks": ["batch/job"]}
    assert found["webhook"] == {"port": 9443, "certDir": "/certificates"}
    assert shipped["integrations"] == {"frameworks": ["pod"]}


def test_writes_are_counted_by_verb_resource_and_part_if_they_were_done() -> None:
    metrics = "\n".join(
        [
            "# HELP apiserver_request_total requests",
            'apiserver_request_total{code="200",group="",resource="jobs",subresource="",verb="PATCH"} 3',
            'apiserver_request_total{code="200",group="",resource="jobs",subresource="status",verb="PUT"} 2',
            'apiserver_request_total{code="409",group="",resource="jobs",subresource="",verb="PATCH"} 9',
            'apiserver_request_total{code="200",group="",resource="jobs",subresource="",verb="LIST"} 9',
            'apiserver_request_total{code="201",group="",resource="jobs",subresource="",verb="PATCH"} 1',
            "process_cpu_seconds_total 7",
        ]
    )
    assert api_server.counted(metrics) == {"PATCH jobs": 4.0, "PUT jobs/status": 2.0}


@pytest.mark.parametrize(
    ("name", "write", "own"),
    [
        (TRAINYARD, "PATCH trainingsessions/status", True),
        (TRAINYARD, "POST jobs", True),
        (TRAINYARD, "POST trainingsessions", False),
        (TRAINYARD, "PUT jobs/status", False),
        (KUEUE, "PATCH jobs", True),
        (KUEUE, "POST jobs", False),
        (KUEUE, "APPLY workloads/status", True),
        (KUEUE, "PUT clusterqueues/status", True),
        (KUEUE, "PUT jobs/status", False),
        (PLAIN, "POST jobs", False),
    ],
)
def test_only_a_controllers_writes_count_as_its_own(name: str, write: str, own: bool) -> None:
    assert is_own(name, write) is own


def test_figures_are_the_median_with_both_ends() -> None:
    assert summary([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}
