"""SQLite's database may have a claim that no run can fill."""

from __future__ import annotations

from typing import Any

import yaml
from chart_render import Rendered, render

OWN = {"database.storage.enabled": True}


def gateway(found: Rendered) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pod spec and settings."""
    (deployment,) = [o for o in found.of("Deployment") if o["metadata"]["name"] == "ty-gateway"]
    (config,) = [o for o in found.of("ConfigMap") if o["metadata"]["name"] == "ty-gateway"]
    return deployment["spec"]["template"]["spec"], yaml.safe_load(config["data"]["gateway.yaml"])


def claims(found: Rendered) -> dict[str, Any]:
    return {o["metadata"]["name"]: o for o in found.of("PersistentVolumeClaim")}


def mounted(spec: dict[str, Any]) -> dict[str, str]:
    """Mount path by claim."""
    paths = {m["name"]: m["mountPath"] for m in spec["containers"][0]["volumeMounts"]}
    return {
        v["persistentVolumeClaim"]["claimName"]: paths[v["name"]]
        for v in spec["volumes"]
        if "persistentVolumeClaim" in v
    }


def test_by_default_an_upgrade_needs_no_further_claim() -> None:
    found = render({})
    spec, settings = gateway(found)

    assert mounted(spec) == {"ty-data": "/data"}
    assert "databaseDir" not in settings
    assert set(claims(found)) == {"ty-data"}


def test_a_claim_of_its_own_is_mounted_by_the_gateway_alone() -> None:
    found = render(
        {**OWN, "database.storage.size": "20Gi", "database.storage.storageClassName": "fast"}
    )
    spec, settings = gateway(found)

    assert mounted(spec) == {"ty-data": "/data", "ty-database": "/database"}
    assert settings["databaseDir"] == "/database"
    claim = claims(found)["ty-database"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "20Gi"}},
    }
    operator = yaml.safe_dump(list(found.of("ConfigMap")))
    assert "ty-database" not in operator


def test_an_existing_claim_is_used() -> None:
    found = render(
        {**OWN, "database.storage.existingClaim": "mine", "storage.existingClaim": "theirs"}
    )

    assert mounted(gateway(found)[0]) == {"theirs": "/data", "mine": "/database"}
    assert claims(found) == {}


def test_postgresql_needs_none() -> None:
    refused = render({**OWN, "database.url": "postgresql://a@b/c", "database.passwordSecret": "s"})

    assert refused.code != 0
    assert "database.storage is for SQLite" in refused.error
