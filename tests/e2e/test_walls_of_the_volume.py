"""What a session's pod reaches of the volume and of the gateway: what is its own, and what it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile_pod
import pytest
from cluster import unique
from installation import Installation
from poll import eventually

from trainyard.client import Client
from trainyard.errors import ApiError

pytestmark = pytest.mark.e2e

SMALL = {"gpus": 0, "cpu": "200m", "memory": "192Mi"}
CANARY = "wall-canary-7d31"
KEEP = "import os, pathlib, sys; [pathlib.Path(p).write_text(sys.argv[1]) for p in sys.argv[2:]]"
READ = (
    "import json, os; from pathlib import Path; print(json.dumps({str(p): p.read_text() for top in"
    " ('/data/datasets', '/data/resume') for p in Path(top).rglob('*') if p.suffix == '.csv'}))"
)
OWN = {"/data/run", "/data/cache", "/data/code"}


@pytest.fixture(scope="module")
def ada(installation: Installation, gateway: Client) -> Iterator[Client]:
    """Another user than the one of the administrator's key."""
    key = gateway.create_key(unique("ada"), "sessions:read", "sessions:write", "datasets:write")
    with Client(installation.url, key.key) as client:
        yield client


@pytest.fixture(scope="module")
def datasets(gateway: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Names of three datasets, with what each holds."""
    made = {}
    for mark in ("mine", "second", CANARY):
        file = tmp_path_factory.mktemp("data") / "data.csv"
        file.write_text(f"a,b\n1,{mark}\n2,other\n")
        made[gateway.upload_dataset(unique("walls"), file).name] = file.read_text()
    return made


def finished(gateway: Client, name: str) -> None:
    eventually(lambda: gateway.status(name).finished, within=180, what=f"the end of {name}")
    assert gateway.status(name).phase == "Succeeded", gateway.status(name).status


def printed(gateway: Client, name: str) -> list[str]:
    return [line.message for line in gateway.logs(name).lines]


@pytest.fixture(scope="module")
def victim(gateway: Client) -> str:
    """UID of a session that leaves a secret in its folder and in its user's cache."""
    command = ["python3", "-c", KEEP, CANARY, "secret.csv", "/data/cache/secret"]
    spec = {"command": command, "resources": SMALL}
    session = gateway.start_training(spec, unique("victim"))
    finished(gateway, session.name)
    return session.uid


@pytest.fixture(scope="module")
def hostile(
    gateway: Client,
    ada: Client,
    victim: str,
    datasets: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, dict[str, Any]]:
    """Name of the hostile session, and what came of each thing that it tried."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "attack.py").write_text(Path(hostile_pod.__file__).read_text())
    bundle = ada.code.push(ada.code.read(folder))
    mine, _, other = datasets
    told = {
        "VICTIM_UID": victim,
        "CANARY_MARK": CANARY[::-1],
        "OTHER_FOLDER": gateway.dataset(other).file.partition("/")[0],
        "MINE": mine,
    }
    spec = {
        "command": ["python3", "attack.py"],
        "code": {"bundle": bundle.bundle},
        "dataset": mine,
        "resources": SMALL,
        "env": [{"name": name, "value": value} for name, value in told.items()],
    }
    name = ada.start_training(spec, unique("hostile")).name
    finished(ada, name)
    lines = [x.removeprefix("tried ") for x in printed(ada, name) if x.startswith("tried ")]
    tried = {each.pop("what"): each for each in map(json.loads, lines)}
    return name, tried


def own(mine: str) -> dict[str, Any]:
    """All that a hostile program gets: what is its own."""
    volume = ["cache", "code", "datasets", "run"]
    return {
        "find it anywhere": [],
        "find a database": [],
        "list the mounts": sorted([f"/data/datasets/{mine}", *OWN]),
        "list the volume": volume,
        "list the datasets": [mine],
        "list what is above the run": volume,
        "list the caches": volume,
        "list all code": ["contents", "manifest.json"],
        "report for itself": 200,
    }


def test_a_hostile_program_gets_what_is_its_own_and_nothing_else(
    hostile: tuple[str, dict[str, Any]], datasets: dict[str, str]
) -> None:
    _, tried = hostile
    got = {what: each["got"] for what, each in tried.items() if "got" in each}
    assert got == own(next(iter(datasets)))
    assert len(tried) > 40
    for what in ("report for another", "register for another", "a tree for another"):
        assert tried[what]["refused"] == 403, what
    for what in ("start a session", "read /datasets", "read /keys", "files of another"):
        assert tried[what]["refused"] == 401, what


def test_the_gateway_follows_no_link_that_the_program_left(
    ada: Client, hostile: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    name, tried = hostile
    assert "follow a link to another run" in tried
    for link in ("to-run/secret.csv", "to-database", "to-volume/secret", "to-passwd"):
        with pytest.raises(ApiError) as refused:
            ada.files.download(name, link, tmp_path / "stolen")
        assert refused.value.status in (400, 404, 409, 422), link
    kinds = {file.place: file.kind for file in ada.files.folder(name).files}
    assert {kinds[link] for link in ("to-run", "to-database", "to-passwd")} == {"link"}


def test_a_program_finds_the_datasets_that_it_names_and_the_run_that_it_resumes_from(
    gateway: Client, victim: str, datasets: dict[str, str]
) -> None:
    first, second, _ = datasets
    source = gateway.status(victim).name
    spec = {
        "command": ["python3", "-c", READ],
        "datasets": [first, second],
        "resumeFrom": {"session": source},
        "resources": SMALL,
    }
    name = gateway.start_training(spec, unique("reads")).name
    finished(gateway, name)

    [line] = printed(gateway, name)
    assert json.loads(line) == {
        f"/data/datasets/{first}/data.csv": datasets[first],
        f"/data/datasets/{second}/data.csv": datasets[second],
        "/data/resume/secret.csv": CANARY,
    }
    mounts = gateway.status(name).status.datasets or []
    assert [each.name for each in mounts] == [first, second]
