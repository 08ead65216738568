"""The operator under test: started, killed, stopped, and started again as a kubelet would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
OPERATOR = "trainyard_operator.__main__"
RESTART_SECONDS = 0.5
"""An operator that ended by itself is started again after this."""


class Forker:
    """The process of `operator_fork.py`. All methods may be called from anywhere."""

    def __init__(self, module: str = OPERATOR, sources: tuple[Path, ...] = ()) -> None:
        """`sources` come before the installed packages."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
        path = os.pathsep.join(str(folder) for folder in (*sources, HERE))
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "operator_fork.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, "PYTHONPATH": path},
        )

    def start(
        self, arguments: list[str], environment: dict[str, str], log: Path, clock: float = 0.0
    ) -> int:
        """PID of a new child, whose clock shows `clock` seconds more than this machine's."""
        asked: dict[str, Any] = {"start": arguments, "environment": environment}
        asked |= {"log": str(log), "clock": clock}
        return int(self._ask(asked))

    def exit_code(self, pid: int) -> int | None:
        """How it ended, None while it runs."""
        found: int | None = self._ask({"poll": pid})
        return found

    def close(self) -> None:
        """End it and all its children."""
        with self._lock:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(timeout=60)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _ask(self, question: dict[str, Any]) -> Any:
        with self._lock:
            if self._process.stdin is None or self._process.stdout is None:
                raise RuntimeError("the forker has no pipes")
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the forker ended: {self._process.wait(timeout=60)}")
        return json.loads(line)


@dataclass
class OperatorProcess:
    """One operator at a time, and a second one while the first is stopped."""

    forker: Forker
    settings: dict[str, Any]
    folder: Path
    kubeconfig: Path
    pid: int = 0
    ended: list[int] = field(default_factory=list)
    """Exit codes of operators that ended by themselves."""
    starts: int = 0
    clock_seconds: float = 0.0
    """What the clocks of operators that are started from now on show more than this machine's."""
    frozen: int = 0
    """PID of the one that is stopped, 0 if none is."""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _wanted: bool = False

    @property
    def log(self) -> Path:
        """What all of them said."""
        return self.folder / "operator.log"

    def begin(self, identity: str) -> None:
        """Start the first one of a trial."""
        with self._lock:
            self.log.write_bytes(b"")
            self.settings["identity"] = identity
            self.ended.clear()
            self.clock_seconds = 0.0
            self._wanted, self.starts = True, 0
            self._start()

    def _start(self) -> None:
        config = self.folder / "operator.yaml"
        config.write_text(yaml.safe_dump(self.settings))
        ports = {f"TRAINYARD_OPERATOR_{p}_PORT": "0" for p in ("HEALTH", "METRICS")}
        environment = {"KUBECONFIG": str(self.kubeconfig), **ports}
        arguments = ["--config", str(config)]
        self.pid = self.forker.start(arguments, environment, self.log, self.clock_seconds)
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL at once; `watch` starts the next one."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP at once."""
        self.frozen = self.pid
        os.kill(self.pid, signal.SIGSTOP)

    def succeed(self, identity: str) -> None:
        """Start another one beside the one that is stopped."""
        with self._lock:
            self.settings["identity"] = identity
            self._start()

    def thaw(self) -> None:
        """SIGCONT to the one that is stopped."""
        with suppress(ProcessLookupError):
            os.kill(self.frozen, signal.SIGCONT)

    def watch(self, identity: str | None = None) -> bool:
        """Start a new one if there is none, as `identity` if that is given; whether it did."""
        with self._lock:
            code = self.forker.exit_code(self.pid) if self.pid else 0
            if code is None or not self._wanted:
                return False
            if code != -signal.SIGKILL:
                self.ended.append(code)
                time.sleep(RESTART_SECONDS)  # as a kubelet does, which waits longer each time
            if identity is not None:
                self.settings["identity"] = identity
            self._start()
            return True

    def end(self) -> None:
        """Kill all and start no more; waits until they are gone."""
        with self._lock:
            self._wanted = False
            for pid in {self.pid, self.frozen} - {0}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                while self.forker.exit_code(pid) is None:
                    time.sleep(0.01)  # SIGKILL is about to take effect
            self.pid = self.frozen = 0
