"""The queue `default` and the first key: made while there are none, and never touched once they are there."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from operator_lab import GROUP, QUEUES, VERSION, Lab, laboratory
from poll import eventually

pytestmark = pytest.mark.integration

SECRET = "first-key"
DEFAULTS = {
    "borrow": True,
    "weight": 1,
    "paused": False,
    "queueingStrategy": "BestEffortFIFO",
    "timeSliceSeconds": 3600,
}
CHANGED = {"maxGpusPerSession": 2, "paused": True, "weight": 5}


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An installation whose installer made neither."""
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), ()) as found:
        found.stop()
        found.custom.delete_namespaced_custom_object(
            GROUP, VERSION, found.namespace, QUEUES, "default"
        )
        found.settings["defaultQueue"] = {"gpuQuota": 4}
        found.settings["firstKey"] = {"secret": SECRET, "key": "the-key"}
        found.start()
        yield found


def queue(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.custom.get_namespaced_custom_object(
        GROUP, VERSION, lab.namespace, QUEUES, "default"
    )
    return found


def key(lab: Lab) -> str:
    secret = lab.core.read_namespaced_secret(SECRET, lab.namespace)
    return base64.b64decode(secret.data["the-key"]).decode()


def soon(what: str, ask: Any) -> Any:
    def asked() -> Any:
        try:
            return ask()
        except client.ApiException as error:
            raise AssertionError(what) from error

    return eventually(asked, within=60, what=what)


def test_what_is_missing_is_made_and_what_is_there_stays(lab: Lab) -> None:
    made = soon("the queue", lambda: queue(lab))
    assert made["spec"] == DEFAULTS | {"gpuQuota": 4}
    first = soon("the key", lambda: key(lab))
    assert first.startswith("ty_")
    assert len(first) == 46
    log = lab.log()
    assert first not in log
    assert "the-key" not in log

    # The administrator changes the queue; the installation is removed and comes back.
    lab.patch_queue("default", **CHANGED)
    version = queue(lab)["metadata"]["generation"]
    lab.stop()
    lab.start()
    lab.create("s", {"command": ["sleep", "1"], "resources": {"gpus": 0}})
    lab.wait_phase("s", "Pending", "Queued", within=60)

    assert queue(lab)["spec"] == DEFAULTS | {"gpuQuota": 4} | CHANGED
    assert queue(lab)["metadata"]["generation"] == version
    assert queue(lab)["metadata"]["uid"] == made["metadata"]["uid"]
    assert key(lab) == first


def test_gitops_controllers_do_not_count_them_as_theirs(lab: Lab) -> None:
    """Argo CD removes what has the release's label and is not in its manifests."""
    labels = [
        soon("the queue", lambda: queue(lab))["metadata"]["labels"],
        soon(
            "the key", lambda: lab.core.read_namespaced_secret(SECRET, lab.namespace)
        ).metadata.labels,
    ]

    for found in labels:
        assert "app.kubernetes.io/instance" not in found
        assert "helm.sh/chart" not in found
