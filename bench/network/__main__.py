"""`python bench/network`: try every flow of an installation from its pods, and compare with what the NetworkPolicies say.

A connection that is made or refused has reached its target; silence has not. Results go to bench/results/flows.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds, fresh_namespace  # noqa: E402  # found by the line above
from flows import ADDRESSES, FLOWS  # noqa: E402
from installation import (  # noqa: E402
    CommandError,
    Installation,
    image_tags,
    load_images,
)
from poll import eventually  # noqa: E402

SLEEP = [
    "python3",
    "-c",
    "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()",
]
TRY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
except ConnectionRefusedError:
    print("reached")
except OSError as error:
    print(f"not reached ({error})")
else:
    print("reached")
"""
SECURE = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def main() -> None:
    """Install, try, write."""
    parser = argparse.ArgumentParser(description="Measure which flows pass.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "flows.md")
    options = parser.parse_args()
    apply_crds(options.kubeconfig)
    load_images(options.kubeconfig)
    with fresh_namespace(options.kubeconfig, "flows") as namespace:
        release = Installation(options.kubeconfig, namespace)
        release.kubectl("create", "secret", "generic", "telegram", "--from-literal=token=1:nobody")
        bot = {"bot.enabled": True, "bot.tokenSecret": "telegram", "bot.chats": [1]}
        release.upgrade(**bot)
        try:
            table = measure(release)
        finally:
            release.kubectl("delete", "ts", "--all", "--timeout=60s")
            release.helm("uninstall", "ty", "--wait")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(table)
    print(table)


def measure(release: Installation) -> str:
    """The table in Markdown."""
    pods, addresses = everybody(release)
    lines = ["| From | To | Port | Allowed | Measured |", "| --- | --- | --- | --- | --- |"]
    for flow in FLOWS:
        target = addresses[flow.target]
        try:
            said = release.kubectl(
                "exec", pods[flow.source], "--", "python3", "-c", TRY, target, str(flow.port)
            ).strip()
        except CommandError as error:
            said = f"not tried: {error}"
        allowed = "yes" if flow.allowed else "no"
        lines.append(f"| {flow.source} | {flow.target} | {flow.port} | {allowed} | {said} |")
    return "\n".join(lines) + "\n"


def everybody(release: Installation) -> tuple[dict[str, str], dict[str, str]]:
    """Pods by name, and where each target answers."""
    with release.client() as people:
        spec = {
            "command": SLEEP,
            "resources": {"gpus": 0, "cpu": "10m", "memory": "64Mi"},
            "retry": {"limit": 0},
        }
        for name in ("trainer", "other-trainer"):
            people.start_training(spec, name)
        for name in ("trainer", "other-trainer"):
            eventually(
                lambda name=name: people.status(name).phase == "Running",  # type: ignore[misc]  # bound here
                within=120,
                what=f"{name} running",
            )
    release.kubectl("apply", "-f", "-", manifest=stranger())
    release.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=90s")
    found = {"stranger": release.get("pod", "stranger")}
    real = release.node["metadata"]["name"]
    for pod in release.items("pods"):
        labels = pod["metadata"]["labels"]
        if pod["spec"].get("nodeName") != real:
            continue
        if "trainyard.io/session-uid" in labels:
            other = pod["metadata"]["name"].startswith("other")
            found["other trainer" if other else "trainer"] = pod
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


def stranger() -> dict[str, object]:
    """A pod that has nothing to do with Trainyard."""
    image = f"docker.io/trainyard/gateway:{image_tags()['gateway.image.tag']}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "labels": {"app": "stranger"}},
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


if __name__ == "__main__":
    main()
