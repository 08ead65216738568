"""Bounds of the registries hold against uploads of every kind, and run folders go when their sessions are long gone."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

BYTES = 1000
UNKNOWN = "99999999-9999-4999-8999-999999999999"


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, database_settings: dict[str, str]) -> GatewayLab:
    """Small bounds, and run folders that go a second after their session."""
    return gateway_factory(
        datasets_max_bytes=str(BYTES),
        models_max_count="2",
        run_retention_days=str(1 / 86_400),
        **database_settings,
    )


@pytest.fixture(autouse=True)
def empty(http: httpx.Client) -> None:
    """Every test finds the registries empty."""
    for kind in ("datasets", "models"):
        for name in {one["name"] for one in http.get(f"/{kind}").json()[kind]}:
            http.delete(f"/{kind}/{name}").raise_for_status()


def table(size: int) -> bytes:
    """A CSV file of so many bytes."""
    rows, rest = divmod(size - len(b"a,y\n1,0\n2,1\n"), len(b"1,0\n"))
    return b"a,y\n1,0\n" + b"1" * rest + b"2,1\n" + b"1,0\n" * rows


def send(http: httpx.Client, name: str, size: int, *, told: bool = True) -> httpx.Response:
    """A dataset of so many bytes; with `told` its size stands in front."""
    body = table(size)
    content = body if told else iter([body[:100], body[100:]])
    return http.post("/datasets", params={"name": name, "filename": "a.csv"}, content=content)


def model_file() -> bytes:
    head = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"1234"


def files(lab: GatewayLab, kind: str) -> list[Path]:
    """Files of a registry, without the schemas of datasets."""
    there = [path for path in (lab.data / kind).rglob("*") if path.is_file()]
    return [path for path in there if not path.name.startswith("schema-")]


def test_all_datasets_together_stay_within_their_bytes(lab: GatewayLab, http: httpx.Client) -> None:
    assert send(http, "first", 600).status_code == 201

    never = send(http, "never", 1002)
    announced = send(http, "announced", 402)
    silent = send(http, "silent", 402, told=False)
    again = send(http, "first", 600)

    assert (never.status_code, announced.status_code, silent.status_code) == (413, 507, 507)
    assert never.headers["content-type"] == "application/problem+json"
    assert "datasetsMaxBytes" in announced.json()["detail"]
    assert again.status_code == 200
    assert len(files(lab, "datasets")) == 1
    assert send(http, "fits", 400).status_code == 201
    http.delete("/datasets/first").raise_for_status()
    assert send(http, "announced", 402).status_code == 201


def test_uploads_beside_each_other_do_not_pass_together(
    lab: GatewayLab, http: httpx.Client
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: send(http, f"d{n}", 400), range(8)))

    assert sorted(a.status_code for a in answers) == [201, 201] + [507] * 6
    assert len(files(lab, "datasets")) == 2


def test_uploads_in_parts_take_their_room_when_they_begin(http: httpx.Client) -> None:
    new = {"name": "parts", "filename": "a.csv", "sizeBytes": 600, "partBytes": 1024}

    begun = http.post("/uploads/datasets", json=new)
    second = http.post("/uploads/datasets", json=new)
    never = http.post("/uploads/datasets", json={**new, "sizeBytes": 1001})

    assert (begun.status_code, second.status_code, never.status_code) == (201, 507, 413)
    place = begun.headers["location"].removeprefix("/api/v1")
    http.put(f"{place}/parts/1", content=table(600)).raise_for_status()
    assert http.post(f"{place}/complete").status_code == 201
    assert http.post("/uploads/datasets", json=new).status_code == 507


def test_versions_of_models_are_counted(http: httpx.Client) -> None:
    def upload(name: str) -> httpx.Response:
        return http.post("/models", params={"name": name}, content=model_file())

    assert [upload(name).status_code for name in ("a", "a", "b")] == [201, 201, 507]
    assert "modelsMaxCount" in upload("b").json()["detail"]
    http.delete("/models/a").raise_for_status()
    assert upload("b").status_code == 201


def start(http: httpx.Client, name: str, **more: object) -> str:
    answer = http.post("/training/start", json={"name": name, "command": ["x"], **more})
    return str(answer.raise_for_status().json()["uid"])


def remove(lab: GatewayLab, name: str) -> None:
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name
        )


def test_only_folders_of_runs_that_nobody_needs_go(lab: GatewayLab, http: httpx.Client) -> None:
    uids = {name: start(http, name) for name in ("gone", "there", "forked")}
    start(http, "fork", resumeFrom={"session": "forked"})
    folders = {name: lab.data / "runs" / uid for name, uid in {**uids, "?": UNKNOWN}.items()}
    for folder in folders.values():
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "checkpoints" / "1.pt").write_bytes(b"weights")

    # The one that must go goes last, so that the others have had their time too.
    remove(lab, "forked")
    eventually(
        lambda: http.get("/training/forked/status").json()["deleted"], what="forked being deleted"
    )
    remove(lab, "gone")
    eventually(lambda: not folders["gone"].exists(), what="the folder being removed")

    assert all(folders[name].exists() for name in ("there", "forked", "?"))
    remove(lab, "fork")
    eventually(lambda: not folders["forked"].exists(), what="the fork's source being removed")
    assert all((folders[name] / "checkpoints" / "1.pt").exists() for name in ("there", "?"))
    assert list((lab.data / "runs" / ".gone").iterdir()) == []
    eventually(lambda: not list((lab.data / "runs" / ".removing").iterdir()))
