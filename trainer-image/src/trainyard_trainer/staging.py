"""Memory that takes a copy of a training's state, and is used again for the next copy.

Of a copy into fresh memory two thirds of the time go into the kernel's clearing of its pages. What was on a GPU lies in pinned memory
of the CPU afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_Path = tuple[str | int, ...]
_View = tuple[Any, ...]


class Copy:
    """A copy of a state, of which only the tensors are missing until it is filled."""

    def __init__(self, state: dict[str, Any], tensors: list[tuple[Tensor, Tensor]]) -> None:
        self.state = state
        self._tensors = tensors

    def fill(self) -> None:
        """Copy the tensors. Nobody may change them until this is done."""
        for target, source in self._tensors:
            target.copy_(source)
        self._tensors.clear()


class Staging:
    """One copy at a time: the next one overwrites it."""

    def __init__(self) -> None:
        self._kept: dict[_Path, Tensor] = {}

    def begin(self, state: dict[str, Any]) -> Copy:
        """A copy of `state`: tensors, still to be filled in, in this memory; everything else copied as by `copy.deepcopy`."""
        staged: dict[_Path, Tensor] = {}
        sources: list[tuple[Tensor, Tensor]] = []
        seen: dict[_View, Tensor] = {}
        memo: dict[int, Any] = {}
        for path, tensor in _tensors(state, ()):
            view = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
            if view not in seen:
                seen[view] = staged[path] = _room(tensor, self._kept.get(path))
                sources.append((staged[path], tensor))
            # Tied weights stay one tensor.
            memo[id(tensor)] = seen[view]
        self._kept = staged
        return Copy(copy.deepcopy(state, memo), sources)


def _room(tensor: Tensor, kept: Tensor | None) -> Tensor:
    """Memory for a tensor: what is kept, where that fits."""
    if kept is None or kept.shape != tensor.shape or kept.dtype != tensor.dtype:
        kept = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
    return kept


def _tensors(value: Any, path: _Path) -> Iterator[tuple[_Path, Tensor]]:
    """Every plain tensor in dicts, lists and tuples, with its place."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _tensors(one, (*path, name))
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from _tensors(one, (*path, place))
    elif type(value) is Tensor and value.layout is torch.strided and not value.requires_grad:
        yield path, value
