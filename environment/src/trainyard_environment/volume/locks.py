"""Locks of files that end with their holders, also by kill -9."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

PAUSE_SECONDS = 0.2


@contextlib.contextmanager
def locked(file: Path, seconds: float) -> Iterator[int]:
    """Hold the one lock of a file, which is made; the descriptor. Raises TimeoutError.

    Who removes the file holds its lock: a lock of a file that is no longer there counts nothing.
    """
    end = time.monotonic() + seconds
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if taken(handle) and is_same(handle, file):
                yield handle
                return
        finally:
            os.close(handle)
        if time.monotonic() > end:
            raise TimeoutError(f"{file.name} was held for {seconds:g} s")
        time.sleep(PAUSE_SECONDS)


def taken(handle: int) -> bool:
    """Whether the lock was free; it is held now, until the descriptor is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_same(handle: int, file: Path) -> bool:
    """Whether the descriptor's file is the one of this path."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), file.stat())
    return False


def is_free(file: Path) -> bool:
    """Whether no process holds the lock of a file, shared or not."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return taken(handle)
    finally:
        os.close(handle)
