"""What a program leaves becomes versions in the registry, however its pods end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from cluster import unique
from eviction import evict
from installation import RELEASE, Installation
from poll import eventually

from trainyard.client import Client

pytestmark = pytest.mark.e2e

SMALL = {"gpus": 0, "cpu": "200m", "memory": "192Mi"}
PROGRAM = """
import os, pathlib, time, urllib.error, urllib.request
import trainyard

def gateway_is_there():
    try:
        urllib.request.urlopen(os.environ["TRAINYARD_GATEWAY_URL"], timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True

attempt = os.environ["TRAINYARD_ATTEMPT"]
out = pathlib.Path("out")
out.mkdir(exist_ok=True)
(out / "weights.bin").write_text("attempt " + attempt)
trainyard.init()
trainyard.log_artifact("out", name="early")
print("logged", attempt, flush=True)
while not {done}:
    time.sleep(0.2)
trainyard.finish({finish})
"""


@pytest.fixture
def http(installation: Installation) -> Iterator[httpx.Client]:
    """Requests with the administrator's key."""
    with httpx.Client(
        base_url=f"{installation.url}/api/v1",
        headers={"Authorization": f"Bearer {installation.key}"},
        timeout=60,
    ) as client:
        yield client


def start(gateway: Client, program: str) -> tuple[str, str]:
    """The names of a session of this program, and of what it declares."""
    name = unique("leaves")
    spec = {
        "command": ["python3", "-c", program],
        "resources": SMALL,
        "retry": {"limit": 1, "backoffSeconds": 1},
        "outputs": [{"path": "out", "name": f"{name}-out"}],
    }
    return gateway.start_training(spec, name).name, f"{name}-out"


def printed(gateway: Client, name: str, line: str) -> None:
    eventually(
        lambda: line in [found.message for found in gateway.logs(name).lines],
        within=180,
        what=f"the line {line!r}",
    )


def contents(http: httpx.Client, name: str) -> list[str]:
    """What the versions of a tree say."""
    found = http.get(f"/models/{name}/versions")
    listed: list[dict[str, Any]] = found.json()["models"] if found.status_code == 200 else []
    paths = [f"/models/{name}/versions/{one['version']}/files/weights.bin" for one in listed]
    return [http.get(path).text for path in paths]


def test_an_eviction_registers_what_was_logged_and_the_end_what_was_declared(
    installation: Installation, gateway: Client, http: httpx.Client
) -> None:
    done = 'attempt == "2"'
    name, declared = start(gateway, PROGRAM.format(done=done, finish=60))
    printed(gateway, name, "logged 1")
    eventually(lambda: contents(http, f"{name}.early") == ["attempt 1"], within=120, what="it")
    evict(installation, name)
    eventually(lambda: gateway.status(name).finished, within=240, what="the session's end")

    assert gateway.status(name).status.phase == "Succeeded"
    assert contents(http, f"{name}.early") == ["attempt 1", "attempt 2"]
    assert contents(http, declared) == ["attempt 2"]


@contextmanager
def away(installation: Installation) -> Iterator[None]:
    """No gateway for this time."""
    deployment = f"deploy/{RELEASE}-gateway"
    replicas = int(installation.get("deployment", f"{RELEASE}-gateway")["spec"]["replicas"])
    installation.kubectl("scale", deployment, "--replicas=0")
    installation.kubectl("rollout", "status", deployment, "--timeout=120s")
    try:
        yield
    finally:
        installation.kubectl("scale", deployment, f"--replicas={replicas}")
        installation.kubectl("rollout", "status", deployment, "--timeout=120s")


def test_while_the_gateway_is_away_nothing_is_lost_when_the_pod_ends(
    installation: Installation, gateway: Client, http: httpx.Client
) -> None:
    name, declared = start(gateway, PROGRAM.format(done="not gateway_is_there()", finish=1))
    printed(gateway, name, "logged 1")
    with away(installation):
        eventually(
            lambda: (
                not [
                    pod
                    for pod in installation.items("pods", f"trainyard.io/session={name}")
                    if pod["status"]["phase"] == "Running"
                ]
            ),
            within=180,
            what="the end of the pod",
        )

    eventually(lambda: gateway.status(name).finished, within=180, what="the session's end")
    assert gateway.status(name).status.phase == "Succeeded"
    eventually(lambda: contents(http, declared) == ["attempt 1"], within=180, what="the output")
    assert contents(http, f"{name}.early") == ["attempt 1"]
