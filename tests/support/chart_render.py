"""The chart as the real helm renders it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from installation import CHART, tools

EVERYTHING: dict[str, Any] = {
    "bot.enabled": True,
    "bot.tokenSecret": "telegram",
    "bot.chats": [1],
    "gateway.ingress.enabled": True,
    "gateway.ingress.host": "trainyard.example",
    "gateway.ingress.tlsSecret": "tls",
    "gateway.httpRoute.enabled": True,
    "gateway.httpRoute.parentRefs": [{"name": "public"}],
    "gateway.httpRoute.hostnames": ["trainyard.example"],
    "gateway.replicas": 2,
    "database.url": "postgresql://trainyard@db.example:5432/trainyard",
    "database.passwordSecret": "db",
    "storage.accessMode": "ReadWriteMany",
    "storage.storageClassName": "shared",
    "retention.finishedSessionSeconds": 86_400,
    "monitor.runtimeClassName": "nvidia",
    "networkPolicy.apiFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
    "networkPolicy.metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    "serviceMonitor.enabled": True,
    "serviceMonitor.labels": {"release": "prometheus"},
    "prometheusRule.enabled": True,
    "prometheusRule.labels": {"release": "prometheus"},
    "dashboard.enabled": True,
    "dashboard.annotations": {"grafana_folder": "Machines"},
    "image.pullSecrets": ["registry"],
    "environments.indexUrl": "https://index.example:8443/simple",
    "environments.caConfigMap": "index-ca",
    "environments.credentialsSecret": "index",
    "environments.egress.cidrs": ["10.2.0.0/16"],
    "runtimes.default.egress": "internet",
    "networkPolicy.clusterCidrs": ["203.0.113.0/24", "2001:db8::/64"],
}
"""Values that make every template render."""


@dataclass(frozen=True)
class Rendered:
    """What helm made of the chart."""

    code: int
    objects: list[dict[str, Any]]
    error: str

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Objects of these kinds."""
        return [o for o in self.objects if o["kind"] in kinds]

    def named(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        return next(o for o in self.of(kind) if o["metadata"]["name"] == name)


def render(values: dict[str, Any] | None = None, *more: str) -> Rendered:
    """The chart's objects with these values, for the release `ty` in the namespace `ns`."""
    return _rendered("--namespace=ns", *_settings(values), *more)


def render_by(helm: str, values: dict[str, Any] | None = None) -> Rendered:
    """The same by another helm, given by its path."""
    return _rendered("--namespace=ns", *_settings(values), helm=helm)


def render_as(release: str, namespace: str, values: dict[str, Any]) -> Rendered:
    """The same for another release and namespace."""
    return _rendered(f"--namespace={namespace}", *_settings(values), release=release)


def render_in(
    kubeconfig: Path, namespace: str, values: dict[str, Any] | None = None, *more: str
) -> Rendered:
    """The same as Helm renders it for a cluster, which the chart may ask. Nothing is written."""
    where = (f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", "--dry-run=server")
    return _rendered(*where, *_settings(values), *more)


def _settings(values: dict[str, Any] | None) -> list[str]:
    return [f"--set-json={k}={json.dumps(v)}" for k, v in (values or {}).items()]


def _rendered(*options: str, release: str = "ty", helm: str = "") -> Rendered:
    done = subprocess.run(
        [helm or tools()["helm"], "template", release, str(CHART), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    objects = [o for o in yaml.safe_load_all(done.stdout) if o] if done.returncode == 0 else []
    return Rendered(done.returncode, objects, " ".join(done.stderr.split()))
