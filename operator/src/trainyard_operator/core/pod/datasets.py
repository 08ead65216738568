"""Where a program finds the datasets that its session names: each in a folder of its name.

No other dataset is in the pod. On the volume the folder of a dataset has a generated name, so that
one that was deleted and registered again is another folder.
"""

from __future__ import annotations

from typing import Any

import orjson

from trainyard_api import contract
from trainyard_api.attempt import AttemptDataset
from trainyard_api.session.datasets import DatasetPlace, place_of
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_scheduler.objects.model import SessionStatus

Manifest = dict[str, Any]


def one(spec: TrainingSessionSpec, status: SessionStatus) -> AttemptDataset | None:
    """The dataset of `spec.dataset`, with the path that the program sees."""
    return _in_pod(_found(spec, status)[0]) if spec.dataset else None


def several(spec: TrainingSessionSpec, status: SessionStatus) -> list[AttemptDataset] | None:
    """The datasets of `spec.datasets`, with the paths that the program sees."""
    return [_in_pod(each) for each in _found(spec, status)] if spec.datasets else None


def variables(spec: TrainingSessionSpec) -> dict[str, str]:
    """The variable that names their folder."""
    named = spec.dataset or spec.datasets
    return {contract.ENV_DATASETS_DIR: contract.DATASETS_DIR} if named else {}


def mounts(spec: TrainingSessionSpec, status: SessionStatus) -> list[Manifest]:
    """Where the container finds them. Raises ValueError for one that the gateway has not found."""
    return [
        {
            "name": "data",
            "mountPath": f"{contract.DATASETS_DIR}/{each.name}",
            "subPath": f"datasets/{_place(each.file).folder}",
            "readOnly": True,
        }
        for each in _found(spec, status)
    ]


def _found(spec: TrainingSessionSpec, status: SessionStatus) -> list[AttemptDataset]:
    """What the gateway wrote of the datasets that the spec names, and of no other one."""
    if spec.dataset:
        names, written = [spec.dataset], [orjson.loads(status.dataset or b"{}")]
    else:
        names, written = spec.datasets or [], orjson.loads(status.datasets or b"[]")
    known = {each.get("name"): each for each in written}
    return [AttemptDataset.model_validate(known.get(name)) for name in names]


def _in_pod(found: AttemptDataset) -> AttemptDataset:
    """The same with paths below `contract.DATASETS_DIR` of the pod."""
    seen = {"file": f"{found.name}/{_place(found.file).file}"}
    if found.schema_file is not None:
        seen["schema_file"] = f"{found.name}/{_place(found.schema_file).file}"
    return found.model_copy(update=seen)


def _place(file: str) -> DatasetPlace:
    place = place_of(file)
    if place is None:
        raise ValueError(f"{file!r} is not the path of a dataset's file")
    return place
