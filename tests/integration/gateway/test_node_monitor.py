"""A node's monitor is believed about its own node, and nobody else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayLab, monitor_token, simulated_node
from poll import eventually

pytestmark = pytest.mark.integration


def test_a_monitor_tells_of_its_node(lab: GatewayLab, tmp_path: Path) -> None:
    node = simulated_node(lab)
    token = tmp_path / "token"
    token.write_text(monitor_token(lab, "trainyard-monitor", node))
    command = [sys.executable, "-m", "trainyard_gateway.nodes.monitor", f"--gateway-url={lab.url}"]
    alive = tmp_path / "alive"
    options = [f"--token-file={token}", "--interval=0.2", f"--alive-file={alive}"]
    monitor = subprocess.Popen([*command, *options])
    try:
        with lab.http() as http:

            def told() -> dict[str, object] | None:
                nodes = {n["name"]: n for n in http.get("/system/info").json()["nodes"]}
                found: dict[str, object] | None = nodes[node].get("machine")
                return found

            machine = eventually(told, within=60)
    finally:
        monitor.terminate()
        code = monitor.wait(timeout=10)

    assert code == 0
    assert alive.exists()
    assert machine["cpuCount"]
    assert machine["memory"]


def test_nobody_else_is_believed(lab: GatewayLab) -> None:
    stranger = monitor_token(lab, "stranger", simulated_node(lab))
    usage = {"totalBytes": 1, "usedBytes": 1, "percent": 1}
    body = {"cpuPercent": 1, "cpuCount": 1, "memory": usage, "disk": usage}

    def send(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{lab.url}/api/v1/report/node"
        return httpx.post(url, json=body, headers=headers, timeout=10).status_code

    assert send(stranger) == 403
    assert send("nonsense") == 401
    assert send(lab.key) == 401
