"""The copy of a state that is written while the training goes on."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from trainyard_trainer.checkpoints.staging import Staging


def state_of(model: nn.Module) -> dict[str, Any]:
    optimizer = torch.optim.Adam(model.parameters())
    loss = sum(p.square().sum() for p in model.parameters())
    loss.backward()  # type: ignore[union-attr]  # a sum of tensors
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "seen": [1, 2]}


def take(staging: Staging, state: dict[str, Any]) -> dict[str, Any]:
    copy = staging.begin(state)
    copy.fill()
    return copy.state


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_copy_stays_as_it_was_while_the_training_goes_on() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    state = state_of(model)
    before = copy.deepcopy(state)

    taken = take(Staging(), state)
    with torch.no_grad():
        for tensor in state["model"].values():
            tensor += 1
    state["seen"].append(3)

    assert same(taken, before)
    assert not same(taken, state)
    assert type(taken["model"]) is OrderedDict
    assert taken["model"]._metadata == before["model"]._metadata


def test_the_next_copy_lies_in_the_same_memory_unless_it_has_another_shape() -> None:
    staging, tensors = Staging(), {"a": torch.zeros(5), "b": torch.zeros(2, 3)}
    first = {name: t.data_ptr() for name, t in take(staging, tensors).items()}
    tensors = {"a": torch.arange(5.0), "b": torch.ones(3, 3)}

    second = take(staging, tensors)

    assert same(second, tensors)
    assert second["a"].data_ptr() == first["a"]
    assert second["b"].data_ptr() != first["b"]
    assert same(
        take(staging, {"a": torch.zeros(5, dtype=torch.int64)}), {"a": torch.zeros(5).long()}
    )


def test_tied_weights_stay_one_and_a_part_of_a_tensor_is_copied_alone() -> None:
    whole = torch.arange(1000.0).reshape(10, 100)
    tied = {"in": whole.detach(), "out": whole.detach(), "column": whole[:, 3]}

    taken = take(Staging(), tied)

    assert same(taken, tied)
    assert taken["in"].data_ptr() == taken["out"].data_ptr()
    assert taken["column"].untyped_storage().nbytes() == 40
