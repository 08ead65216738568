"""Uploads that were begun are listed, block little, and expire while the gateway runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayFactory

from trainyard_api.rights.owner import Owner
from trainyard_gateway.errors import AlreadyThere, NotFound, OutOfSpace
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.registry.uploads import (
    KEPT_DAYS,
    MOST_BEGUN,
    MOST_OF_OWNER,
    NewUpload,
    Uploads,
)
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

GIB = 1 << 30


@pytest.fixture
def uploads(database: Store, tmp_path: Path) -> Uploads:
    store = FileStore(tmp_path / "uploads", 0)
    store.open()
    return Uploads(store, database, Quota("model", GIB, None))


def new(name: str = "m", size: int = GIB) -> NewUpload:
    return NewUpload(name=name, size_bytes=size, part_bytes=1024)


async def test_they_are_listed_and_end_after_a_week(uploads: Uploads) -> None:
    made = await uploads.create(new(size=1000_000), Owner("ada"))

    [listed] = await uploads.all()
    assert (listed.id, listed.name, listed.received) == (made.id, "m", 0)
    assert listed.owner == "ada"
    await uploads.expire(datetime.now(UTC) + timedelta(days=KEPT_DAYS - 1))
    assert len(await uploads.all()) == 1
    await uploads.expire(datetime.now(UTC) + timedelta(days=KEPT_DAYS + 1))
    assert await uploads.all() == []
    with pytest.raises(NotFound):
        await uploads.get(made.id)


def test_a_promise_blocks_no_others_and_each_part_is_counted(
    gateway_factory: GatewayFactory,
) -> None:
    quota = 256 << 20
    lab = gateway_factory(models_max_bytes=str(quota))
    with lab.http() as http:
        big = {"name": "big", "sizeBytes": quota, "partBytes": 1 << 20}
        place = http.post("/uploads/models", json=big).headers["Location"]
        small = {"name": "small", "sizeBytes": 1 << 20, "partBytes": 1 << 20}
        assert http.post("/uploads/models", json=small).status_code == 201
        assert put(http, place, 1).status_code == 200
        listed = http.get("/uploads/models").json()["uploads"]

        assert [(u["name"], u["parts"], u["received"]) for u in listed] == [
            ("big", 256, 1),
            ("small", 1, 0),
        ]
        assert http.get("/uploads/datasets").json() == {"uploads": []}


def put(http: httpx.Client, place: str, number: int) -> httpx.Response:
    path = f"{place.removeprefix('/api/v1')}/parts/{number}"
    return http.put(path, content=b"x" * (1 << 20))


async def test_only_so_many_are_begun_and_one_user_blocks_no_other(uploads: Uploads) -> None:
    for _ in range(MOST_OF_OWNER):
        await uploads.create(new(size=10), Owner("ada"))
    with pytest.raises(AlreadyThere, match="'ada' began are incomplete, the most of one user"):
        await uploads.create(new(size=10), Owner("ada"))
    for number in range(MOST_OF_OWNER, MOST_BEGUN):
        last = await uploads.create(new(size=10), Owner(f"user{number}"))
    with pytest.raises(OutOfSpace, match="100 uploads of models are incomplete"):
        await uploads.create(new(size=10), Owner("bob"))
    await uploads.remove(last.id)
    await uploads.create(new(size=10), Owner("bob"))


def test_the_owner_is_the_name_of_the_key(gateway_factory: GatewayFactory) -> None:
    lab = gateway_factory()
    key = {"X-API-Key": lab.new_key("carol", "models:write")}
    with lab.http() as http:
        body = {"name": "m", "sizeBytes": 10}
        for _ in range(MOST_OF_OWNER):
            http.post("/uploads/models", json=body, headers=key).raise_for_status()
        assert http.post("/uploads/models", json=body, headers=key).status_code == 409
        assert http.post("/uploads/models", json=body).status_code == 201
        owners = {u["owner"] for u in http.get("/uploads/models").json()["uploads"]}

    assert owners == {"carol", "admin"}
