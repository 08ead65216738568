"""The chart with a cluster to ask, as `helm install` and `helm upgrade` and Flux have one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chart_render import render_in
from cluster import api_client
from kubernetes import client

pytestmark = pytest.mark.integration

KEY = "ty_" + "k" * 43


@pytest.fixture
def core(kubeconfig: Path) -> Iterator[client.CoreV1Api]:
    with api_client(kubeconfig) as api:
        yield client.CoreV1Api(api)


def secret(core: client.CoreV1Api, namespace: str, release: str | None, **data: str) -> None:
    """The Secret as it is there, of that release of Helm or of none."""
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    metadata: dict[str, Any] = {"name": "ty-api-key"}
    if release:
        owner = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
        metadata |= {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": owner}
    core.create_namespaced_secret(namespace, {"metadata": metadata, "data": encoded})


def keys(kubeconfig: Path, namespace: str, **values: Any) -> dict[str, str] | None:
    """What the chart would write into the Secret; None if it leaves the Secret alone."""
    found = render_in(kubeconfig, namespace, {"crds.enabled": False, **values})
    assert found.code == 0, found.error
    rendered = [o for o in found.of("Secret") if o["metadata"]["name"] == "ty-api-key"]
    return (
        {k: base64.b64decode(v).decode() for k, v in rendered[0]["data"].items()}
        if rendered
        else None
    )


def test_the_first_installation_makes_a_key(kubeconfig: Path, namespace: str) -> None:
    made = keys(kubeconfig, namespace)

    assert made is not None
    assert made["api-key"].startswith("ty_")
    assert len(made["api-key"]) == 46


def test_a_later_one_keeps_the_key(
    kubeconfig: Path, namespace: str, core: client.CoreV1Api
) -> None:
    secret(core, namespace, "ty", **{"api-key": KEY, "another": "kept"})

    assert keys(kubeconfig, namespace) == {"api-key": KEY, "another": "kept"}
    renamed = keys(kubeconfig, namespace, **{"gateway.apiKey.secretKey": "root"})
    assert renamed is not None
    assert renamed["api-key"] == KEY
    assert renamed["root"] != KEY


def test_a_key_that_somebody_else_made_is_left_alone(
    kubeconfig: Path, namespace: str, core: client.CoreV1Api
) -> None:
    """The operator's, or that of `helm template | kubectl apply` before: Helm would refuse to take it over."""
    secret(core, namespace, None, **{"api-key": KEY})

    assert keys(kubeconfig, namespace) is None


def test_crds_of_others_are_refused_in_words(kubeconfig: Path, namespace: str) -> None:
    """Those of the tests are of no release."""
    found = render_in(kubeconfig, namespace)

    assert found.code != 0
    assert "is not of this release but of nobody" in found.error
    assert "crds.enabled=false" in found.error


def test_cluster_wide_names_of_an_earlier_chart_are_kept(kubeconfig: Path, namespace: str) -> None:
    """The namespace has a hyphen. Before, it and the release were joined by another."""
    name = f"{namespace}-ty"
    owner = {"meta.helm.sh/release-name": "ty", "meta.helm.sh/release-namespace": namespace}
    body = {
        "metadata": {
            "name": f"{name}-operator",
            "annotations": owner,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
        },
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x"},
    }

    def prefix() -> str:
        found = render_in(kubeconfig, namespace, {"crds.enabled": False})
        assert found.code == 0, found.error
        (policy,) = found.of("ValidatingAdmissionPolicy")
        return str(policy["metadata"]["name"]).removesuffix("-sessions")

    assert prefix() == f"{namespace}.ty"
    with api_client(kubeconfig) as api:
        rbac = client.RbacAuthorizationV1Api(api)
        rbac.create_cluster_role_binding(body)
        try:
            assert prefix() == name
        finally:
            rbac.delete_cluster_role_binding(body["metadata"]["name"])
