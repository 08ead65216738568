"""Small real trainings in a process of their own or in this one."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
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
    schema: str | None = None
    """File of the dataset's schema, in `folder`."""

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
                "schema": self.schema,
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

    def run_here(self) -> int:
        """An attempt in this process: hundreds of processes would take minutes."""
        from trainyard_trainer.session import Paths, train_session

        paths = Paths(self.run_dir, self.folder, self.folder / "resume", self.termination)
        ours = {k: v for k, v in self.environment(1).items() if k.startswith("TRAINYARD_")}
        os.environ.update(ours)
        try:
            return train_session(paths)
        finally:
            for name in ours:
                del os.environ[name]

    def explanation(self) -> dict[str, Any]:
        """The termination message."""
        found: dict[str, Any] = json.loads(self.termination.read_text())
        return found

    def start(self, attempt: int = 1, **environment: str) -> Attempt:
        """A trainer process with these folders in place of the pod's."""
        log = self.folder / f"attempt-{attempt}-{environment.get('RANK', '0')}.log"
        paths = (str(self.run_dir), str(self.folder), str(self.folder / "resume"))
        process = _SPAWN.Process(
            target=_attempt,
            args=((*paths, str(self.termination)), self.environment(attempt) | environment, log),
            daemon=True,
        )
        process.start()
        return Attempt(process, log)

    def finish(self, attempt: int = 1, timeout: float = 120) -> tuple[int, str]:
        """Run an attempt to its end; exit code and output."""
        return self.start(attempt).wait(timeout)


@dataclass
class Attempt:
    """A running trainer process."""

    process: BaseProcess
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.join()

    def wait(self, timeout: float = 120) -> tuple[int, str]:
        """Exit code and output once it has ended; it is killed when it does not end in time."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.kill()
            raise AssertionError(
                f"the trainer did not end within {timeout} s:\n…{self.output()[-5000:]}"
            )
        return self.process.exitcode, self.output()

    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text() if self.log.exists() else ""


# torch takes seconds to import: a server process imports it once, and every trainer is a fork of that.
_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(["trainyard_trainer.session", "pyarrow"])


def _attempt(paths: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    from trainyard_trainer import session

    code = session.train_session(session.Paths(*(Path(p) for p in paths)))
    sys.stdout.flush()
    os._exit(code)
