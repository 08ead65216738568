"""The supervisor as a process of its own, with a real program below it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report_stand_in import ReportStandIn

from trainyard_api import contract


@dataclass
class Ended:
    """What a supervisor left."""

    code: int
    out: bytes
    err: bytes
    message: dict[str, Any]
    """The termination message, {} for none."""


class SupervisorLab:
    """Runs supervisors of one attempt in `folder`, which report to `gateway`."""

    def __init__(self, folder: Path, gateway: ReportStandIn | None = None) -> None:
        self.folder = folder
        self.message_file = folder / "termination-log"
        self.message_file.touch()
        (folder / "token").write_text("token")
        self.environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        if gateway is not None:
            self.environment |= {
                contract.ENV_RUN: attempt_json(),
                contract.ENV_GATEWAY_URL: gateway.url,
                contract.ENV_TOKEN_FILE: str(folder / "token"),
            }

    def secret(self, name: str, **values: str) -> dict[str, str]:
        """Mount a Secret as the kubelet does; the variables that the program gets from it."""
        folder = self.folder / "secrets" / name
        (folder / "..data").mkdir(parents=True)
        for key, value in values.items():
            (folder / "..data" / key).write_text(value)
            (folder / key).symlink_to(f"..data/{key}")
        return values

    def start(
        self, *command: str, by: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a supervisor of `command`; `by` is another way to start one than this Python."""
        program = by or (sys.executable, "-m", "trainyard_supervisor")
        files = ["--run-dir", str(self.folder), "--termination-message", str(self.message_file)]
        files += ["--code-dir", str(self.folder / "bundle")]
        files += ["--secrets-dir", str(self.folder / "secrets")]
        return subprocess.Popen(
            [*program, *files, "--linger", "0.5", "--", *command],
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self, process: subprocess.Popen[bytes], seconds: float = 60) -> Ended:
        """Wait for its end, which closes the pipes only if no process is left with them."""
        out, err = process.communicate(timeout=seconds)
        written = self.message_file.read_text()
        return Ended(process.returncode, out, err, json.loads(written) if written else {})

    def run(self, *command: str, **options: Any) -> Ended:
        """Start and end."""
        return self.end(self.start(*command, **options))


def attempt_json(attempt: int = 1, **more: Any) -> str:
    """What the operator says of an attempt."""
    return json.dumps({"uid": "uid", "attempt": attempt, "outputModel": "m", **more})


def python(source: str) -> tuple[str, ...]:
    """A command that runs Python without its site-packages, which starts fast."""
    return (sys.executable, "-S", "-c", source)
