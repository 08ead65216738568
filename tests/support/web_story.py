"""A lab at work, for the pictures of the web page: people, queues, nodes, sessions in every state."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from client_lab import make_queue, safetensors
from gateway_lab import GatewayLab, Trainer, monitor_token
from web_cluster import be_ready, count_queue, gpu_node, hold_gpus, remove_node, tell_of_gpus
from web_sessions import fail, set_status, text

from trainyard.client import Client

STEPS = 400
RATES = (0.1, 0.03, 0.01, 0.003)
_STARTED = 5400
"""Seconds ago."""


@contextmanager
def lab_at_work(lab: GatewayLab, folder: Path) -> Iterator[Story]:
    """The lab, as long as the context is open."""
    nodes = [gpu_node(lab, 4), gpu_node(lab, 4)]
    try:
        story = Story(lab, nodes)
        story.tell(folder)
        yield story
    finally:
        for node in nodes:
            remove_node(lab, node)


class Story:
    """What happens in the lab. `uids` are those of its sessions, by name."""

    def __init__(self, lab: GatewayLab, nodes: list[str]) -> None:
        self._lab, self._nodes = lab, nodes
        self._noise = random.Random(7)
        self.uids: dict[str, str] = {}
        scopes = ("sessions:read", "sessions:write", "datasets:read", "models:read", "system:read")
        self._keys = {user: lab.new_key(user, *scopes) for user in ("ada", "ben", "chen")}

    def tell(self, folder: Path) -> None:
        """Let it all happen; files are written below `folder`."""
        make_queue(self._lab, "default")
        make_queue(self._lab, "vision", gpuQuota=4, weight=2, maxGpusPerSession=4)
        make_queue(self._lab, "night", borrow=False, gpuQuota=0, paused=True)
        self._limits()
        self._files(folder)
        for rate in RATES:
            self._rate(rate)
        self._runs("ada", "whisper-small", 2, 0, 45, "default")
        self._runs("ben", "llama-lora", 2, 1, 71, "default")
        self._waits("chen", "segmentation", 4, 1, "Needs 4 GPUs on one node; 2 are free on one.")
        self._waits("ben", "tabular-night", 1, 2, "Others go first.")
        self._start("chen", "text-small", "default", {"gpus": 1}, ["python", "train.py"])
        fail(self._lab, "text-small")
        self._start("ada", "vit-base", "vision", {"gpus": 2}, ["python", "vit.py"])
        set_status(
            self._lab, "vit-base", phase="Suspended", message="Its owner suspended it.",
            progress={"percent": 62.0, "step": 6200, "totalSteps": 10000}, startTime=text(-90_000),
        )  # fmt: skip
        self._ledger()
        for queue, running, waiting, used in (
            ("vision", 2, 0, 2),
            ("default", 2, 2, 4),
            ("night", 0, 0, 0),
        ):
            count_queue(
                self._lab, queue, running=running, waiting=waiting, gpusUsed=used, gpusTotal=8
            )
        self._monitor = monitor_token(self._lab, "trainyard-monitor", self._nodes[0])
        self.go_on()

    def go_on(self) -> None:
        """What nodes and their monitors say again and again."""
        for node in self._nodes:
            be_ready(self._lab, node)
        tell_of_gpus(self._lab, self._monitor, 97, 94, 88, 91)

    def notices(self, port: int) -> None:
        """Receivers at a webhook of this machine, and a notice to each."""
        fails, slow = {"on": "failure"}, {"on": "stalled", "seconds": 1800}
        high = {"on": "metric", "name": "train/loss", "above": 10}
        with self._lab.http() as http:
            for name, rules in (("lab-channel", [fails, slow]), ("watch-loss", [high])):
                body = {
                    "name": name, "url": f"http://localhost:{port}/hooks/{name}", "rules": rules,
                    "sessions": "all",
                }  # fmt: skip
                http.post("/notices/receivers", json=body).raise_for_status()
                http.post(f"/notices/receivers/{name}/test").raise_for_status()

    def _limits(self) -> None:
        """Of a team and of two of its users."""
        with self._lab.http() as http:
            for team in ("vision", "language"):
                http.post("/teams", json={"name": team}).raise_for_status()
            for user, teams in (
                ("ada", ["vision"]),
                ("ben", ["language"]),
                ("chen", ["vision", "language"]),
            ):
                http.patch(f"/users/{user}", json={"teams": teams}).raise_for_status()
            limits: dict[str, dict[str, Any]] = {
                "team/vision": {"gpuHours": 500, "whenSpent": "suspend"},
                "user/ada": {"gpuHours": 60, "maxGpus": 4},
                "user/chen": {"gpuHours": 40, "period": "week", "queues": ["default"]},
            }
            for place, spec in limits.items():
                http.put(f"/limits/{place}", json=spec).raise_for_status()

    def _start(
        self, user: str, name: str, queue: str, resources: dict[str, Any], command: list[str],
        **more: Any,
    ) -> Trainer:  # fmt: skip
        body = {"command": command, "queue": queue, "resources": resources, **more}
        with Client(self._lab.url, self._keys[user]) as gateway:
            uid = gateway.start_training(body, name).uid
        self.uids[name] = uid
        return self._lab.trainer(uid, name)

    def _rate(self, rate: float) -> None:
        """One of several sessions that differ in a learning rate; two of them run still."""
        name, on = f"resnet-lr-{rate:g}".replace(".", "-"), rate < 0.02
        env = [{"name": "LEARNING_RATE", "value": f"{rate:g}"}]
        trainer = self._start("ada", name, "vision", {"gpus": 1}, ["python", "resnet.py"], env=env)
        self._report(trainer, int(STEPS * (0.8 if on else 1)), rate)
        if on:
            hold_gpus(self._lab, name, self._nodes[0], 1)
            self._running(name, 80.0, 900)
            return
        set_status(
            self._lab, name, phase="Succeeded", message="Trained to the end.",
            startTime=text(-_STARTED), completionTime=text(-1200), progress={"percent": 100.0},
        )  # fmt: skip

    def _runs(self, user: str, name: str, gpus: int, node: int, percent: float, queue: str) -> None:
        trainer = self._start(user, name, queue, {"gpus": gpus}, ["python", "finetune.py"])
        self._report(trainer, int(STEPS * percent / 100), 0.05)
        hold_gpus(self._lab, name, self._nodes[node], gpus)
        self._running(name, percent, 4200)

    def _running(self, name: str, percent: float, left: int) -> None:
        progress = {
            "percent": percent,
            "step": int(STEPS * percent / 100),
            "totalSteps": STEPS,
            "etaSeconds": left,
        }
        set_status(
            self._lab, name, phase="Running", message="All workers run.", attempt=1,
            startTime=text(-_STARTED), progress=progress,
        )  # fmt: skip

    def _waits(self, user: str, name: str, gpus: int, position: int, why: str) -> None:
        self._start(user, name, "default", {"gpus": gpus}, ["python", "train.py"])
        place = {
            "position": position, "reason": "WaitingForGPUs", "message": why,
            "estimatedStart": {"earliest": text(900 * position), "latest": text(1500 * position)},
        }  # fmt: skip
        set_status(self._lab, name, phase="Queued", message=why, queue=place)

    def _report(self, trainer: Trainer, steps: int, rate: float) -> None:
        began = datetime.now(UTC) - timedelta(seconds=_STARTED)
        each = _STARTED / STEPS
        metrics = [
            {
                "step": n,
                "time": (began + timedelta(seconds=n * each)).isoformat(),
                "values": {"train/loss": self._loss(n, rate), "val/accuracy": self._accuracy(n, rate)},
            }
            for n in range(1, steps + 1)
        ]  # fmt: skip
        logs = [
            {
                "time": point["time"],
                "message": f"\x1b[32mepoch {n // 40 + 1}\x1b[0m step {n} loss {point['values']['train/loss']:.4f}",  # type: ignore[index]  # made above
            }
            for n, point in enumerate(metrics, 1)
        ]
        warning = {
            "time": began.isoformat(),
            "message": "the learning rate warms up for 40 steps",
            "level": "warning",
        }
        beat = {
            "time": datetime.now(UTC).isoformat(), "step": steps, "totalSteps": STEPS,
            "stepsPerSecond": 1 / each,
        }  # fmt: skip
        body = {"sequence": 1, "metrics": metrics, "logs": [warning, *logs], "heartbeat": beat}
        trainer.report(body).raise_for_status()

    def _loss(self, n: int, rate: float) -> float:
        best = 0.2 + 0.25 * abs(math.log10(rate / 0.01))
        spike = 1.6 if rate >= 0.1 and n in (130, 131) else 0.0
        return best + 2.1 * math.exp(-n / 70) + self._noise.gauss(0, 0.03) + spike

    def _accuracy(self, n: int, rate: float) -> float:
        best = 0.94 - 0.06 * abs(math.log10(rate / 0.01))
        return best * (1 - math.exp(-n / 60)) + self._noise.gauss(0, 0.005)

    def _files(self, folder: Path) -> None:
        table = folder / "wares.csv"
        rows = [f"{self._noise.gauss(20, 5):.2f},{n % 40},{'ab'[n % 2]}" for n in range(500)]
        table.write_text("price,stock,kind\n" + "\n".join(rows) + "\n")
        with self._lab.client() as gateway, self._lab.http() as http:
            gateway.upload_dataset("wares", table)
            content = safetensors(folder / "resnet.safetensors").read_bytes()
            for _ in range(2):
                http.post("/models", params={"name": "resnet"}, content=content).raise_for_status()

    def _ledger(self) -> None:
        """What ended attempts held, in this month and the last one."""
        now = datetime.now(UTC)
        for days, name, gpus in (
            (1, "resnet-lr-0-1", 1),
            (1, "resnet-lr-0-03", 1),
            (2, "text-small", 4),
            (35, "vit-base", 2),
        ):
            end = now - timedelta(days=days)
            kept = {
                "kind": "Attempt", "number": 1, "exact": True, "ran": True, "gpus": gpus,
                "startTime": (end - timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "endTime": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "cpuMillis": 4000,
                "memoryBytes": 16 << 30, "checkpointTime": (end - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "outcome": "Failed" if name == "text-small" else "Succeeded",
            }  # fmt: skip
            set_status(self._lab, name, attempt=1, allocations=[kept])
