"""What a failed attempt leaves: its exit code, a line in the log and the termination message."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
import traceback
from pathlib import Path

import torch

from trainyard_api.contract import ExitCode

_ERRNO_CODES = {
    errno.ENOSPC: ExitCode.VOLUME_FULL,
    errno.EDQUOT: ExitCode.VOLUME_FULL,
    errno.EACCES: ExitCode.ACCESS_DENIED,
    errno.EPERM: ExitCode.ACCESS_DENIED,
    errno.EROFS: ExitCode.ACCESS_DENIED,
}

_HINTS = {
    ExitCode.OUT_OF_MEMORY: "lower batchSize, use precision bf16, or choose a GPU with more memory",
}


def exit_code_of(error: Exception) -> ExitCode:
    """The exit code of an error that is no TrainingError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return ExitCode.OUT_OF_MEMORY
    if isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error):
        return ExitCode.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in _ERRNO_CODES:
        return _ERRNO_CODES[error.errno]
    # gloo raises plain RuntimeErrors; only the path of its source in the text identifies them.
    lost = isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )
    return ExitCode.WORKER_LOST if lost else ExitCode.PROGRAM_ERROR


def report_crash(file: Path, error: Exception) -> None:
    """Print the traceback of an unexpected error and write the termination message to `file`.

    The message of another process of this pod stays when this one only lost its connection to it.
    """
    traceback.print_exception(error)
    code, kind = exit_code_of(error), type(error).__name__
    if code is ExitCode.WORKER_LOST and _is_written(file):
        return
    report_error(file, kind, str(error) or kind, _HINTS.get(code, ""))


def report_error(file: Path, reason: str, message: str, hint: str) -> None:
    """Print the error for people and write it to `file` for the operator.

    `file` is the pod's termination message. It holds `reason`, `message` and `hint`; the supervisor
    adds the last lines of the log.
    """
    message, hint = " ".join(message.split()), " ".join(hint.split())
    sys.stdout.write(f"error: {message}" + (f" ({hint})" if hint else "") + "\n")
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        # The file exists in pods only; elsewhere the log has the error.
        file.write_text(_message(reason, message[:1500], hint[:500]))


def report_killed_process(file: Path, code: int) -> None:
    """Write the termination message for a process that was killed, unless there is one already."""
    if not _is_written(file):
        message = f"a process of this worker was ended; the exit code is {code}"
        with contextlib.suppress(OSError):
            file.write_text(_message("ProcessEnded", message, "read the log"))


def _message(reason: str, message: str, hint: str) -> str:
    return json.dumps({"reason": reason, "message": message, "hint": hint})


def _is_written(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False
