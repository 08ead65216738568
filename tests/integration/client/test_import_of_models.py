"""Registered models of a server come to a gateway with their versions, twice and interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayFactory, GatewayLab

from trainyard.cli.trackers.calls import Calls
from trainyard.cli.trackers.copying import TAG, Copied, Import
from trainyard.cli.trackers.gateway_models import GatewayModels
from trainyard.cli.trackers.gateway_runs import GatewayRuns
from trainyard.cli.trackers.mlflow_registry import MlflowRegistry
from trainyard.cli.trackers.model_copying import ModelImport, mark_of
from trainyard.cli.trackers.source import File, ModelVersion, RegisteredModel
from trainyard.errors import Unreachable

pytestmark = pytest.mark.integration

API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
LEVELS = {"MLmodel": b"flavors: {}\n", "data/weights": b"\x00\x01" * 5000, "empty": b""}


class Yard:
    """Calls to one gateway."""

    def __init__(self, lab: GatewayLab) -> None:
        headers = {"Authorization": f"Bearer {lab.key}"}
        self.http = httpx.Client(base_url=lab.url, headers=headers, timeout=60)

    def call(self, path: str, **fields: Any) -> Any:
        """The answer to a POST."""
        answer = self.http.post(f"{API}/{path}", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def model(self, name: str, versions: int = 2) -> str:
        """A model with versions of one run; the last one is the champion. The run's id."""
        run = self.call("runs/create", experiment_id="0", run_name=name)["run"]["info"]["run_id"]
        for path, content in LEVELS.items():
            self.http.put(f"{FILES}/0/{run}/artifacts/net/{path}", content=content)
        self.call("runs/update", run_id=run, status="FINISHED", end_time=5)
        tags = [{"key": "team", "value": "vision"}]
        self.call("registered-models/create", name=name, description="Iris", tags=tags)
        for number in range(1, versions + 1):
            self.call(
                "model-versions/create", name=name, source=f"runs:/{run}/net", run_id=run,
                description=f"number {number}", tags=[{"key": "n", "value": str(number)}],
            )  # fmt: skip
        self.call("registered-models/alias", name=name, alias="champion", version=str(versions))
        self.call("model-versions/transition-stage", name=name, version="1", stage="Staging")
        return str(run)


@pytest.fixture(scope="module")
def labs(gateway_factory: GatewayFactory) -> tuple[GatewayLab, GatewayLab]:
    """Where models come from, and where they go."""
    return gateway_factory(), gateway_factory()


@pytest.fixture
def yards(labs: tuple[GatewayLab, GatewayLab]) -> Iterator[list[Yard]]:
    """Calls to each of them."""
    made = [Yard(lab) for lab in labs]
    yield made
    for one in made:
        one.http.close()


@pytest.fixture(scope="module")
def readers(labs: tuple[GatewayLab, GatewayLab]) -> Iterator[list[MlflowRegistry]]:
    """What reads each of them as it reads any server of that protocol."""
    made = [MlflowRegistry(f"{lab.url}/mlflow", {"MLFLOW_TRACKING_TOKEN": lab.key}) for lab in labs]
    yield made
    for one in made:
        one.close()


def copy(
    source: MlflowRegistry, lab: GatewayLab, transport: httpx.BaseTransport | None = None
) -> Copied:
    gateway = GatewayRuns(lab.url, lab.key, transport, Calls(pauses=()) if transport else None)
    try:
        copied = Import(source, gateway).all()
        ModelImport(source, gateway, copied).all()
        return copied
    finally:
        gateway.close()


def model_of(reader: MlflowRegistry, name: str) -> RegisteredModel:
    return next(one for one in reader.models() if one.name == name)


def versions_of(reader: MlflowRegistry, name: str) -> list[ModelVersion]:
    return list(reader.versions(RegisteredModel(name)))


def contents(reader: MlflowRegistry, version: ModelVersion, folder: Path) -> dict[str, bytes]:
    return {
        file.path: reader.fetch_of_version(version, file, folder).read_bytes()
        for file in reader.version_files(version)
    }


