"""Which samples are held out for validation. The same seed gives the same split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from trainyard_api.training import TrainingConfig
from trainyard_trainer.errors import BadData

Rows = NDArray[np.int64]


class SplitRule(StrEnum):
    """How samples are held out. A value is stored in run folders and model cards."""

    SHUFFLED = "shuffled"
    """The first samples of a permutation. Version 0.1 split classes like this, too."""
    STRATIFIED = "stratified"
    """The same share of each class, and at least one sample of each class to train on."""
    FOLDERS = "folders"
    """As the folders of an archive say."""
    END = "end"
    """The end of a text."""


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Row numbers of both splits, each ascending, and the rule by which they were chosen."""

    rule: SplitRule
    train: Rows
    validation: Rows


def shuffled(rows: Rows, config: TrainingConfig) -> SplitRows:
    """Hold out a share of `rows`. Raises BadData when none are left to train on."""
    order = np.random.default_rng(config.seed).permutation(len(rows))
    held_out = _held_out(len(rows), config)
    train, validation = rows[np.sort(order[held_out:])], rows[np.sort(order[:held_out])]
    return SplitRows(SplitRule.SHUFFLED, train, validation)


def stratified(classes: Rows, config: TrainingConfig) -> SplitRows:
    """Hold out about the same share of each class.

    `classes` has the class id of each sample, -1 of one that is left out. As many samples as
    `shuffled` holds out, unless a class would lose its last one. Raises BadData as `shuffled`.
    """
    rows = np.flatnonzero(classes >= 0)
    known = classes[rows]
    sizes = np.bincount(known)
    quotas = seats(sizes, _held_out(len(rows), config))
    order = np.random.default_rng(config.seed).permutation(len(rows))
    # The place of each sample among those of its class, in the order of the permutation.
    drawn = known[order].astype(np.uint16 if len(sizes) < 2**16 else np.int64)
    by_class = np.argsort(drawn, kind="stable")
    first = np.cumsum(sizes) - sizes
    place = np.empty(len(rows), np.int64)
    place[by_class] = np.arange(len(rows)) - np.repeat(first, sizes)
    held = place < quotas[drawn]
    train, validation = rows[np.sort(order[~held])], rows[np.sort(order[held])]
    return SplitRows(SplitRule.STRATIFIED, train, validation)


def folders(names: Sequence[str]) -> SplitRows:
    """The splits that an archive's folders name: `train` or `validation` of each sample."""
    held = np.array([name == "validation" for name in names])
    if held.all():
        raise BadData("the archive's folders leave no image to train on")
    return SplitRows(SplitRule.FOLDERS, np.flatnonzero(~held), np.flatnonzero(held))


def seats(sizes: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """How many samples of each class are held out, `wanted` in all where possible.

    Each class gets its share rounded down. The rest goes to classes of two samples or more that
    have none yet, then by the largest remainder. A class keeps at least one sample to train on.
    """
    most = np.maximum(sizes - 1, 0)
    total = int(sizes.sum())
    if total == 0:
        return np.zeros_like(sizes)
    given = np.minimum(sizes * wanted // total, most)
    remainders = sizes * wanted % total
    while (left := wanted - int(given.sum())) > 0:
        open_classes = np.flatnonzero(given < most)
        if not len(open_classes):
            break
        rank = np.lexsort((open_classes, -remainders[open_classes], given[open_classes] > 0))
        given[open_classes[rank[:left]]] += 1
    return given


def _held_out(count: int, config: TrainingConfig) -> int:
    held_out = int(count * config.validation_split)
    if count - held_out < 1:
        raise BadData(
            f"{count} samples leave none to train on with validationSplit {config.validation_split}"
        )
    return held_out
