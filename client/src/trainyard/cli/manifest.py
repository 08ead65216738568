"""Reads the file of `submit -f`: TrainingSession manifests as for `kubectl apply`. Pure.

Guarantee: every mistake is named with line, field, and what to write instead, before any session
is started.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from trainyard.cli.errors import UsageProblem
from trainyard_api import names
from trainyard_api.model import FieldError, field_errors
from trainyard_api.session.spec import TrainingSessionSpec

_TOP = ("apiVersion", "kind", "metadata", "spec")
_BY_NAME = ("env", "outputs")
"""Lists whose entries have a name each."""
_INSTEAD = {"dataset": "datasets", "datasets": "dataset"}
"""Fields of which a spec has one or the other."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One session that is asked for; without a name the gateway makes one."""

    name: str | None
    spec: TrainingSessionSpec


def parse(text: str, source: str) -> list[tuple[str | None, dict[str, Any]]]:
    """Name and spec of each document of a file. Raises UsageProblem with the wrong line."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source}:{mark.line + 1}" if mark else source
        raise UsageProblem(
            f"{place}: not YAML: {getattr(error, 'problem', None) or error}"
        ) from error
    # A lone `---` makes an empty document; kubectl passes over it too.
    pairs = [(d, n) for d, n in zip(documents, nodes, strict=True) if d is not None]
    if not pairs:
        raise UsageProblem(f"{source} is empty; it must hold a {names.SESSION_KIND}")
    return [_document(d, n, source) for d, n in pairs]


def _document(found: Any, node: yaml.Node, source: str) -> tuple[str | None, dict[str, Any]]:
    start = f"{source}:{node.start_mark.line + 1}"
    if not isinstance(found, dict):
        raise UsageProblem(f"{start}: a manifest has fields: {', '.join(_TOP)}")
    given = (found.get("apiVersion"), found.get("kind"))
    if given != (names.API_VERSION, names.SESSION_KIND):
        raise UsageProblem(
            f"{start}: this is {given[1] or 'nothing'} of {given[0] or 'no group'}; "
            f"`submit` takes apiVersion: "
            f"{names.API_VERSION}, kind: {names.SESSION_KIND} (the rest is for `kubectl apply`)"
        )
    for key in found:
        if key not in (*_TOP, "status"):
            raise UsageProblem(
                f"{_place(node, (key,), source)}: unknown field {key!r}; "
                f"accepted are {', '.join(_TOP)}"
            )
    metadata, spec = found.get("metadata") or {}, found.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise UsageProblem(f"{start}: metadata and spec must have fields")
    # Checked here for the line; again, with the flags laid over it, before it is sent.
    problems = check(spec)[1]
    if problems:
        raise UsageProblem(
            "; ".join(
                f"{_place(node, ('spec', *p.field.split('.')), source)}: {said(p)}"
                for p in problems
            )
        )
    name = metadata.get("name")
    return (None if name is None else str(name)), spec


def check(spec: Mapping[str, Any]) -> tuple[TrainingSessionSpec | None, list[FieldError]]:
    """The spec, or everything that is wrong with it."""
    try:
        return TrainingSessionSpec.model_validate(dict(spec)), []
    except ValidationError as error:
        return None, field_errors(error, TrainingSessionSpec)


def submission(name: str | None, spec: Mapping[str, Any]) -> Submission:
    """Checked name and spec. Raises UsageProblem with every wrong field."""
    if name is not None and not names.is_session_name(name):
        raise UsageProblem(
            f"the name {name!r} cannot be used: lower-case letters, digits and dashes, "
            f"at most {names.SESSION_NAME_MAX}, a letter or digit at both ends"
        )
    found, problems = check(spec)
    if found is None:
        raise UsageProblem("; ".join(said(p) for p in problems))
    return Submission(name, found)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, field by field; `env` and `outputs` entry by entry, by their names.

    `dataset` takes the place of `datasets`, and the other way round.
    """
    out = copy.deepcopy(dict(base))
    for key, value in over.items():
        other = _INSTEAD.get(key)
        if value is not None and other is not None and other not in over:
            out.pop(other, None)
        below = out.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            out[key] = merged(below, value)
        elif key in _BY_NAME and isinstance(value, list) and isinstance(below, list):
            out[key] = _laid_by_name(below, value)
        else:
            out[key] = copy.deepcopy(value)
    return out


def _laid_by_name(base: list[Any], over: list[Any]) -> list[Any]:
    given = {v.get("name") for v in over if isinstance(v, Mapping)}
    kept = [v for v in base if not (isinstance(v, Mapping) and v.get("name") in given)]
    return copy.deepcopy([*kept, *over])


def assignment(text: str) -> dict[str, Any]:
    """`training.model.parameters.layers=4` as nested fields; the value is YAML.

    Raises UsageProblem.
    """
    path, sign, value = text.partition("=")
    if not sign or not all(path.split(".")):
        raise UsageProblem(f"--set {text!r}: write it as field=value, such as training.seed=7")
    try:
        found: Any = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageProblem(f"--set {path}: {value!r} is no YAML value") from error
    for part in reversed(path.split(".")):
        found = {part: found}
    return dict(found)


def rendered(name: str, namespace: str, spec: TrainingSessionSpec) -> str:
    """The object as `kubectl apply` takes it."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "metadata": metadata,
        "spec": spec.wire(),
    }
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True).rstrip("\n")


def said(problem: FieldError) -> str:
    """A wrong field as a sentence."""
    given = f" (given: {problem.given})" if problem.given is not None else ""
    return f"{problem.field}: {problem.message}{given}" if problem.field else problem.message


def _place(node: yaml.Node, path: tuple[str, ...], source: str) -> str:
    """`file:line` of a field, or of the nearest one above it that is written down."""
    line = node.start_mark.line
    for part in path:
        below = _below(node, part)
        if below is None:
            break
        line, node = below
    return f"{source}:{line + 1}"


def _below(node: yaml.Node, part: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        found: yaml.Node = node.value[int(part)]
        return found.start_mark.line, found
    return None
