"""Runs a command and tells when it printed what."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SECONDS = 120.0
"""Longest time that a command may take."""


class Lines:
    """The lines of a command on standard output and error, with the moments of their arrival."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.found: list[tuple[float, str]] = []
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def finish(self) -> None:
        """Wait for a good end. Raises SystemExit with what it said."""
        code = self._process.wait(SECONDS)
        for reader in self._readers:
            reader.join()
        if code != 0:
            raise SystemExit("\n".join(line for _, line in self.found))

    def moment(self, text: str) -> float:
        """When the first line with `text` arrived, in seconds since the epoch. Raises SystemExit."""
        moments = sorted(moment for moment, line in self.found if text in line)
        if not moments:
            raise SystemExit(f"{text!r} was not printed:\n" + "\n".join(x for _, x in self.found))
        return moments[0]

    def _read(self, stream: IO[str] | None) -> None:
        for line in stream or ():
            self.found.append((time.time(), line.rstrip("\n")))
