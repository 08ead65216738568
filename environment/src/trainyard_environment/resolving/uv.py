"""Runs the program `uv`, with nothing of the container's environment but what it needs."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainyard_api import contract
from trainyard_environment.errors import bad_arguments
from trainyard_environment.redaction import Redaction
from trainyard_environment.settings import Index

SECONDS = 3600.0
"""How long one run may take."""
SAID_CHARACTERS = 64 << 10
"""How much of what it says is kept, from the end."""
KEPT_VARIABLES = (
    "PATH", "HOME", "TMPDIR", "LANG",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS",
)  # fmt: skip
COMMON = ("--no-config", "--no-python-downloads", "--color", "never", "--no-progress")


@dataclass(frozen=True)
class Done:
    """How uv ended, and what it said."""

    code: int
    said: str


class Uv:
    """Runs uv in `folder`; `lease` is a descriptor that stays open as long as it runs."""

    def __init__(
        self, program: Path, folder: Path, index: Index, lease: int, say: Callable[[str], None]
    ) -> None:
        self._program = program
        self._folder = folder
        self._lease = lease
        self._say = say
        authorities = _authorities_file(index, folder)
        self._environment = environment(os.environ, index, folder / "cache", authorities)
        self._redact = Redaction(index.secrets)

    def run(self, *arguments: str, quiet: bool = False) -> Done:
        """Run uv; what it says goes to the log, unless it is `quiet`. Raises CannotBuild."""
        command = [str(self._program), *arguments, *COMMON]
        try:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(self._lease,),
            )
        except OSError as error:
            raise bad_arguments(
                f"uv cannot be started in this image: {error.strerror}.",
                "Tell the administrator: the runtime's image needs glibc and the machine's own"
                " architecture.",
            ) from error
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        try:
            said = self._read(process, quiet)
            code = process.wait()
        finally:
            timer.cancel()
        return Done(code, said)

    def _read(self, process: subprocess.Popen[bytes], quiet: bool) -> str:
        said = ""
        if process.stderr is None:
            return said
        with process.stderr as pipe:
            for raw in iter(lambda: pipe.readline(SAID_CHARACTERS), b""):
                line = self._redact(raw.decode("utf-8", "replace")).rstrip()
                said = f"{said}{line}\n"[-SAID_CHARACTERS:]
                if line and not quiet:
                    self._say(line)
        return said


def _authorities_file(index: Index, folder: Path) -> Path | None:
    if not index.authorities:
        return None
    file = folder / "authorities.pem"
    file.write_text("".join(index.authorities))
    return file


def environment(
    given: Mapping[str, str], index: Index, cache: Path, authorities: Path | None
) -> dict[str, str]:
    """The environment of uv: credentials stand here, and not in its arguments. Pure.

    `authorities` is the file of certificates that count instead of the usual ones.
    """
    found = {name: given[name] for name in KEPT_VARIABLES if given.get(name)}
    found |= {"UV_CACHE_DIR": str(cache), "NO_COLOR": "1"}
    if index.url:
        found["UV_DEFAULT_INDEX"] = f"trainyard={index.url}"
        if index.username or index.password:
            found[contract.ENV_INDEX_USERNAME] = index.username
            found[contract.ENV_INDEX_PASSWORD] = index.password
    if authorities is not None:
        found["SSL_CERT_FILE"] = str(authorities)
        found.pop("SSL_CERT_DIR", None)
    return found


def python_options(executable: str) -> Sequence[str]:
    """For what Python to resolve: wheels only, whose installation runs no code of theirs. Pure."""
    return ("--python", executable, "--only-binary", ":all:", "--no-sources")
