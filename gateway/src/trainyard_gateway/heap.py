"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes

LARGE_BYTES = 128 << 10
"""Blocks from this size on go back to the system when they are freed."""
MOST_ARENAS = 2
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def give_back_large_blocks() -> bool:
    """Give every large block back at once; False where the C library is not glibc.

    By itself glibc raises the size from which it does so to that of the largest block ever freed,
    up to 32 MiB. Bodies that grow beside each other then leave holes, in a heap for each thread.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(
        mallopt(_M_ARENA_MAX, MOST_ARENAS)
    )
