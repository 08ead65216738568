"""Values by which an installation meets its platform: ingress, mesh, proxies, priorities, placement, assigned users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chart_render import EVERYTHING, Rendered, render

from trainyard_api import contract
from trainyard_operator import settings as operator_settings

COMPONENTS = ("operator", "gateway", "monitor", "bot")
AFFINITY = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
PROXY = [
    {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"},
    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
]
INGRESS = {"gateway.ingress.enabled": True, "gateway.ingress.host": "trainyard.example"}
ASSIGNED = {"runAs.user": None, "runAs.group": None, "runAs.fsGroup": None}


def template(found: Rendered, component: str) -> dict[str, Any]:
    assert found.code == 0, found.error
    kind = "DaemonSet" if component == "monitor" else "Deployment"
    pod: dict[str, Any] = found.named(kind, f"ty-{component}")["spec"]["template"]
    return pod


def everything(component: str, **values: Any) -> Rendered:
    return render({**EVERYTHING, **{f"{component}.{k}": v for k, v in values.items()}})


@pytest.mark.parametrize("component", COMPONENTS)
def test_pods_carry_what_is_asked_beside_what_is_theirs(component: str) -> None:
    before = template(render(EVERYTHING), component)
    after = template(
        everything(
            component,
            podAnnotations={"sidecar.istio.io/inject": "false"},
            podLabels={"cost-centre": "vision"},
            priorityClassName="platform",
            affinity=AFFINITY,
            tolerations=[{"operator": "Exists"}],
            nodeSelector={"pool": "system"},
        ),
        component,
    )

    labels, annotations = after["metadata"]["labels"], after["metadata"]["annotations"]
    assert labels == {**before["metadata"]["labels"], "cost-centre": "vision"}
    assert annotations["sidecar.istio.io/inject"] == "false"
    assert ("checksum/config" in annotations) == (component != "monitor")
    spec = after["spec"]
    assert spec["priorityClassName"] == "platform"
    assert spec["affinity"] == AFFINITY
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["nodeSelector"] == {"pool": "system"}
    assert "priorityClassName" not in before["spec"]


@pytest.mark.parametrize("component", ["operator", "gateway", "bot"])
def test_programs_get_further_variables_beside_their_own(component: str) -> None:
    def env(found: Rendered) -> list[dict[str, Any]]:
        variables: list[dict[str, Any]] = template(found, component)["spec"]["containers"][0].get(
            "env", []
        )
        return variables

    assert env(everything(component, extraEnv=PROXY)) == [*env(render(EVERYTHING)), *PROXY]


@pytest.mark.parametrize("component", [*COMPONENTS, "trainer"])
def test_accounts_carry_annotations_and_still_no_token(component: str) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}
    found = render({**EVERYTHING, f"{component}.serviceAccount.annotations": role})
    account = found.named("ServiceAccount", f"ty-{component}")

    assert account["metadata"]["annotations"].items() >= role.items()
    assert account["automountServiceAccountToken"] is False
    kept = account["metadata"]["annotations"].get("helm.sh/resource-policy")
    assert kept == ("keep" if component == "trainer" else None)


def test_replicas_prefer_different_nodes_unless_an_affinity_is_given() -> None:
    two = {"operator.replicas": 2}
    apart = template(render(two), "operator")["spec"]["affinity"]
    given = template(render({**two, "operator.affinity": AFFINITY}), "operator")["spec"]["affinity"]

    assert list(apart) == ["podAntiAffinity"]
    assert given == AFFINITY


# ── the way in ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_bodies_of_any_size_pass_the_usual_ingress_controllers() -> None:
    annotations = render(INGRESS).named("Ingress", "ty-gateway")["metadata"]["annotations"]

    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
    assert annotations["nginx.ingress.kubernetes.io/proxy-request-buffering"] == "off"
    assert annotations["nginx.org/client-max-body-size"] == "0"
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) >= 600
    assert annotations["haproxy.router.openshift.io/timeout"] == "1h"
    assert all(isinstance(value, str) for value in annotations.values())


def test_annotations_of_the_ingress_are_added_changed_and_removed() -> None:
    prefix, quoted = "gateway.ingress.annotations.", "nginx\\.ingress\\.kubernetes\\.io/"
    found = render(
        {
            **INGRESS,
            f"{prefix}cert-manager\\.io/cluster-issuer": "letsencrypt",
            f"{prefix}{quoted}proxy-body-size": "8g",
            f"{prefix}{quoted}proxy-read-timeout": None,
        }
    )
    annotations = found.named("Ingress", "ty-gateway")["metadata"]["annotations"]

    assert annotations["cert-manager.io/cluster-issuer"] == "letsencrypt"
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "8g"
    assert "nginx.ingress.kubernetes.io/proxy-read-timeout" not in annotations


def test_the_service_carries_annotations_of_a_load_balancer() -> None:
    internal = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}
    found = render(
        {"gateway.service.type": "LoadBalancer", "gateway.service.annotations": internal}
    )

    assert found.named("Service", "ty-gateway")["metadata"]["annotations"] == internal
    assert "annotations" not in render().named("Service", "ty-gateway")["metadata"]


def test_a_proxys_port_is_open_for_the_bot_and_for_installations_alone() -> None:
    found = render({**EVERYTHING, "networkPolicy.proxyPorts": [3128]})

    open_for = {
        policy["metadata"]["name"]
        for policy in found.of("NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        if {"port": 3128} in rule.get("ports", [])
    }
    assert open_for == {"ty-bot", "ty-environment-builder"}


# ── users and groups ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "users"),
    [
        ({}, {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}),
        (
            {"runAs.user": 1000700000, "runAs.group": 5, "runAs.fsGroup": 6},
            {"runAsUser": 1000700000, "runAsGroup": 5, "fsGroup": 6},
        ),
        (ASSIGNED, {}),
    ],
    ids=["defaults", "of an NFS server", "assigned by OpenShift"],
)
def test_users_are_the_same_in_all_pods_and_in_those_of_sessions(
    values: dict[str, Any], users: dict[str, int], tmp_path: Path
) -> None:
    found = render({**EVERYTHING, **values})
    for component in COMPONENTS:
        security = template(found, component)["spec"]["securityContext"]
        assert {
            k: v for k, v in security.items() if k in ("runAsUser", "runAsGroup", "fsGroup")
        } == (users)
        assert security["runAsNonRoot"] is True
    path = tmp_path / "operator.yaml"
    path.write_text(found.named("ConfigMap", "ty-operator")["data"]["operator.yaml"])
    run_as = operator_settings.load(path).config().run_as
    assert (run_as.user, run_as.group, run_as.fs_group) == (
        users.get("runAsUser"),
        users.get("runAsGroup"),
        users.get("fsGroup"),
    )
    assert contract.POD_USER == 10001


# ── runtimes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_runtime_says_what_its_pods_carry(tmp_path: Path) -> None:
    runtime = {
        "image": "x",
        "env": {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".svc"},
        "labels": {"cost-centre": "vision"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "priorityClassName": "training",
    }
    found = render({"runtimes.big": runtime, "environments.env": {"HTTPS_PROXY": "http://p:3128"}})
    assert found.code == 0, found.error
    path = tmp_path / "operator.yaml"
    path.write_text(found.named("ConfigMap", "ty-operator")["data"]["operator.yaml"])
    config = operator_settings.load(path).config()

    pod = config.pods["big"]
    assert pod.env == runtime["env"]
    assert pod.labels == runtime["labels"]
    assert pod.annotations == runtime["annotations"]
    assert pod.priority_class == "training"
    assert config.environments.env == {"HTTPS_PROXY": "http://p:3128"}


@pytest.mark.parametrize(
    "values",
    [
        {"gateway.podLabels": {"app.kubernetes.io/component": "operator"}},
        {"runtimes.default.labels": {"app.kubernetes.io/instance": "ty"}},
        {"runtimes.default.labels": {"trainyard.io/session-uid": "u"}},
        {"operator.extraEnv": [{"value": "x"}]},
        {"runAs.user": 0},
        {"gateway.affinity": {"nodeAfinity": {}}},
    ],
    ids=[
        "a label of the chart",
        "a label by which policies select",
        "a label of Trainyard",
        "a variable without a name",
        "root",
        "a wrong affinity",
    ],
)
def test_what_would_break_the_installation_is_refused(values: dict[str, Any]) -> None:
    assert render(values).code != 0


# ── quantities ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", ["50Gi", "1.5Ti", "0.5Ti", "500G", "1Pi", "2e12"])
def test_sizes_are_quantities_as_in_a_claim(size: str) -> None:
    found = render({"storage.size": size, "trainer.scratch.max": size})
    assert found.code == 0, found.error

    claim = found.named("PersistentVolumeClaim", "ty-data")["spec"]
    assert str(claim["resources"]["requests"]["storage"]) == size
    policy = json.dumps(found.of("ValidatingAdmissionPolicy"))
    assert f'quantity(\\"{size}\\")' in policy


@pytest.mark.parametrize("size", ["0", "0.0Gi", "-1Gi", "50GB", "50 Gi", "much", ""])
def test_other_sizes_are_refused(size: str) -> None:
    assert "storage/size" in render({"storage.size": size}).error


def test_resources_take_fractions_as_a_pod_does() -> None:
    requests = {"gateway.resources.requests.cpu": 0.5, "environments.resources.limits.cpu": 1.5}
    found = render(requests)

    (container,) = template(found, "gateway")["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == 0.5
