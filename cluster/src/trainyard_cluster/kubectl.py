"""Requests to the API server through kubectl."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainyard_cluster.errors import StepFailed
from trainyard_cluster.plan import GPU
from trainyard_cluster.shell import run


class Kubectl:
    """The cluster's kubectl with one kubeconfig."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self._prefix = [str(program), f"--kubeconfig={kubeconfig}", "--request-timeout=20s"]

    def __call__(self, *arguments: str, input_text: str | None = None) -> str:
        """Standard output of one kubectl call. Raises StepFailed with its last line."""
        return run([*self._prefix, *arguments], input_text=input_text)

    def get(self, *arguments: str) -> dict[str, Any]:
        """The parsed JSON of `kubectl get`. Raises StepFailed with what kubectl said."""
        result: dict[str, Any] = json.loads(self("get", *arguments, "-o", "json"))
        return result

    def apply(self, objects: list[dict[str, Any]]) -> None:
        """Apply a manifest on the server side. Raises StepFailed with what kubectl said."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self("apply", "--server-side", "--force-conflicts", "-f", "-", input_text=body)

    def node_ready(self, name: str) -> bool:
        """Whether the node reports Ready."""
        try:
            node = self.get("node", name)
        except StepFailed:
            return False
        return any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in node.get("status", {}).get("conditions", ())
        )

    def set_gpus(self, node: str, count: int) -> None:
        """Set simulated GPUs: extended resources, which kube-scheduler counts like real ones."""
        key = GPU.replace("/", "~1")
        patch = [
            {"op": "add", "path": f"/status/{part}/{key}", "value": str(count)}
            for part in ("capacity", "allocatable")
        ]
        self(
            "patch", "node", node, "--subresource=status", "--type=json", f"-p={json.dumps(patch)}"
        )

    def merge_status(self, kind: str, name: str, patch: dict[str, Any]) -> None:
        """Merge-patch the status subresource."""
        body = json.dumps(patch)
        self("patch", kind, name, "--subresource=status", "--type=merge", f"-p={body}")

    def gpus(self, node: str) -> int:
        """Allocatable GPUs of a node."""
        return int(self.get("node", node)["status"]["allocatable"].get(GPU, 0))


def wait(
    check: Callable[[], bool],
    *,
    what: str,
    seconds: float,
    log: Path | None = None,
    every: float = 0.2,
) -> None:
    """Wait until `check` is true. Raises StepFailed after `seconds`, with the log's path."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not happen within {seconds:.0f} s", log)
        time.sleep(every)
