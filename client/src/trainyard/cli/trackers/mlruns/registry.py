"""The registered models of a folder `mlruns`, as MLflow's file store writes them.

A version names its files by an address: that of a run's artifacts, or of a logged model. The folder
may have been moved since then, so that the end of an address counts, and not where it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard.cli.trackers.mlruns.files import (
    META,
    TRASH,
    files_in,
    folders_in,
    meta_of,
    number,
    texts_in,
)
from trainyard.cli.trackers.source import (
    CannotRead,
    File,
    ModelVersion,
    RegisteredModel,
    Unreadable,
)

MODELS = "models"
_VERSION = re.compile(r"version-([0-9]{1,18})")
_OF_RUN = re.compile(r"(?:.*/|runs:/)([0-9a-f]{32})(?:/artifacts)?(?:/(.*))?")
_OF_LOGGED_MODEL = re.compile(r"(?:.*/models/|models:/)(m-[0-9a-f]{32})(?:/artifacts)?(?:/(.*))?")
_DELETED = "Deleted_Internal"
"""The stage of a version that was deleted."""


class FolderRegistry:
    """Reads from a folder. Methods raise CannotRead."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def is_there(self) -> bool:
        """Whether there is a registered model."""
        return any(True for _ in self._folders())

    def models(self) -> Iterator[RegisteredModel | Unreadable]:
        """All registered models."""
        for folder in self._folders():
            try:
                model = _model(folder)
            except CannotRead as error:
                yield Unreadable(folder.name, str(error))
            else:
                yield model

    def versions(self, model: RegisteredModel) -> Iterator[ModelVersion | Unreadable]:
        """All versions of a registered model, the oldest first."""
        found = {}
        for folder in folders_in(self._folder(model.name)):
            if (named := _VERSION.fullmatch(folder.name)) is not None:
                found[int(named[1])] = folder
        for count, folder in sorted(found.items()):
            try:
                meta = meta_of(folder)
                version = _version(model.name, count, folder, meta)
            except CannotRead as error:
                yield Unreadable(f"version {count}", str(error))
            else:
                if meta.get("current_stage") != _DELETED:
                    yield version

    def version_files(self, version: ModelVersion) -> Iterator[File]:
        """All files of a version. Raises CannotRead where they are somewhere else."""
        place = self._place(version)
        for path in files_in(place) if place.is_dir() else [place]:
            name = path.name if path == place else path.relative_to(place).as_posix()
            yield File(name, path.stat().st_size)

    def fetch_of_version(
        self,
        version: ModelVersion,
        file: File,
        folder: Path,  # noqa: ARG002  # it is there
    ) -> Path:
        """The file itself."""
        place = self._place(version)
        path = place / file.path if place.is_dir() else place
        if path.is_symlink() or not path.is_file():
            raise CannotRead("it is gone")
        return path

    def _folders(self) -> Iterator[Path]:
        models = folders_in(self._root / MODELS)
        yield from (one for one in models if (one / META).is_file())

    def _folder(self, name: str) -> Path:
        return self._root / MODELS / name

    def _place(self, version: ModelVersion) -> Path:
        meta = meta_of(self._folder(version.name) / f"version-{version.number}")
        addresses = [str(meta.get(name) or "") for name in ("storage_location", "source")]
        for address in addresses:
            if (place := self._here(address.partition("?")[0].rstrip("/"))) is not None:
                return place
        raise CannotRead(
            f"its files are not in this folder, but at {addresses[1] or 'no address'}; import from "
            "the MLflow server to copy them"
        )

    def _here(self, address: str) -> Path | None:
        """Where the files of an address are in this folder; None if they are not."""
        experiments = [*folders_in(self._root), *folders_in(self._root / TRASH)]
        if (found := _OF_LOGGED_MODEL.fullmatch(address)) is not None:
            places = [one / MODELS / found[1] / "artifacts" for one in experiments]
        elif (found := _OF_RUN.fullmatch(address)) is not None:
            places = [one / found[1] / "artifacts" for one in experiments]
        else:
            return None
        parts = [part for part in (found[2] or "").split("/") if part]
        if any(part in (".", "..") for part in parts):
            return None
        for place in places:
            below = [place, *(place.joinpath(*parts[: n + 1]) for n in range(len(parts)))]
            if not any(one.is_symlink() for one in below) and below[-1].exists():
                return below[-1]
        return None


def _model(folder: Path) -> RegisteredModel:
    meta = meta_of(folder)
    aliases = texts_in(folder / "aliases")
    given = {name: number({name: text}, name) for name, text in aliases.items()}
    said = str(meta.get("description") or "")
    return RegisteredModel(folder.name, said, texts_in(folder / "tags"), given)


def _version(name: str, count: int, folder: Path, meta: dict[str, Any]) -> ModelVersion:
    return ModelVersion(
        name,
        count,
        str(meta.get("run_id") or ""),
        number(meta, "creation_timestamp"),
        str(meta.get("description") or ""),
        str(meta.get("current_stage") or "None"),
        texts_in(folder / "tags"),
    )
