"""The chart, installed from this tree's images into a namespace of its own on a real node."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cluster import ROOT, fresh_namespace

from trainyard.client import Client
from trainyard_cluster import registry

RELEASE = "ty"
CHART = ROOT / "charts" / "trainyard"


@cache
def tools() -> Mapping[str, str]:
    """Paths of kubectl and helm, from the embedded cluster's cache."""
    command = [sys.executable, "-m", "trainyard_cluster", "tools"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(shown.stdout)
    return found


@cache
def helm_3() -> str:
    """Path of Helm 3, from the same cache; the chart works with both."""
    command = [sys.executable, "-m", "trainyard_cluster", "tools", "helm3"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    return str(json.loads(shown.stdout)["helm3"])


class CommandError(AssertionError):
    """kubectl or helm refused; the message is what it said."""


@dataclass(frozen=True)
class Installation:
    """One release of the chart, with the ways in."""

    kubeconfig: Path
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    helm_program: str = ""
    """Path of helm; empty means the one of `tools`."""

    def kubectl(
        self, *arguments: str, manifest: Mapping[str, Any] | None = None, text: str | None = None
    ) -> str:
        """Output of kubectl in the release's namespace; `manifest` or `text` goes to its standard input."""
        text = json.dumps(manifest) if manifest is not None else text
        return self._run(tools()["kubectl"], "-n", self.namespace, *arguments, text=text)

    def helm(self, *arguments: str, text: str | None = None) -> str:
        """Output of helm in the release's namespace."""
        helm = self.helm_program or tools()["helm"]
        return self._run(helm, *arguments, f"--namespace={self.namespace}", text=text)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Objects of a kind."""
        chosen = ["-l", selector] if selector else []
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, *chosen, "-o", "json"))[
            "items"
        ]
        return found

    def upgrade(self, **values: Any) -> None:
        """Install or upgrade, and wait until everything is ready."""
        merged = {**image_tags(), **self.values, **values}
        settings = [f"--set-json={key}={json.dumps(value)}" for key, value in merged.items()]
        fixed = ["--wait", "--timeout=180s", "--set=crds.enabled=false"]
        port = "--set=gateway.service.type=NodePort"
        self.helm("upgrade", "--install", RELEASE, str(CHART), port, *fixed, *settings)

    def values_tree(self) -> dict[str, Any]:
        """This tree's images and the release's values as a file of values has them."""
        tree: dict[str, Any] = {}
        for key, value in {**image_tags(), **self.values}.items():
            *path, last = key.split(".")
            place = tree
            for part in path:
                place = place.setdefault(part, {})
            place[last] = value
        return tree

    @property
    def node(self) -> dict[str, Any]:
        """The real node; simulated ones carry KWOK's annotation."""
        nodes: list[dict[str, Any]] = json.loads(self.kubectl("get", "nodes", "-o", "json"))[
            "items"
        ]
        return next(
            n for n in nodes if "kwok.x-k8s.io/node" not in n["metadata"].get("annotations", {})
        )

    @property
    def url(self) -> str:
        """Where the gateway answers, as this machine reaches it."""
        address = next(a for a in self.node["status"]["addresses"] if a["type"] == "InternalIP")
        port = self.get("service", f"{RELEASE}-gateway")["spec"]["ports"][0]["nodePort"]
        return f"http://{address['address']}:{port}"

    @property
    def key(self) -> str:
        """The bootstrap API key."""
        secret = self.get("secret", f"{RELEASE}-api-key")
        return base64.b64decode(secret["data"]["api-key"]).decode()

    def client(self) -> Client:
        """The Python client with the administrator's key."""
        return Client(self.url, self.key)

    def _run(self, *command: str, text: str | None = None) -> str:
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            command, env=env, input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CommandError(f"{' '.join(command[:6])} …: {done.stderr.strip()}")
        return done.stdout


def image_tags() -> dict[str, str]:
    """The chart's tag values of the images that were built from this tree."""
    tags = {}
    for name in ("operator", "gateway", "trainer", "bot"):
        built = ROOT / "build" / "images" / f"{name}.json"
        if not built.is_file():
            raise AssertionError(
                f"the image {name} is not built: run `make images`, or all of it by `make test`"
            )
        tags[f"{name}.image.tag"] = str(json.loads(built.read_text())["tag"])
    return tags


def load_images(kubeconfig: Path) -> None:
    """Put this tree's images into the node, where it is one that we can load into."""
    name = kubeconfig.parent.name
    if name in registry.names():
        command = [sys.executable, "-m", "trainyard_cluster", "load-image", "--name", name]
        for archive in sorted((ROOT / "build" / "images").glob("*.tar")):
            subprocess.run([*command, str(archive)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def installed(
    kubeconfig: Path, load: Callable[[Path], None] = load_images, **values: Any
) -> Iterator[Installation]:
    """A release in a fresh namespace, gone afterwards; `load` puts its images into the nodes."""
    with fresh_namespace(kubeconfig, "e2e") as namespace:
        installation = Installation(kubeconfig, namespace, values)
        load(kubeconfig)
        try:
            installation.upgrade()
            yield installation
        finally:
            installation.helm("uninstall", RELEASE, "--wait", "--ignore-not-found")
