"""Which of the things that a program counts is its training, and how far that is. Pure.

A training's bar is the outermost one that is drawn over time; bars within it (an evaluation) do not
count. One that begins again counts the steps of an epoch. Bars without a name have to last
`PROVEN_SECONDS` or to begin again: those of preparations end before.
"""

from __future__ import annotations

from typing import NamedTuple

from trainyard_supervisor.progress.reading import Reading

PROVEN_SECONDS = 5.0
MAX_SOURCES = 200
STALE_SECONDS = 900.0
"""After so long without a word, something else may be the training."""


class Progress(NamedTuple):
    """How far a training is; None for what is not known."""

    step: int
    total_steps: int | None = None
    epoch: int | None = None
    epochs: int | None = None


class _Source:
    """One thing that is counted."""

    done: int = -1
    total: int | None = None
    restarts: int = 0
    before: int = 0
    """What was counted before it began again, if it has no total."""
    over_epochs: bool = False
    """Whether it counts on from one epoch to the next."""
    epoch: int | None = None
    accepted: bool = False
    seen: float = 0.0
    progress: Progress | None = None

    def __init__(self, order: int, *, within_epoch: bool, nested: bool) -> None:
        """`nested` tells that it began while another one was under way."""
        self.order, self.within_epoch, self.nested = order, within_epoch, nested

    @property
    def under_way(self) -> bool:
        """Whether it is the training, and not at its end."""
        if not self.accepted or self.nested or self.progress is None or self.total is None:
            return False
        goal = self.progress.total_steps
        return goal is None or self.progress.step < goal


class ProgressTracker:
    """The progress that a program's lines tell, from the first one on."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}
        self._chosen: _Source | None = None
        self._first_epoch: int | None = None
        self._epoch: int | None = None
        self._epochs: int | None = None
        self._summary = False

    def see(self, reading: Reading, now: float) -> Progress | None:
        """The progress after `reading`; None if it says nothing new about the training.

        `now` is in seconds of a monotonic clock.
        """
        if reading.epoch is not None:
            self._see_epoch(reading)
        if reading.done is None:
            return self._by_epochs() if self._chosen is None else None
        source = self._source(reading, reading.done)
        if source is None or not source.accepted:
            return None
        source.progress = self._by_steps(source)
        counts = self._counts(source, now)
        source.seen = now
        if not counts:
            return None
        self._chosen = source
        return source.progress

    def _see_epoch(self, reading: Reading) -> None:
        if self._first_epoch is None:
            self._first_epoch = reading.epoch
        self._epoch, self._summary = reading.epoch, reading.summary
        if reading.epochs:
            self._epochs = reading.epochs

    def _source(self, reading: Reading, done: int) -> _Source | None:
        """The source of a reading, brought up to date."""
        source = self._sources.get(reading.source)
        if source is None:
            if len(self._sources) >= MAX_SOURCES:
                return None
            nested = any(other.under_way for other in self._sources.values())
            source = _Source(len(self._sources), within_epoch=reading.within_epoch, nested=nested)
            self._sources[reading.source] = source
        elif done < source.done:
            source.restarts += 1
            source.before += source.done if reading.total is None else 0
        elif done > source.done and source.epoch != self._epoch:
            source.over_epochs = self._goes_on(reading, done)
        source.done, source.total, source.epoch = done, reading.total, self._epoch
        source.accepted = source.accepted or _is_training(reading, source.restarts)
        return source

    def _goes_on(self, reading: Reading, done: int) -> bool:
        """Whether steps beside an epoch are those of the training, when an epoch begins."""
        completed, epochs = self._completed_epochs(), self._all_epochs()
        if reading.source != "epoch step" or not reading.total or not epochs or not completed:
            return False
        return done * epochs >= reading.total * completed

    def _counts(self, source: _Source, now: float) -> bool:
        """Whether `source` is the training, and not the one that was taken for it before."""
        chosen = self._chosen
        if chosen is None or chosen is source:
            return not source.nested
        silent = now - chosen.seen
        if silent >= STALE_SECONDS:
            source.nested = False
            return True
        if source.nested:
            return False
        if source.total is None:
            return not chosen.under_way and (silent >= PROVEN_SECONDS or chosen.total is not None)
        return source.order < chosen.order or not chosen.under_way

    def _by_steps(self, source: _Source) -> Progress:
        completed, epochs = self._completed_epochs(), self._all_epochs()
        if source.total is None:
            return Progress(source.before + source.done, None, completed, epochs)
        inner = source.within_epoch or source.restarts > 0 or epochs is not None
        if source.over_epochs or not inner:
            return Progress(source.done, source.total, completed, epochs)
        before = completed if completed is not None else source.restarts
        total = source.total * epochs if epochs is not None else None
        return Progress(before * source.total + source.done, total, completed, epochs)

    def _by_epochs(self) -> Progress | None:
        completed = self._completed_epochs()
        if completed is None:
            return None
        epochs = self._all_epochs()
        done = completed + (1 if self._summary else 0)
        done = done if epochs is None else min(done, epochs)
        return Progress(done, epochs, done, epochs)

    def _completed_epochs(self) -> int | None:
        if self._epoch is None:
            return None
        return max(0, self._epoch - (0 if self._first_epoch == 0 else 1))

    def _all_epochs(self) -> int | None:
        """All epochs; a program that counts from 0 may name the last one instead."""
        if self._epochs is None or self._epoch is None:
            return None
        counts_to_the_last = self._first_epoch == 0 and self._epoch >= self._epochs
        return self._epochs + 1 if counts_to_the_last else self._epochs


def _is_training(reading: Reading, restarts: int) -> bool:
    """Whether a source is a training at all: by its name, by time, or since it begins again."""
    if reading.trusted or restarts > 0:
        return True
    unnamed = reading.source.startswith("bar  ")
    return unnamed and (reading.seconds or 0) >= PROVEN_SECONDS
