"""Flows of an installation, tried from its pods.

A connection that is made or refused has reached its target; silence has not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from flows import ADDRESSES, FLOWS, Flow, Measured
from installation import CommandError, Installation, image_tags
from poll import eventually

from trainyard_cluster import registry
from trainyard_cluster.embedded.network import enter
from trainyard_cluster.plan import node_layout

SLEEP = [
    "python3",
    "-c",
    "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()",
]
TRY = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def attempt(target):
    try:
        socket.create_connection(tuple(target), timeout=5).close()
    except ConnectionRefusedError:
        return "reached"
    except OSError as error:
        return f"not reached ({error})"
    return "reached"
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(list(pool.map(attempt, targets))))
"""
SECURE = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
SESSIONS = {"trainer": "default", "other trainer": "default", "open trainer": "open"}
"""Session → its runtime."""
PODS = {
    "stranger": {"app": "stranger"},
    "installation of packages": {"trainyard.io/component": "environment-builder"},
}
"""Pods of ours, with the labels by which policies select them."""
OUTSIDE = ("internet", "private network", "machine's credentials")


def leaves(flow: Flow) -> bool:
    """Whether a flow that is allowed leaves the cluster, where perhaps nobody answers."""
    return flow.allowed and flow.target in OUTSIDE


@contextmanager
def outside(kubeconfig: Path) -> Iterator[bool]:
    """Let addresses outside of the cluster answer on its nodes, where they are ours; whether they do.

    Nothing leaves an embedded cluster, so that a flow to the internet would end whatever policies say.
    """
    name = kubeconfig.parent.name
    record = registry.read(name)
    if record is None or record.provider != "embedded":
        yield False
        return
    layout = registry.layout(name)
    prefixes = [enter(node_layout(layout, number)) for number in range(1, record.nodes + 1)]

    def each(verb: str) -> None:
        for prefix in prefixes:
            for target in OUTSIDE:
                address = [f"{ADDRESSES[target]}/32", "dev", "lo"]
                subprocess.run([*prefix, "ip", "address", verb, *address], check=True)

    each("replace")
    try:
        yield True
    finally:
        each("delete")


def measure(release: Installation, sessions: Mapping[str, str] = SESSIONS) -> list[Measured]:
    """Every flow between what is there, tried from its pod, all at the same time.

    `sessions` are started: name → runtime.
    """
    pods, addresses = everybody(release, sessions)

    def tried(source: str) -> dict[Flow, str]:
        mine = [flow for flow in FLOWS if flow.source == source and flow.target in addresses]
        targets = json.dumps([(addresses[flow.target], flow.port) for flow in mine])
        try:
            words = release.kubectl("exec", pods[source], "--", "python3", "-c", TRY, targets)
        except CommandError as error:
            return dict.fromkeys(mine, f"not tried: {error}")
        return dict(zip(mine, json.loads(words), strict=True))

    sources = sorted({flow.source for flow in FLOWS} & pods.keys())
    with ThreadPoolExecutor(len(sources)) as pool:
        found = {flow: said for part in pool.map(tried, sources) for flow, said in part.items()}
    return [Measured(flow, found[flow]) for flow in FLOWS if flow in found]


def everybody(
    release: Installation, sessions: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Pods by name, and where each target answers."""
    start_sessions(release, sessions)
    for name, labels in PODS.items():
        release.kubectl("apply", "-f", "-", manifest=sleeping(slug(name), labels))
    found = {}
    for name in PODS:
        release.kubectl("wait", "--for=condition=Ready", f"pod/{slug(name)}", "--timeout=90s")
        found[name] = release.get("pod", slug(name))
    for pod in release.items("pods"):
        labels = pod["metadata"]["labels"]
        if not pod["status"].get("podIP") or pod["spec"]["nodeName"].startswith("kwok-"):
            continue
        if "trainyard.io/session-uid" in labels:
            mine = [s for s in sessions if pod["metadata"]["name"].startswith(f"{slug(s)}-")]
            found |= dict.fromkeys(mine, pod)
        elif "app.kubernetes.io/component" in labels:
            found[labels["app.kubernetes.io/component"]] = pod
    node = next(
        a["address"] for a in release.node["status"]["addresses"] if a["type"] == "InternalIP"
    )
    addresses = {
        **ADDRESSES,
        "API server": node,
        "DNS": node,
        **{name: pod["status"]["podIP"] for name, pod in found.items()},
    }
    return {name: pod["metadata"]["name"] for name, pod in found.items()}, addresses


def start_sessions(release: Installation, sessions: Mapping[str, str]) -> None:
    """Sessions that sleep, running."""
    with release.client() as people:
        for name, runtime in sessions.items():
            spec = {
                "command": SLEEP,
                "runtime": runtime,
                "resources": {"gpus": 0, "cpu": "10m", "memory": "64Mi"},
                "retry": {"limit": 0},
            }
            people.start_training(spec, slug(name))
        for name in sessions:
            eventually(
                lambda name=name: people.status(slug(name)).phase == "Running",  # type: ignore[misc]  # bound here
                within=120,
                what=f"{name} running",
            )


def slug(name: str) -> str:
    """A name as Kubernetes takes it."""
    return name.replace(" ", "-")


def sleeping(name: str, labels: dict[str, str]) -> dict[str, object]:
    """A pod that only sleeps."""
    image = f"docker.io/trainyard/gateway:{image_tags()['gateway.image.tag']}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {"name": "sleep", "image": image, "command": SLEEP, "securityContext": SECURE}
            ],
        },
    }
