"""Artifacts that relays of ended sessions kept come to the gateway; what is none holds nothing up."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert

from trainyard_api import contract
from trainyard_api.mlflow import run_id_of
from trainyard_api.rights.owner import User
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.files.relayed import RelayedArtifacts
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.mlflow import artifact_recovery
from trainyard_gateway.mlflow.artifact_quota import ArtifactQuota
from trainyard_gateway.mlflow.artifact_recovery import ArtifactRecovery
from trainyard_gateway.mlflow.artifacts import Artifacts
from trainyard_gateway.mlflow.registry.files import VersionFiles
from trainyard_gateway.mlflow.runs import Runs
from trainyard_gateway.mlflow.visitor import OF_PODS, Visitor
from trainyard_gateway.mlflow.wire import places
from trainyard_gateway.mlflow.wire.requests import CreateRun
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store.runs.experiments import ensure_default
from trainyard_gateway.store.schema.tables import sessions
from trainyard_gateway.store.sqlite import SqliteStore
from trainyard_kube import KubeClient, KubeConfig
from trainyard_supervisor.relay.artifacts import ArtifactStore

A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
RUN = run_id_of(A)
MOST = 4_000_000
"""Bytes that a run may have."""


@dataclass
class Lab:
    """A gateway's database and volume, and the run folders of two ended sessions."""

    runs: Path
    database: SqliteStore
    artifacts: Artifacts
    recovery: ArtifactRecovery

    def relay(self, uid: str = A, worker: int = 0) -> ArtifactStore:
        """The store of a relay in a pod."""
        folder = self.runs / uid / contract.RELAY / str(worker) / "artifacts"
        return ArtifactStore(folder)

    def left(self, uid: str = A) -> list[str]:
        """The names of what is in the store of worker 0."""
        folder = self.runs / uid / contract.RELAY / "0" / "artifacts"
        return sorted(path.name for path in folder.iterdir())

    async def make_run(self, id: str, uid: str) -> None:
        """A run of a session, as its pod makes it."""
        asked = CreateRun(run_id=id)
        await Runs(self.database, lambda _: 1).create(asked, Visitor("", OF_PODS, uid, 1))

    async def content(self, path: str, run: str = RUN) -> bytes:
        """What the gateway has at a path of a run."""
        _, file = await self.artifacts.file(
            places.of_run(run, path), Visitor("", OF_PODS, user=User("key"))
        )
        return file.read_bytes()

    async def listed(self, run: str = RUN) -> list[str]:
        """What the gateway has of a run, at the top."""
        found = await self.artifacts.list(
            places.of_run(run, ""), Visitor("", OF_PODS, user=User("key"))
        )
        return [each["path"] for each in found]


def log(store: ArtifactStore, path: str, content: bytes, run: str = RUN) -> None:
    part, size = store.write(io.BytesIO(content))
    store.put(part, run, path, size, "text/plain")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    database = SqliteStore(tmp_path / "db" / "x.sqlite3")
    await database.open()
    row = {"created": "2026", "object": "{}", "deleted": True}
    gone = [{"uid": uid, "name": uid, **row} for uid in (A, B)]
    await database.write(lambda c: c.execute(insert(sessions), gone))
    await database.write(lambda c: ensure_default(c, 1))
    runs = tmp_path / "runs"
    store = FileStore(tmp_path / "artifacts", 0)
    store.open()
    versions = VersionFiles(tmp_path / "models", database)
    artifacts = Artifacts(store, database, versions, ArtifactQuota(most_of_run=MOST))
    cache = SessionCache(KubeClient(KubeConfig(server="http://127.0.0.1:1")), "a", database)
    recovery = ArtifactRecovery(
        RunFolders(runs), RelayedArtifacts(runs), cache, database, artifacts
    )
    found = Lab(runs, database, artifacts, recovery)
    await found.make_run(RUN, A)
    yield found
    await database.close()


