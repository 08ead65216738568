"""`kubectl` as a program: the only door to the cluster that the command line has, and it only reads."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT_SECONDS: Final = 15


class KubectlFailed(Exception):
    """kubectl did not do it; its words."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The program on a context (default: the current one)."""

    program: str
    context: str | None = None

    @classmethod
    def find(cls, context: str | None, path: str | None = None) -> Kubectl | None:
        """The one on the path (default: $PATH), None without one."""
        program = shutil.which("kubectl", path=path)
        return cls(program, context) if program else None

    def read(self, *arguments: str) -> Mapping[str, Any]:
        """The answer as JSON. Raises KubectlFailed."""
        done = self._run(*arguments, "--output=json")
        if done.returncode != 0:
            raise KubectlFailed(_last_line(done.stderr) or f"exit code {done.returncode}")
        try:
            found = json.loads(done.stdout or "{}")
        except ValueError as error:
            raise KubectlFailed("its answer is no JSON") from error
        return found if isinstance(found, dict) else {}

    def may(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether this user may do that. Raises KubectlFailed when the cluster does not say."""
        done = self._run("auth", "can-i", verb, resource, f"--namespace={namespace}")
        said = done.stdout.strip().splitlines()
        if not said or said[-1] not in ("yes", "no"):
            raise KubectlFailed(_last_line(done.stderr) or f"exit code {done.returncode}")
        return said[-1] == "yes"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        context = [f"--context={self.context}"] if self.context else []
        command = [self.program, *context, "--request-timeout=5s", *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlFailed(f"no answer within {TIMEOUT_SECONDS} s") from error
        except OSError as error:
            raise KubectlFailed(f"{self.program} does not start: {error.strerror}") from error


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return lines[-1].strip() if lines else ""
