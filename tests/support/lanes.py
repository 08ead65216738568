"""Which tests may run beside each other under pytest-xdist."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

NODE = ("tests/e2e/", "tests/integration/cluster/")
"""Tests that look at this machine's one real node, its GPUs, mounts and processes."""


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # ships no types
    """Every file is a lane of its own, since its tests share servers; all tests of the real node are one lane and take turns."""

    def _split_scope(self, nodeid: str) -> str:
        return "node" if nodeid.startswith(NODE) else nodeid.partition("::")[0]
