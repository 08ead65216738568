"""What the gateway knows of a session, in the words of its status. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from trainyard_api import timestamps
from trainyard_api.datasets.fit import misfit
from trainyard_api.model import clip
from trainyard_api.report import CheckpointReport, Heartbeat
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.visible_text import visible
from trainyard_gateway.registry.dataset_info import DatasetInfo
from trainyard_gateway.registry.model_info import ModelInfo
from trainyard_gateway.store.metrics.latest import LatestValue
from trainyard_kube import Json

METRICS_SHOWN = 32
LONGEST_PROBLEM = 1000
LONGEST_ETA_SECONDS = 100 * 365 * 86_400
"""A longer remaining time is unknown."""


def patch(current: Json, wanted: Json) -> Json:
    """The merge patch of a status: the wanted fields that differ, with null for what is over."""
    return {
        name: {**dict.fromkeys(_keys(current.get(name)) - _keys(value)), **value}
        if isinstance(value, dict)
        else value
        for name, value in wanted.items()
        if current.get(name) != value
    }


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def dataset(name: str, found: DatasetInfo | None, spec: Json) -> dict[str, Any]:
    """The value of `status.dataset`: whether the dataset is registered, its file and its schema.

    With `problem` if the session's training does not fit the schema.
    """
    if found is None:
        return {"state": "NotFound", "name": name}
    out = {
        "state": "Found",
        "name": name,
        "file": found.file,
        "format": found.format,
        "sha256": found.sha256,
        "sizeBytes": found.size_bytes,
        "samples": found.details.samples,
    }
    if found.schema_file is not None:
        out |= {"schema": found.schema_file, "schemaRevision": found.details.revision}
    if (problem := _problem(found, spec)) is not None:
        out["problem"] = clip(visible(problem), LONGEST_PROBLEM)
    return out


def _problem(found: DatasetInfo, spec: Json) -> str | None:
    try:
        training = TrainingSessionSpec.model_validate(spec).training
    except ValidationError:  # the operator says what is wrong with it
        return None
    wrong = misfit(found.details, found.format, training) if training is not None else None
    return None if wrong is None else f"training.{wrong.field}: {wrong.message}"


def code(bundle: str, there: bool) -> dict[str, Any]:
    """The value of `status.code`: whether the bundle is there."""
    return {"state": "Found" if there else "NotFound", "bundle": bundle}


def resume_source(name: str, uid: str | None) -> dict[str, Any]:
    """The value of `status.resumeSource`; `uid`: of the session that may be resumed from."""
    if uid is None:
        return {"state": "NotFound", "session": name}
    return {"state": "Found", "session": name, "uid": uid}


def model(found: ModelInfo) -> dict[str, Any]:
    """The value of `status.model`: name, version and hash of the registered model."""
    return {"name": found.name, "version": found.version, "sha256": found.sha256}


def outputs(found: list[ModelInfo]) -> list[dict[str, Any]]:
    """The value of `status.outputs`: the trees that the session has registered."""
    return [
        {
            "name": tree.name,
            "version": tree.version,
            "sha256": tree.sha256,
            "files": tree.files,
            "sizeBytes": tree.size_bytes,
            **({"flags": tree.flags} if tree.flags else {}),
        }
        for tree in found
    ]


def metrics(values: list[LatestValue]) -> list[dict[str, Any]]:
    """`status.metrics`: summaries of epochs first, since those are what people look for."""
    ordered = sorted(values, key=lambda v: (v.epoch is None, v.name))[:METRICS_SHOWN]
    return [
        {
            "name": v.name,
            "value": v.value if isinstance(v.value, str) else f"{v.value:.6g}",
            "step": v.step,
        }
        for v in sorted(ordered, key=lambda v: v.name)
    ]


def progress(
    attempt: int,
    heartbeat: Heartbeat | None,
    checkpoint: CheckpointReport | None,
    last_step_time: str | None,
) -> dict[str, Any]:
    """The value of `status.progress`. Fields that are unknown are absent."""
    out: dict[str, Any] = {"attempt": attempt}
    if heartbeat is not None:
        out |= _position(heartbeat)
        out["lastHeartbeat"] = _seconds(heartbeat.time)
        if (step_time := timestamps.parse(last_step_time)) is not None:
            out["lastStepTime"] = _seconds(step_time)
    if checkpoint is not None:
        out["lastCheckpoint"] = {"step": checkpoint.step, "time": _seconds(checkpoint.time)}
    return out


def duration(seconds: float) -> str:
    """42s, 4m10s, 3h05m, 2d04h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d{hours % 24:02d}h"


def _position(beat: Heartbeat) -> dict[str, Any]:
    out: dict[str, Any] = {"step": beat.step}
    named = {"epoch": beat.epoch, "epochs": beat.epochs, "totalSteps": beat.total_steps}
    out |= {k: v for k, v in named.items() if v is not None}
    if beat.steps_per_second is not None:
        out["stepsPerSecond"] = round(beat.steps_per_second, 3)
    if beat.total_steps:
        percent = min(100.0, 100 * beat.step / beat.total_steps)
        out |= {"percent": round(percent, 2), "percentDisplay": f"{percent:.0f}%"}
        if beat.steps_per_second:
            left = max(0, beat.total_steps - beat.step) / beat.steps_per_second
            # A rate next to zero gives a time that no date can hold: it is unknown.
            if left <= LONGEST_ETA_SECONDS:
                out |= {"etaSeconds": round(left), "etaDisplay": duration(left)}
    return out


def _seconds(time: datetime) -> str:
    """In UTC: a trainer may report with another zone."""
    return timestamps.to_seconds_text(timestamps.to_micros(time) / 1_000_000)
