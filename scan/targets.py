"""What the scanners of manifests read: the chart as several sets of values render it, and the objects that come later."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml
from programs import (
    MODULES,
    OUT,
    ROOT,
    ToolMissingError,
    cluster_tool,
    kubernetes_source,
    module_dir,
)
from schemas import of_definition, of_kubernetes

from trainyard_operator import settings
from trainyard_operator.core.builder_job import build_builder
from trainyard_operator.core.manifests import build_job, build_service
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.model import Session

CHART: Final = ROOT / "charts" / "trainyard"
PRODUCTION: Final = ROOT / "examples" / "values" / "production.yaml"
NAMESPACE: Final = "trainyard"
_ROUTE: Final = {
    "gateway.ingress.enabled": False,
    "gateway.httpRoute.enabled": True,
    "gateway.httpRoute.parentRefs": [{"name": "public"}],
    "monitor.runtimeClassName": "nvidia",
}


def write_targets() -> dict[str, Path]:
    """Render `defaults`, `production` and `route` into build/scan/targets; `production` has a running session's objects with it."""
    folder = OUT / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    production = ["--values", str(PRODUCTION)]
    route = [*production, *(f"--set-json={k}={json.dumps(v)}" for k, v in _ROUTE.items())]
    written = {}
    for name, arguments in {"defaults": [], "production": production, "route": route}.items():
        objects = _rendered(arguments)
        if name == "production":
            objects += runtime_objects(objects, folder)
        written[name] = folder / f"{name}.yaml"
        written[name].write_text(yaml.safe_dump_all(objects, sort_keys=False))
    return written


def runtime_objects(objects: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What the operator would make of examples/session.yaml with two workers, and with packages."""
    configuration = folder / "operator.yaml"
    configuration.write_text(
        next(
            o["data"]["operator.yaml"]
            for o in objects
            if o["kind"] == "ConfigMap" and "operator.yaml" in o["data"]
        )
    )
    config = settings.load(configuration).config()
    raw = yaml.safe_load((ROOT / "examples" / "session.yaml").read_text())
    raw["spec"]["workers"] = 2
    dataset = {"name": raw["spec"]["dataset"], "file": "1/data.csv", "format": "csv"}
    raw["status"] = {"dataset": {"state": "Found", **dataset, "sha256": "0" * 64}}
    raw["metadata"] |= {"uid": "5d1c9a5e", "generation": 1, "resourceVersion": "1"}
    session = parse.session(raw, config.installation)
    if not isinstance(session, Session):
        raise ToolMissingError(f"examples/session.yaml: {session.why}")
    made = [build_job(session, 1, ("node-1", "node-2"), config), build_service(session, config)]
    own = {"command": ["python", "train.py"], "packages": {"requirements": ["einops"]}}
    raw["spec"] = own | {"resources": raw["spec"]["resources"]}
    asks = parse.session(raw, config.installation)
    if not isinstance(asks, Session):
        raise ToolMissingError(f"examples/session.yaml with packages: {asks.why}")
    made.append(build_builder(asks, 1, config))
    return [json.loads(json.dumps(o)) for o in made]


def write_schemas() -> Path:
    """Schemas for kubeconform in build/scan/schemas, all made of sources that Go's checksums pin."""
    folder = OUT / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    swagger = kubernetes_source() / "api" / "openapi-spec" / "swagger.json"
    pages = list(of_kubernetes(json.loads(swagger.read_text())))
    for crd in _definitions():
        pages += of_definition(crd)
    for name, schema in pages:
        (folder / name).write_text(json.dumps(schema))
    return folder


def _definitions() -> list[dict[str, Any]]:
    routes = module_dir("sigs.k8s.io/gateway-api", MODULES / "crds")
    monitors = module_dir("github.com/prometheus-operator/prometheus-operator", MODULES / "crds")
    files = [
        routes / "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        *sorted((monitors / "example/prometheus-operator-crd").glob("*monitors.yaml")),
        *sorted((monitors / "example/prometheus-operator-crd").glob("*prometheusrules.yaml")),
        *sorted((ROOT / "crds").glob("*.yaml")),
    ]
    found = [o for file in files for o in yaml.safe_load_all(file.read_text())]
    return [o for o in found if o and o["kind"] == "CustomResourceDefinition"]


def _rendered(arguments: list[str]) -> list[dict[str, Any]]:
    command = [str(cluster_tool("helm")), "template", "ty", str(CHART), f"--namespace={NAMESPACE}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolMissingError(done.stderr.strip())
    return [o for o in yaml.safe_load_all(done.stdout) if o]
