"""The API server goes away and comes back: the operator waits without end, says so, and misses nothing."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from operator_lab import Lab, Witness, laboratory, unique
from poll import eventually
from tcp_door import TcpDoor

from trainyard_kube import KubeConfig

pytestmark = pytest.mark.integration


@pytest.fixture
def door(kubeconfig: Path) -> Iterator[TcpDoor]:
    server = urlsplit(KubeConfig.from_file(kubeconfig).server)
    assert server.hostname is not None
    with TcpDoor(server.hostname, server.port or 443) as found:
        yield found


@pytest.fixture
def lab(kubeconfig: Path, tmp_path: Path, door: TcpDoor) -> Iterator[Lab]:
    """A lab whose operator alone reaches the API server through the proxy."""
    with laboratory(kubeconfig, tmp_path, (4,)) as found:
        found.stop()
        config = yaml.safe_load(kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{door.port}"
        found.kubeconfig = tmp_path / "through-the-door"
        found.kubeconfig.write_text(yaml.safe_dump(config))
        found.start()
        yield found


def health(lab: Lab, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{lab.health}/{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_outage_is_waited_out(lab: Lab, door: TcpDoor) -> None:
    ends, waits, comes = unique("ends"), unique("waits"), unique("comes")
    with Witness(lab) as witness:
        lab.create(ends, {"command": ["sleep", "5"], "resources": {"gpus": 4}})
        lab.create(waits, {"command": ["sleep", "1"], "resources": {"gpus": 4}})
        lab.wait_phase(ends, "Running")
        lab.wait_phase(waits, "Queued")
        door.shut()
        eventually(lambda: health(lab, "readyz")[0] == 503, within=60, what="not ready")
        assert "does not answer" in health(lab, "readyz")[1]
        assert health(lab, "healthz") == (200, "ok\n")
        lab.create(comes, {"command": ["sleep", "1"], "resources": {"gpus": 4}})
        # Longer than the Lease, so that the operator must acquire it again.
        eventually(lambda: not lab.live_pods(), within=60, what="the first one's end")
        assert lab.phase(waits) == "Queued"
        door.open()
        for name in (ends, waits, comes):
            assert lab.wait_phase(name, "Succeeded", within=40)["attempt"] == 1
    assert witness.violations == []
    assert lab.process is not None
    assert lab.process.poll() is None
    assert lab.ready()


def test_connections_that_break_again_and_again(lab: Lab, door: TcpDoor) -> None:
    names = [unique("b") for _ in range(8)]
    with Witness(lab) as witness:
        for name in names:
            lab.create(name, {"command": ["sleep", "0.5"], "resources": {"gpus": 2}})
            door.slam()
        for name in names:
            assert lab.wait_phase(name, "Succeeded", within=60)["attempt"] == 1
            door.slam()
    assert witness.violations == []
    assert len(witness.jobs_seen) == len(names)
