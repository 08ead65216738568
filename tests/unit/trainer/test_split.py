"""Which samples are held out: the same share of every class, and something of each to train on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.training import TrainingConfig
from trainyard_trainer.data import split
from trainyard_trainer.data.split import SplitRule

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=12)
SHARES = st.sampled_from([0, 0.1, 0.2, 0.25, 0.5, 0.9])


def config(share: float, seed: int = 0) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {"task": "tabular-classification", "validationSplit": share, "seed": seed}
    )


@given(sizes=SIZES, share=SHARES, seed=st.integers(0, 2**32 - 1))
def test_every_class_is_trained_on_and_gets_its_share(
    sizes: list[int], share: float, seed: int
) -> None:
    ids = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = split.stratified(ids, config(share, seed))
    again = split.stratified(ids, config(share, seed))
    wanted = int(len(ids) * share)
    trained = np.bincount(ids[rows.train], minlength=len(sizes))
    held = np.bincount(ids[rows.validation], minlength=len(sizes))

    assert rows.rule is SplitRule.STRATIFIED
    assert np.array_equal(rows.train, again.train)
    assert sorted([*rows.train, *rows.validation]) == list(range(len(ids)))
    assert trained.min() >= 1
    assert len(rows.validation) == min(wanted, len(ids) - len(sizes))
    for size, count in zip(sizes, held, strict=True):
        exact = size * wanted / len(ids)
        # At least the share rounded down, and at most one more, unless others had none to give.
        assert count >= min(int(exact), size - 1)
        if wanted <= len(ids) - len(sizes):
            assert count <= int(exact) + 1 or any(
                h == s - 1 for h, s in zip(held, sizes, strict=True)
            )


@pytest.mark.parametrize(
    ("sizes", "wanted", "held"),
    [
        pytest.param([8, 4], 3, [2, 1], id="shares are whole"),
        pytest.param([90, 5, 5], 20, [18, 1, 1], id="rare classes"),
        pytest.param([97, 2, 1], 20, [19, 1, 0], id="two and one sample"),
        pytest.param([1, 1, 1], 1, [0, 0, 0], id="single samples are never held out"),
        pytest.param([10], 0, [0], id="nothing is held out"),
        pytest.param([50, 50, 2, 2, 2], 2, [1, 1, 0, 0, 0], id="fewer than classes"),
    ],
)
def test_seats(sizes: list[int], wanted: int, held: list[int]) -> None:
    assert split.seats(np.array(sizes), wanted).tolist() == held


def test_a_rare_class_is_trained_on_with_every_seed() -> None:
    ids = np.array([2 if i == 5 else i % 2 for i in range(60)])

    for seed in range(30):
        assert 5 in split.stratified(ids, config(0.2, seed)).train


def test_another_seed_holds_out_other_samples() -> None:
    ids = np.arange(60) % 3
    first, second = (split.stratified(ids, config(0.2, seed)).validation for seed in (0, 1))

    assert not np.array_equal(first, second)
