"""Programs that know nothing of Trainyard: all that they print is kept, and they end as they ended."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cluster import unique
from eviction import evict
from installation import Installation
from poll import eventually

from trainyard.client import Client
from trainyard.models import Session

pytestmark = pytest.mark.e2e

SMALL = {"gpus": 0, "cpu": "200m", "memory": "192Mi"}
CANARY = "canary-5f1c"


def python(*lines: str) -> list[str]:
    return ["python3", "-c", "\n".join(lines)]


def start(gateway: Client, prefix: str, *lines: str, **spec: Any) -> str:
    """Submit a program of these lines; the session's name."""
    retry = {"limit": 1, "backoffSeconds": 1}
    fields = {"command": python(*lines), "resources": SMALL, "retry": retry, **spec}
    return gateway.start_training(fields, unique(prefix)).name


def reached(gateway: Client, name: str, *phases: str) -> Session:
    def check() -> Session:
        found = gateway.status(name)
        assert found.status.phase in phases, found.status
        return found

    return eventually(check, within=180, every=0.3, what=f"{name} {'/'.join(phases)}")


def printed(gateway: Client, name: str) -> list[str]:
    return [line.message for line in gateway.logs(name).lines]


@contextmanager
def secret(release: Installation, name: str, **values: str) -> Iterator[None]:
    """A Secret that is not released to sessions."""
    pairs = [f"--from-literal={key}={value}" for key, value in values.items()]
    release.kubectl("create", "secret", "generic", name, *pairs)
    try:
        yield
    finally:
        release.kubectl("delete", "secret", name)


def test_all_that_a_program_prints_is_kept_once(
    installation: Installation, gateway: Client
) -> None:
    name = start(
        gateway,
        "plain",
        "import os, sys",
        "for n in range(200): print('line', n)",
        "os.write(2, b'from a descriptor\\n')",
        "os.system('echo from a child')",
        "print(os.getcwd(), os.environ['USER'], os.environ['DEPTH'], os.environ['HOME'])",
        "open('result.txt', 'w').write('here')",
        "os.makedirs(os.environ['HF_HOME'], exist_ok=True)",
        "open(os.environ['HF_HOME'] + '/model', 'w').write('cached')",
        "print(os.environ['HF_HOME'])",
        "sys.stdout.write('without an end')",
        env=[{"name": "DEPTH", "value": "$4"}],
    )
    found = reached(gateway, name, "Succeeded")
    assert found.status.attempt == 1
    expected = [f"line {n}" for n in range(200)]
    expected += [
        "from a descriptor",
        "from a child",
        "/data/run trainyard $4 /tmp",
        "/data/cache/huggingface",
        "without an end",
    ]
    eventually(lambda: len(printed(gateway, name)) >= len(expected), within=60, what="the log")
    assert sorted(printed(gateway, name)) == sorted(expected)


def test_a_secret_is_waited_for_and_reaches_the_program_alone(
    installation: Installation, gateway: Client
) -> None:
    hub = unique("hub")
    with secret(installation, hub, TOKEN=CANARY):
        show = (
            "import os, sys, base64; token = os.environ['TOKEN']",
            "print(len(token), 'characters:', token, flush=True)",
            "print(base64.b64encode(token.encode()).decode(), file=sys.stderr, flush=True)",
            "open('/dev/termination-log', 'w').write(f'no access with {token}')",
            "sys.exit(3)",
        )
        name = start(gateway, "secret", *show, secrets=[hub])
        held = reached(gateway, name, "Pending")
        assert f"kubectl label secret {hub}" in (held.status.message or "")
        installation.kubectl("label", "secret", hub, "trainyard.io/released-to-sessions=true")
        found = reached(gateway, name, "Failed")
        eventually(lambda: len(printed(gateway, name)) == 2, within=60, what="the log")
        assert printed(gateway, name)[0] == f"{len(CANARY)} characters: ***"
        pod = f"-l=trainyard.io/session={name}"
        shown = [
            installation.kubectl("get", k, "-o", "yaml") for k in ("ts", "jobs", "pods", "events")
        ]
        shown += [installation.kubectl("logs", pod, "--tail=-1"), found.model_dump_json()]
        shown += printed(gateway, name)
        coded = base64.b64encode(CANARY.encode()).decode().rstrip("=")
        assert not [text for text in shown if CANARY in text or coded in text]
        assert "characters: ***" in shown[4]


def test_a_program_that_ignores_the_signal_is_killed_and_goes_on_elsewhere(
    installation: Installation, gateway: Client
) -> None:
    name = start(
        gateway,
        "deaf",
        "import os, signal, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "print('ready', flush=True)",
        "again = os.path.exists('seen')",
        "open('seen', 'w').close()",
        "time.sleep(0 if again else 600)",
        gracePeriodSeconds=4,
    )
    eventually(lambda: "ready" in printed(gateway, name), within=180, what="the program")
    evict(installation, name)
    found = reached(gateway, name, "Succeeded")
    assert (found.status.attempt, found.status.preemptions) == (2, 1)
    assert not found.status.failures


def test_a_program_that_ends_with_0_when_asked_to_has_not_succeeded(
    installation: Installation, gateway: Client
) -> None:
    name = start(
        gateway,
        "polite",
        "import os, signal, sys, time",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))",
        "print('ready', flush=True)",
        "again = os.path.exists('seen')",
        "open('seen', 'w').close()",
        "time.sleep(0 if again else 600)",
    )
    eventually(lambda: "ready" in printed(gateway, name), within=180, what="the program")
    evict(installation, name)
    found = reached(gateway, name, "Succeeded")
    assert (found.status.attempt, found.status.preemptions) == (2, 1)
    assert not found.status.failures


def test_a_program_that_is_not_there_is_named_and_not_tried_again(
    installation: Installation, gateway: Client
) -> None:
    name = start(gateway, "absent", "", command=["python3", "missing.py"])
    failure = reached(gateway, name, "Failed").status.failure
    assert failure is not None
    assert (failure.failure_class, failure.attempt) == ("ProgramError", 1)
    assert "can't open file '/data/run/missing.py'" in (failure.message or "")
