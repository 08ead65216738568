"""An arm's process, asked by lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ARM = Path(__file__).with_name("arm.py")


class Watcher:
    """One process of `arm.py`."""

    def __init__(self, arm: str, namespace: str, kubeconfig: Path, log: Path) -> None:
        self.arm = arm
        self._arguments = [sys.executable, str(ARM), arm, namespace]
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Watcher:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=2**24,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.returncode if self._process else None

    def said(self) -> str:
        """The last line of its log."""
        return next(reversed(self._log.read_text(errors="replace").splitlines()), "")

    async def ask(self, question: str) -> dict[str, Any] | None:
        """The answer; None once the process has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(question.encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            return None
        line = await self._process.stdout.readline()
        return json.loads(line) if line else None

    async def until(
        self, question: str, right: Callable[[dict[str, Any]], bool], within: float
    ) -> tuple[float, dict[str, Any] | None]:
        """Seconds until an answer is right, and the last answer; infinite if none is."""
        started = time.monotonic()
        while True:
            answer = await self.ask(question)
            passed = time.monotonic() - started
            if answer is None or right(answer):
                return (passed if answer is not None else float("inf")), answer
            if passed > within:
                return float("inf"), answer
            await asyncio.sleep(0.1)