def test_models_come_with_versions_aliases_stages_and_files_and_twice_is_once(
    labs: tuple[GatewayLab, GatewayLab],
    readers: list[MlflowRegistry],
    yards: list[Yard],
    tmp_path: Path,
) -> None:
    (source, target), (one, _) = readers, yards
    name = unique("m")
    run = one.model(name)
    first, second = copy(source, labs[1]), copy(source, labs[1])
    found = versions_of(target, name)

    assert first.problems == second.problems == []
    assert (first.versions, second.versions) == (2, 0)
    assert model_of(target, name) == model_of(source, name)
    assert [(v.number, v.run, v.description, v.stage, v.tags.get("n")) for v in found] == [
        (1, run, "number 1", "Staging", "1"),
        (2, run, "number 2", "None", "2"),
    ]
    assert [v.tags[TAG] for v in found] == [mark_of(v) for v in versions_of(source, name)]
    assert [contents(target, version, tmp_path) for version in found] == [LEVELS] * 2


def test_an_alias_that_was_moved_here_stays_and_a_new_version_comes(
    labs: tuple[GatewayLab, GatewayLab], readers: list[MlflowRegistry], yards: list[Yard]
) -> None:
    (source, target), (one, two) = readers, yards
    name = unique("m")
    run = one.model(name)
    copy(source, labs[1])
    two.call("registered-models/alias", name=name, alias="champion", version="1")
    one.call("model-versions/create", name=name, source=f"runs:/{run}/net")
    one.call("registered-models/alias", name=name, alias="newest", version="3")
    said = copy(source, labs[1])

    assert said.versions == 1
    assert model_of(target, name).aliases == {"champion": 1, "newest": 3}


class Breaks(httpx.HTTPTransport):
    """Fails after some calls, when the gateway has done what the last one asked."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if self.left == 0:
            super().handle_request(request).read()
        if self.left <= 0:
            raise httpx.ConnectError("cut")
        return super().handle_request(request)


def test_an_import_that_is_interrupted_after_any_call_makes_each_version_once(
    labs: tuple[GatewayLab, GatewayLab],
    readers: list[MlflowRegistry],
    yards: list[Yard],
    tmp_path: Path,
) -> None:
    (source, target), (one, two) = readers, yards
    name = unique("m")
    one.model(name)
    interrupted, done = 0, None
    for _ in range(40):
        try:
            done = only(source, name, labs[1], Breaks(interrupted + 1))
        except Unreachable:
            interrupted += 1
        else:
            break
    found = versions_of(target, name)

    assert interrupted > 3
    assert done is not None
    assert done.problems == []
    assert model_of(target, name) == model_of(source, name)
    assert [(version.number, version.stage) for version in found] == [(1, "Staging"), (2, "None")]
    assert [contents(target, version, tmp_path) for version in found] == [LEVELS] * 2
    logged = two.call("logged-models/search", experiment_ids=["0"], max_results=1000)
    assert [one["info"]["name"] for one in logged["models"]].count(name) == 2


class One(NamedTuple):
    """One model of a source."""

    source: MlflowRegistry
    name: str

    def models(self) -> Iterator[RegisteredModel]:
        yield model_of(self.source, self.name)

    def versions(self, model: RegisteredModel) -> Iterator[ModelVersion]:
        return self.source.versions(model)

    def version_files(self, version: ModelVersion) -> Iterator[File]:
        return self.source.version_files(version)

    def fetch_of_version(self, version: ModelVersion, file: File, folder: Path) -> Path:
        return self.source.fetch_of_version(version, file, folder)


def only(source: MlflowRegistry, name: str, lab: GatewayLab, breaks: Breaks) -> Copied:
    """An import of one model, without its run."""
    gateway, copied = GatewayRuns(lab.url, lab.key, breaks, Calls(pauses=())), Copied()
    try:
        ModelImport(One(source, name), gateway, copied).all()
        return copied
    finally:
        gateway.close()


def test_what_cannot_be_copied_is_named(
    labs: tuple[GatewayLab, GatewayLab], readers: list[MlflowRegistry]
) -> None:
    class Odd(MlflowRegistry):
        """Models that MLflow has, and the gateway has not."""

        def models(self) -> Iterator[RegisteredModel]:
            yield RegisteredModel("with space")
            yield RegisteredModel("prompt", tags={"mlflow.prompt.is_prompt": "true"})

    odd = Odd(f"{labs[0].url}/mlflow", {"MLFLOW_TRACKING_TOKEN": labs[0].key})
    gateway, copied = GatewayRuns(labs[1].url, labs[1].key), Copied()
    ModelImport(odd, gateway, copied).all()
    there = GatewayModels(gateway, TAG).model(RegisteredModel(unique("m")))
    gateway.close()
    odd.close()

    assert len(copied.problems) == copied.wrong == 1
    assert copied.problems[0].startswith("model with space: ")
    assert there.versions == {}
