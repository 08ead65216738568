"""Reads the cluster by running `kubectl`; the command line accesses it in no other way."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class _Ended:
    code: int
    said: str
    complained: str


class KubectlFailed(Exception):
    """kubectl failed; the message is its last line."""


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
        if done.code != 0:
            raise KubectlFailed(_last_line(done.complained) or f"exit code {done.code}")
        try:
            found = json.loads(done.said or "{}")
        except ValueError as error:
            raise KubectlFailed("its answer is no JSON") from error
        return found if isinstance(found, dict) else {}

    def may(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether this user may do that. Raises KubectlFailed when the cluster does not say."""
        done = self._run("auth", "can-i", verb, resource, f"--namespace={namespace}")
        said = done.said.strip().splitlines()
        if not said or said[-1] not in ("yes", "no"):
            raise KubectlFailed(_last_line(done.complained) or f"exit code {done.code}")
        return said[-1] == "yes"

    def _run(self, *arguments: str) -> _Ended:
        context = [f"--context={self.context}"] if self.context else []
        return asyncio.run(self._started([*context, "--request-timeout=5s", *arguments]))

    async def _started(self, arguments: list[str]) -> _Ended:
        """Run kubectl without a shell, so that no argument is interpreted."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                self.program, *arguments, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            raise KubectlFailed(f"{self.program} does not start: {error.strerror}") from error
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                said, complained = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise KubectlFailed(f"no answer within {TIMEOUT_SECONDS} s") from error
        return _Ended(process.returncode or 0, said.decode(), complained.decode())


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return lines[-1].strip() if lines else ""
