"""Report from training code: metrics, log lines, heartbeats, checkpoints, the model.

    import trainyard

    session = trainyard.init()              # the pod's environment has all settings
    for step, batch in enumerate(batches):
        ...
        session.log({"train/loss": loss}, step=step)
    session.finish()

It needs the standard library only; orjson is used where it is installed. It neither stops nor slows
the training: values go into a queue, and a background thread writes them to a spool on the volume
and sends them. During an outage of the gateway the spool grows. The exceptions are `log_model`,
which waits until the model is registered and raises if it is not, and `log_artifact`, which copies
the files before it returns. Outside a session `init` returns a reporter that sends nothing, so that
the same script works on a laptop.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainyard.reporting.artifacts.errors import ArtifactError
from trainyard.reporting.gateway_reporter import GatewayReporter, from_environment
from trainyard.reporting.model_registration import (
    BadModelError,
    ModelDeniedError,
    ModelError,
    ModelNotDeliveredError,
)
from trainyard.reporting.reporter import NoOpReporter, SessionReporter
from trainyard_api import contract

__all__ = [
    "ArtifactError",
    "BadModelError",
    "GatewayReporter",
    "ModelDeniedError",
    "ModelError",
    "ModelNotDeliveredError",
    "NoOpReporter",
    "SessionReporter",
    "checkpoint",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_model",
]

_RENAMED = {"Run": SessionReporter, "ReportingRun": GatewayReporter, "QuietRun": NoOpReporter}
_current: SessionReporter | None = None


def init(
    total_steps: int | None = None,
    epochs: int | None = None,
    capture_console: bool | None = None,
    run_dir: Path = Path(contract.RUN_DIR),
) -> SessionReporter:
    """The reporter of this process, created by the first call.

    `total_steps` and `epochs` are the goal of the training. A program that ends with exit code 0
    before it counts as failed; `SessionReporter.goal` lowers it. `run_dir` is the session's folder,
    where undelivered reports are kept. What the program prints is reported by its supervisor;
    `capture_console` of earlier versions has no effect.
    """
    global _current
    if capture_console is not None:
        message = "capture_console has no effect: the supervisor reports what a program prints"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    if _current is None:
        _current = from_environment(run_dir)
    _current.goal(total_steps=total_steps, epochs=epochs)
    return _current


def log(values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
    """`SessionReporter.log` of this process's reporter."""
    init().log(values, step=step, epoch=epoch)


def checkpoint(name: str, step: int, size_bytes: int | None = None) -> None:
    """`SessionReporter.checkpoint` of this process's reporter."""
    init().checkpoint(name, step=step, size_bytes=size_bytes)


def log_artifact(path: str | Path, name: str | None = None) -> dict[str, Any] | None:
    """`SessionReporter.log_artifact` of this process's reporter."""
    return init().log_artifact(path, name)


def log_model(
    file: str | Path,
    metrics: Mapping[str, float] | None = None,
    card: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """`SessionReporter.log_model` of this process's reporter."""
    return init().log_model(file, metrics, card)


def finish(timeout: float = 60.0) -> bool:
    """Deliver what is left for at most `timeout` seconds; whether everything was delivered."""
    global _current
    reporter, _current = _current, None
    return reporter.finish(timeout) if reporter is not None else True


def __getattr__(name: str) -> Any:
    """Names of earlier versions."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = _RENAMED[name]
    message = f"trainyard.reporting.{name} is now called {found.__name__}"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return found
