"""SIGTERM before the training loop handles it."""

from __future__ import annotations

import os

from trainyard_api.contract import ExitCode


def exit_preempted(*_: object) -> None:
    """A signal handler that ends the process at once with exit code 75 (Preempted).

    Nothing has to be saved: the loop has not begun, and earlier checkpoints are on the volume.
    """
    os._exit(ExitCode.PREEMPTED)
