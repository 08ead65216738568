"""One attempt of one session, from the pod's environment to an exit code."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import ValidationError
from torch.utils import deterministic

from trainyard import reporting
from trainyard_api import contract
from trainyard_api.attempt import AttemptDataset, AttemptSpec
from trainyard_api.contract import ExitCode
from trainyard_api.training import TrainingConfig
from trainyard_trainer import (
    cpu,
    data,
    dataset_schema,
    error_report,
    gpu_metrics,
    model_export,
    resume,
)
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.distributed import launcher, process_group
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.errors import BadConfiguration, Preempted, TrainingError
from trainyard_trainer.resume import Start
from trainyard_trainer.training.train import Trainer

DELIVERY_SECONDS = 60.0
"""How long the end of a training waits for the gateway to take the last reports."""
PREEMPTED_DELIVERY_SECONDS = 15.0
"""The same after SIGTERM: well inside the grace period. The rest stays in the spool."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders and files of a session; the defaults are those of a pod."""

    run: Path = Path(contract.RUN_DIR)
    datasets: Path = Path(contract.DATASETS_DIR)
    resume: Path = Path(contract.RESUME_DIR)
    termination: Path = Path(contract.TERMINATION_MESSAGE_FILE)


def train_pod(paths: Paths | None = None, processes: int | None = None) -> int:
    """Train this pod's part of the session in one or more processes; returns the exit code.

    `processes` is by default one per GPU that is requested and that PyTorch sees. A failure leaves
    a termination message.
    """
    paths = paths or Paths()
    try:
        spec = _read_spec()
    except BadConfiguration:
        # `train_session` reads it again and reports the error.
        return train_session(paths)
    if processes is None:
        visible = torch.cuda.device_count() if spec.gpus > 1 else spec.gpus
        processes = launcher.process_count(spec.gpus, visible)
    if processes == 1:
        return train_session(paths)
    code = launcher.launch(processes, spec.workers, functools.partial(train_session, paths))
    if code not in (ExitCode.SUCCEEDED, ExitCode.PREEMPTED):
        error_report.report_killed_process(paths.termination, code)
    return code


def train_session(paths: Paths) -> int:
    """Train in this process, save and register the model; returns the exit code.

    A failure leaves a termination message. No exception leaves this function.
    """
    report, delivery = reporting.init(run_dir=paths.run), DELIVERY_SECONDS
    try:
        _train(_read_spec(), paths, report)
        code = ExitCode.SUCCEEDED
    except Preempted as error:
        _log(str(error))
        code, delivery = error.exit_code, PREEMPTED_DELIVERY_SECONDS
    except TrainingError as error:
        code = error.exit_code
        kind = type(error).__name__
        error_report.report_error(paths.termination, kind, str(error), error.hint)
    except Exception as error:  # the log and the termination message must name any error
        code = error_report.exit_code_of(error)
        error_report.report_crash(paths.termination, error)
    reporting.finish(delivery)
    return int(code)


def _train(spec: AttemptSpec, paths: Paths, report: reporting.SessionReporter) -> None:
    config = spec.training
    if config is None or spec.dataset is None:
        raise BadConfiguration("the built-in trainer needs `training` and a dataset in the session")
    torch.set_num_threads(max(1, cpu.core_count() // _local("LOCAL_WORLD_SIZE", 1)))
    # As use_deterministic_algorithms(True, warn_only=True), which also imports torch's compiler.
    torch.set_deterministic_debug_mode("warn")
    # In deterministic mode PyTorch fills each new tensor with NaN, which only finds bugs and takes
    # time on a GPU (see loss_reading.py).
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property of the module
    device = _device(spec)
    group = process_group.join(spec.workers * _local("LOCAL_WORLD_SIZE", 1), device)
    _log_start(spec, device, group)
    folder = CheckpointFolder(paths.run / contract.CHECKPOINTS, config.keep_checkpoints)
    start = resume.find(folder, spec.resume_from, paths.resume)
    dataset = _load(spec.dataset, config, paths, start)
    if group.is_rank_zero:
        for note in dataset.notes:
            _log(f"note: {note}")
    trainer = Trainer(config, dataset, folder, report, group, device)
    _start(trainer, start)
    read = gpu_metrics.nvml_reader() if device.type == "cuda" and group.is_rank_zero else None
    with gpu_metrics.reported_every(report, lambda: trainer.progress.step, read):
        trainer.fit()
    if group.is_rank_zero:
        card = model_export.model_card(spec, trainer)
        model = model_export.save(paths.run / contract.OUTPUT, trainer, card)
        receipt = model_export.register(report, model, card)
        _log(f"registered {receipt.get('name')} version {receipt.get('version')}")
    group.destroy()


def _load(
    named: AttemptDataset, config: TrainingConfig, paths: Paths, start: Start | None
) -> data.Dataset:
    file = paths.datasets / named.file
    kept = dataset_schema.KeptSchema(paths.run / dataset_schema.FILE, _log)
    place = paths.datasets / named.schema_file if named.schema_file else None
    source = kept.find(place) if file.is_file() else None
    terms = data.Terms(source, paths.run / contract.CACHE / f"{named.sha256}.arrow")
    if start is not None:
        terms = replace(terms, learned=start.learned(), classes_by=start.split_rule())
    dataset = data.load(file, named.format, config, terms)
    if dataset.source is not None:
        kept.keep(dataset.source)
    return dataset


def _log_start(spec: AttemptSpec, device: torch.device, group: ProcessGroup) -> None:
    _log(
        f"attempt {spec.attempt} of {spec.session} on {device},"
        f" {spec.workers} worker(s), {group.world_size} process(es) in all"
    )
    if spec.gpus and device.type == "cpu":
        _log(f"{spec.gpus} GPU(s) were asked for and PyTorch sees none: training on the CPU")


def _start(trainer: Trainer, start: Start | None) -> None:
    if start is None:
        return
    if start.session is None:
        resume.check_same_data(start.learned(), trainer.dataset.schema)
        trainer.load_state_dict(start.state)
        _log(f"resumed at step {start.step}")
    else:
        trainer.start_from(start.state)
        _log(f"forked from {start.session} at step {start.step}")


def _read_spec() -> AttemptSpec:
    text = os.environ.get(contract.ENV_RUN)
    if text is None:
        raise BadConfiguration(
            f"the environment variable {contract.ENV_RUN} is missing",
            hint="start it as a TrainingSession",
        )
    try:
        return AttemptSpec.model_validate_json(text)
    except ValidationError as error:
        raise BadConfiguration(f"{contract.ENV_RUN} is not valid: {error}") from error


def _device(spec: AttemptSpec) -> torch.device:
    if not spec.gpus or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", _local("LOCAL_RANK", 0))
    # nccl, pinned memory and every call without a device use the current one.
    torch.cuda.set_device(device)
    return device


def _local(name: str, default: int) -> int:
    """A number that the launcher sets; `default` where the pod has one process."""
    return int(os.environ.get(name) or default)


def _log(text: str) -> None:
    """Print a line: the session's log is the pod's standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
