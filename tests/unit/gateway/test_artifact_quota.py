"""How many bytes MLflow's clients may upload, in a run and together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trainyard_api.rights.owner import Role, User
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import OutOfSpace, Problem, TooLarge
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.mlflow.artifact_quota import ArtifactQuota, UsedBytes
from trainyard_gateway.mlflow.artifacts import Artifacts
from trainyard_gateway.mlflow.registry.files import VersionFiles
from trainyard_gateway.mlflow.runs import Runs
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.places import Place
from trainyard_gateway.mlflow.wire.requests import CreateRun
from trainyard_gateway.store.runs import logged_models
from trainyard_gateway.store.runs.experiments import ensure_default
from trainyard_gateway.store.runs.logged_models import LoggedModelRow
from trainyard_gateway.store.sqlite import SqliteStore

RUN, OTHER, MODEL = "a" * 32, "b" * 32, "m-" + "c" * 32
ADMIN = Visitor("admin", frozenset(Scope), user=User("admin", Role.ADMINISTRATOR))


@pytest.mark.parametrize(
    ("quota", "used", "more", "wanted", "setting"),
    [
        pytest.param((None, None), (10**15, 10**15), 10**15, None, "", id="no bounds"),
        pytest.param((100, None), (40, 0), 60, None, "", id="just fits the run"),
        pytest.param((100, None), (40, 0), 61, OutOfSpace, "artifactsRunMaxBytes", id="one more"),
        pytest.param((100, None), (0, 0), 101, TooLarge, "artifactsRunMaxBytes", id="alone"),
        pytest.param((100, None), (120, 0), 0, OutOfSpace, "artifactsRunMaxBytes", id="lowered"),
        pytest.param((None, 100), (0, 40), 60, None, "", id="just fits all"),
        pytest.param((None, 100), (0, 40), 61, OutOfSpace, "artifactsMaxBytes", id="one more of all"),
        pytest.param((None, 100), (0, 0), 101, TooLarge, "artifactsMaxBytes", id="alone of all"),
        pytest.param((50, 100), (0, 60), 45, OutOfSpace, "artifactsMaxBytes", id="all is nearer"),
        pytest.param((50, 100), (10, 60), 45, OutOfSpace, "artifactsRunMaxBytes", id="both"),
        pytest.param((500, 100), (0, 100), 200, TooLarge, "artifactsMaxBytes", id="never fits first"),
    ],
)  # fmt: skip
def test_what_is_taken(
    quota: tuple[int | None, int | None],
    used: tuple[int, int],
    more: int,
    wanted: type[Problem] | None,
    setting: str,
) -> None:
    found = ArtifactQuota(*quota).refusal(UsedBytes(*used), more)

    assert type(found) is (wanted or type(None))
    assert setting in str(found)


def test_the_refusal_says_what_there_is_and_what_to_do() -> None:
    assert str(ArtifactQuota(100).refusal(UsedBytes(40), 61)) == (
        "the artifacts of a run may have 100 bytes (artifactsRunMaxBytes) and have 40, too many for "
        "61 more; delete some first, or ask your administrator"
    )
    assert str(ArtifactQuota(None, 100).refusal(UsedBytes(0, 0), 101)) == (
        "this file has 101 bytes or more; all artifacts together may have 100 (artifactsMaxBytes)"
    )


class Body:
    """A body of pieces of 10 bytes, which counts those that were read."""

    def __init__(self, size: int, mark: int = 0) -> None:
        self.left, self.read, self.mark = size // 10, 0, mark

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.read == self.left:
            raise StopAsyncIteration
        self.read += 1
        await asyncio.sleep(0)
        return b"%d%09d" % (self.mark, self.read)


class Lab:
    """Runs and their artifacts, with bounds."""

    def __init__(self, folder: Path, quota: ArtifactQuota) -> None:
        self.database = SqliteStore(folder / "db" / "x.sqlite3")
        self.store = FileStore(folder / "artifacts", 0)
        self.store.open()
        versions = VersionFiles(folder / "models", self.database)
        self.artifacts = Artifacts(self.store, self.database, versions, quota)

    async def open(self) -> Lab:
        """Two runs; the first has made a logged model."""
        await self.database.open()
        await self.database.write(lambda c: ensure_default(c, 1))
        for run in (RUN, OTHER):
            asked = CreateRun.model_validate({"run_id": run, "experiment_id": "0"})
            await Runs(self.database, lambda _: 1).create(asked, ADMIN)
        model = LoggedModelRow(MODEL, "0", RUN, "net", "", "READY", 1, 1, "{}", "{}")
        await self.database.write(lambda c: logged_models.add(c, model))
        return self

    async def put(self, owner: str, path: str, body: Body, declared: int | None = None) -> str:
        """What is refused; "" if it is taken."""
        try:
            await self.artifacts.put(Place(owner, path), body, declared, ADMIN)
        except Problem as error:
            return str(error)
        return ""

    async def close(self) -> None:
        """Nothing half is left."""
        await self.database.close()
        assert list((self.store.root / ".incoming").iterdir()) == []


async def test_a_run_counts_with_its_logged_models_and_without_what_is_replaced(
    tmp_path: Path,
) -> None:
    lab = await Lab(tmp_path, ArtifactQuota(100, 150)).open()
    said = [
        await lab.put(RUN, "a", Body(40)),
        await lab.put(MODEL, "weights", Body(40)),
        await lab.put(RUN, "b", Body(30), 30),
        await lab.put(RUN, "a", Body(60), 60),
        await lab.put(MODEL, "more", Body(10), 10),
        await lab.put(OTHER, "a", Body(60), 60),
        await lab.put(OTHER, "a", Body(50), 50),
    ]
    await lab.artifacts.delete(Place(RUN, "a"), ADMIN)
    said.append(await lab.put(OTHER, "b", Body(50), 50))
    await lab.close()

    assert ["artifactsRunMaxBytes" in one for one in said] == [
        *(False, False, True, False, True, False, False, False)
    ]
    assert ["artifactsMaxBytes" in one for one in said] == [
        *(False, False, False, False, False, True, False, False)
    ]


async def test_what_exceeds_a_bound_is_refused_before_it_is_read_or_as_soon_as_it_does(
    tmp_path: Path,
) -> None:
    lab = await Lab(tmp_path, ArtifactQuota(100)).open()
    declared, not_declared, lied = Body(1000), Body(1000), Body(1000)
    said = [
        await lab.put(RUN, "declared", declared, 1000),
        await lab.put(RUN, "not declared", not_declared),
        await lab.put(RUN, "lied", lied, 10),
    ]
    await lab.close()

    assert all("artifactsRunMaxBytes" in one for one in said)
    assert [declared.read, not_declared.read, lied.read] == [0, 11, 11]
    assert not (lab.store.root / RUN).exists()


async def test_many_at_once_do_not_exceed_a_bound_together(tmp_path: Path) -> None:
    lab = await Lab(tmp_path, ArtifactQuota(None, 100)).open()
    said = await asyncio.gather(
        *(lab.put((RUN, OTHER)[n % 2], f"f{n}", Body(30, n), 30) for n in range(8))
    )
    await lab.close()

    assert said.count("") == 3
    assert len([path for path in lab.store.root.glob("*/*") if path.is_file()]) == 3
