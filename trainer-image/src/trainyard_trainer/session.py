"""One attempt of one session, from the pod's environment to an exit code."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError

from trainyard import reporting
from trainyard_api import contract
from trainyard_api.attempt import AttemptSpec
from trainyard_api.contract import ExitCode
from trainyard_trainer import data, error_report, gpu_metrics, launcher, model_export, process_group
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


def train_pod(places: Places | None = None, processes: int | None = None) -> int:
    """What a pod does: this worker's part of the training; returns the exit code, and leaves a termination message on failure.

    `processes` take part in it here, by default one per GPU that was asked for and that PyTorch sees.
    """
    places = places or Places()
    try:
        run = _read_run()
    except BadConfiguration:
        # Reported by the one that trains.
        return train_session(places)
    if processes is None:
        visible = torch.cuda.device_count() if run.gpus > 1 else run.gpus
        processes = launcher.process_count(run.gpus, visible)
    if processes == 1:
        return train_session(places)
    code = launcher.launch(processes, run.workers, functools.partial(train_session, places))
    if code not in (ExitCode.SUCCEEDED, ExitCode.PREEMPTED):
        error_report.say_for_others(places.termination, code)
    return code


def train_session(places: Places) -> int:
    """Train in this process, save, register; returns the exit code and leaves a termination message on failure."""
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
        error_report.explain(
            report, places.termination, type(error).__name__, str(error), error.hint
        )
    except Exception as error:  # whatever it is, the log and the termination message must say it
        code = error_report.code_of(error)
        error_report.crash(report, places.termination, error)
    reporting.finish(delivery)
    return int(code)


def _train(run: AttemptSpec, places: Places, report: reporting.Run) -> None:
    config = run.training
    if config is None or run.dataset is None:
        raise BadConfiguration("the built-in trainer needs `training` and a dataset in the session")
    torch.set_num_threads(_threads())
    # As use_deterministic_algorithms(True, warn_only=True), which imports torch's compiler besides.
    torch.set_deterministic_debug_mode("warn")
    device = _device(run)
    workers = process_group.join(run.workers * _local("LOCAL_WORLD_SIZE", 1), device)
    _say(
        f"attempt {run.attempt} of {run.session} on {device},"
        f" {run.workers} worker(s), {workers.size} process(es) in all"
    )
    if run.gpus and device.type == "cpu":
        _say(f"{run.gpus} GPU(s) were asked for and PyTorch sees none: training on the CPU")
    parsed = places.run / contract.CACHE / f"{run.dataset.sha256}.arrow"
    dataset = data.load(places.datasets / run.dataset.file, run.dataset.format, config, parsed)
    folder = CheckpointFolder(places.run / contract.CHECKPOINTS, config.keep_checkpoints)
    trainer = Trainer(config, dataset, folder, report, workers, device)
    _resume(trainer, folder, run, places)
    read = gpu_metrics.reader() if device.type == "cuda" and workers.leads else None
    with gpu_metrics.watched(report, lambda: trainer.position.step, read):
        trainer.fit()
    if workers.leads:
        card = model_export.model_card(run, trainer)
        model = model_export.save(places.run / contract.OUTPUT, trainer, card)
        receipt = model_export.register(report, model, card)
        _say(f"registered {receipt.get('name')} version {receipt.get('version')}")
    workers.leave()


def _resume(trainer: Trainer, folder: CheckpointFolder, run: AttemptSpec, places: Places) -> None:
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


def _read_run() -> AttemptSpec:
    described = os.environ.get(contract.ENV_RUN)
    if described is None:
        raise BadConfiguration(
            f"the environment variable {contract.ENV_RUN} is missing",
            hint="start it as a TrainingSession",
        )
    try:
        return AttemptSpec.model_validate_json(described)
    except ValidationError as error:
        raise BadConfiguration(f"{contract.ENV_RUN} is not valid: {error}") from error


def _device(run: AttemptSpec) -> torch.device:
    if not run.gpus or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", _local("LOCAL_RANK", 0))
    # nccl, pinned memory and everything that names no device mean the current one.
    torch.cuda.set_device(device)
    return device


def _local(name: str, alone: int) -> int:
    """A number that the launcher has set, `alone` where there is one process in the pod."""
    return int(os.environ.get(name) or alone)


def _say(text: str) -> None:
    """A line of the run's log, which is its standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _threads() -> int:
    """As many threads as this process may use of the pod's cores: more would only take turns."""
    return max(1, _cores() // _local("LOCAL_WORLD_SIZE", 1))


def _cores() -> int:
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
