"""Large blocks of memory go back to the system when they are freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from trainyard_gateway.heap import give_back_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

assert give_back_large_blocks()
# Such a block teaches glibc to keep smaller ones.
large = bytearray(30 << 20)
del large
blocks = [(b"x" * (1 << 20) + bytes([n]), b"y" * 100_000 + bytes([n])) for n in range(100)]
kept = [small for _, small in blocks]
before = resident()
del blocks
print((before - resident()) // 256)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do so anyway")
def test_freed_blocks_between_kept_ones_leave_no_holes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )

    # Of 100 MiB; without the setting it was 0.
    assert int(done.stdout) > 90