async def test_what_relays_kept_comes_to_the_gateway(lab: Lab) -> None:
    store = lab.relay()
    log(store, "notes/größe.txt", b"hello")
    log(store, "empty", b"")
    log(store, "sent before", b"there already")
    store.sent(next(one for one in store.waiting() if one.path == "sent before"))
    log(lab.relay(worker=1), "of another worker", b"x" * 3_000_000)

    await lab.recovery.sweep()

    assert await lab.content("notes/größe.txt") == b"hello"
    assert await lab.content("empty") == b""
    assert len(await lab.content("of another worker")) == 3_000_000
    assert await lab.listed() == ["empty", "notes", "of another worker"]
    assert lab.left() == ["000000000003.bin", "000000000003.json"]
    assert lab.relay(worker=1).waiting() == []


async def test_an_artifact_waits_for_space(lab: Lab) -> None:
    log(lab.relay(), "too much", b"x" * 3_000_000)
    log(lab.relay(), "fits", b"1")
    other = Visitor("", OF_PODS, A)
    full = places.of_run(RUN, "full")
    await lab.artifacts.put(full, pieces(b"x" * (MOST - 2_000_000)), None, other)
    await lab.recovery.sweep()
    waited = await lab.listed()
    await lab.artifacts.delete(full, other)
    await lab.recovery.sweep()

    assert waited == ["fits", "full"]
    assert await lab.listed() == ["fits", "too much"]
    assert lab.left() == []


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_an_artifact_waits_for_the_report_of_its_run(lab: Lab) -> None:
    child = "c" * 32
    log(lab.relay(), "of the child", b"1", child)
    await lab.recovery.sweep()
    waited = lab.left()
    await lab.make_run(child, A)
    await lab.recovery.sweep()

    assert len(waited) == 2
    assert await lab.content("of the child", child) == b"1"
    assert lab.left() == []


async def test_it_waits_for_no_run_without_end_and_the_file_stays(lab: Lab) -> None:
    log(lab.relay(), "of no run", b"1", "d" * 32)
    for _ in range(artifact_recovery.UNKNOWN_SWEEPS):
        await lab.recovery.sweep()

    assert lab.left() == ["000000000001.bin"]


async def test_a_session_reaches_no_run_of_another_one(lab: Lab) -> None:
    log(lab.relay(B), "intruder", b"1")
    for _ in range(artifact_recovery.UNKNOWN_SWEEPS):
        await lab.recovery.sweep()

    assert await lab.listed() == []
    assert lab.left(B) == ["000000000001.bin"]


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"run": RUN, "path": "../up"}, id="a path that climbs"),
        pytest.param({"run": RUN, "path": ""}, id="no path"),
        pytest.param({"run": "../../x", "path": "a"}, id="no run"),
        pytest.param({"run": 1, "path": ["a"]}, id="other types"),
        pytest.param({"run": RUN, "path": "x" * 20_000}, id="a long path"),
        pytest.param([], id="a list"),
        pytest.param(None, id="nothing"),
    ],
)
async def test_what_is_no_artifact_delays_no_other_one(lab: Lab, about: object) -> None:
    store = lab.relay()
    folder = lab.runs / A / contract.RELAY / "0" / "artifacts"
    log(store, "first", b"1")
    log(store, "second", b"2")
    (folder / "000000000001.json").write_text(json.dumps(about))

    await lab.recovery.sweep()

    assert await lab.listed() == ["second"]


async def test_links_and_pipes_are_not_followed(lab: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    store = lab.relay()
    folder = lab.runs / A / contract.RELAY / "0" / "artifacts"
    for name in ("content", "about", "folder", "good"):
        log(store, name, b"mine")
    (folder / "000000000001.bin").unlink()
    (folder / "000000000001.bin").symlink_to(secret)
    (folder / "000000000002.json").unlink()
    (folder / "000000000002.json").symlink_to(secret)
    (folder / "000000000003.bin").unlink()
    (folder / "000000000003.bin").mkdir()
    (lab.runs / A / contract.RELAY / "1").symlink_to(folder.parent)

    await lab.recovery.sweep()

    assert await lab.listed() == ["good"]
    assert await lab.content("good") == b"mine"
    assert secret.read_text() == "secret"
