"""What the registry says of one version of a model."""

from __future__ import annotations

from typing import Any, Literal

import orjson

from trainyard_api.model import OpenModel
from trainyard_gateway.store.registry.models import ModelRow


class ModelInfo(OpenModel):
    """One version of a model."""

    name: str
    version: int
    kind: Literal["file", "tree"] = "file"
    """`file` is one safetensors file; `tree` is a folder, or any other file."""
    sha256: str
    """Hash of the file; of a tree, of its list of files."""
    size_bytes: int
    """Bytes of all files."""
    files: int = 1
    """Number of files."""
    flags: list[str] = []
    """`pickle`: some of its files run code when Python loads them."""
    created: str
    session_uid: str | None = None
    """The session that trained it, None for uploads."""
    card: dict[str, Any] = {}
    card_omitted: bool = False
    """Whether a list leaves the card out, which has more than 1,000,000 characters."""


def info_of(row: ModelRow) -> ModelInfo:
    """A version with its card."""
    return ModelInfo(
        name=row.name,
        version=row.version,
        kind="tree" if row.kind == "tree" else "file",
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        files=row.files,
        flags=row.flags.split(),
        created=row.created,
        session_uid=row.session_uid,
        card=orjson.loads(row.card),
    )


def listed(row: ModelRow) -> ModelInfo:
    """A version in a list, whose card is empty where it is too long."""
    if row.card:
        return info_of(row)
    return info_of(row._replace(card="{}")).model_copy(update={"card_omitted": True})
