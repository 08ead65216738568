"""Memory for copies of a training's state, reused from one checkpoint to the next.

Two thirds of the time of a copy into fresh memory are the kernel's clearing of its pages. Tensors
of a GPU are copied into pinned memory of the CPU.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_Path = tuple[str | int, ...]
_View = tuple[Any, ...]


class StagedState:
    """A copy of a state whose tensors are empty until `fill` is called."""

    def __init__(self, state: dict[str, Any], tensors: list[tuple[Tensor, Tensor]]) -> None:
        """`tensors` are pairs of a tensor in `state` and its source."""
        self.state = state
        self._tensors = tensors

    def fill(self) -> None:
        """Copy the tensors. Their sources must not change until this returns."""
        for target, source in self._tensors:
            target.copy_(source)
        self._tensors.clear()


class Staging:
    """Holds one copy; the next one overwrites it."""

    def __init__(self) -> None:
        self._buffers: dict[_Path, Tensor] = {}

    def begin(self, state: dict[str, Any]) -> StagedState:
        """A copy of `state`: tensors in this memory, everything else as by `copy.deepcopy`."""
        buffers: dict[_Path, Tensor] = {}
        sources: list[tuple[Tensor, Tensor]] = []
        seen: dict[_View, Tensor] = {}
        memo: dict[int, Any] = {}
        for path, tensor in _tensors(state, ()):
            view = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
            if view not in seen:
                seen[view] = buffers[path] = _buffer_for(tensor, self._buffers.get(path))
                sources.append((buffers[path], tensor))
            # Tied weights stay one tensor.
            memo[id(tensor)] = seen[view]
        self._buffers = buffers
        return StagedState(copy.deepcopy(state, memo), sources)


def _buffer_for(tensor: Tensor, buffer: Tensor | None) -> Tensor:
    """`buffer` where it fits the tensor, else a new one."""
    if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
        buffer = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
    return buffer


def _tensors(value: Any, path: _Path) -> Iterator[tuple[_Path, Tensor]]:
    """Every plain tensor in nested dicts, lists and tuples, with its path."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _tensors(one, (*path, name))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _tensors(one, (*path, index))
    elif type(value) is Tensor and value.layout is torch.strided and not value.requires_grad:
        yield path, value
