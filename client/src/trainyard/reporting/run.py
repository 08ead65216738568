"""The run of this process: what training code talks to."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from trainyard.reporting.console import Capture
from trainyard.reporting.model import Registrar, check
from trainyard.reporting.sender import Sender
from trainyard.reporting.spool import Spool
from trainyard.reporting.transport import GatewayTransport, Transport
from trainyard_api import contract

HEARTBEAT_SECONDS = 2.0
RATE_WINDOW_SECONDS = 60.0


class Run(Protocol):
    """What a run can be told."""

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        """How much there is to do; None leaves what was said before."""

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
        """Values measured at `step`; with `epoch` they summarise that epoch (1-based: epochs completed)."""

    def progress(self, step: int, epoch: int | None = None) -> None:
        """Where the training is: optimizer steps done and epochs completed. Cheap enough for every step."""

    def checkpoint(self, name: str, step: int, size_bytes: int | None = None) -> None:
        """A checkpoint is durable."""

    def log_model(
        self,
        file: str | Path,
        metrics: Mapping[str, float] | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Register a safetensors file as the session's model, under the name `spec.outputModel` (default: the session's).

        Waits for the gateway, up to five minutes. `metrics` are kept in the card; `card` adds what else there is to say.
        Returns name, version and sha256; None outside a session and on other workers than 0, which only have the file checked.
        Raises BadModelError, ModelDeniedError, ModelNotDeliveredError.
        """

    def line(self, level: str, message: str) -> None:
        """A log line that is not printed."""

    def capture_console(self) -> None:
        """Also send what the program prints."""

    def last_lines(self) -> list[str]:
        """The last lines that were printed."""

    def flush(self) -> bool:
        """Write what was said before to disk; called before a checkpoint is saved, a killed program loses nothing before it."""

    def finish(self, timeout: float = 60.0) -> bool:
        """Deliver what is left; whether everything arrived."""


class QuietRun:
    """Outside a session: everything is accepted and nothing sent."""

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        """Nothing."""

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
        """Nothing."""

    def progress(self, step: int, epoch: int | None = None) -> None:
        """Nothing."""

    def checkpoint(self, name: str, step: int, size_bytes: int | None = None) -> None:
        """Nothing."""

    def log_model(
        self,
        file: str | Path,
        metrics: Mapping[str, float] | None = None,  # noqa: ARG002 - the protocol's argument
        card: Mapping[str, Any] | None = None,  # noqa: ARG002 - the protocol's argument
    ) -> dict[str, Any] | None:
        """Nothing is registered, but a file that a session could not register is told at once."""
        check(Path(file))
        return None

    def line(self, level: str, message: str) -> None:
        """Nothing."""

    def capture_console(self) -> None:
        """Nothing."""

    def last_lines(self) -> list[str]:
        """None."""
        return []

    def flush(self) -> bool:
        """Nothing to write."""
        return True

    def finish(self, timeout: float = 60.0) -> bool:  # noqa: ARG002 - the protocol's argument
        """Nothing is left."""
        return True


