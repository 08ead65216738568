"""What a checkpoint costs the training: written in the background, or by `torch.save` in between."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from steps import AcceptingTransport, synchronise, trainer_epoch
from workloads import Workload

from trainyard.reporting.gateway_reporter import GatewayReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training.train import Trainer


def stall(workload: Workload, device: torch.device, rounds: int) -> dict[str, Any]:
    """Milliseconds that an epoch takes longer with one checkpoint in it, by how it is written."""
    config = TrainingConfig.model_validate(workload.config("bf16"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file_format = "text" if workload.file_format == "txt" else workload.file_format
        dataset = data.load(workload.write(folder), file_format, config)
        report = GatewayReporter(AcceptingTransport(), folder / "spool", "uid", 1)
        checkpoints = CheckpointFolder(folder / "c")
        trainer = Trainer(config, dataset, checkpoints, report, ProcessGroup(), device)
        epoch = trainer_epoch(trainer)

        def timed(kind: str) -> float:
            synchronise(device)
            began = time.perf_counter()
            if kind == "background":
                trainer._writer.write("step-1", 1, trainer.state_dict())
            elif kind == "torch.save":
                torch.save(trainer.state_dict(), folder / "plain.pt")
            epoch()
            synchronise(device)
            took = time.perf_counter() - began
            # The rest of the background write must not reach into the next measurement.
            trainer._writer.wait_until_written()
            return took * 1e3

        kinds = ("none", "background", "torch.save")
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for kind in kinds:
            timed(kind)
        for turn in range(rounds):
            for kind in kinds if turn % 2 == 0 else reversed(kinds):
                times[kind].append(timed(kind))
        report.finish(10)
        size = (folder / "plain.pt").stat().st_size
    bare = statistics.median(times["none"])
    return {
        "milliseconds": times,
        "added": {kind: statistics.median(times[kind]) - bare for kind in kinds[1:]},
        "checkpoint_bytes": size,
    }
