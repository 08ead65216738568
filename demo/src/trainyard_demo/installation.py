"""Cluster, images and chart, which the first session needs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "trainyard"
RELEASE = "trainyard"
IMAGES = ("operator", "gateway", "trainer")


class DemoError(Exception):
    """A step of the demo failed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """kubectl and helm on the demo's cluster."""

    kubectl: str
    helm: str
    kubeconfig: Path

    def run(self, *argv: str, input_text: str | None = None) -> str:
        """Run kubectl or helm; return its standard output. Raises DemoError with its output."""
        program, *arguments = argv
        command = [getattr(self, program), *arguments]
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            command, env=env, input=input_text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DemoError(f"`{' '.join(argv[:3])} …` failed: {done.stderr.strip()[-800:]}")
        return done.stdout


def cluster_up(name: str, gpus: int) -> Tools:
    """Start the cluster; its output shows the progress."""
    _module("trainyard_cluster", "up", "--name", name, "--gpus", str(gpus))
    kubeconfig = Path(_answer("trainyard_cluster", "kubeconfig", "--name", name))
    tools = json.loads(_answer("trainyard_cluster", "tools"))
    return Tools(tools["kubectl"], tools["helm"], kubeconfig)


def cluster_down(name: str) -> None:
    """Remove the cluster and everything that it created."""
    _module("trainyard_cluster", "down", "--name", name)


def images(name: str) -> dict[str, str]:
    """Build the changed images and load them into the node. Returns target → tag."""
    targets = [f"--target={image}" for image in IMAGES]
    _module("trainyard_images", "build", *targets)
    tags = {}
    for image in IMAGES:
        folder = ROOT / "build" / "images"
        _module("trainyard_cluster", "load-image", "--name", name, str(folder / f"{image}.tar"))
        tags[image] = str(json.loads((folder / f"{image}.json").read_text())["tag"])
    return tags


def install(tools: Tools, tags: dict[str, str]) -> None:
    """Install or upgrade the chart into a namespace that enforces Pod Security `restricted`."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    tools.run("kubectl", "apply", "-f", "-", input_text=json.dumps(namespace))
    _clear_interrupted(tools)
    values = [f"--set={image}.image.tag={tag}" for image, tag in tags.items()]
    try:
        tools.run(
            "helm",
            "upgrade",
            "--install",
            RELEASE,
            str(ROOT / "charts" / "trainyard"),
            f"--namespace={NAMESPACE}",
            "--set=gateway.service.type=NodePort",
            *values,
            "--wait",
            "--timeout=120s",
        )
    except DemoError as error:
        raise DemoError(f"{error}\n{_unready(tools)}") from error


def _unready(tools: Tools) -> str:
    """The last lines of every pod that is not ready; helm only reports a timeout."""
    selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
    listed = tools.run("kubectl", "-n", NAMESPACE, "get", "pods", selector, "-o", "json")
    said = []
    for pod in json.loads(listed)["items"]:
        name, status = pod["metadata"]["name"], pod["status"]
        if not all(c["ready"] for c in status.get("containerStatuses", ())):
            try:
                log = tools.run("kubectl", "-n", NAMESPACE, "logs", name, "--tail=5")
            except DemoError as error:
                log = str(error)
            said.append(f"{name} ({status['phase']}) is not ready; its last lines:\n{log.rstrip()}")
    return "\n".join(said)


def _clear_interrupted(tools: Tools) -> None:
    """Undo an interrupted operation of helm, which otherwise refuses the next one."""
    listed = tools.run("helm", "list", f"--namespace={NAMESPACE}", "--pending", "-o", "json")
    for release in json.loads(listed or "[]"):
        if release["name"] == RELEASE:
            # A first installation has no earlier revision. Volume and key survive by their policy.
            undo = "uninstall" if release["revision"] in (1, "1") else "rollback"
            tools.run("helm", undo, RELEASE, f"--namespace={NAMESPACE}", "--wait")


def gateway(tools: Tools) -> tuple[str, str]:
    """URL and API key of the gateway, as this machine reaches it."""
    service = json.loads(_get(tools, "service", f"{RELEASE}-gateway"))
    nodes = json.loads(tools.run("kubectl", "get", "nodes", "-o", "json"))["items"]
    addresses = [a for n in nodes for a in n["status"]["addresses"] if a["type"] == "InternalIP"]
    secret = json.loads(_get(tools, "secret", f"{RELEASE}-api-key"))
    key = base64.b64decode(secret["data"]["api-key"]).decode()
    return f"http://{addresses[0]['address']}:{service['spec']['ports'][0]['nodePort']}", key


def _get(tools: Tools, kind: str, name: str) -> str:
    return tools.run("kubectl", "-n", NAMESPACE, "get", kind, name, "-o", "json")


def _module(module: str, *arguments: str) -> None:
    """Run one of our programs with its output on the terminal."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode != 0:
        raise DemoError(
            f"`python -m {module} {arguments[0]}` ended with exit code {done.returncode}; see above"
        )


def _answer(module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoError(
            f"`python -m {module} {arguments[0]}` ended with exit code {done.returncode}"
        )
    return done.stdout.strip()
