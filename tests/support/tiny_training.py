"""Small real trainings in a process of their own or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainyard_api import contract


def write_blobs(path: Path, samples: int = 60, seed: int = 0) -> Path:
    """Three well-separated classes in four dimensions, as NPZ."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        x=(random.normal(size=(samples, 4)) + 4 * labels[:, None]).astype(np.float32),
        y=labels,
    )
    return path


@dataclass
class TinySession:
    """A session's folders, and attempts of it as real trainer processes."""

    folder: Path
    gateway_url: str
    training: dict[str, Any]
    dataset: str = "d/data.npz"
    file_format: str = "npz"

    def environment(self, attempt: int) -> dict[str, str]:
        """What the operator would give the pod."""
        token = self.folder / "token"
        token.write_text("token")
        run = {
            "session": "tiny",
            "namespace": "test",
            "uid": "uid-tiny",
            "attempt": attempt,
            "outputModel": "tiny",
            "training": self.training,
            "dataset": {
                "name": "d",
                "file": self.dataset,
                "format": self.file_format,
                "sha256": "0",
            },
        }
        return {
            **os.environ,
            contract.ENV_RUN: json.dumps(run),
            contract.ENV_GATEWAY_URL: self.gateway_url,
            contract.ENV_TOKEN_FILE: str(token),
            "OMP_NUM_THREADS": "1",
        }

    @property
    def run_dir(self) -> Path:
        """What a pod sees as /data/run."""
        path = self.folder / "run"
        path.mkdir(exist_ok=True)
        return path

    @property
    def termination(self) -> Path:
        """What the kubelet would read."""
        return self.folder / "termination"

    def start(self, attempt: int = 1) -> subprocess.Popen[str]:
        """A trainer process with these folders in place of the pod's."""
        program = (
            "import sys; from pathlib import Path;"
            "from trainyard_trainer.session import Places, train_session;"
            f"sys.exit(train_session(Places(Path({str(self.run_dir)!r}), Path({str(self.folder)!r}),"
            f" Path({str(self.folder / 'resume')!r}), Path({str(self.termination)!r}))))"
        )
        return subprocess.Popen(
            [sys.executable, "-c", program],
            env=self.environment(attempt),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, attempt: int = 1) -> tuple[int, str]:
        """Run an attempt to its end; exit code and output."""
        process = self.start(attempt)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output
