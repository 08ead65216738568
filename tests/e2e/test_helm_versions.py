"""The chart by Helm 4 and by Helm 3: a first try that times out, older values, rendered and applied, a second release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import fresh_namespace
from installation import (
    CHART,
    RELEASE,
    CommandError,
    Installation,
    helm_3,
    image_tags,
    load_images,
    tools,
)
from poll import eventually

pytestmark = pytest.mark.e2e

CHANGED = {"paused": True, "maxGpusPerSession": 2}
"""What an administrator changes in the queue, and no release may undo."""


@pytest.fixture(scope="module", params=["Helm 4", "Helm 3"])
def helm(request: pytest.FixtureRequest) -> str:
    return helm_3() if request.param == "Helm 3" else tools()["helm"]


@pytest.fixture
def release(kubeconfig: Path, helm: str) -> Iterator[Installation]:
    """A namespace with nothing in it."""
    load_images(kubeconfig)
    with fresh_namespace(kubeconfig, "helm") as namespace:
        found = Installation(kubeconfig, namespace, helm_program=helm)
        yield found
        found.helm("uninstall", RELEASE, "--ignore-not-found")


def settings(**values: Any) -> list[str]:
    merged = {"crds.enabled": False, **image_tags(), **values}
    return [f"--set-json={key}={json.dumps(value)}" for key, value in merged.items()]


def queue(release: Installation) -> dict[str, Any]:
    """The spec of the queue `default`, once there is one."""

    def there() -> dict[str, Any]:
        found = {item["metadata"]["name"]: item["spec"] for item in release.items("tq")}
        assert list(found) == ["default"]
        return dict(found["default"])

    return eventually(there, within=120, what="the queue `default`")


def changed_by_hand(release: Installation) -> dict[str, Any]:
    """The queue's spec after an administrator changed it."""
    patch = json.dumps({"spec": CHANGED})
    queue(release)
    release.kubectl("patch", "tq", "default", "--type=merge", "-p", patch)
    found = queue(release)
    assert found.items() >= CHANGED.items()
    return found


def test_a_second_try_after_one_that_timed_out_and_then_an_upgrade_with_reused_values(
    release: Installation,
) -> None:
    install = ("upgrade", "--install", RELEASE, str(CHART))
    absent = settings(**{"operator.image.tag": "absent"})
    with pytest.raises(CommandError):
        release.helm(*install, "--wait", "--timeout=5s", *absent)
    assert release.items("tq") == []

    release.helm(*install, "--wait", "--timeout=240s", *settings())

    spec, key = changed_by_hand(release), release.key
    older = ("--reuse-values", "--set=operator.logLevel=debug", "--wait", "--timeout=240s")
    release.helm("upgrade", RELEASE, str(CHART), *older)
    assert "debug" in release.kubectl("get", "configmap", f"{RELEASE}-operator", "-o", "yaml")
    assert (queue(release), release.key) == (spec, key)


def test_rendered_and_applied_twice_beside_another_release(release: Installation) -> None:
    """As `helm template | kubectl apply` and GitOps controllers do it, where CRDs are there already."""
    arguments = ("template", RELEASE, str(CHART), *settings())

    def apply() -> None:
        manifests = release.helm(*arguments)
        done = release.kubectl("apply", "-f", "-", text=manifests)
        assert f"deployment.apps/{RELEASE}-operator" in done
        for component in ("operator", "gateway"):
            release.kubectl(
                "rollout", "status", f"deployment/{RELEASE}-{component}", "--timeout=240s"
            )

    apply()
    spec, key = changed_by_hand(release), release.key
    apply()
    assert (queue(release), release.key) == (spec, key)
    release.kubectl("delete", "-f", "-", "--wait=false", text=release.helm(*arguments))
