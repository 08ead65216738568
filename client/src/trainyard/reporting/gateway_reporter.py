"""The reporter of a program inside a session: queues, spools and sends to the gateway."""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainyard.reporting.artifacts.errors import require
from trainyard.reporting.last_word import LastWord
from trainyard.reporting.line_budget import LineBudget
from trainyard.reporting.model_registration import Registrar, check
from trainyard.reporting.reporter import NoOpReporter, SessionReporter
from trainyard.reporting.secret_mask import SecretMask, values_of
from trainyard.reporting.sender import Sender
from trainyard.reporting.spool import Spool
from trainyard.reporting.transport import GatewayTransport, Transport
from trainyard_api import contract
from trainyard_api.contract import MAX_METRIC_NAME
from trainyard_api.visible_text import is_visible, visible

if TYPE_CHECKING:
    from trainyard.reporting.artifacts.logged import ArtifactLog

HEARTBEAT_SECONDS = 2.0
MAX_NAMES = 10_000
"""Names of metrics that are remembered."""
RATE_WINDOW_SECONDS = 60.0
REPORTS_SECONDS = 10.0
"""What artifacts leave of the time of `finish` to the other reports."""
SLOW_SECONDS = 600.0
"""How long the gateway may take to copy a tree."""


class GatewayReporter:
    """Reports one attempt of a session, as one stream for each worker."""

    def __init__(  # noqa: PLR0913  # the stream's identity and its seams
        self,
        transport: Transport,
        spool_dir: Path,
        session_uid: str,
        attempt: int,
        rank: int = 0,
        registrar: Registrar | None = None,
        last_word: LastWord | None = None,
        mask: SecretMask | None = None,
    ) -> None:
        """`rank` is the worker's number; `mask` has what must not be reported.

        `registrar` and `last_word` are None on workers other than 0.
        """
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
        self._last: tuple[int, int | None] | None = None
        self._names: dict[str, str] = {}
        self._strides: tuple[int, int] = (0, 0)
        """Smallest number of steps between two reports, and how many pairs it comes from."""
        self._last_word = last_word
        self._mask = mask or SecretMask()
        self._budget, self._budgeting = LineBudget(since=time.monotonic()), threading.Lock()
        self._artifacts: ArtifactLog | None = None

    def with_artifacts(
        self,
        run_dir: Path,
        session: str,
        names: Collection[str],
        connect: Callable[[], Transport],
    ) -> None:
        """Register artifacts, as worker 0 does, and send what an earlier attempt could not.

        `names` are those that the session may register beside `<session>.…`; `connect` makes a
        connection that has time for large trees.
        """
        from trainyard.reporting.artifacts.logged import ArtifactLog  # a session's pod has Linux

        identity = {"sessionUid": self._session["uid"], "attempt": self._session["attempt"]}
        self._artifacts = ArtifactLog(
            run_dir, identity, session, names, connect, lambda said: self.line("info", said), _warn
        )
        self._artifacts.resume()

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        """Set how much there is to do; the next heartbeat carries it."""
        given = {"totalSteps": total_steps, "epochs": epochs}
        self._goal |= {k: v for k, v in given.items() if v is not None}

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:
        """Queue metrics measured at `step`."""
        # A copy, since the caller may reuse its dict; tensors become numbers in its thread.
        taken = {self._name(name): float(value) for name, value in values.items()}
        self._sender.put("metrics", (int(step), epoch, taken))

    def progress(self, step: int, epoch: int | None = None) -> None:
        """Remember the progress; send it every two seconds at most."""
        if self._last is not None and step > self._last[0]:
            smallest, pairs = self._strides
            stride = step - self._last[0]
            self._strides = (min(smallest or stride, stride), pairs + 1)
        self._last = (step, epoch)
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._heartbeat(now, step, epoch)

    def checkpoint(self, name: str, step: int, size_bytes: int | None = None) -> None:
        """Queue the checkpoint, and write everything queued to disk."""
        content: dict[str, Any] = {"name": self._mask.in_text(name), "step": step}
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
        """Register a safetensors file as the session's model; see `SessionReporter.log_model`."""
        if self._registrar is None:
            check(Path(file))
            return None
        whole = {"session": self._session, **(card or {})}
        if metrics is not None:
            whole["metrics"] = {name: float(value) for name, value in metrics.items()}
        return self._registrar.register(Path(file), self._mask.in_json(whole))

    def log_artifact(self, path: str | Path, name: str | None = None) -> dict[str, Any] | None:
        """Copy a file or folder and register it; see `SessionReporter.log_artifact`."""
        if self._artifacts is None:
            require(Path(path))
            return None
        return self._artifacts.log(Path(path), None if name is None else self._mask.in_text(name))

    def line(self, level: str, message: str) -> None:
        """Queue a log line, unless the program prints too much; then say so in a line."""
        message = self._mask.in_text(message)
        with self._budgeting:
            taken = self._budget.take(message, time.monotonic())
            note = self._budget.note() if taken else None
        if note is not None:
            self._sender.put("logs", ("warning", note, self._rank))
        if taken:
            self._sender.put("logs", (level, message, self._rank))

    def flush(self) -> bool:
        """Write everything queued so far to disk; False if the disk does not take it."""
        return self._sender.flush()

    def finish(self, timeout: float = 60.0) -> bool:
        """Deliver what is left; whether everything was delivered."""
        until = time.monotonic() + timeout
        registered = self._artifacts is None or self._artifacts.finish(
            timeout - min(REPORTS_SECONDS, timeout / 2)
        )
        if self._last is not None:
            self._heartbeat(time.monotonic(), *self._last)
        self.leave_last_word()
        if (note := self._budget.note()) is not None:
            self._sender.put("logs", ("warning", note, self._rank))
        return self._sender.stop(max(0.0, until - time.monotonic())) and registered

    def _name(self, name: str) -> str:
        """The name of a metric as the gateway takes it; the first time that it differs, say so."""
        known = self._names.get(name)
        if known is None:
            known = metric_name(self._mask.in_text(str(name)))
            if len(self._names) < MAX_NAMES:
                self._names[name] = known
            if known != name:
                _warn(f"the metric '{visible(name)[:MAX_METRIC_NAME]}' is reported as '{known}'")
        return known

    def leave_last_word(self) -> None:
        """Say how far the program came, also where it crashes or does not call `finish`."""
        if self._last_word is None or self._last is None:
            return
        step, epoch = self._last
        smallest, pairs = self._strides
        end = {"step": step, **self._goal, "stride": smallest if pairs > 1 else 1}
        if epoch is not None:
            end["epoch"] = epoch
        self._last_word.leave(end)

    def _heartbeat(self, now: float, step: int, epoch: int | None) -> None:
        if self._rate and step < self._rate[-1][1]:
            # The program has started to count again; a rate across that would be negative.
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


