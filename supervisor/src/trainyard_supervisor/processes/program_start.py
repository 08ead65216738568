"""Starts the program, and says in words why it could not be started."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainyard_supervisor.errors import CannotStart

_SHEBANG_BYTES = 256


def start(
    command: Sequence[str], environment: Mapping[str, str], out: int, err: int
) -> subprocess.Popen[bytes]:
    """Start `command` in a separate session and process group, whose number is its pid.

    Its standard output and error are the descriptors `out` and `err`. Raises CannotStart.
    """
    try:
        return subprocess.Popen(
            list(command), env=dict(environment), stdout=out, stderr=err, start_new_session=True
        )
    except OSError as error:
        raise refusal(command[0], error, environment.get("PATH", os.defpath)) from error
    except ValueError as error:
        raise CannotStart(
            "BadCommand", f"the command cannot be passed on: {error}", "correct spec.command"
        ) from error


def refusal(program: str, error: OSError, path: str) -> CannotStart:
    """Why `program` was not started, after `error` said so; `path` is the variable PATH."""
    shown = program[:300]
    found = _found(program, path)
    if error.errno == errno.ENOENT and found is None:
        where = "" if "/" in program else f" in PATH ({path[:300]})"
        return CannotStart(
            "ProgramNotFound",
            f"there is no program '{shown}'{where}",
            "correct the first word of spec.command, or use a runtime whose image has the program",
        )
    if error.errno == errno.ENOENT and found is not None:
        return _no_interpreter(found)
    if found is not None and found.is_dir():
        return CannotStart(
            "ProgramNotExecutable", f"'{shown}' is a folder, not a program", "correct spec.command"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return CannotStart(
            "ProgramNotExecutable",
            f"'{shown}' is not executable for user {os.getuid()}",
            f"chmod +x it, or start it by its interpreter, such as: python3 {shown}",
        )
    if error.errno == errno.ENOEXEC:
        return CannotStart(
            "ProgramNotExecutable",
            f"'{shown}' is neither a program for this machine nor a script that names its"
            " interpreter in its first line",
            "begin a script with a line such as #!/bin/sh; build a program for this machine",
        )
    if error.errno == errno.E2BIG:
        return CannotStart(
            "BadCommand",
            "the command and its environment are too long",
            "put long values into a file",
        )
    return CannotStart("ProgramNotStarted", f"'{shown}' cannot be started: {error.strerror}")


def _found(program: str, path: str) -> Path | None:
    """The file that the system would have started, whether it may be started or not."""
    folders = [""] if "/" in program else path.split(os.pathsep)
    for candidate in (Path(folder or ".") / program for folder in folders):
        try:
            if stat.S_ISREG(candidate.stat().st_mode) or "/" in program:
                return candidate
        except (OSError, ValueError):
            continue
    return None


def _no_interpreter(script: Path) -> CannotStart:
    """The file is there: what it names in its first line, or its loader, is not."""
    try:
        with script.open("rb") as content:
            first = content.readline(_SHEBANG_BYTES)
    except OSError:
        first = b""
    if not first.startswith(b"#!"):
        return CannotStart(
            "ProgramNotExecutable",
            f"'{script}' cannot be loaded: the loader that it names is not in this image",
            "use a build of the program for this image's system",
        )
    interpreter = first[2:].decode("utf-8", "replace").rstrip("\n")
    if interpreter.endswith("\r"):
        return CannotStart(
            "ProgramNotExecutable",
            f"the lines of '{script}' end as on Windows: its first one names the interpreter"
            f" {interpreter.strip()!r} with a carriage return",
            "save it with the line ends of Unix",
        )
    return CannotStart(
        "ProgramNotExecutable",
        f"'{script}' names the interpreter '{interpreter.strip()}', which is not in this image",
        "correct its first line, or start it by an interpreter that is there",
    )
