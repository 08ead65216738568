"""What an API server was asked to change so far, by its own count."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from cluster import find_kubectl

_LABEL = re.compile(r'(\w+)="([^"]*)"')
_READS = ("GET", "LIST", "WATCH", "CONNECT")


def writes(kubeconfig: Path) -> dict[str, float]:
    """`PATCH trainingsessions/status` and so on → how many were answered with 2xx."""
    argv = [find_kubectl(), f"--kubeconfig={kubeconfig}", "get", "--raw", "/metrics"]
    return counted(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def counted(metrics: str) -> dict[str, float]:
    """The same from the text of /metrics. Pure."""
    found: dict[str, float] = {}
    for line in metrics.splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        named, _, value = line.rpartition(" ")
        labels = dict(_LABEL.findall(named))
        if labels["verb"] in _READS or not labels["code"].startswith("2"):
            continue
        part = f"/{labels['subresource']}" if labels["subresource"] else ""
        key = f"{labels['verb']} {labels['resource']}{part}"
        found[key] = found.get(key, 0.0) + float(value)
    return found
