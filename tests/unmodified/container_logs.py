"""What the containers of a session printed, as the kubelet has it: the witness of the session's log."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from typing import IO

from installation import Installation, tools

CONTAINER = "trainer"
FOLDED = ("\r", "\x1b", "\b")
"""What the log replaces: bars, colours and backspaces."""


class ContainerLogs:
    """Follows the container of every pod from its start."""

    def __init__(self, release: Installation, session: str) -> None:
        self._release, self._session = release, session
        self._lines: list[str] = []
        self._followed: set[str] = set()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._readers: list[threading.Thread] = []

    def follow(self) -> None:
        """Follow pods whose container runs and that are not followed yet."""
        for pod in self._release.items("pods", f"trainyard.io/session={self._session}"):
            name, statuses = pod["metadata"]["name"], pod["status"].get("containerStatuses") or []
            if name not in self._followed and any("running" in s["state"] for s in statuses):
                self._followed.add(name)
                self._start(name)

    def close(self) -> None:
        """Wait until the containers have said everything, a minute for each at most."""
        for process, reader in zip(self._processes, self._readers, strict=True):
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            reader.join(60)
            if process.stdout is not None:
                process.stdout.close()
        self._processes, self._readers = [], []

    def missing(self, log: Sequence[str]) -> list[str]:
        """Lines of the containers that the log does not hold as often. Pure but for the lines."""
        plain = (x for x in self._lines if not any(mark in x for mark in FOLDED))
        printed = Counter(line.rstrip() for line in plain if line.strip())
        # A note of the supervisor itself stands in the container's log only.
        printed = Counter({x: n for x, n in printed.items() if not x.startswith("trainyard: ")})
        return sorted((printed - Counter(line.rstrip() for line in log)).elements())

    def _start(self, pod: str) -> None:
        command = [tools()["kubectl"], "-n", self._release.namespace, "logs", "-f", pod]
        process = subprocess.Popen(
            [*command, "-c", CONTAINER],
            env={**os.environ, "KUBECONFIG": str(self._release.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        self._processes.append(process)
        self._readers.append(reader)

    def _read(self, stream: IO[bytes] | None) -> None:
        for line in stream or ():
            self._lines.append(line.decode(errors="replace").rstrip("\n"))
