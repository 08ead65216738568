"""Sessions whose programs report while their pods and the gateway are killed, and the comparison of every value."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cluster import unique
from gateway_lab import GatewayLab
from supervisor_lab import SupervisorLab, attempt_json

from trainyard_api import contract
from trainyard_api.mlflow import run_id_of

API = "/mlflow/api/2.0/mlflow"
AS_A_POD = (
    *("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"),
    *(sys.executable, "-m", "trainyard_supervisor"),
)
"""Process 1 of a namespace: with it everything in the pod is gone."""
MOST_AGAIN = 3
"""Steps that an attempt trains again at most, as after a checkpoint."""
QUICK = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}
"""Clients that try a call again themselves, though not for minutes."""


@dataclass(frozen=True)
class Entry:
    """What a program has noted of a report."""

    attempt: int
    value: float
    when: int
    """Milliseconds since 1970."""
    answered: bool


@dataclass
class Reporter:
    """A program, its run, and what it has noted."""

    name: str
    lab: GatewayLab
    folder: Path
    source: str
    run: str
    packages: Path | None = None
    exact_time: bool = False
    """Whether the time of a value is the program's."""
    attempt: int = 0
    process: subprocess.Popen[bytes] | None = None
    kills: Counter[str] = field(default_factory=Counter)
    _lines: list[list[Any]] = field(default_factory=list)
    _position: int = 0
    """Bytes of the journal that are in `_lines`."""

    @property
    def journal(self) -> Path:
        """What it has noted."""
        return self.folder / "journal"

    @property
    def answered(self) -> int:
        """How many reports were answered."""
        return sum(entry[4] for entry in self._noted())

    @property
    def last_step(self) -> int:
        """The highest step that was tried."""
        return max((entry[1] for entry in self._noted()), default=0)

    @property
    def command(self) -> list[str]:
        """How the program is run: with its own packages alone if it has any."""
        alone = [] if self.packages is None else ["-S"]
        return [sys.executable, *alone, "program.py"]

    def start(self, luck: random.Random) -> None:
        """Begin the next attempt, a few steps before the end of the last one."""
        self.attempt += 1
        noted = self._noted()
        reached = noted[-1][1] if noted else 0
        first = max(1, reached + 1 - luck.randint(0, MOST_AGAIN))
        (self.folder / "program.py").write_text(self.source)
        environment = {
            "ATTEMPT": str(self.attempt),
            "FIRST_STEP": str(first),
            "JOURNAL": str(self.journal),
            "FINISH": str(self.folder / "finish"),
            "PYTHONPATH": str(self.packages or ""),
            **QUICK,
        }
        self.process = self._started({k: v for k, v in environment.items() if v})

    def _started(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def kill(self) -> None:
        """End all of its processes at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)
        self.process = None

    def require_running(self) -> None:
        """Raises AssertionError if the program has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            out, err = self.process.communicate(timeout=60)
            raise AssertionError(f"{self.name} ended: {(out + err)[-3000:].decode()}")

    def finish(self) -> None:
        """Have the program pass the last step that was tried, and end."""
        assert self.process is not None
        (self.folder / "finish.new").write_text(str(self.last_step + MOST_AGAIN))
        (self.folder / "finish.new").replace(self.folder / "finish")
        out, err = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, (self.name, (out + err)[-3000:].decode())
        self.process = None

    def entries(self) -> dict[tuple[str, int], list[Entry]]:
        """What was noted of each value, by metric and step, in the order of attempts."""
        found: dict[tuple[str, int], dict[int, Entry]] = {}
        for attempt, step, values, when, answered in self._noted():
            for metric, value in values.items():
                found.setdefault((metric, step), {})[attempt] = Entry(
                    attempt, value, when, answered
                )
        return {key: list(by_attempt.values()) for key, by_attempt in found.items()}

    def _noted(self) -> list[list[Any]]:
        if self.journal.exists():
            with self.journal.open("rb") as file:
                file.seek(self._position)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._position += len(whole)
            self._lines += map(json.loads, whole.splitlines())
        return self._lines

    def wrong(self, http: httpx.Client) -> list[str]:
        """Sentences on values that are lost, doubled, or not what was reported; empty if all is right."""
        entries, found = self.entries(), []
        there: dict[tuple[str, int], list[tuple[float, int]]] = {}
        for metric in sorted({metric for metric, _ in entries}):
            for step, value, when in history(http, self.run, metric):
                there.setdefault((metric, step), []).append((value, when))
        for key in sorted(entries.keys() | there.keys()):
            sentence = judged(entries.get(key, []), there.get(key, []), self.exact_time)
            if sentence:
                found.append(f"{self.name} {key}: {sentence}")
        return found


def judged(noted: list[Entry], there: list[tuple[float, int]], exact_time: bool) -> str:
    """What is wrong with the values of a metric at one step; empty if nothing is.

    An attempt that trains a step again replaces its value; a value that was not answered may be
    there or not.
    """
    answered = [entry.attempt for entry in noted if entry.answered]
    newest = max(answered, default=0)
    if len(there) > 1:
        return f"doubled: {there}"
    if not there:
        return f"lost: {noted}" if answered else ""
    [(value, when)] = there
    same = [e for e in noted if e.attempt >= newest and e.value == value]
    if not same:
        return f"{there} instead of {noted}"
    if exact_time and when not in {entry.when for entry in same}:
        return f"of another time: {there} instead of {noted}"
    return ""


@dataclass
class InPod(Reporter):
    """A program below the supervisor, which dies with it."""

    session: str = ""
    session_uid: str = ""

    def _started(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        trainer = self.lab.trainer(self.session_uid, self.session, self.attempt)
        there = SupervisorLab(self.folder)
        (self.folder / "token").write_text(trainer.token)
        there.environment |= {
            contract.ENV_RUN: attempt_json(
                self.attempt, uid=self.session_uid, session=self.session
            ),
            contract.ENV_GATEWAY_URL: self.lab.url,
            contract.ENV_TOKEN_FILE: str(self.folder / "token"),
        }
        return there.start(*self.command, by=AS_A_POD, environment=environment)


@dataclass
class OnALaptop(Reporter):
    """A program with an API key."""

    def _started(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        given = {
            "MLFLOW_TRACKING_URI": f"{self.lab.url}/mlflow",
            "MLFLOW_TRACKING_TOKEN": self.lab.key,
            "MLFLOW_RUN_ID": self.run,
        }
        inherited = SupervisorLab(self.folder).environment
        return subprocess.Popen(
            self.command,
            env={**inherited, **environment, **given},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def in_pod(lab: GatewayLab, folder: Path, name: str, source: str, packages: Path | None) -> InPod:
    """A session with a program that reports; nothing runs yet."""
    place = folder / name
    place.mkdir()
    with lab.client() as gateway:
        session = gateway.start_training({"command": ["x"]}, unique("s"))
    run = run_id_of(session.uid)
    return InPod(
        name,
        lab,
        place,
        source,
        run,
        packages,
        exact_time=name in ("relay", "event files"),
        session=session.name,
        session_uid=session.uid,
    )


def on_a_laptop(lab: GatewayLab, folder: Path, source: str, packages: Path) -> OnALaptop:
    """A local run with a program that reports; nothing runs yet."""
    place = folder / "direct"
    place.mkdir()
    with lab_http(lab) as http:
        made = http.post(f"{API}/runs/create", json={"experiment_id": "0"})
    run = made.raise_for_status().json()["run"]["info"]["run_id"]
    return OnALaptop("direct", lab, place, source, run, packages, exact_time=True)


def lab_http(lab: GatewayLab) -> httpx.Client:
    """HTTP as MLflow's clients speak it, with the administrator's key."""
    headers = {"Authorization": f"Bearer {lab.key}"}
    return httpx.Client(base_url=lab.url, headers=headers, timeout=60)


def history(http: httpx.Client, run: str, metric: str) -> Iterator[tuple[int, float, int]]:
    """Step, value and milliseconds of every point of a run's metric."""
    query: dict[str, str | int] = {"run_id": run, "metric_key": metric, "max_results": 20_000}
    while True:
        page = http.get(f"{API}/metrics/get-history", params=query)
        found = page.raise_for_status().json()
        for point in found["metrics"]:
            yield point["step"], float(point["value"]), point["timestamp"]
        if not found.get("next_page_token"):
            return
        query["page_token"] = found["next_page_token"]
