"""The datasets that a session names, and where they are on the volume. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_FILE: Final = re.compile(r"([0-9A-Za-z]+)/([^/\x00]+)")
_NO_NAMES: Final = (".", "..")


class DatasetPlace(NamedTuple):
    """Where a dataset's file is."""

    folder: str
    """The folder of the dataset below the datasets folder, which holds it and its schema."""
    file: str
    """The name of the file in it."""


def place_of(file: str) -> DatasetPlace | None:
    """The place of a registered file; None for a path that is no file of a dataset's own folder."""
    found = _FILE.fullmatch(file)
    if found is None or found[2] in _NO_NAMES:
        return None
    return DatasetPlace(found[1], found[2])


def in_own_folder(file: str, schema_file: str | None) -> bool:
    """Whether the files of a dataset and of its schema are in one folder, the dataset's own."""
    place = place_of(file)
    schema = place if schema_file is None else place_of(schema_file)
    return place is not None and schema is not None and place.folder == schema.folder


def named_datasets(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of all datasets of a spec as JSON: of `dataset` or `datasets`."""
    name = spec.get("dataset")
    return (name,) if name else tuple(spec.get("datasets") or ())