def metric_name(name: str) -> str:
    """`name` without what the gateway refuses in the name of a metric; other names unchanged. Pure.

    Such a name would cost every other value of its batch.
    """
    shown = visible(str(name))
    if not is_visible(shown):
        return "unnamed"
    return shown[:MAX_METRIC_NAME]


def from_environment(
    run_dir: Path, secrets_dir: Path = Path(contract.SECRETS_DIR)
) -> SessionReporter:
    """The reporter that the pod's environment describes; a NoOpReporter outside a session's pod.

    `run_dir` is the session's folder; below `secrets_dir` are the values that must not be reported.
    """
    described, url = os.environ.get(contract.ENV_RUN), os.environ.get(contract.ENV_GATEWAY_URL)
    if not described or not url:
        return NoOpReporter()
    spec = json.loads(described)
    token_file = Path(os.environ.get(contract.ENV_TOKEN_FILE, contract.TOKEN_FILE))
    # RANK first: of several processes in one pod (torchrun) each needs its own stream.
    rank = int(os.environ.get("RANK") or os.environ.get(contract.ENV_COMPLETION_INDEX) or 0)
    registrar = last_word = None
    if rank == 0:
        # Another connection: the background thread owns the one of the reports. The gateway takes a
        # while for large files.
        slow = GatewayTransport(url, token_file, timeout=120.0)
        output = run_dir / contract.OUTPUT
        registrar = Registrar(slow, output, spec["uid"], spec["attempt"], spec["outputModel"])
        last_word = LastWord()
    reporter = GatewayReporter(
        GatewayTransport(url, token_file),
        run_dir / contract.SPOOL,
        spec["uid"],
        spec["attempt"],
        rank,
        registrar,
        last_word,
        SecretMask(values_of(secrets_dir, os.environ)),
    )
    if rank == 0:
        connect = partial(GatewayTransport, url, token_file, SLOW_SECONDS)
        reporter.with_artifacts(run_dir, *_names(spec), connect)
    atexit.register(reporter.leave_last_word)
    return reporter


def _names(spec: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The session's name, and the names that it may register beside those that begin with it."""
    names = [spec["outputModel"], *(output["name"] for output in spec.get("outputs") or ())]
    return str(spec.get("session") or names[0]), names


def _warn(message: str) -> None:
    """Warn in the pod's log only: a report about it would join those that cannot be sent."""
    print(f"trainyard: {message}", file=sys.__stderr__, flush=True)
