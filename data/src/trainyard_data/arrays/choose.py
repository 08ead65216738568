"""Which array holds the samples and which the target: one rule for upload and training."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from trainyard_data.arrays.header import Header
from trainyard_data.errors import BadChoice
from trainyard_data.images.layout import SPLITS, TRAIN

INPUT_NAMES = ("x", "data", "images", "features", "inputs", "samples", "image", "input")
TARGET_NAMES = ("y", "target", "label", "labels", "targets", "class")
"""In any case, also as `x_train`, `train_images`, `train/x`."""
_JOINED = re.compile(r"^(x|y)(train|test|val|valid|dev)$")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of the arrays. `reasons` say why, or what is missing; `left_out` names the rest."""

    inputs: str | None
    target: str | None
    input_reason: str
    target_reason: str
    left_out: list[str] = field(default_factory=list)


def choose(
    headers: Mapping[str, Header],
    wanted: str | None,
    ignored: Collection[str] = (),
    splits: Collection[str | None] = (None, TRAIN),
) -> Chosen:
    """The arrays of a file. `wanted`: the target that was chosen. Raises BadChoice.

    `splits`: which may be in a name, the first one best.
    """
    for name in ([wanted] if wanted else []) + list(ignored):
        if name not in headers:
            raise BadChoice(f"there is no array {name!r}; the file has {_some(headers)}")
    names = [n for n in headers if n not in ignored]
    target, target_reason = _target(names, wanted, splits)
    rest = [n for n in names if n != target and headers[n].shape]
    if target is None and (pair := _unnamed(rest, headers)):
        target, rest = pair[1], [pair[0]]
        target_reason = f"the only array of one axis, beside {pair[0]!r} with as many samples"
    inputs, input_reason = _inputs(rest, headers, target, splits)
    used = {inputs, target}
    return Chosen(
        inputs, target, input_reason, target_reason, [n for n in headers if n not in used]
    )


def _target(
    names: list[str], wanted: str | None, splits: Collection[str | None]
) -> tuple[str | None, str]:
    if wanted is not None:
        return wanted, "as it was chosen"
    found = _best(names, TARGET_NAMES, splits)
    if found is None:
        return None, (
            f"no array is called {', '.join(TARGET_NAMES[:-1])} or {TARGET_NAMES[-1]}, so that"
            f" none of {_some(names)} is the target"
        )
    return found, "the array of this name"


def _unnamed(names: list[str], headers: Mapping[str, Header]) -> tuple[str, str] | None:
    """Samples and target of two arrays without telling names, such as arr_0 and arr_1."""
    if len(names) != 2:
        return None
    target, inputs = sorted(names, key=lambda name: len(headers[name].shape))
    one, more = headers[target].shape, headers[inputs].shape
    return (inputs, target) if len(one) == 1 < len(more) and one[0] == more[0] else None


def _inputs(
    rest: list[str],
    headers: Mapping[str, Header],
    target: str | None,
    splits: Collection[str | None],
) -> tuple[str | None, str]:
    found = _best(rest, INPUT_NAMES, splits)
    if found is not None:
        return found, "the array of this name"
    count = headers[target].shape[:1] if target else None
    fitting = [n for n in rest if count in (None, headers[n].shape[:1])]
    if len(fitting) == 1:
        return fitting[0], "the only array that can hold the samples"
    return None, (
        f"which of the arrays {_some(rest)} holds the samples? Call it 'x', or ignore the others"
        if rest
        else "there is no array beside the target"
    )


def _best(names: list[str], known: tuple[str, ...], splits: Collection[str | None]) -> str | None:
    """The name whose split stands first in `splits`, then itself in `known`."""
    order, ranked = list(splits), []
    for place, name in enumerate(names):
        base, split = split_of(name)
        if base in known and split in order:
            ranked.append((order.index(split), known.index(base), base != name, place, name))
    return min(ranked)[-1] if ranked else None


def split_of(name: str) -> tuple[str, str | None]:
    """A name in lower case without the word for its split, and the split."""
    separated = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    words = [w for w in re.split(r"[_\-./\\\s]+", separated.lower()) if w]
    if len(words) == 1 and (joined := _JOINED.match(words[0])):
        words = list(joined.groups())
    found = [SPLITS[w] for w in words if w in SPLITS]
    base = "_".join(w for w in words if w not in SPLITS)
    return base, found[0] if found else None


def _some(names: Collection[str]) -> str:
    listed = ", ".join(repr(n[:80]) for n in list(names)[:10])
    return f"{listed}, …" if len(names) > 10 else listed or "none"
