"""The training loop: epochs of batches, validation after each epoch, checkpoints in between.

Everything that decides the result is a function of seed, configuration and progress, or is part of
the checkpoint. On the CPU a training that was killed and resumed therefore ends with the same bits
as one that was not.
"""

from __future__ import annotations

import math
import signal
import time
from typing import Any

import torch
from torch import Tensor, nn

from trainyard.reporting import SessionReporter
from trainyard_api.training import Precision, TrainingConfig
from trainyard_trainer import models
from trainyard_trainer.checkpoints.folder import BEST, CheckpointFolder, CheckpointMetadata
from trainyard_trainer.checkpoints.staging import Staging
from trainyard_trainer.checkpoints.writer import AsyncCheckpointWriter
from trainyard_trainer.data import Dataset
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.errors import BadConfiguration, Diverged, Preempted
from trainyard_trainer.training import loss as losses
from trainyard_trainer.training import optimizer, warm_start
from trainyard_trainer.training.batches import epoch_order, load_batch, split_into_batches
from trainyard_trainer.training.evaluation import autocast, evaluate, shown
from trainyard_trainer.training.loss_reading import LossReading
from trainyard_trainer.training.progress import Progress, TrainedWeights
from trainyard_trainer.training.schedule import learning_rate


class Trainer:
    """Trains one model on one dataset."""

    def __init__(  # noqa: PLR0913  # what to train, with what, and the seams
        self,
        config: TrainingConfig,
        dataset: Dataset,
        checkpoints: CheckpointFolder,
        report: SessionReporter,
        group: ProcessGroup,
        device: torch.device,
        staging: Staging | None = None,
    ) -> None:
        """Build model and optimizer on `device`. Raises BadConfiguration for fp16 without a GPU.

        `staging` holds the copies for checkpoints; tests replace it.
        """
        torch.manual_seed(config.seed)
        self.config, self.dataset, self.group, self.device = config, dataset, group, device
        self.model = group.wrap(models.build(config, dataset.shape)).to(device)
        self.optimizer = optimizer.build(config, self.model)
        if config.precision is Precision.FP16 and device.type != "cuda":
            raise BadConfiguration("precision fp16 needs a GPU", hint="use bf16 or fp32 on the CPU")
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision is Precision.FP16)
        self.progress = Progress()
        self.best: dict[str, Tensor] | None = None
        self.batches = split_into_batches(len(dataset.train), config.batch_size)
        self.steps_per_epoch = len(self.batches)
        self.total_steps = self.steps_per_epoch * config.epochs
        self._checkpoints = checkpoints
        # A resumed attempt continues after the checkpoint: metrics from before it must be durable.
        self._writer = AsyncCheckpointWriter(checkpoints, report.flush, self._saved, staging)
        self._report = report
        self._last_saved = time.monotonic()
        self._terminated = False
        """This process received SIGTERM."""
        self._leaving = False
        """All processes know that one of them received SIGTERM."""
        # Read when the next step is queued: a loss that is not finite then ends the training one
        # update later, which no checkpoint holds.
        self.reads_loss_late = device.type == "cuda" and group.world_size == 1
        self._reading: LossReading | None = None

    def fit(self) -> None:
        """Train to the end. Raises Preempted after SIGTERM, Diverged when the loss is not finite.

        Afterwards the model has the weights of the best epoch: the last one whose validation loss
        was lower than all before it, by `minDelta` with early stopping. Without a validation split,
        or where the validation loss was never finite, it has those of the last epoch.
        """
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._report.goal(total_steps=self.total_steps, epochs=self.config.epochs)
        while self.progress.epoch < self.config.epochs and not self._stopped_early():
            self._train_epoch()
            self._finish_epoch()
        self._writer.wait_until_written()
        if self.progress.epoch < self.config.epochs:
            # It stops early on purpose: what it has done was the goal.
            self._report.goal(total_steps=self.progress.step, epochs=self.progress.epoch)
        if self.group.is_rank_zero:
            self._report.progress(self.progress.step, self.progress.epoch)
        self._take_best_weights()

    def trained_weights(self) -> TrainedWeights:
        """What is true of the model after `fit`: metrics, epoch and step of its weights."""
        progress = self.progress
        if self.best is None:
            return TrainedWeights(progress.epoch, progress.step, progress.metrics)
        epoch = progress.epoch - progress.stale_epochs
        return TrainedWeights(epoch, epoch * self.steps_per_epoch, progress.best_metrics)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume; the content of a checkpoint.

        Its tensors do not change before the next optimizer step: what else could change is copied.
        """
        random: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "model": self._with_copied_buffers(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": random,
            "position": {name: getattr(self.progress, name) for name in Progress.__slots__},
            "best": self.best,
            "config": self.config.model_dump_json(),
            "schema": self.dataset.schema.model_dump_json(),
            "split": str(self.dataset.split),
        }

    def _with_copied_buffers(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Copy what the optimizer does not own: the next batch changes running means."""
        groups = self.optimizer.param_groups
        owned = {p.untyped_storage().data_ptr() for group in groups for p in group["params"]}
        for name, tensor in weights.items():
            if tensor.untyped_storage().data_ptr() not in owned:
                weights[name] = tensor.clone()
        return weights

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint of this session.

        Raises BadConfiguration when the weights belong to another model.
        """
        warm_start.check_shapes(state["model"], self.model.state_dict())
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.progress = Progress(**state["position"])
        self.best = state["best"]
        torch.set_rng_state(state["random"]["cpu"])
        if "cuda" in state["random"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)

    def start_from(self, state: dict[str, Any]) -> None:
        """Begin with the weights and the optimizer's moments of another session's checkpoint.

        Options, seed, schedule and data stay this session's. Classes, columns and tokens are
        mapped by name; the notes say what has no counterpart. Raises BadConfiguration when the
        weights belong to another model, or where nothing can be mapped.
        """
        mapped = warm_start.map_state(
            state, warm_start.Target(self.model, self.dataset.schema, self.config)
        )
        self.model.load_state_dict(mapped.weights)
        if mapped.optimizer is not None:
            optimizer.take_moments(self.optimizer, mapped.optimizer)
        for sentence in mapped.notes:
            self.note(sentence)

    def _train_epoch(self) -> None:
        progress = self.progress
        order = self._order(progress.epoch)
        self.model.train()
        while progress.batch < self.steps_per_epoch:
            rows = order[self.batches[progress.batch]]
            self._step(rows)
            progress.step += 1
            progress.batch += 1
            if self.group.is_rank_zero:
                self._report.progress(progress.step, progress.epoch)
            if progress.batch < self.steps_per_epoch:
                # The checkpoint at the end of an epoch comes after its validation.
                self._checkpoint_if_due()
                if self._leaving:
                    self._leave()
        self._finish_reading()

    def _step(self, rows: Tensor) -> None:
        """One optimizer step on the batch `rows`."""
        config, progress = self.config, self.progress
        rate = learning_rate(config, progress.step, self.total_steps, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._backward(rows)
        # The loss of the step before, which the GPU has computed by now.
        self._finish_reading()
        self._reading = LossReading(loss, progress.step + 1, rate)
        if not self.reads_loss_late:
            self._finish_reading()
        if config.gradient_clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        # The previous checkpoint may still be copying the weights that change now.
        self._writer.wait_until_staged()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _finish_reading(self) -> None:
        """Read the last step's loss and report it when it is due. Raises Diverged."""
        if self._reading is None:
            return
        reading, self._reading = self._reading, None
        loss = reading.wait()
        if not math.isfinite(loss):
            raise Diverged(
                f"the loss is {loss} at step {reading.step}",
                hint="lower learningRate, set gradientClip, or look for extreme values in the data",
            )
        if reading.step % self.config.log_every_steps == 0 and self.group.is_rank_zero:
            values = {"train/loss": loss, "train/learning_rate": reading.learning_rate}
            self._report.log(values, reading.step)

    def _backward(self, rows: Tensor) -> Tensor:
        """Gradients of the mean loss over `rows`, summed over the processes; returns that loss."""
        config, group = self.config, self.group
        if group.world_size > 1:
            # Dropout must differ between processes; a checkpoint holds rank 0's generator only.
            seed = (config.seed * 1_000_003 + self.progress.step) * 4096 + group.rank
            torch.manual_seed(seed % 2**63)
        inputs, targets = load_batch(self.dataset.train, group.shard(rows), self.device)
        per_row = losses.sample_count(config.task, targets[:1]) if len(targets) else 1
        # In single precision: a sum over a batch overflows fp16 and keeps three digits in bf16.
        summed = losses.loss_sum(config.task, self._forward(inputs).float(), targets)
        share = summed / (len(rows) * per_row)
        self.scaler.scale(share).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if group.world_size == 1:
            self._leaving = self._terminated
            return share.detach()
        scalars = (share, float(self._terminated))
        loss, terminated = group.all_reduce_gradients(self.model, *scalars)
        self._leaving = terminated > 0
        return torch.tensor(loss)

    def _forward(self, inputs: Tensor) -> Tensor:
        try:
            with autocast(self.config, self.device):
                scores: Tensor = self.model(inputs)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise BadConfiguration(
                f"batch normalisation cannot learn from a batch of {len(inputs)} sample(s) of this size",
                hint="choose a batchSize above 1, larger images, or model.architecture mlp",
            ) from error
        return scores

    def _finish_epoch(self) -> None:
        """Validate, keep the best weights, report, write checkpoints."""
        progress, config = self.progress, self.config
        metrics = self._evaluate()
        progress.epoch += 1
        progress.batch = 0
        progress.metrics = metrics
        if math.isinf(metrics.get("val/loss", 0.0)):
            self.note(f"the validation loss was infinite after epoch {progress.epoch}")
        improved = self._keep_if_best(metrics.get("val/loss", math.inf))
        if self.group.is_rank_zero:
            self._report.log(metrics, progress.step, progress.epoch)
            self._say(f"epoch {progress.epoch}/{config.epochs}: {shown(metrics)}")
            if improved:
                self._writer.write(BEST, progress.step, self.state_dict())
        last = progress.epoch == config.epochs or self._stopped_early()
        self._checkpoint_if_due(epoch_end=True, force=last)
        if self.group.any(self._terminated):
            self._leave()

    def _keep_if_best(self, loss: float) -> bool:
        """Whether this epoch is the best so far. Raises Diverged for NaN."""
        progress, stopping = self.progress, self.config.early_stopping
        if math.isnan(loss):
            raise Diverged(f"the validation loss is {loss} after epoch {progress.epoch}")
        min_delta = stopping.min_delta if stopping else 0.0
        improved = loss < progress.best_loss - min_delta
        progress.stale_epochs = 0 if improved else progress.stale_epochs + 1
        if improved:
            progress.best_loss, progress.best_metrics = loss, progress.metrics
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        return improved

    def _take_best_weights(self) -> None:
        progress, config = self.progress, self.config
        if self.best is not None:
            self.model.load_state_dict(self.best)
            if not progress.best_metrics:
                # A checkpoint of version 0.1 holds the best weights without their metrics.
                progress.best_metrics = self._evaluate()
            best = self.trained_weights()
            self._say(
                f"the model has the weights of epoch {best.epoch}/{config.epochs}:"
                f" {shown(best.metrics)}"
            )
        elif math.isinf(progress.metrics.get("val/loss", 0.0)):
            self.note(
                "the validation loss was infinite after every epoch: the model has the weights of"
                " the last one"
            )

    def note(self, sentence: str) -> None:
        """Say something in the log and in the model card, once."""
        if sentence not in self.progress.notes:
            self.progress.notes.append(sentence)
            self._say(f"note: {sentence}")

    def _say(self, line: str) -> None:
        if self.group.is_rank_zero:
            print(line, flush=True)  # noqa: T201 - the session's log

    def _evaluate(self) -> dict[str, float]:
        return evaluate(self.model, self.dataset, self.config, self.device, self.group)

    def _order(self, epoch: int) -> Tensor:
        return epoch_order(len(self.dataset.train), self.config.seed, epoch)

    def _stopped_early(self) -> bool:
        stopping = self.config.early_stopping
        return stopping is not None and self.progress.stale_epochs >= stopping.patience

    def _checkpoint_if_due(self, epoch_end: bool = False, force: bool = False) -> None:
        every, progress = self.config.checkpoint_every, self.progress
        due = (
            force
            or (every.steps is not None and progress.step % every.steps == 0)
            or (every.epochs is not None and epoch_end and progress.epoch % every.epochs == 0)
            or (every.seconds is not None and time.monotonic() - self._last_saved >= every.seconds)
        )
        if due and self.group.is_rank_zero:
            self._finish_reading()
            self._last_saved = time.monotonic()
            self._writer.write(f"step-{progress.step}", progress.step, self.state_dict())

    def _leave(self) -> None:
        self._finish_reading()
        if self.group.is_rank_zero:
            step = self.progress.step
            self._writer.write(f"step-{step}", step, self.state_dict())
            self._writer.wait_until_written()
        raise Preempted(f"asked to stop at step {self.progress.step}; a checkpoint is saved")

    def _saved(self, metadata: CheckpointMetadata) -> None:
        if metadata.name != BEST:
            self._report.checkpoint(metadata.name, metadata.step, metadata.size_bytes)

    def _on_sigterm(self, *_: object) -> None:
        self._terminated = True
