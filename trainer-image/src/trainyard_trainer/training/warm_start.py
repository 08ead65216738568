"""What a session takes over from another session's checkpoint, mapped by name. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainyard_api.training import TrainingConfig
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.errors import BadConfiguration
from trainyard_trainer.models import named_axes
from trainyard_trainer.models.mlp import MLP

NAMES_SHOWN = 10
_OTHER_MODEL = "give the same training.model as the session that is resumed from"


@dataclass(frozen=True, slots=True)
class Target:
    """The session that begins."""

    model: nn.Module
    schema: DataSchema
    config: TrainingConfig


@dataclass(slots=True)
class MappedState:
    """Weights for the new model, the optimizer's state if it fits, and what is to be said."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Any] | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the named places of one axis come from: an index of the source's axis, or -1."""

    source: Tensor
    source_size: int


def map_state(state: dict[str, Any], target: Target) -> MappedState:
    """The state of a checkpoint for another session's model and data.

    A class that is new starts with untrained weights, a column or token that is new with zeros, so
    that the model first gives what it gave without it. Raises BadConfiguration when the models
    differ, or when no column or class has a counterpart.
    """
    fresh = target.model.state_dict()
    notes: list[str] = []
    places = _places(state, target, notes)
    axes = {a.parameter: (a.axis, a.of) for a in named_axes(target.model) if a.of in places}
    weights = dict(state["model"])
    for name, (axis, of) in axes.items():
        if name in weights and name in fresh:
            empty = fresh[name] if of == "outputs" else torch.zeros_like(fresh[name])
            weights[name] = _taken(name, weights[name], empty, axis, places[of])
    check_shapes(weights, fresh)
    optimizer = _optimizer(state, target, axes, places, notes)
    return MappedState(weights, optimizer, notes)


def check_shapes(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise BadConfiguration for the first tensor that is not of the model."""
    for name in [*wanted, *found]:
        there, here = (
            "×".join(map(str, one[name].shape)) or "one value" if name in one else "absent"
            for one in (found, wanted)
        )
        if there != here:
            raise BadConfiguration(
                f"the checkpoint belongs to another model: {name} is {there} there and {here} here",
                hint=_OTHER_MODEL,
            )


def _places(state: dict[str, Any], target: Target, notes: list[str]) -> dict[str, Place]:
    """The places of inputs and outputs that differ between the two sessions; absent if equal."""
    if not state.get("schema"):
        notes.append(
            "the checkpoint does not say its columns and classes (an older version wrote it): they"
            " are taken to be those of this dataset, in the same order"
        )
        return {}
    source = DataSchema.model_validate_json(state["schema"])
    _check_kinds(source, target)
    found: dict[str, Place] = {}
    for of, word, keys in (
        ("inputs", _input_word(source), _input_keys),
        ("outputs", "class", _output_keys),
    ):
        before, now = keys(source), keys(target.schema)
        if before == now or of == "outputs" and source.kind == "text":
            continue
        notes.extend(_differences(word, before, now))
        if of == "inputs" and not set(before) & set(now):
            raise BadConfiguration(
                f"no {word} of the dataset is known to the checkpoint: it has learned"
                f" {_listed(before)}; the dataset has {_listed(now)}",
                hint="name the columns as in the session that is resumed from, or leave out resumeFrom",
            )
        order = {key: i for i, key in enumerate(before)}
        found[of] = Place(torch.tensor([order.get(k, -1) for k in now]), len(before))
    if source.kind == "text" and "inputs" in found:
        found["outputs"] = found["inputs"]
    return found


def _check_kinds(source: DataSchema, target: Target) -> None:
    there, here = _kind(source), _kind(target.schema)
    if there != here:
        raise BadConfiguration(
            f"the checkpoint has learned {there}, and this session learns {here}",
            hint="resume from a session of the same task, or leave out resumeFrom",
        )
    fixed_size = isinstance(target.model, MLP) or source.sample_shape[:1] != _channels(target)
    if source.kind == "array" and fixed_size and source.sample_shape != target.schema.sample_shape:
        before, now = ("×".join(map(str, s.sample_shape)) for s in (source, target.schema))
        raise BadConfiguration(
            f"the checkpoint has learned images of {before} (channels × height × width), and the"
            f" dataset has {now}",
            hint="scale the images to the size of the session that is resumed from",
        )


