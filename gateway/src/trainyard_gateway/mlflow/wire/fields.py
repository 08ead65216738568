"""Bounded fields of MLflow's requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from trainyard_api import mlflow

Missing = None
"""Proto messages leave out what has no value."""


class Request(BaseModel):
    """A request. Unknown fields are ignored, as newer clients send more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _key(text: str) -> str:
    # Programs log the same few names at each step; long ones are not kept.
    fault = _fault(text) if len(text) <= mlflow.MAX_KEY else mlflow.key_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return text


_fault = lru_cache(maxsize=10_000)(mlflow.key_fault)


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number, not a boolean")
    return value


_NULL_IS_EMPTY = BeforeValidator(lambda value: "" if value is None else value)


def _cut(most: int) -> Callable[[Any], Any]:
    return lambda value: value[:most] if isinstance(value, str) else value


Key = Annotated[str, Field(min_length=1), AfterValidator(_key)]
"""Name of a metric, a param or a tag."""
Text = Annotated[str, Field(max_length=8_000)]
Id = Annotated[str, Field(max_length=256)]
"""An id from outside: what is not there is answered as missing."""
_MILLIS = Field(ge=0, le=253_402_214_400_000)
Millis = Annotated[int, BeforeValidator(_no_boolean), _MILLIS]
"""Milliseconds since the epoch; numbers or digits."""
_STEP = Field(ge=-(2**53), le=2**53)
Step = Annotated[int, BeforeValidator(_no_boolean), _STEP]
Value = Annotated[float, BeforeValidator(_no_boolean)]
"""A number, or NaN, Infinity, -Infinity as text."""
ExperimentName = Annotated[str, Field(min_length=1, max_length=mlflow.MAX_EXPERIMENT_NAME)]
ParamValue = Annotated[str, BeforeValidator(_cut(mlflow.MAX_PARAM_VALUE))]
"""A text, cut at its bound, as MLflow's server does: a training does not end for a long value."""
TagValue = Annotated[str, BeforeValidator(_cut(mlflow.MAX_TAG_VALUE))]
"""The same."""
Token = Annotated[str, Field(max_length=200)]
Filter = Annotated[str, Field(max_length=40_000)]


class Tag(Request):
    """A tag of a run."""

    key: Key
    value: TagValue = ""


class ExperimentTag(Request):
    """A tag of an experiment, of a model or of a version."""

    key: Key
    value: str = Field(default="", max_length=100_000)


class Param(Request):
    """A param of a run."""

    key: Key
    value: ParamValue = ""


class OfModel(Request):
    """What a value of a metric says of a logged model."""

    model_id: Annotated[Id, _NULL_IS_EMPTY] = ""
    """The logged model of which it is a value, too."""
    dataset_name: Annotated[str, _NULL_IS_EMPTY, Field(max_length=500)] = ""
    """What it was measured with."""
    dataset_digest: Annotated[str, _NULL_IS_EMPTY, Field(max_length=36)] = ""


class Metric(OfModel):
    """One value of a metric, of many in a request; see `without_booleans`."""

    key: Key
    value: float
    timestamp: Annotated[int, _MILLIS]
    step: Annotated[int, _STEP] = 0


def without_booleans(given: Any) -> Any:
    """Metrics of a request, with the text of each boolean that is given as a number.

    So it is refused as one. A function at each field takes ten times longer.
    """
    if not isinstance(given, list):
        return given
    return [_without_booleans(each) if isinstance(each, dict) else each for each in given]


def _without_booleans(metric: dict[Any, Any]) -> dict[Any, Any]:
    get = metric.get
    if bool in (type(get("value")), type(get("timestamp")), type(get("step"))):
        numbers = {k: metric[k] for k in ("value", "timestamp", "step") if k in metric}
        return metric | {k: str(v).lower() for k, v in numbers.items() if isinstance(v, bool)}
    return metric
