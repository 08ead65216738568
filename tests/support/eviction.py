"""Evict the pod of a session, as a drain of its node does it."""

from __future__ import annotations

from installation import Installation


def evict(release: Installation, session: str) -> None:
    """Evict the session's one running pod."""
    pods = release.items("pods", f"trainyard.io/session={session}")
    [pod] = [p["metadata"]["name"] for p in pods if p["status"]["phase"] == "Running"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": release.namespace},
    }
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}/eviction"
    release.kubectl("create", "--raw", path, "-f", "-", manifest=eviction)