def _channels(target: Target) -> list[int]:
    return target.schema.sample_shape[:1]


def _kind(schema: DataSchema) -> str:
    if schema.kind == "text":
        return "the next token of a text"
    what = "numbers" if schema.classes is None else "classes"
    return f"{what} of {'a table' if schema.kind == 'table' else 'images'}"


def _input_word(schema: DataSchema) -> str:
    return "byte" if schema.kind == "text" else "input"


def _input_keys(schema: DataSchema) -> list[Hashable]:
    """A key for each input that has a name; none for images, which have a shape only."""
    if schema.kind == "text":
        return list(schema.vocabulary or [])
    keys: list[Hashable] = []
    for feature in schema.features:
        if feature.kind == "number":
            keys.append((feature.name,))
        else:
            keys += [(feature.name, value) for value in feature.categories]
    return keys


def _output_keys(schema: DataSchema) -> list[Hashable]:
    return list(schema.classes or [])


def _differences(word: str, before: Sequence[Hashable], now: Sequence[Hashable]) -> list[str]:
    """What has no counterpart; nothing where only the order differs."""
    known, wanted = set(before), set(now)
    new, gone = [k for k in now if k not in known], [k for k in before if k not in wanted]
    out = []
    if new:
        start = "untrained" if word == "class" else "without influence"
        out.append(f"{word} {_listed(new)}: not in the checkpoint; starts {start}")
    if gone:
        out.append(f"{word} {_listed(gone)}: in the checkpoint, not in this dataset; left out")
    return out


def _listed(keys: Sequence[Hashable]) -> str:
    shown = ", ".join(
        repr("=".join(k)) if isinstance(k, tuple) else repr(k) for k in keys[:NAMES_SHOWN]
    )
    return shown + (f" and {len(keys) - NAMES_SHOWN} more" if len(keys) > NAMES_SHOWN else "")


def _taken(name: str, source: Tensor, empty: Tensor, axis: int, place: Place) -> Tensor:
    """`empty` with the places of `source` that have a counterpart."""
    others = [n for i, n in enumerate(source.shape) if i != axis]
    if others != [n for i, n in enumerate(empty.shape) if i != axis]:
        check_shapes({name: source}, {name: empty})
    if source.shape[axis] != place.source_size:
        raise BadConfiguration(
            f"the checkpoint is damaged: {name} has {source.shape[axis]} places for"
            f" {place.source_size} names",
            hint="resume from another checkpoint",
        )
    known = torch.nonzero(place.source >= 0).flatten()
    taken = source.index_select(axis, place.source[known]).to(empty.device)
    return empty.clone().index_copy_(axis, known.to(empty.device), taken)


def _optimizer(
    state: dict[str, Any],
    target: Target,
    axes: Mapping[str, tuple[int, Any]],
    places: Mapping[str, Place],
    notes: list[str],
) -> dict[str, Any] | None:
    """The optimizer's state for the new model; None if it was another optimizer."""
    before = TrainingConfig.model_validate_json(state["config"]).optimizer
    if before != target.config.optimizer:
        notes.append(
            f"the checkpoint's optimizer is {before}: this session's {target.config.optimizer}"
            " starts without its state"
        )
        return None
    moments = {}
    for number, (name, parameter) in enumerate(target.model.named_parameters()):
        found = dict(state["optimizer"]["state"].get(number, {}))
        if name in axes:
            axis, of = axes[name]
            zeros = torch.zeros_like(parameter, device="cpu")
            for key, value in found.items():
                if isinstance(value, Tensor) and value.dim() == parameter.dim():
                    found[key] = _taken(name, value.cpu(), zeros, axis, places[of])
        if found:
            moments[number] = found
    return {"state": moments, "param_groups": state["optimizer"]["param_groups"]}
