"""The checkpoint that an attempt starts from: this session's own, or that of another session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trainyard_api import contract
from trainyard_api.attempt import ResumeSource
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.data.split import SplitRule
from trainyard_trainer.errors import BadConfiguration, CheckpointMissing


@dataclass(frozen=True, slots=True)
class Start:
    """A checkpoint to start from."""

    step: int
    state: dict[str, Any]
    session: str | None
    """The other session that wrote it; None if this session did."""

    def learned(self) -> DataSchema | None:
        """The data that its weights were trained on; None where a checkpoint of 0.1 is silent."""
        text = self.state.get("schema")
        return DataSchema.model_validate_json(text) if text else None

    def split_rule(self) -> SplitRule:
        """How the attempt holds out samples of classes: as the session did before, if it did."""
        if self.session is not None:
            return SplitRule.STRATIFIED
        # Checkpoints of 0.1 say nothing: that version split by a permutation alone.
        return SplitRule(self.state.get("split", SplitRule.SHUFFLED))


def find(folder: CheckpointFolder, source: ResumeSource | None, resume: Path) -> Start | None:
    """This session's latest checkpoint, else the one of `source`, whose folder is `resume`.

    None if there is neither. Raises CheckpointMissing when `source` has no such checkpoint.
    """
    own = folder.load_latest()
    if own is not None:
        metadata, state = own
        return Start(metadata.step, state, None)
    if source is None:
        return None
    found = CheckpointFolder(resume / contract.CHECKPOINTS).load(source.checkpoint)
    if found is None:
        raise CheckpointMissing(
            f"session {source.session!r} has no checkpoint {source.checkpoint!r}",
            hint="name latest, best or step-<n> of a session that has saved one",
        )
    metadata, state = found
    if not state.get("schema"):
        state["schema"] = _schema_of_card(resume / contract.OUTPUT / contract.MODEL_CARD_FILE)
    return Start(metadata.step, state, source.session)


def check_same_data(learned: DataSchema | None, found: DataSchema) -> None:
    """Raise BadConfiguration when the dataset is not the one that the checkpoint learned."""
    if learned is None:
        return
    for what, before, now in (
        ("classes", learned.classes, found.classes),
        ("columns", [f.name for f in learned.features], [f.name for f in found.features]),
        ("shape", learned.sample_shape, found.sample_shape),
        ("bytes", learned.vocabulary, found.vocabulary),
    ):
        if before != now:
            raise BadConfiguration(
                f"the dataset has changed since this session's checkpoint: {what} were"
                f" {str(before)[:300]}, and are {str(now)[:300]}",
                hint="start a new session on the dataset as it is",
            )


def _schema_of_card(file: Path) -> str | None:
    """The schema in the card of a model of version 0.1, whose checkpoints have none."""
    try:
        schema = json.loads(file.read_text())["schema"]
        return DataSchema.model_validate(schema).model_dump_json()
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
