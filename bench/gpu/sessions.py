"""Attempts of a session as processes of their own, as a pod starts them, without a cluster."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from workloads import Workload

from trainyard_api import contract

POD = """
import sys
from pathlib import Path
from trainyard_trainer.session import Paths, train_pod

if __name__ == "__main__":
    sys.exit(train_pod(Paths(*map(Path, sys.argv[1:]))))
"""


@dataclass
class Session:
    """A session's folders, its configuration and the gateway that it reports to."""

    folder: Path
    gateway_url: str
    workload: Workload
    training: dict[str, Any]
    gpus: int

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._dataset = self.workload.write(self.folder)

    @property
    def uid(self) -> str:
        """The folder's name."""
        return self.folder.name

    def start(self, attempt: int = 1) -> subprocess.Popen[bytes]:
        """A pod's first process; its output goes to `attempt-<n>.log`."""
        paths = [self.folder / "run", self.folder, self.folder / "resume", self.termination]
        paths[0].mkdir(exist_ok=True)
        with (self.folder / f"attempt-{attempt}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", POD, *map(str, paths)],
                env=self._environment(attempt),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run(self, attempt: int = 1, timeout: float = 120) -> int:
        """An attempt to its end; the exit code."""
        return finished(self.start(attempt), timeout)

    def log(self, attempt: int = 1) -> str:
        """What an attempt printed."""
        return (self.folder / f"attempt-{attempt}.log").read_text()

    @property
    def termination(self) -> Path:
        """The termination message."""
        return self.folder / "termination"

    def checkpoints(self) -> list[int]:
        """Steps of the checkpoints that are durable."""
        found = (self.folder / "run" / contract.CHECKPOINTS).glob("step-*.json")
        return sorted(int(path.stem.removeprefix("step-")) for path in found)

    def weights(self) -> dict[str, torch.Tensor]:
        """The trained model's tensors."""
        return load_file(self.folder / "run" / contract.OUTPUT / contract.MODEL_FILE)

    def _environment(self, attempt: int) -> dict[str, str]:
        token = self.folder / "token"
        token.write_text("token")
        kind = "text" if self.workload.file_format == "txt" else self.workload.file_format
        spec = {
            "session": self.uid,
            "namespace": "bench",
            "uid": self.uid,
            "attempt": attempt,
            "gpus": self.gpus,
            "outputModel": self.uid,
            "training": self.training,
            "dataset": {"name": "d", "file": self._dataset.name, "format": kind, "sha256": "0"},
        }
        return {
            **os.environ,
            contract.ENV_RUN: json.dumps(spec),
            contract.ENV_GATEWAY_URL: self.gateway_url,
            contract.ENV_TOKEN_FILE: str(token),
            "MASTER_PORT": str(_free_port()),
        }


def finished(process: subprocess.Popen[bytes], timeout: float) -> int:
    """The exit code; the process is killed when it does not end in time."""
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def wait_for(
    process: subprocess.Popen[bytes], check: Callable[[], bool], timeout: float = 90
) -> bool:
    """Until `check` is true; False when the process ends or the time is over before."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if check():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