class ReportingRun:
    """Inside a session: one attempt, one stream per worker."""

    def __init__(
        self,
        transport: Transport,
        spool_dir: Path,
        session_uid: str,
        attempt: int,
        rank: int = 0,
        registrar: Registrar | None = None,
    ) -> None:
        """`registrar` takes the model; None on all workers but one."""
        stream = f"rank-{rank}"
        identity = {"sessionUid": session_uid, "attempt": attempt, "stream": stream}
        spool = Spool(spool_dir, attempt, stream)
        self._rank = rank
        self._registrar = registrar
        self._session = {"uid": session_uid, "attempt": attempt}
        self._sender = Sender(transport, spool, identity, warn=_warn)
        self._goal: dict[str, int] = {}
        self._rate: deque[tuple[float, int]] = deque()
        self._next_heartbeat = 0.0
        self._capture: Capture | None = None
        self._last: tuple[int, int | None] | None = None

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        """How much there is to do."""
        given = {"totalSteps": total_steps, "epochs": epochs}
        self._goal |= {k: v for k, v in given.items() if v is not None}

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
        """Values measured at `step`."""
        # A copy, since the caller may reuse its dict; tensors become numbers here, in the caller's thread and state.
        self._sender.put("metrics", (int(step), epoch, {k: float(v) for k, v in values.items()}))

    def progress(self, step: int, epoch: int | None = None) -> None:
        """Where the training is."""
        self._last = (step, epoch)
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._heartbeat(now, step, epoch)

    def checkpoint(self, name: str, step: int, size_bytes: int | None = None) -> None:
        """A checkpoint is durable."""
        content: dict[str, Any] = {"name": name, "step": step}
        if size_bytes is not None:
            content["sizeBytes"] = size_bytes
        self._sender.put("checkpoint", content)
        self._sender.flush()

    def log_model(
        self,
        file: str | Path,
        metrics: Mapping[str, float] | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Register a safetensors file as the session's model."""
        if self._registrar is None:
            check(Path(file))
            return None
        whole = {"session": self._session, **(card or {})}
        if metrics is not None:
            whole["metrics"] = {name: float(value) for name, value in metrics.items()}
        return self._registrar.register(Path(file), whole)

    def line(self, level: str, message: str) -> None:
        """A log line."""
        self._sender.put("logs", (level, message, self._rank))

    def capture_console(self) -> None:
        """Also send what the program prints."""
        if self._capture is None:
            self._capture = Capture(self.line)

    def last_lines(self) -> list[str]:
        """The last lines that were printed."""
        return list(self._capture.last_lines) if self._capture else []

    def flush(self) -> bool:
        """Write what was said before to disk."""
        return self._sender.flush()

    def finish(self, timeout: float = 60.0) -> bool:
        """Deliver what is left."""
        if self._last is not None:
            self._heartbeat(time.monotonic(), *self._last)
        if self._capture is not None:
            self._capture.stop()
        return self._sender.stop(timeout)

    def _heartbeat(self, now: float, step: int, epoch: int | None) -> None:
        if self._rate and step < self._rate[-1][1]:
            # A program that counts anew: there is no rate between two counts.
            self._rate.clear()
        self._rate.append((now, step))
        while now - self._rate[0][0] > RATE_WINDOW_SECONDS:
            self._rate.popleft()
        (first_time, first_step), elapsed = self._rate[0], now - self._rate[0][0]
        content: dict[str, Any] = {"step": step, **self._goal}
        if epoch is not None:
            content["epoch"] = epoch
        if elapsed > 0:
            content["stepsPerSecond"] = (step - first_step) / (now - first_time)
        self._sender.put("heartbeat", content)


def from_environment(run_dir: Path) -> Run:
    """The run that the pod's environment describes; a QuietRun where there is none."""
    described, url = os.environ.get(contract.ENV_RUN), os.environ.get(contract.ENV_GATEWAY_URL)
    if not described or not url:
        return QuietRun()
    run = json.loads(described)
    token_file = Path(os.environ.get(contract.ENV_TOKEN_FILE, contract.TOKEN_FILE))
    # RANK first: of several processes in one pod (torchrun) each needs a stream of its own.
    rank = int(os.environ.get("RANK") or os.environ.get(contract.ENV_COMPLETION_INDEX) or 0)
    registrar = None
    if rank == 0:
        # A connection of its own: the reports' is in the background thread's hands. Large files take the gateway a while.
        slow = GatewayTransport(url, token_file, timeout=120.0)
        output = run_dir / contract.OUTPUT
        registrar = Registrar(slow, output, run["uid"], run["attempt"], run["outputModel"])
    return ReportingRun(
        GatewayTransport(url, token_file),
        run_dir / contract.SPOOL,
        run["uid"],
        run["attempt"],
        rank,
        registrar,
    )


def _warn(message: str) -> None:
    """To the pod's own log only: sending it would add to what cannot be sent."""
    print(f"trainyard: {message}", file=sys.__stderr__, flush=True)
