"""Report from training code: metrics, log lines, heartbeats, checkpoints, the model. Standard library only.

    import trainyard

    run = trainyard.init()                      # inside a session's pod everything comes from the environment
    for step, batch in enumerate(batches):
        ...
        run.log({"train/loss": loss}, step=step)
    run.finish()

Nothing here ever stops or slows the training: values go into a queue, a background thread writes them to a spool on
the session's volume and sends them, and an outage of the gateway only makes the spool grow. The one exception is `log_model`, which
waits until the model is registered and raises when it is not. Outside a session `init` returns a
run that keeps quiet, so that the same script works on a laptop.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainyard.reporting.model import (
    BadModelError,
    ModelDeniedError,
    ModelError,
    ModelNotDeliveredError,
)
from trainyard.reporting.run import QuietRun, ReportingRun, Run, from_environment
from trainyard_api import contract

__all__ = [
    "BadModelError",
    "ModelDeniedError",
    "ModelError",
    "ModelNotDeliveredError",
    "QuietRun",
    "ReportingRun",
    "Run",
    "checkpoint",
    "finish",
    "init",
    "log",
    "log_model",
]

_current: Run | None = None


def init(
    total_steps: int | None = None,
    epochs: int | None = None,
    capture_console: bool = True,
    run_dir: Path = Path(contract.RUN_DIR),
) -> Run:
    """The run of this process, made at the first call.

    `total_steps` and `epochs` give the heartbeat its goal; `capture_console` also sends what the program prints;
    `run_dir` is the session's folder, in which reports wait until they are delivered.
    """
    global _current
    if _current is None:
        _current = from_environment(run_dir)
        if capture_console:
            _current.capture_console()
    _current.goal(total_steps=total_steps, epochs=epochs)
    return _current


def log(values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
    """`Run.log` of the current run."""
    init().log(values, step=step, epoch=epoch)


def checkpoint(name: str, step: int, size_bytes: int | None = None) -> None:
    """`Run.checkpoint` of the current run."""
    init().checkpoint(name, step=step, size_bytes=size_bytes)


def log_model(
    file: str | Path,
    metrics: Mapping[str, float] | None = None,
    card: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """`Run.log_model` of the current run."""
    return init().log_model(file, metrics, card)


def finish(timeout: float = 60.0) -> bool:
    """Deliver what is left; returns whether everything arrived within `timeout` seconds."""
    global _current
    run, _current = _current, None
    return run.finish(timeout) if run is not None else True
