"""One process per GPU of this pod, as torchrun starts them; torch.distributed joins them with those of the other pods."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from types import FrameType

from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from trainyard_api import contract
from trainyard_api.contract import EXIT_CLASSES, ExitCode
from trainyard_trainer.signals import leave

LEAVING_SECONDS = 25.0
"""How long the others may take to end by themselves after the first, and again after SIGTERM: both fit into the grace period."""


def process_count(gpus: int, visible: int) -> int:
    """One per GPU that was asked for and that PyTorch sees; one where it sees none (CPU, simulated GPUs)."""
    return max(1, min(gpus, visible))


def environment(local_rank: int, processes: int, workers: int, worker: int) -> dict[str, str]:
    """What torchrun would set for this process: `workers` pods with `processes` each, this one in pod number `worker`."""
    return {
        "RANK": str(worker * processes + local_rank),
        "WORLD_SIZE": str(workers * processes),
        "LOCAL_RANK": str(local_rank),
        "LOCAL_WORLD_SIZE": str(processes),
    }


def verdict(codes: Sequence[int], asked: bool) -> int:
    """The pod's exit code from those of its processes (negative: the signal that ended it); `asked`: SIGTERM came to the pod.

    What names a cause goes before what is only its consequence at the others.
    """
    failed = [code for code in codes if code != ExitCode.SUCCEEDED]
    if not failed:
        return ExitCode.SUCCEEDED
    for code in failed:
        if code in EXIT_CLASSES and code != ExitCode.WORKER_LOST:
            return code
    consequences = (ExitCode.WORKER_LOST, ExitCode.PREEMPTED)
    for code in failed:
        if code > 0 and code not in consequences:
            return code
    stopped = asked or all(code == ExitCode.PREEMPTED for code in failed)
    return ExitCode.PREEMPTED if stopped else ExitCode.WORKER_LOST


def launch(processes: int, workers: int, train: Callable[[], int]) -> int:
    """Run `train` (it is pickled) in so many processes; returns the pod's exit code.

    SIGTERM is passed on. When one process fails, the others end by themselves or are ended.
    """
    worker = int(os.environ.get(contract.ENV_COMPLETION_INDEX) or 0)
    # A pod has a network of its own; only a gang of several pods is told where to meet.
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(contract.RENDEZVOUS_PORT))
    # From a server that has imported torch and never touched a GPU: a forked CUDA context would be broken.
    multiprocessing.set_forkserver_preload(["trainyard_trainer.session"])
    started = start_processes(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        _begin,
        (processes, workers, worker, train),
        processes,
        join=False,
        start_method="forkserver",
    )
    asked = False

    def pass_on(number: int, _: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for pid in started.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    # The exit codes say it all.
    with contextlib.suppress(ProcessExitedException, ProcessRaisedException):
        while not started.join(grace_period=LEAVING_SECONDS):
            pass
    return verdict([process.exitcode for process in started.processes], asked)


def _begin(
    local_rank: int, processes: int, workers: int, worker: int, train: Callable[[], int]
) -> None:
    signal.signal(signal.SIGTERM, leave)
    os.environ.update(environment(local_rank, processes, workers, worker))
    raise SystemExit(train())
