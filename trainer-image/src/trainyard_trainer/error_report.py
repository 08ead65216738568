"""How an attempt that failed ends: the exit code of an error, and what is said about it."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
import traceback
from pathlib import Path

import torch

from trainyard import reporting
from trainyard_api import contract
from trainyard_api.contract import ExitCode

_VOLUME = {
    errno.ENOSPC: ExitCode.VOLUME_FULL,
    errno.EDQUOT: ExitCode.VOLUME_FULL,
    errno.EACCES: ExitCode.ACCESS_DENIED,
    errno.EPERM: ExitCode.ACCESS_DENIED,
    errno.EROFS: ExitCode.ACCESS_DENIED,
}


def code_of(error: Exception) -> ExitCode:
    """Of an error that no part of the trainer has expected."""
    if isinstance(error, OSError) and error.errno in _VOLUME:
        return _VOLUME[error.errno]
    # gloo raises plain RuntimeErrors; only the path of its source in the text tells them apart.
    lost = isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )
    return ExitCode.WORKER_LOST if lost else ExitCode.PROGRAM_ERROR


def crash(report: reporting.Run, file: Path, error: Exception) -> None:
    """Explain an error that no part of the trainer has expected."""
    traceback.print_exception(error)
    if code_of(error) is ExitCode.WORKER_LOST and _said(file):
        # Another process of this pod has said why.
        return
    explain(report, file, type(error).__name__, str(error) or type(error).__name__, "")


def explain(report: reporting.Run, file: Path, reason: str, message: str, hint: str) -> None:
    """For people in the log, for the operator in the termination message `file`; both say the same."""
    sys.stdout.write(f"error: {message}" + (f" ({hint})" if hint else "") + "\n")
    sys.stdout.flush()
    lines = [line[:300] for line in report.last_lines()]
    while True:
        text = _message(reason, message[:1500], hint[:500], lines)
        if len(text.encode()) <= contract.TERMINATION_MESSAGE_BYTES or not lines:
            break
        lines = lines[1:]
    with contextlib.suppress(OSError):
        # Outside a pod there is no such file; the log has said it.
        file.write_text(text)


def say_for_others(file: Path, code: int) -> None:
    """For a process of this pod that could say nothing any more; nothing when one has spoken."""
    if not _said(file):
        message = f"a process of this worker was ended; the exit code is {code}"
        with contextlib.suppress(OSError):
            file.write_text(_message("ProcessEnded", message, "read the log", []))


def _message(reason: str, message: str, hint: str, lines: list[str]) -> str:
    return json.dumps({"reason": reason, "message": message, "hint": hint, "lastLogLines": lines})


def _said(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False
