"""What training code reports through, and the reporter of a program outside a session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from trainyard.reporting.artifacts.errors import require
from trainyard.reporting.model_registration import check


class SessionReporter(Protocol):
    """Reports what a training program does.

    No method but `log_model` and `finish` waits for the gateway; `log_artifact` copies files.
    """

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        """Set how much there is to do; None keeps the earlier value.

        A program that ends with exit code 0 before its goal counts as failed. One that stops early
        on purpose says so by lowering the goal to what it has done.
        """

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
        """Report metrics measured at optimizer step `step`.

        With `epoch` (completed epochs, from 1) the values summarise that epoch. A value is anything
        that `float` takes, such as a tensor with one element; NaN and infinities are allowed.
        """

    def progress(self, step: int, epoch: int | None = None) -> None:
        """Report completed optimizer steps and epochs; cheap enough to call at every step."""

    def checkpoint(self, name: str, step: int, size_bytes: int | None = None) -> None:
        """Report that checkpoint `name` of `step` is durable."""

    def log_model(
        self,
        file: str | Path,
        metrics: Mapping[str, float] | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Register a safetensors file as the session's model, named `spec.outputModel`.

        The default name is the session's. `metrics` become part of the model card, `card` adds
        other entries. Waits for the gateway, up to five minutes. Returns name, version and sha256;
        None outside a session and on workers other than 0, which only check the file.
        Raises BadModelError, ModelDeniedError, ModelNotDeliveredError.
        """

    def log_artifact(self, path: str | Path, name: str | None = None) -> dict[str, Any] | None:
        """Register a file or folder as it is now, of any format, as a version in the registry.

        It is copied to the run folder before this returns, so that the program may write on; a
        background thread sends it, and `finish` waits for that. A `name` of `spec.outputs` and the
        session's model name stand as they are, any other follows `<session>.`; the default is that
        of the file or folder. Links that lead out of it, sockets and unreadable files are left
        out, with a warning. Returns name, tree (hash of its list of files), files and sizeBytes;
        None outside a session and on workers other than 0. Raises ArtifactError if nothing is
        there or it cannot be copied; what the gateway refuses later is a warning in the log.
        """

    def line(self, level: str, message: str) -> None:
        """Report a log line without printing it; levels are debug, info, warning and error."""

    def flush(self) -> bool:
        """Write everything reported so far to disk; False if the disk does not take it.

        After that a killed program loses none of it. Call it before a checkpoint is saved.
        """

    def finish(self, timeout: float = 60.0) -> bool:
        """Deliver what is left for at most `timeout` seconds; whether everything was delivered."""


class NoOpReporter:
    """A reporter outside a session: accepts everything and sends nothing."""

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        """Ignore the goal."""

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
        """Ignore the values."""

    def progress(self, step: int, epoch: int | None = None) -> None:
        """Ignore the progress."""

    def checkpoint(self, name: str, step: int, size_bytes: int | None = None) -> None:
        """Ignore the checkpoint."""

    def log_model(
        self,
        file: str | Path,
        metrics: Mapping[str, float] | None = None,  # noqa: ARG002 - the protocol's argument
        card: Mapping[str, Any] | None = None,  # noqa: ARG002 - the protocol's argument
    ) -> dict[str, Any] | None:
        """Check the file as a session would, and register nothing. Raises BadModelError."""
        check(Path(file))
        return None

    def log_artifact(
        self,
        path: str | Path,
        name: str | None = None,  # noqa: ARG002 - the protocol's argument
    ) -> dict[str, Any] | None:
        """Require that it is there, and register nothing. Raises ArtifactError."""
        require(Path(path))
        return None

    def line(self, level: str, message: str) -> None:
        """Ignore the line."""

    def flush(self) -> bool:
        """True: there is nothing to write."""
        return True

    def finish(self, timeout: float = 60.0) -> bool:  # noqa: ARG002 - the protocol's argument
        """True: there is nothing to deliver."""
        return True
