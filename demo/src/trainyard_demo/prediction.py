"""Try a downloaded model in a pod of the trainer's image, with files from a ConfigMap."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainyard_demo.installation import DemoError, Tools

PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.5
LIMIT_BYTES = 1_000_000
"""A ConfigMap holds 1 MiB, including names and labels."""
_FOLDER = "/input"


@dataclass(frozen=True, slots=True)
class Scored:
    """What the predicting program writes about samples whose classes are known."""

    samples: int
    accuracy: float


def predict(tools: Tools, namespace: str, image: str, model: Path, samples: Path) -> Scored:
    """Predict `samples` with `model` in a pod of `image`.

    The pod and its ConfigMap are deleted afterwards. Raises DemoError when the files are too large
    for a ConfigMap, when the program fails, or when the pod does not end within PATIENCE_SECONDS.
    """
    name = f"demo-predict-{secrets.token_hex(3)}"
    contents = {path.name: path.read_bytes() for path in (model, samples)}
    size = sum(map(len, contents.values()))
    if size > LIMIT_BYTES:
        raise DemoError(f"model and samples have {size:,} bytes, more than a ConfigMap holds")
    objects = manifest(name, image, contents, model.name, samples.name)
    kubectl = ("kubectl", "-n", namespace)
    try:
        # `apply` would write the whole ConfigMap into an annotation, which may hold 256 KiB only.
        tools.run(*kubectl, "create", "-f", "-", input_text=json.dumps(objects))
        phase = _end(tools, namespace, name)
        said = tools.run(*kubectl, "logs", name).strip()
    finally:
        tools.run(*kubectl, "delete", "pod,configmap", name, "--ignore-not-found", "--wait=false")
    if phase != "Succeeded":
        raise DemoError(f"the model does not predict: {said[-500:]}")
    return Scored(**json.loads(said.splitlines()[-1]))


def manifest(
    name: str, image: str, contents: Mapping[str, bytes], model: str, samples: str
) -> dict[str, Any]:
    """A List of the ConfigMap and the pod, both called `name`, for Pod Security `restricted`."""
    encoded = {file: base64.b64encode(data).decode() for file, data in contents.items()}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "activeDeadlineSeconds": int(PATIENCE_SECONDS),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(image, model, samples)],
        "volumes": [{"name": "input", "configMap": {"name": name}}],
    }
    config_map = {"kind": "ConfigMap", "binaryData": encoded}
    items = [config_map, {"kind": "Pod", "spec": pod}]
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{"apiVersion": "v1", "metadata": {"name": name}, **item} for item in items],
    }


def _container(image: str, model: str, samples: str) -> dict[str, Any]:
    return {
        "name": "predict",
        "image": image,
        "args": [
            "predict",
            f"--model={_FOLDER}/{model}",
            f"--input={_FOLDER}/{samples}",
            "--output=/dev/null",
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "input", "mountPath": _FOLDER, "readOnly": True}],
    }


def _end(tools: Tools, namespace: str, name: str) -> str:
    """The pod's final phase."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = json.loads(tools.run("kubectl", "-n", namespace, "get", "pod", name, "-o", "json"))
        if found["status"]["phase"] in ("Succeeded", "Failed"):
            return str(found["status"]["phase"])
        time.sleep(POLL_SECONDS)
    raise DemoError(f"pod {name} did not end within {PATIENCE_SECONDS:.0f} s")
