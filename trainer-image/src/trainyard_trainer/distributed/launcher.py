"""One process per GPU of this pod, as torchrun starts them.

torch.distributed joins them with the processes of the session's other pods.
"""

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
from trainyard_trainer.signals import exit_preempted

GRACE_SECONDS = 25.0
"""Time that the other processes have to end after the first one, and again after SIGTERM.

Twice this time is shorter than the pod's termination grace period.
"""


def process_count(gpus: int, visible: int) -> int:
    """One process per GPU that is requested and that PyTorch sees, and at least one.

    PyTorch sees none on CPU nodes and where GPUs are simulated.
    """
    return max(1, min(gpus, visible))


def environment(local_rank: int, processes: int, workers: int, worker: int) -> dict[str, str]:
    """The variables that torchrun sets: `workers` pods of `processes`; this is pod `worker`."""
    return {
        "RANK": str(worker * processes + local_rank),
        "WORLD_SIZE": str(workers * processes),
        "LOCAL_RANK": str(local_rank),
        "LOCAL_WORLD_SIZE": str(processes),
    }


def pod_exit_code(codes: Sequence[int], terminated: bool) -> int:
    """The pod's exit code from those of its processes; a negative one is the killing signal.

    `terminated` says that the pod received SIGTERM. A code that names a cause takes precedence
    over one that is only the consequence of another process's failure.
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
    preempted = terminated or all(code == ExitCode.PREEMPTED for code in failed)
    return ExitCode.PREEMPTED if preempted else ExitCode.WORKER_LOST


def launch(processes: int, workers: int, train: Callable[[], int]) -> int:
    """Run `train` (which is pickled) in `processes` processes; returns the pod's exit code.

    SIGTERM is passed on to all of them. When one fails, the others are terminated unless they end
    within GRACE_SECONDS.
    """
    worker = int(os.environ.get(contract.ENV_COMPLETION_INDEX) or 0)
    # The operator sets the address for sessions of several pods; one pod meets on its loopback.
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(contract.RENDEZVOUS_PORT))
    # The server imports torch and never touches a GPU: a forked CUDA context would be broken.
    multiprocessing.set_forkserver_preload(["trainyard_trainer.session"])
    context = start_processes(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        _start_process,
        (processes, workers, worker, train),
        processes,
        join=False,
        start_method="forkserver",
    )
    terminated = False

    def forward_signal(number: int, _: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        for pid in context.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    signal.signal(signal.SIGTERM, forward_signal)
    # Torch's errors say no more than the exit codes.
    with contextlib.suppress(ProcessExitedException, ProcessRaisedException):
        while not context.join(grace_period=GRACE_SECONDS):
            pass
    return pod_exit_code([process.exitcode for process in context.processes], terminated)


def _start_process(
    local_rank: int, processes: int, workers: int, worker: int, train: Callable[[], int]
) -> None:
    signal.signal(signal.SIGTERM, exit_preempted)
    os.environ.update(environment(local_rank, processes, workers, worker))
    raise SystemExit(train())
