"""Versions that MLflow's protocol makes: their files, their quota, their rights, and their end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from registry_lab import KEY, RegistryLab, registry_lab

from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.errors import (
    AlreadyThere,
    BadRequest,
    NotFound,
    NotPermitted,
    OutOfSpace,
    TooLarge,
)
from trainyard_gateway.mlflow.registry import sources
from trainyard_gateway.mlflow.registry.requests import (
    CreateModel,
    OfAlias,
    OfModel,
    OfVersion,
    RenameModel,
    SearchVersions,
    SetAlias,
    SetTagOfVersion,
)
from trainyard_gateway.mlflow.registry.sources import OtherVersion
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.places import Place, place_of
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind

RUN = "0123456789abcdef" * 2
LOGGED = "m-" + RUN
A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
C = "33333333-3333-4333-8333-333333333333"

READ = {
    f"runs:/{RUN}/net": Place(RUN, "net"),
    f"runs:/{RUN}/a/b/": Place(RUN, "a/b"),
    f"mlflow-artifacts:/0/{RUN}/artifacts/net": Place(RUN, "net"),
    f"mlflow-artifacts://host:80/0/{RUN}/artifacts": Place(RUN, ""),
    f"https://x.org/mlflow/api/2.0/mlflow-artifacts/artifacts/0/{RUN}/artifacts/a%20b": Place(RUN, "a b"),
    f"models:/{LOGGED}": Place(LOGGED, ""),
    "models:/net/3": OtherVersion("net", "3"),
    "models:/net/Production": OtherVersion("net", "Production"),
    "models:/net@champion": OtherVersion("net", "champion", is_alias=True),
    "mlflow-artifacts:/registry/net/3/artifacts/x": Place("net", "x", 3),
}  # fmt: skip


@pytest.mark.parametrize(("uri", "expected"), READ.items(), ids=READ)
def test_sources_are_read(uri: str, expected: Place | OtherVersion) -> None:
    assert sources.source_of(uri) == expected


UNREADABLE = (
    "s3://bucket/model",
    "/etc",
    "file:///etc/passwd",
    "dummy-source",
    "models:/net",
    "models:/net/1/deep",
    f"runs:/{RUN}/../x",
    "runs:/nothing/x",
    "https://elsewhere.org/x",
    f"runs:/{RUN}/x?a=b",
    "http://[",
    f"mlflow-artifacts:/0/{RUN}/artifacts/%00/\0",
)


@pytest.mark.parametrize("uri", UNREADABLE)
def test_other_sources_are_refused(uri: str) -> None:
    with pytest.raises((BadRequest, NotFound)):
        sources.source_of(uri)


async def test_a_version_has_its_own_files_without_a_copy(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        run = await lab.run(net__MLmodel=b"m", net__model_dot_pkl=b"\x80\x04K\x01.", other=b"o")

        made = await lab.register(f"runs:/{run}/net")
        place = place_of("registry/net/1/artifacts")
        listed = await lab.door.artifacts.list(place, KEY)
        [version], _ = await lab.models.versions("net")
        await lab.door.artifacts.delete(place_of(f"0/{run}/artifacts/net"), KEY)
        _, file = await lab.door.artifacts.file(Place("net", "MLmodel", 1), KEY)

        assert (made["version"], made["run_id"], made["status"]) == ("1", run, "READY")
        assert [f["path"] for f in listed] == ["MLmodel", "model.pkl"]
        assert (version.kind, version.files, version.flags) == ("tree", 2, ["pickle"])
        assert version.card["mlflow"] == {"source": f"runs:/{run}/net", "run": run}
        assert (file.read_bytes(), file.stat().st_nlink) == (b"m", 1)
        assert len(lab.folders()) == 1


async def test_a_file_is_a_version_too_and_a_version_is_a_source(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        run = await lab.run(a__b_dot_txt=b"1")
        await lab.register(f"runs:/{run}/a/b.txt")
        await lab.door.models.set_alias(SetAlias(name="net", alias="best", version="1"), KEY)
        uris = ("models:/net/1", "models:/net@best", "models:/net/latest",
                "mlflow-artifacts:/registry/net/1/artifacts/b.txt")  # fmt: skip
        for uri in uris:
            await lab.register(uri, "copy")
        found, _ = await lab.models.versions("copy")

        assert len({version.sha256 for version in found}) == 1
        assert [version.files for version in found] == [1, 1, 1, 1]


REFUSED: dict[str, tuple[str, type[Exception]]] = {
    "no files": ("runs:/RUN/nothing", BadRequest),
    "no run": (f"runs:/{RUN}/net", NotFound),
    "no logged model": (f"models:/{LOGGED}", NotFound),
    "no model": ("models:/nobody/1", NotFound),
    "no version": ("models:/net/7", NotFound),
    "no stage": ("models:/net/Production", BadRequest),
    "no alias": ("models:/net@x", BadRequest),
}


async def test_a_refusal_leaves_nothing(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        run = await lab.run(net__MLmodel=b"m")

        for which, (source, error) in REFUSED.items():
            with pytest.raises(error):
                await lab.register(source.replace("RUN", run))
            assert lab.folders() == [], which


async def test_a_model_that_a_program_makes_is_of_its_sessions_owner(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        pod, owner = (
            await lab.session(A, "first", "ada"),
            Owner("ada", "robots", Visibility.PRIVATE),
        )
        await lab.database.write(lambda c: owners.save(c, Kind.SESSION, {A: owner}))
        visitor = replace(pod, user=User("ada", Role.MEMBER, ("robots",)))

        await lab.door.models.create(CreateModel(name="net"), visitor)

        found = await lab.database.read(lambda c: owners.find(c, Kind.MODEL, "net"))
        assert found == owner


async def test_quotas_hold(tmp_path: Path) -> None:
    async with registry_lab(tmp_path, Quota("model", most_bytes=10)) as lab:
        run = await lab.run(small=b"x" * 6, large=b"x" * 11)
        with pytest.raises(TooLarge, match="modelsMaxBytes"):
            await lab.register(f"runs:/{run}/large")
        found = await asyncio.gather(
            *(lab.register(f"runs:/{run}/small", run_link=str(n)) for n in range(3)),
            return_exceptions=True,
        )

        assert sorted(isinstance(each, OutOfSpace) for each in found) == [False, True, True]
        assert len(lab.folders()) == 1


async def test_a_request_that_comes_again_meanwhile_makes_one_version(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        run = await lab.run(net__MLmodel=b"m")
        await lab.door.models.create(CreateModel(name="net"), KEY)

        found = await asyncio.gather(*(lab.register(f"runs:/{run}/net") for _ in range(5)))
        later = await lab.register(f"runs:/{run}/net")

        assert {made["version"] for made in found} == {"1"}
        assert later["version"] == "2"


async def test_deleting_at_one_door_deletes_at_the_other(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        run = await lab.run(net__MLmodel=b"m")
        for _ in range(3):
            await lab.register(f"runs:/{run}/net")
        for alias, version in (("a", "1"), ("b", "2"), ("c", "3")):
            await lab.door.models.set_alias(SetAlias(name="net", alias=alias, version=version), KEY)
        tag = SetTagOfVersion(name="net", version="1", key="k", value="v")
        await lab.door.versions.set_tag(tag, KEY)

        await lab.models.remove_version("net", 1)
        await lab.door.versions.delete(OfVersion(name="net", version="3"), KEY)
        [left] = (await lab.door.registry.versions(SearchVersions(), KEY))["model_versions"]
        aliases = (await lab.door.models.get(OfModel(name="net"), KEY))["registered_model"][
            "aliases"
        ]

        assert (left["version"], left["aliases"]) == ("2", ["b"])
        assert aliases == [{"alias": "b", "version": "2"}]
        with pytest.raises(BadRequest, match="alias a not found"):
            await lab.door.models.by_alias(OfAlias(name="net", alias="a"), KEY)
        assert (await lab.register(f"runs:/{run}/net"))["version"] == "4"
        await lab.models.remove("net")
        assert (lab.folders(), await lab.search()) == ([], [])
        again = await lab.register(f"runs:/{run}/net")
        assert ("tags" in again, "aliases" in again) == (False, False)


async def test_a_model_without_versions_is_there_until_it_is_deleted(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        await lab.door.models.create(CreateModel(name="net"), KEY)
        assert [model["name"] for model in await lab.search()] == ["net"]
        await lab.models.remove("net")
        assert await lab.search() == []
        with pytest.raises(NotFound):
            await lab.models.remove("net")


async def test_a_model_with_another_name_keeps_all_that_it_has(tmp_path: Path) -> None:
    async with registry_lab(tmp_path) as lab:
        run = await lab.run(net__MLmodel=b"m")
        for name in ("net", "net", "taken"):
            await lab.register(f"runs:/{run}/net", name, tags=[{"key": "k", "value": "v"}])
        await lab.door.models.set_alias(SetAlias(name="net", alias="a", version="1"), KEY)
        await lab.models.remove_version("net", 2)
        with pytest.raises(AlreadyThere):
            await lab.door.models.rename(RenameModel(name="net", new_name="taken"), KEY)

        await lab.door.models.rename(RenameModel(name="net", new_name="new"), KEY)
        found = (await lab.door.models.by_alias(OfAlias(name="new", alias="a"), KEY))[
            "model_version"
        ]

        assert (found["version"], found["tags"]) == ("1", [{"key": "k", "value": "v"}])
        assert {model["name"] for model in await lab.search()} == {"new", "taken"}
        assert (await lab.register(f"runs:/{run}/net", "new"))["version"] == "3"


async def registered(lab: RegistryLab, visitor: Visitor, name: str) -> dict[str, Any]:
    """A version that a pod makes of its run."""
    run = await lab.run(visitor, net__MLmodel=str(visitor.session_uid).encode())
    return await lab.register(f"runs:/{run}/net", name, visitor)


async def test_a_session_makes_versions_of_its_users_models_and_of_declared_names(
    tmp_path: Path,
) -> None:
    async with registry_lab(tmp_path) as lab:
        first = await lab.session(A, "first", "ada")
        second = await lab.session(B, "second", "ada", outputModel="shared")
        other = await lab.session(C, "third", "bob")
        local = await lab.run(net__MLmodel=b"m")
        await lab.register(f"runs:/{local}/net", "shared")

        made = [await registered(lab, pod, "net") for pod in (first, second, first)]
        declared = await registered(lab, second, "shared")
        alias = SetAlias(name="net", alias="champion", version="2")
        await lab.door.models.set_alias(alias, first)

        assert [each["version"] for each in made] == ["1", "2", "1"]
        assert declared["version"] == "2"
        assert lab.told == [A, B, A, B]
        for pod, name in ((other, "net"), (first, "shared")):
            with pytest.raises(NotPermitted, match=f"there is a model '{name}'"):
                await registered(lab, pod, name)
        for pod, name in ((other, "net"), (second, "shared")):
            with pytest.raises(NotPermitted, match="may not change it"):
                await lab.door.models.set_alias(
                    SetAlias(name=name, alias="champion", version="1"), pod
                )
        with pytest.raises(NotPermitted, match="rename or delete"):
            await lab.door.models.delete(OfModel(name="net"), first)
        with pytest.raises(NotPermitted, match="what its own session"):
            await lab.register("models:/net/2", "mine", other)
        with pytest.raises(NotFound):
            await lab.register(f"runs:/{local}/net", "own", first)
