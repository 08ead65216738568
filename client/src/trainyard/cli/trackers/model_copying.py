"""Copies the registered models of a source to the gateway, so that twice is once.

The files of a version go to a logged model of its run, and the version is made of that. A tag marks
both, so that an import that was interrupted finds them again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trainyard.cli.trackers.copying import NOT_COPIED, TAG, Copied, id_of, noting
from trainyard.cli.trackers.gateway_models import GatewayModels, ModelHere
from trainyard.cli.trackers.gateway_runs import GatewayRuns
from trainyard.cli.trackers.source import (
    CannotRead,
    ModelSource,
    ModelVersion,
    RegisteredModel,
    Unreadable,
)

DEFAULT_EXPERIMENT = "0"
"""Where the files of a version are whose run is not here."""
_PROMPT = "mlflow.prompt."
"""MLflow keeps prompts as models whose tags begin so."""
_NO_STAGE = "None"


@dataclass(frozen=True)
class ModelImport:
    """The registered models of one import from `source` to `gateway`."""

    source: ModelSource
    gateway: GatewayRuns
    copied: Copied

    def all(self) -> None:
        """Copy all registered models. Raises SourceAway, and the errors of `trainyard.errors`."""
        models = GatewayModels(self.gateway, TAG)
        with noting(self.copied, "registered models"):
            for model in self.source.models():
                if isinstance(model, Unreadable):
                    self.copied.add(f"model {model.name}: {model.problem}")
                    continue
                if any(key.startswith(_PROMPT) for key in model.tags):
                    continue
                with noting(self.copied, f"model {model.name}"):
                    self._model(models, model)

    def _model(self, models: GatewayModels, model: RegisteredModel) -> None:
        here = models.model(model)
        numbers: dict[int, int] = {}
        for version in self.source.versions(model):
            if isinstance(version, Unreadable):
                self.copied.add(f"model {model.name} {version.name}: {version.problem}")
                continue
            with noting(self.copied, f"model {model.name} version {version.number}"):
                numbers[version.number] = self._version(models, here, version)
        self.copied.models += 1
        for alias, number in model.aliases.items():
            # An alias that is here may have been moved here.
            if alias not in here.aliases and number in numbers:
                with noting(self.copied, f"model {model.name} alias {alias}"):
                    models.set_alias(model.name, alias, numbers[number])

    def _version(self, models: GatewayModels, here: ModelHere, version: ModelVersion) -> int:
        """The number that a version has at the gateway."""
        mark = mark_of(version)
        there = here.versions.get(mark)
        if there is None:
            number, stage = self._made(models, version, mark), _NO_STAGE
            self.copied.versions += 1
        else:
            number, stage = there.number, there.stage
        if stage == _NO_STAGE != version.stage:
            models.move(version.name, number, version.stage)
        return number

    def _made(self, models: GatewayModels, version: ModelVersion, mark: str) -> int:
        run, experiment = self._run(version)
        files = list(self.source.version_files(version))
        if not files:
            raise CannotRead("it has no files")
        id = models.logged_model(experiment, run, version.name, mark)
        folder = f"{experiment}/models/{id}"
        there = self.gateway.listed(folder)
        for file in files:
            if file.size is not None and there.get(file.path) == file.size:
                continue
            with tempfile.TemporaryDirectory(prefix="trainyard-import-") as beside:
                content = self.source.fetch_of_version(version, file, Path(beside))
                self.copied.size_bytes += self.gateway.put(folder, file.path, content)
                self.copied.files += 1
        models.finalize(id)
        fields = {
            "name": version.name,
            "source": f"models:/{id}",
            "description": version.description,
            "run_id": run,
        }
        tags = {key: value for key, value in version.tags.items() if key not in NOT_COPIED}
        return models.make_version(fields, tags, mark)

    def _run(self, version: ModelVersion) -> tuple[str, str]:
        """The run of a version at the gateway, "" if it is not here, and its experiment."""
        if version.run:
            run = id_of(version.run)
            here = self.gateway.find(run)
            if here is not None and not here.deleted and not here.is_session:
                return run, here.experiment
        return "", DEFAULT_EXPERIMENT


def mark_of(version: ModelVersion) -> str:
    """A text that no other version of the source has. Pure."""
    facts = [version.name, version.number, version.created, version.run]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
