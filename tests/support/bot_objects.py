"""Sessions, models and datasets as the client gives them to the bot, made with few words."""

from __future__ import annotations

from typing import Any

from trainyard.models import Dataset, Model, QueueEntry, Series, Session
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.session.status import TrainingSessionStatus

CREATED = "2026-07-01T12:00:00Z"


def session(
    phase: str,
    name: str = "a",
    uid: str = "u1",
    *,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> Session:
    """A session without GPUs; `spec` and `status` are laid over that, by their names in Python."""
    fields = {"command": ["train"], "resources": {"gpus": 0}, **(spec or {})}
    return Session(
        name=name,
        uid=uid,
        phase=phase,
        created=CREATED,
        spec=TrainingSessionSpec.model_validate(fields),
        status=TrainingSessionStatus.model_validate(status),
    )


def changed(one: Session, **status: Any) -> Session:
    """The session with other fields of its status."""
    fields = {**one.status.model_dump(exclude_unset=True), **status}
    return one.model_copy(update={"status": TrainingSessionStatus.model_validate(fields)})


def entry(name: str, **fields: Any) -> QueueEntry:
    """An entry of the queue, of a session without GPUs."""
    values = {"uid": "u", "queue": "default", "priority": 0, "gpus": 0, "phase": "Queued", **fields}
    return QueueEntry(name=name, **values)


def model(name: str, version: int = 1, **fields: Any) -> Model:
    """A version of a model."""
    values = {"sha256": "ab", "size_bytes": 0, "created": CREATED, **fields}
    return Model(name=name, version=version, **values)


def dataset(name: str, columns: tuple[tuple[str, str], ...] = (), **fields: Any) -> Dataset:
    """A CSV file without rows; `samples` and `dimensions` go into its details."""
    details = {
        "samples": fields.pop("samples", 0),
        "dimensions": fields.pop("dimensions", []),
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        **fields.pop("schema", {}),
    }
    values = {"format": "csv", "sha256": "ab", "size_bytes": 0, "created": CREATED, **fields}
    return Dataset(name=name, details=DatasetSchema.model_validate(details), **values)


def series(name: str, *values: float | str, first_step: int = 1) -> Series:
    """A metric with one value for each step."""
    points = [
        {"step": step, "time": CREATED, "value": value}
        for step, value in enumerate(values, first_step)
    ]
    return Series.model_validate({"name": name, "total": len(points), "points": points})
