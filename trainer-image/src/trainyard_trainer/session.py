"""One attempt of one session, from the pod's environment to an exit code."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError

from trainyard import reporting
from trainyard.reporting.transport import GatewayTransport
from trainyard_api import contract
from trainyard_api.contract import ExitCode
from trainyard_api.run import Run
from trainyard_trainer import data, gang, gpus, outcome
from trainyard_trainer.checkpoint import CheckpointFolder
from trainyard_trainer.errors import BadConfiguration, CheckpointMissing, Preempted, TrainingError
from trainyard_trainer.train import Trainer

DELIVERY_SECONDS = 60.0
"""How long the end waits for the gateway to take the last reports."""
LEAVING_SECONDS = 15.0
"""The same after SIGTERM, well inside the grace period; what is left then waits on the volume."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are; the pod contract by default."""

    run: Path = Path(contract.RUN_DIR)
    datasets: Path = Path(contract.DATASETS_DIR)
    resume: Path = Path(contract.RESUME_DIR)
    termination: Path = Path(contract.TERMINATION_MESSAGE_FILE)


def train_session(places: Places | None = None) -> int:
    """Train, save, register; returns the exit code and leaves a termination message on failure."""
    places = places or Places()
    report, delivery = reporting.init(run_dir=places.run), DELIVERY_SECONDS
    try:
        run = _read_run()
        _train(run, places, report)
        code = ExitCode.SUCCEEDED
    except Preempted as error:
        _say(str(error))
        code, delivery = error.exit_code, LEAVING_SECONDS
    except TrainingError as error:
        code = error.exit_code
        _explain(report, places.termination, type(error).__name__, str(error), error.hint)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = ExitCode.VOLUME_FULL if full else ExitCode.PROGRAM_ERROR
        _crash(report, places.termination, error)
    except Exception as error:  # whatever it is, the log and the termination message must say it
        code = _code_of(error)
        _crash(report, places.termination, error)
    reporting.finish(delivery)
    return int(code)


def _train(run: Run, places: Places, report: reporting.Run) -> None:
    config = run.training
    if config is None or run.dataset is None:
        raise BadConfiguration("the built-in trainer needs `training` and a dataset in the session")
    torch.set_num_threads(_threads())
    # As use_deterministic_algorithms(True, warn_only=True), which imports torch's compiler besides.
    torch.set_deterministic_debug_mode("warn")
    device = torch.device("cuda" if run.gpus and torch.cuda.is_available() else "cpu")
    workers = gang.join(run.workers, device)
    _say(f"attempt {run.attempt} of {run.session} on {device}, {workers.size} worker(s)")
    parsed = places.run / contract.CACHE / f"{run.dataset.sha256}.arrow"
    dataset = data.load(places.datasets / run.dataset.file, run.dataset.format, config, parsed)
    folder = CheckpointFolder(places.run / contract.CHECKPOINTS, config.keep_checkpoints)
    trainer = Trainer(config, dataset, folder, report, workers, device)
    _resume(trainer, folder, run, places)
    read = gpus.reader() if device.type == "cuda" and workers.leads else None
    with gpus.watched(report, lambda: trainer.position.step, read):
        trainer.fit()
    if workers.leads:
        card = outcome.model_card(run, trainer)
        model = outcome.save(places.run / contract.OUTPUT, trainer, card)
        with closing(_transport()) as transport:
            receipt = outcome.register(transport, run, model, card)
        _say(f"registered {receipt.get('name')} version {receipt.get('version')}")
    workers.leave()


def _resume(trainer: Trainer, folder: CheckpointFolder, run: Run, places: Places) -> None:
    """From this session's own newest checkpoint, else from the one that a fork starts with, else from scratch."""
    own = folder.newest()
    if own is not None:
        record, state = own
        trainer.restore(state)
        _say(f"resumed at step {record.step}")
    elif run.resume_from is not None:
        wanted = run.resume_from.checkpoint
        found = CheckpointFolder(places.resume / contract.CHECKPOINTS).find(wanted)
        if found is None:
            raise CheckpointMissing(
                f"session {run.resume_from.session!r} has no checkpoint {wanted!r}",
                hint="name latest, best or step-<n> of a session that has saved one",
            )
        trainer.restore(found[1], same_run=False)
        _say(f"forked from {run.resume_from.session} at step {found[0].step}")


def _read_run() -> Run:
    described = os.environ.get(contract.ENV_RUN)
    if described is None:
        raise BadConfiguration(
            f"the environment variable {contract.ENV_RUN} is missing",
            hint="start it as a TrainingSession",
        )
    try:
        return Run.model_validate_json(described)
    except ValidationError as error:
        raise BadConfiguration(f"{contract.ENV_RUN} is not valid: {error}") from error


def _transport() -> GatewayTransport:
    token = Path(os.environ.get(contract.ENV_TOKEN_FILE, contract.TOKEN_FILE))
    return GatewayTransport(os.environ[contract.ENV_GATEWAY_URL], token, timeout=120.0)


def _say(text: str) -> None:
    """A line of the run's log, which is its standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _threads() -> int:
    """As many threads as this pod may use cores: more would only take turns."""
    cores = len(os.sched_getaffinity(0))
    for path, parse in (
        ("/sys/fs/cgroup/cpu.max", _cpu_max),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", _cfs_quota),
    ):
        try:
            limit = parse(Path(path).read_text())
        except (OSError, ValueError):
            continue
        if limit is not None:
            return max(1, min(cores, round(limit)))
    return cores


def _cpu_max(text: str) -> float | None:
    quota, period = text.split()
    return None if quota == "max" else int(quota) / int(period)


def _cfs_quota(text: str) -> float | None:
    return int(text) / 100_000 if int(text) > 0 else None


def _code_of(error: Exception) -> ExitCode:
    # gloo raises plain RuntimeErrors; only the path of its source in the text tells them apart.
    lost = isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )
    return ExitCode.WORKER_LOST if lost else ExitCode.PROGRAM_ERROR


def _crash(report: reporting.Run, file: Path, error: Exception) -> None:
    traceback.print_exception(error)
    _explain(report, file, type(error).__name__, str(error) or type(error).__name__, "")


def _explain(report: reporting.Run, file: Path, reason: str, message: str, hint: str) -> None:
    """For people in the log, for the operator in the termination message; both say the same."""
    _say(f"error: {message}" + (f" ({hint})" if hint else ""))
    lines = [line[:300] for line in report.last_lines()]
    while True:
        text = json.dumps(
            {"reason": reason, "message": message[:1500], "hint": hint[:500], "lastLogLines": lines}
        )
        if len(text.encode()) <= contract.TERMINATION_MESSAGE_BYTES or not lines:
            break
        lines = lines[1:]
    try:
        file.write_text(text)
    except OSError:
        # Outside a pod there is no such file; the log has said it.
        return
