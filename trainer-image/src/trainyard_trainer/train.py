"""The training loop: epochs of batches, validation after each, checkpoints on the way.

Everything that decides the result is a function of the seed, the configuration and the position (epoch, step in the epoch), or is in
the checkpoint: a run that was killed and resumed on the CPU ends with the same bits as one that was not.
"""

from __future__ import annotations

import math
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainyard.reporting import Run as Reporter
from trainyard_api.training import Precision, TrainingConfig
from trainyard_trainer import models, objective, optimizer
from trainyard_trainer.checkpoint import BEST, BackgroundWriter, CheckpointFolder, Record
from trainyard_trainer.data import Dataset
from trainyard_trainer.errors import BadConfiguration, Diverged, Preempted
from trainyard_trainer.process_group import Gang
from trainyard_trainer.schedule import learning_rate
from trainyard_trainer.staging import Staging

_DTYPES = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


@dataclass(slots=True)
class Position:
    """How far the training is; part of every checkpoint."""

    step: int = 0
    """Optimizer steps done."""
    epoch: int = 0
    """Epochs completed."""
    batch: int = 0
    """Batches of the current epoch done."""
    best_loss: float = math.inf
    """Lowest validation loss."""
    stale_epochs: int = 0
    """Epochs since then."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Metrics of the last completed epoch."""


def split_into_batches(samples: int, size: int) -> list[slice]:
    """The batches of an epoch. A single sample left over joins the batch before it: batch normalisation needs two."""
    starts = list(range(0, samples, size))
    if len(starts) > 1 and samples - starts[-1] == 1 and size > 1:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], samples], strict=True)]


