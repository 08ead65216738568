"""One version of a model is deleted: its files and number are gone, all else stays."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from client_lab import safetensors
from cluster import unique
from gateway_lab import GatewayLab, Trainer
from staged_trees import stage

from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration


def put(http: httpx.Client, name: str, file: Path) -> int:
    answer = http.post("/models", params={"name": name}, content=file.read_bytes())
    answer.raise_for_status()
    version: int = answer.json()["version"]
    return version


def numbers(http: httpx.Client, name: str) -> list[int]:
    return [v["version"] for v in http.get(f"/models/{name}/versions").json()["models"]]


def test_the_others_keep_number_and_files(
    lab: GatewayLab, http: httpx.Client, tmp_path: Path
) -> None:
    name = unique("versions")
    files = [safetensors(tmp_path / str(n), n + 4) for n in range(3)]
    # Twice the same content: each version has its own.
    versions = [put(http, name, file) for file in (*files, files[1])]
    before = {p.name for p in (lab.data / "models").iterdir()}

    answer = http.delete(f"/models/{name}/versions/2")

    assert (answer.status_code, versions) == (204, [1, 2, 3, 4])
    assert numbers(http, name) == [1, 3, 4]
    assert http.get(f"/models/{name}", params={"version": 2}).status_code == 404
    assert http.get(f"/models/{name}", params={"version": 4}).content == files[1].read_bytes()
    assert http.get(f"/models/{name}").headers["x-model-version"] == "4"
    assert len(before - {p.name for p in (lab.data / "models").iterdir()}) == 1
    assert http.delete(f"/models/{name}/versions/2").status_code == 404


def test_the_number_of_the_newest_is_not_given_again(http: httpx.Client, tmp_path: Path) -> None:
    name = unique("versions")
    file = safetensors(tmp_path / "file")
    put(http, name, file)
    put(http, name, file)

    assert http.delete(f"/models/{name}/versions/2").status_code == 204
    assert put(http, name, file) == 3
    for version in (1, 3):
        assert http.delete(f"/models/{name}/versions/{version}").status_code == 204
    assert http.get(f"/models/{name}").status_code == 404
    assert name not in {m["name"] for m in http.get("/models").json()["models"]}
    assert put(http, name, file) == 1, "a model that is gone begins again"


def test_one_version_of_a_tree(lab: GatewayLab, http: httpx.Client, trainer: Trainer) -> None:
    run = lab.data / "runs" / trainer.session_uid
    for content in (b"first", b"second"):
        tree = stage(run, {"weights.bin": content, "same": b"same"})
        answer = trainer.post("tree", tree.report(trainer.session_uid, trainer.session))
        assert answer.status_code == 201, answer.text

    assert http.delete(f"/models/{trainer.session}/versions/1").status_code == 204

    below = f"/models/{trainer.session}/versions"
    assert http.get(f"{below}/1/files").status_code == 404
    assert http.get(f"{below}/2/files/weights.bin").content == b"second"
    assert http.get(f"{below}/2/files/same").content == b"same"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("none/versions/1", 404),
        ("..%2f..%2fdb/versions/1", 404),
        ("m/versions/0", 422),
        ("m/versions/-1", 422),
        ("m/versions/2147483648", 422),
        ("m/versions/newest", 422),
    ],
)
def test_what_is_no_version_is_refused(
    http: httpx.Client, tmp_path: Path, path: str, status: int
) -> None:
    put(http, "m", safetensors(tmp_path / "file"))

    assert http.delete(f"/models/{path}").status_code == status


async def test_both_kinds_of_database_remember_the_number(database: Store) -> None:
    def row(id: int) -> ModelRow:
        return ModelRow(
            id=str(id), name="m", version=0, file="f", sha256="0", size_bytes=1, created="2026",
            session_uid=None, kind=models.FILE, files=1, flags="", card="{}",
        )  # fmt: skip

    async def add(id: int) -> int:
        added = await database.write(lambda c: models.add_next_version(c, row(id)))
        return added.version

    async def remove(version: int) -> str | None:
        return await database.write(lambda c: models.remove_version(c, "m", version))

    assert [await add(id) for id in (1, 2, 3)] == [1, 2, 3]
    assert [await remove(v) for v in (3, 2, 2)] == ["3", "2", None]
    assert await add(4) == 4
    assert [await remove(v) for v in (4, 1)] == ["4", "1"]
    assert await add(5) == 1
