"""Start and stop the processes of one node."""

from __future__ import annotations

import time

from trainyard_cluster.embedded import images, leftovers, network, supervise
from trainyard_cluster.embedded.commands import POLICY_ENGINE, Process
from trainyard_cluster.errors import StepFailed
from trainyard_cluster.plan import Layout
from trainyard_cluster.programs.versions import NODE_PARTS

NAMES = ("containerd", *(p for p in NODE_PARTS if p != "kubectl"), POLICY_ENGINE, "kwok")
_RESTARTS = 10
_POLICY_QUEUE = "100"
"""The engine's default queue of packets."""


def start_missing(layout: Layout, wanted: list[Process]) -> None:
    """Start the processes that do not run; end those of an interrupted call."""
    leftovers.make_cgroups(layout)
    (layout.run / "containerd").mkdir(parents=True, exist_ok=True)
    leftovers.forget_old_runtime(layout)
    leftovers.stop_unrecorded(layout, NAMES, _recorded(layout))
    for part in wanted:
        _start(layout, part)


def restart_ended(layout: Layout, wanted: list[Process]) -> None:
    """Start processes again that ended because another one did not answer yet."""
    for part in wanted:
        _start(layout, part)


def stop(layout: Layout, *, grace_seconds: float = 10.0) -> None:
    """End all processes, then all pods, then the container runtime."""
    for part in reversed(NAMES):
        if part != "containerd":
            supervise.stop(part, layout.run, grace_seconds)
    leftovers.stop_pods(layout, grace_seconds=min(0.2, grace_seconds))
    supervise.stop("containerd", layout.run, grace_seconds)
    leftovers.stop_unrecorded(layout, NAMES, frozenset())


def strays(layout: Layout) -> bool:
    """Whether a process of an interrupted call is outside the namespace."""
    found = (supervise.find(name, layout.run) for name in NAMES)
    return any(part and not network.contains(layout, part.pid) for part in found)


def alive(layout: Layout, part: str) -> bool:
    """Whether the process runs. Raises StepFailed if it does not: nothing is to be waited for."""
    if supervise.find(part, layout.run) is None:
        raise StepFailed(f"{part} ended", layout.logs / f"{part}.log")
    return True


def runtime_answers(layout: Layout) -> bool:
    """Whether containerd answers a call; its socket is there before that."""
    alive(layout, "containerd")
    return images.answers(layout)


def policies_enforced(layout: Layout) -> bool:
    """Whether the engine takes packets. Raises StepFailed if it ended."""
    alive(layout, POLICY_ENGINE)
    queues = network.output([*network.enter(layout), "cat", "/proc/net/netfilter/nfnetlink_queue"])
    return any(line.split()[0] == _POLICY_QUEUE for line in queues.splitlines() if line.strip())


class Kubelet:
    """A kubelet that is kept running while its node becomes ready.

    It ends when containerd, after a crash, answers calls but still reads its containers
    ("server is not initialized yet").
    """

    def __init__(self, layout: Layout, wanted: list[Process]) -> None:
        self._layout = layout
        self._part = next(part for part in wanted if part.name == "kubelet")
        self._restarts = 0
        self._next = 0.0

    def runs(self) -> bool:
        """Whether it runs; starts it again, at most once a second and ten times in all."""
        if supervise.find("kubelet", self._layout.run) is not None:
            return True
        if self._restarts == _RESTARTS:
            return alive(self._layout, "kubelet")
        if time.monotonic() >= self._next:
            self._restarts, self._next = self._restarts + 1, time.monotonic() + 1
            _start(self._layout, self._part)
        return False


def _start(layout: Layout, part: Process) -> None:
    if supervise.find(part.name, layout.run) is None:
        log = layout.logs / f"{part.name}.log"
        supervise.start(part.name, [*network.enter(layout), *part.argv], layout.run, log)


def _recorded(layout: Layout) -> frozenset[int]:
    """Pids of the running processes, from their pid files."""
    found = (supervise.find(name, layout.run) for name in NAMES)
    return frozenset(part.pid for part in found if part)