class Trainer:
    """One model, one dataset, one run."""

    def __init__(  # noqa: PLR0913  # what to train, with what, and the seams
        self,
        config: TrainingConfig,
        dataset: Dataset,
        checkpoints: CheckpointFolder,
        report: Reporter,
        gang: Gang,
        device: torch.device,
        staging: Staging | None = None,
    ) -> None:
        """`staging` makes the copies for checkpoints."""
        torch.manual_seed(config.seed)
        self.config, self.dataset, self.gang, self.device = config, dataset, gang, device
        self.model = gang.equip(models.build(config, dataset.shape)).to(device)
        self.optimizer = optimizer.build(config, self.model)
        if config.precision is Precision.FP16 and device.type != "cuda":
            raise BadConfiguration("precision fp16 needs a GPU", hint="use bf16 or fp32 on the CPU")
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision is Precision.FP16)
        self.position = Position()
        self.best: dict[str, Tensor] | None = None
        self.batches = split_into_batches(len(dataset.train), config.batch_size)
        self.steps_per_epoch = len(self.batches)
        self.total_steps = self.steps_per_epoch * config.epochs
        self._checkpoints = checkpoints
        # A resumed run goes on after the checkpoint: what was measured before it must not die with this process.
        self._writer = BackgroundWriter(checkpoints, report.flush, self._saved, staging)
        self._report = report
        self._last_saved = time.monotonic()
        self._stop = False
        """This worker was asked to stop."""
        self._leaving = False
        """All workers know that one of them was."""

    def fit(self) -> None:
        """Train to the end. Raises Preempted after SIGTERM, Diverged when the loss is not finite."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._report.goal(total_steps=self.total_steps, epochs=self.config.epochs)
        while self.position.epoch < self.config.epochs and not self._exhausted():
            self._train_epoch()
            self._finish_epoch()
        self._writer.wait()
        if self.gang.leads:
            self._report.progress(self.position.step, self.position.epoch)
        if self.best is not None:
            self.model.load_state_dict(self.best)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on. Its tensors stay as they are until the optimizer steps: what else may change is a copy."""
        random: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "model": self._steady(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": random,
            "position": {name: getattr(self.position, name) for name in Position.__slots__},
            "best": self.best,
            "config": self.config.model_dump_json(),
        }

    def _steady(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """With copies of what is not the optimizer's, such as running means, which the next batch changes."""
        groups = self.optimizer.param_groups
        its = {p.untyped_storage().data_ptr() for group in groups for p in group["params"]}
        for name, tensor in weights.items():
            if tensor.untyped_storage().data_ptr() not in its:
                weights[name] = tensor.clone()
        return weights

    def restore(self, state: dict[str, Any], same_run: bool = True) -> None:
        """Go on from a checkpoint; with `same_run` False only weights and optimizer state are taken (a fork)."""
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise BadConfiguration(f"the checkpoint belongs to another model: {error}") from error
        if state["optimizer"]["param_groups"] and self._same_optimizer(state):
            self.optimizer.load_state_dict(state["optimizer"])
        if not same_run:
            return
        self.scaler.load_state_dict(state["scaler"])
        self.position = Position(**state["position"])
        self.best = state["best"]
        torch.set_rng_state(state["random"]["cpu"])
        if "cuda" in state["random"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)

    def _same_optimizer(self, state: dict[str, Any]) -> bool:
        return (
            TrainingConfig.model_validate_json(state["config"]).optimizer == self.config.optimizer
        )

    def _train_epoch(self) -> None:
        position = self.position
        order = self._order(position.epoch)
        self.model.train()
        while position.batch < self.steps_per_epoch:
            rows = order[self.batches[position.batch]]
            loss, rate = self._step(rows)
            position.step += 1
            position.batch += 1
            if position.step % self.config.log_every_steps == 0 and self.gang.leads:
                self._report.log({"train/loss": loss, "train/learning_rate": rate}, position.step)
            if self.gang.leads:
                self._report.progress(position.step, position.epoch)
            if position.batch < self.steps_per_epoch:
                # At the end of an epoch the validation belongs into the checkpoint, so that one is taken there.
                self._checkpoint_if_due()
                if self._leaving:
                    self._leave()

    def _step(self, rows: Tensor) -> tuple[float, float]:
        """One optimizer step; returns the batch's loss and the learning rate."""
        config, position = self.config, self.position
        rate = learning_rate(config, position.step, self.total_steps, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        if self.gang.size > 1:
            # Dropout must differ between workers, and a checkpoint holds the generator of rank 0 only.
            torch.manual_seed(
                ((config.seed * 1_000_003 + position.step) * 4096 + self.gang.rank) % 2**63
            )
        inputs, targets = objective.batch(self.dataset.train, self.gang.part(rows), self.device)
        whole = len(rows) * (
            objective.sample_count(config.task, targets[:1]) if len(targets) else 1
        )
        summed = objective.loss_sum(config.task, self._forward(inputs), targets)
        share = summed / whole
        self.scaler.scale(share).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        loss, asked = self.gang.sum_gradients(self.model, share, float(self._stop))
        self._leaving = asked > 0 or (self.gang.size == 1 and self._stop)
        if not math.isfinite(loss):
            # Before the optimizer touches the weights: the last checkpoint stays the last good state.
            raise Diverged(
                f"the loss is {loss} at step {position.step + 1}",
                hint="lower learningRate, set gradientClip, or look for extreme values in the data",
            )
        if config.gradient_clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        # The checkpoint before may still be copying what changes now.
        self._writer.copied()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss, rate

    def _forward(self, inputs: Tensor) -> Tensor:
        try:
            with self._autocast():
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
        """Validate, remember the best, report, checkpoint."""
        position, config = self.position, self.config
        metrics = self._evaluate()
        position.epoch += 1
        position.batch = 0
        position.metrics = metrics
        loss = metrics.get("val/loss", math.inf)
        if math.isnan(loss):
            raise Diverged(f"the validation loss is {loss} after epoch {position.epoch}")
        min_delta = config.early_stopping.min_delta if config.early_stopping else 0.0
        improved = loss < position.best_loss - min_delta
        position.stale_epochs = 0 if improved else position.stale_epochs + 1
        if improved:
            position.best_loss = loss
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        if self.gang.leads:
            self._report.log(metrics, position.step, position.epoch)
            shown = ", ".join(f"{k} {v:.4f}" for k, v in metrics.items())
            print(f"epoch {position.epoch}/{config.epochs}: {shown}", flush=True)  # noqa: T201 - the run's own log
        if improved and self.gang.leads:
            self._writer.write(BEST, position.step, self.state())
        last = position.epoch == config.epochs or self._exhausted()
        self._checkpoint_if_due(epoch_end=True, force=last)
        if self.gang.any(self._stop):
            self._leave()

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        """Metrics of the training split's and the validation split's samples in evaluation mode."""
        self.model.eval()
        out: dict[str, float] = {}
        for prefix, split in (("train", self.dataset.train), ("val", self.dataset.validation)):
            tally = objective.Tally(self.config.task, self.dataset.schema)
            rows = torch.arange(len(split))
            for part in torch.split(self.gang.part(rows), self.config.batch_size):
                inputs, targets = objective.batch(split, part, self.device)
                with self._autocast():
                    scores = self.model(inputs)
                tally.add(scores, targets)
            tally.sums = self.gang.sum(tally.sums)
            named = tally.metrics(prefix)
            if prefix == "train":
                # The loss of each batch is reported on the way; of the whole split it has a name of its own.
                named = {k.replace("train/loss", "train/epoch_loss"): v for k, v in named.items()}
            out |= named
        return out

    def _order(self, epoch: int) -> Tensor:
        """The rows of an epoch in their order: a function of seed and epoch, so that no state has to be saved for it."""
        generator = torch.Generator().manual_seed((self.config.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(len(self.dataset.train), generator=generator)

    def _exhausted(self) -> bool:
        stopping = self.config.early_stopping
        return stopping is not None and self.position.stale_epochs >= stopping.patience

    def _checkpoint_if_due(self, epoch_end: bool = False, force: bool = False) -> None:
        every, position = self.config.checkpoint_every, self.position
        due = (
            force
            or (every.steps is not None and position.step % every.steps == 0)
            or (every.epochs is not None and epoch_end and position.epoch % every.epochs == 0)
            or (every.seconds is not None and time.monotonic() - self._last_saved >= every.seconds)
        )
        if due and self.gang.leads:
            self._last_saved = time.monotonic()
            self._writer.write(f"step-{position.step}", position.step, self.state())

    def _leave(self) -> None:
        if self.gang.leads:
            self._writer.write(f"step-{self.position.step}", self.position.step, self.state())
            self._writer.wait()
        raise Preempted(f"asked to stop at step {self.position.step}; a checkpoint is saved")

    def _saved(self, record: Record) -> None:
        if record.name != BEST:
            self._report.checkpoint(record.name, record.step, record.size_bytes)

    def _autocast(self) -> torch.autocast:
        dtype = _DTYPES.get(self.config.precision)
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def _on_sigterm(self, *_: object) -> None:
        self._stop = True
