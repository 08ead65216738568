"""The real `trainyard` program as people run it: with a home folder of its own, in pipes or on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poll import eventually

_KEPT = ("PATH", "COVERAGE_PROCESS_START", "LANG", "SSL_CERT_FILE")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def rest_of(process: subprocess.Popen[str], timeout: float = 60) -> tuple[str, str]:
    """What a started command still says on standard output and error, until it ends.

    `communicate` reads past the buffer, and so loses what an earlier `readline` took in beyond its line.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    overdue = threading.Timer(timeout, process.kill)
    overdue.start()
    try:
        said = process.stdout.read(), process.stderr.read()
        process.wait()
    finally:
        overdue.cancel()
        process.stdout.close()
        process.stderr.close()
    return said


class CommandLine:
    """`python -m trainyard.cli` with a login in the environment (or none)."""

    def __init__(self, home: Path, url: str | None = None, key: str | None = None) -> None:
        self.home = home
        home.mkdir(exist_ok=True)
        self.env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        # Wide enough that no golden text depends on folding; a C locale would forbid the bar's blocks.
        self.env |= {"HOME": str(home), "COLUMNS": "200", "PYTHONUTF8": "1", "TERM": "xterm-256color"}  # fmt: skip
        if url is not None:
            self.env["TRAINYARD_URL"] = url
        if key is not None:
            self.env["TRAINYARD_API_KEY"] = key

    def command(self, *arguments: str) -> list[str]:
        """What is executed."""
        return [sys.executable, "-m", "trainyard.cli", *arguments]

    def run(self, *arguments: str, given: str | None = None, **env: str) -> Said:
        """Run to the end, in pipes."""
        done = subprocess.run(
            self.command(*arguments),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            env={**self.env, **env},
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, **more: Any) -> Said:
        """Run to a good end."""
        said = self.run(*arguments, **more)
        assert said.code == 0, said
        return said

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start in pipes; the caller ends it."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            preexec_fn=_heed_ctrl_c,
        )

    def on_terminal(self, *arguments: str, columns: int = 100) -> Terminal:
        """Start on a terminal of its own."""
        env = {k: v for k, v in self.env.items() if k != "COLUMNS"}
        return Terminal(self.command(*arguments), env, columns)


def _heed_ctrl_c() -> None:
    """A shell lets its background jobs ignore SIGINT, and that is inherited; a person's command does not ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A program on a pseudo-terminal; `text` is all that it wrote, without colours and cursor movements."""

    def __init__(self, command: list[str], env: dict[str, str], columns: int) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._written = bytearray()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True,
            preexec_fn=_heed_ctrl_c,
        )  # fmt: skip
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def raw(self) -> str:
        """All that it wrote, as it wrote it."""
        return self._written.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that it wrote, as a person reads it."""
        return _ESCAPES.sub("", self.raw)

    def wait_for(self, expected: str) -> str:
        """Wait until it wrote `expected`; all text."""
        eventually(lambda: expected in self.text, within=60, what=f"{expected!r} in {self.text!r}")
        return self.text

    def type(self, text: str) -> None:
        """Type; a line ends with a carriage return."""
        os.write(self._ours, text.encode())

    def press_ctrl_c(self) -> None:
        """As the terminal's driver does."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(timeout=20)
        self._reader.join(timeout=5)
        os.close(self._ours)
        return code

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side was closed
            while chunk := os.read(self._ours, 65536):
                self._written += chunk
