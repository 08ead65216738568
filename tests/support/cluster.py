"""The cluster that integration and e2e tests use: named by the environment, or the embedded one called `test`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kubernetes import client, config
from poll import eventually

ROOT = Path(__file__).resolve().parents[2]
ENV_KUBECONFIG = "TRAINYARD_TEST_KUBECONFIG"
CLUSTER_NAME = "test"


def find_kubeconfig() -> Path:
    """`$TRAINYARD_TEST_KUBECONFIG`, else that of the cluster `test`, which is brought up when it is not there."""
    named = os.environ.get(ENV_KUBECONFIG)
    if named:
        return Path(named)
    tool = [sys.executable, "-m", "trainyard_cluster"]
    subprocess.run(
        [*tool, "up", "--name", CLUSTER_NAME, "--gpus", "4", "--kwok-nodes", "4"], check=True
    )
    shown = subprocess.run(
        [*tool, "kubeconfig", "--name", CLUSTER_NAME], check=True, capture_output=True, text=True
    )
    return Path(shown.stdout.strip())


def find_kubectl() -> Path:
    """The kubectl of the embedded cluster's own version."""
    tool = [sys.executable, "-m", "trainyard_cluster", "tools"]
    shown = subprocess.run(tool, check=True, capture_output=True, text=True)
    return Path(json.loads(shown.stdout)["kubectl"])


def api_client(kubeconfig: Path) -> client.ApiClient:
    """The official client, as an independent witness of what is in the cluster."""
    return config.new_client_from_config(str(kubeconfig))


def apply_crds(kubeconfig: Path) -> None:
    """Put the CRDs of this working tree into the cluster and wait until they are served."""
    import yaml

    with api_client(kubeconfig) as api:
        extensions = client.ApiextensionsV1Api(api)
        for file in sorted((ROOT / "crds").glob("*.yaml")):
            manifest = yaml.safe_load(file.read_text())
            name = manifest["metadata"]["name"]
            extensions.patch_custom_resource_definition(
                name,
                manifest,
                field_manager="trainyard-tests",
                force=True,
                _content_type="application/apply-patch+yaml",
            )
            eventually(partial(_established, extensions, name), what=f"CRD {name} established")


def _established(extensions: client.ApiextensionsV1Api, name: str) -> bool:
    status = extensions.read_custom_resource_definition(name).status
    conditions = {c.type: c.status for c in (status.conditions or [])} if status else {}
    return conditions.get("Established") == "True"


def unique(prefix: str) -> str:
    """A name that no other object of these tests has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@contextmanager
def fresh_namespace(kubeconfig: Path, prefix: str = "t") -> Iterator[str]:
    """A namespace of its own, with Pod Security `restricted` enforced, deleted afterwards without waiting."""
    name = unique(prefix)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    with api_client(kubeconfig) as api:
        core = client.CoreV1Api(api)
        core.create_namespace(
            client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels=labels))
        )
        try:
            yield name
        finally:
            core.delete_namespace(name)
