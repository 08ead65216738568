"""Typed and bounded fields of a call's JSON, as MLflow's clients send them. Pure.

Each function raises Refusal with a sentence that names the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from trainyard.reporting.json_numbers import number
from trainyard.reporting.secret_mask import MASK
from trainyard_api.mlflow import MAX_KEY, MAX_PARAM_VALUE, MAX_TAG_VALUE, key_fault
from trainyard_supervisor.relay.protocol.refusal import Refusal

MAX_STEP = 2**53
MAX_MILLIS = 253_402_214_400_000
"""The year 9999."""
NOT_FINITE = {"NaN", "Infinity", "-Infinity"}
SHOWN = 60
"""Characters of a wrong value in an answer."""

Fields = Mapping[str, Any]
_MODEL = re.compile(r"m-[0-9a-f]{32}")


def fields_of(body: bytes) -> Fields:
    """The object in a call's body."""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal(f"the body is no JSON ({error})", "BAD_REQUEST") from error
    if not isinstance(found, dict):
        raise Refusal("the body is no JSON object", "BAD_REQUEST")
    return found


def text(given: Fields, name: str, default: str | None = None, most: int = MAX_TAG_VALUE) -> str:
    """A text; required without `default`.

    Halves of pairs of UTF-16, which no text of the gateway may have, become question marks.
    """
    value = given.get(name)
    if value is None:
        value = default
    if value is None or value == "" and default is None:
        raise Refusal(f"Missing value for required parameter '{name}'")
    if not isinstance(value, str):
        raise Refusal(f"{name} is {_shown(value)}, not a text")
    if len(value) > most:
        raise Refusal(f"{name} has {len(value)} characters; {most} are accepted")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def run_id(given: Fields) -> str:
    """The run that a call is about; old clients call it run_uuid."""
    return text(given, "run_id" if given.get("run_id") else "run_uuid", most=MAX_KEY)


def key(given: Fields, name: str = "key") -> str:
    """The name of a metric, a param or a tag."""
    # A name takes no asterisks: those of a masked value of a Secret become dashes.
    found = text(given, name).replace(MASK, "-" * len(MASK))
    if (fault := key_fault(found)) is not None:
        raise Refusal(f"Invalid value {_shown(found)} for parameter '{name}': {fault}")
    return found


def whole(given: Fields, name: str, default: int | None = None) -> int:
    """A whole number, also as text, as protocol buffers write it; required without default."""
    value = given.get(name)
    if value is None:
        if default is None:
            raise Refusal(f"Missing value for required parameter '{name}'")
        return default
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        if isinstance(value, str) and len(value) > 20:
            raise ValueError
        found = int(value)
        if found != float(value):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise Refusal(f"{name} is {_shown(value)}, not a whole number") from error
    return found


def millis(given: Fields, name: str, default: int | None = None) -> int:
    """Milliseconds since the epoch."""
    found = whole(given, name, default)
    if not 0 <= found <= MAX_MILLIS:
        raise Refusal(f"{name} is {found}, not milliseconds since 1970 up to the year 9999")
    return found


def point(given: Fields) -> dict[str, Any]:
    """A value of a metric."""
    step = whole(given, "step", 0)
    if abs(step) > MAX_STEP:
        raise Refusal(f"step is {step}; steps from -2^53 to 2^53 are accepted")
    return {
        "key": key(given),
        "value": _value(given.get("value")),
        "timestamp": millis(given, "timestamp"),
        "step": step,
    }


def model_value(given: Fields) -> dict[str, Any] | None:
    """The same as a value of a logged model, if it is one."""
    model = text(given, "model_id", "", most=256)
    if not model:
        return None
    if not _MODEL.fullmatch(model):
        raise Refusal(f"Logged model with ID '{model[:64]}' not found.", "RESOURCE_DOES_NOT_EXIST")
    return {
        **point(given),
        "modelId": model,
        "datasetName": text(given, "dataset_name", "", most=500),
        "datasetDigest": text(given, "dataset_digest", "", most=36),
    }


def param(given: Fields) -> tuple[str, str]:
    """A param; a value that is too long is cut, as MLflow's server does."""
    return key(given), text(given, "value", "", most=1 << 20)[:MAX_PARAM_VALUE]


def tag(given: Fields) -> tuple[str, str]:
    """A tag; a value that is too long is cut, as MLflow's server does."""
    return key(given), text(given, "value", "", most=1 << 20)[:MAX_TAG_VALUE]


def objects(given: Fields, name: str, most: int) -> list[Fields]:
    """A list of objects; empty if there is none."""
    found = given.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Refusal(f"{name} is no list of objects")
    if len(found) > most:
        raise Refusal(
            f"A batch logging request can contain at most {most} {name}. Got {len(found)}."
        )
    return found


def _value(value: Any) -> float | str:
    if isinstance(value, str) and value in NOT_FINITE:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refusal(f"Got invalid value {_shown(value)} for metric: it is no number")
    try:
        return number(value)
    except OverflowError as error:
        raise Refusal("Got invalid value for metric: it is larger than a double") from error


def _shown(value: Any) -> str:
    return f"'{str(value)[:SHOWN]}'"
