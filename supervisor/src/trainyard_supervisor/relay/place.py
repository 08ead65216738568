"""Whose relay it is, and where it keeps what it has. Standard library only, for the start."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from trainyard_api import contract
from trainyard_supervisor.settings import Attempt

STREAM = "relay-{worker}"
RUN_ID_DIGITS = 32


class Place(NamedTuple):
    """The relay of one worker in one attempt."""

    attempt: Attempt
    run_dir: Path
    worker: int

    @property
    def stream(self) -> str:
        """What its reports are called."""
        return STREAM.format(worker=self.worker)

    @property
    def spool(self) -> Path:
        """Where reports wait."""
        return self.run_dir / contract.SPOOL

    @property
    def folder(self) -> Path:
        """What is its own."""
        return self.run_dir / contract.RELAY / str(self.worker)

    @property
    def run_id(self) -> str:
        """The run of this worker's program."""
        return run_of_worker(self.attempt.session_uid, self.worker)

    @property
    def has_left(self) -> bool:
        """Whether an earlier relay may have left something to send."""
        spooled = self.spool.glob(f"*/{self.stream}/*.jsonl")
        return any(True for _ in spooled) or (self.folder / "artifacts").is_dir()


def run_of_worker(session_uid: str, worker: int) -> str:
    """The id of the run of a worker's program. Pure.

    Worker 0 has the session's own. The ids of the others differ from it in their last digits.
    """
    own = session_uid.replace("-", "")
    if worker == 0 or len(own) != RUN_ID_DIGITS:
        return own
    return f"{int(own, 16) ^ worker:032x}"
