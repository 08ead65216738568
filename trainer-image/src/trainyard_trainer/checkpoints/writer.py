"""Writes checkpoints in a thread while the training computes its next step.

A copy need not stop a training until the optimizer changes the weights again (Maurya et al.,
DataStates-LLM, HPDC 2024, arXiv 2406.10707).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from trainyard_trainer.checkpoints.folder import CheckpointFolder, CheckpointMetadata
from trainyard_trainer.checkpoints.staging import StagedState, Staging


class AsyncCheckpointWriter:
    """Stages and writes one checkpoint at a time; the next one waits until it is durable.

    Between `write` and the return of `wait_until_staged` the state's tensors must not change.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        before: Callable[[], object],
        written: Callable[[CheckpointMetadata], None],
        staging: Staging | None = None,
    ) -> None:
        """`before` and `written` are called in the thread, around each write to `folder`."""
        self._folder = folder
        self._before = before
        self._written = written
        self._staging = staging or Staging()
        self._staged = threading.Event()
        self._staged.set()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def write(self, name: str, step: int, state: dict[str, Any]) -> None:
        """Begin to write `state`. Raises the error of the write before this one."""
        self.wait_until_written()
        staged = self._staging.begin(state)
        self._staged.clear()
        self._thread = threading.Thread(target=self._work, args=(name, step, staged), daemon=True)
        self._thread.start()

    def wait_until_staged(self) -> None:
        """Return once the tensors of the last `write` may change again. Never raises."""
        self._staged.wait()

    def wait_until_written(self) -> None:
        """Return once the last `write` is durable. Raises its error."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self, name: str, step: int, staged: StagedState) -> None:
        try:
            try:
                staged.fill()
            finally:
                self._staged.set()
            self._before()
            self._written(self._folder.write(name, step, staged.state))
        except BaseException as error:  # handed to the training thread by `wait_until_written`
            self._error = error
