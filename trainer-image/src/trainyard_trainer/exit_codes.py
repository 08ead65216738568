"""The table of exit codes for people, from the contract: `python -m trainyard_trainer.exit_codes > docs/exit-codes.md`."""

from __future__ import annotations

import sys
from typing import Final

from trainyard_api.contract import EXIT_CLASSES, ExitCode
from trainyard_api.phase import RETRYABLE, FailureClass

MEANING: Final[dict[ExitCode, tuple[str, str]]] = {
    ExitCode.SUCCEEDED: ("trained to the end; the model is registered", "nothing"),
    ExitCode.PROGRAM_ERROR: (
        "an error that no other code names; the last lines of the log show it",
        "read the log",
    ),
    ExitCode.BAD_CONFIGURATION: (
        "the configuration does not fit the data, or the run's description is not valid",
        "correct `spec.training`",
    ),
    ExitCode.BAD_DATA: (
        "the dataset cannot be read or learned from; the message names row, column and value where it can",
        "correct the dataset and upload it again",
    ),
    ExitCode.DATASET_MISSING: (
        "the dataset's file is not on the volume",
        "upload the dataset again",
    ),
    ExitCode.CHECKPOINT_MISSING: (
        "the checkpoint that `resumeFrom` names is not there",
        "name `latest`, `best` or `step-<n>` of a session that has saved one",
    ),
    ExitCode.DIVERGED: (
        "the loss became infinite or not a number",
        "lower `learningRate`, set `gradientClip`, look for extreme values",
    ),
    ExitCode.WORKER_LOST: (
        "another worker of the gang ended or cannot be reached",
        "look at the log of the worker that ended first",
    ),
    ExitCode.VOLUME_FULL: (
        "the volume has no room for checkpoints or the model",
        "delete what is not needed, or enlarge the volume",
    ),
    ExitCode.PREEMPTED: (
        "SIGTERM came, the step was finished and a checkpoint is saved",
        "nothing; the session goes on when it is its turn",
    ),
    ExitCode.ACCESS_DENIED: (
        "the gateway or the volume refused access",
        "ask whoever runs the installation",
    ),
}

HEAD: Final = """# Exit codes of a trainer

Own programs started by `spec.command` may use the same numbers; every other number counts as `ProgramError`.
This page is generated (`python -m trainyard_trainer.exit_codes`); a test compares it with the code.

| Code | Name | Failure class | Tried again | Meaning | What to do |
|---:|---|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    return HEAD + "".join(_row(code) for code in ExitCode)


def _row(code: ExitCode) -> str:
    meaning, advice = MEANING[code]
    if code is ExitCode.SUCCEEDED:
        kind, again = "–", "–"
    elif code is ExitCode.PREEMPTED:
        kind, again = "–", "yes, and not counted as a failure"
    else:
        failure = EXIT_CLASSES.get(code, FailureClass.PROGRAM_ERROR)
        kind, again = f"`{failure}`", "up to `retry.limit` times" if failure in RETRYABLE else "no"
    return f"| {int(code)} | `{code.name}` | {kind} | {again} | {meaning} | {advice} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
