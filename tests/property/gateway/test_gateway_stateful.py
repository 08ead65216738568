"""Datasets, keys and uploads in parts against a model of what should be there, in any order, with kills in between."""

from __future__ import annotations

import hashlib
import signal
from typing import Any, ClassVar

import httpx
import pytest
from gateway_lab import GatewayLab
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

pytestmark = pytest.mark.integration

NAMES = st.sampled_from([f"set-{n}" for n in range(4)])
BODIES = st.lists(st.integers(-9, 9), min_size=1, max_size=40).map(
    lambda rows: b"a,y\n0,0\n1,1\n" + b"".join(b"%d,%d\n" % (v, v % 2) for v in rows)
)


class Registry(RuleBasedStateMachine):
    """Over one gateway; each run begins by emptying it."""

    lab: ClassVar[GatewayLab]
    keys = Bundle("keys")
    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.http = self.lab.http()
        self.datasets: dict[str, bytes] = {}
        for name in [d["name"] for d in self.http.get("/datasets").json()["datasets"]]:
            self.http.delete(f"/datasets/{name}").raise_for_status()
        # A key may have 25 that are not complete.
        for one in self.http.get("/uploads/datasets").json()["uploads"]:
            self.http.delete(f"/uploads/datasets/{one['id']}").raise_for_status()

    def teardown(self) -> None:
        self.http.close()

    @rule(name=NAMES, body=BODIES)
    def upload(self, name: str, body: bytes) -> None:
        query = {"name": name, "filename": "a.csv"}
        status = self.http.post("/datasets", params=query, content=body).status_code
        known = self.datasets.setdefault(name, body)
        fresh = status == 201
        assert status == (201 if fresh else 200 if known == body else 409)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        known = self.datasets.pop(name, None)
        assert self.http.delete(f"/datasets/{name}").status_code == (204 if known else 404)

    @rule(target=uploads, name=NAMES, body=BODIES, size=st.sampled_from([1024, 2048]))
    def begin(self, name: str, body: bytes, size: int) -> dict[str, Any]:
        wanted = {"name": name, "filename": "a.csv", "sizeBytes": len(body), "partBytes": size}
        made = self.http.post("/uploads/datasets", json=wanted).json()
        return {"id": made["id"], "name": name, "body": body, "there": False}

    @rule(upload=uploads)
    def send(self, upload: dict[str, Any]) -> None:
        place = f"/uploads/datasets/{upload['id']}/parts/1"
        sent = self.http.put(place, content=upload["body"]).json()
        assert sent["sha256"] == hashlib.sha256(upload["body"]).hexdigest()
        upload["there"] = True

    @rule(upload=consumes(uploads))
    def complete(self, upload: dict[str, Any]) -> None:
        status = self.http.post(f"/uploads/datasets/{upload['id']}/complete").status_code
        if not upload["there"]:
            assert status == 409
            return
        known = self.datasets.setdefault(upload["name"], upload["body"])
        assert status == (201 if known == upload["body"] else 409)

    @rule(target=keys)
    def make_key(self) -> dict[str, Any]:
        made = self.http.post("/keys", json={"name": "k", "scopes": ["datasets:read"]}).json()
        return {"id": made["id"], "key": made["key"], "alive": True}

    @rule(key=keys)
    def revoke(self, key: dict[str, Any]) -> None:
        assert self.http.delete(f"/keys/{key['id']}").status_code == 204
        key["alive"] = False

    @rule(key=keys)
    def use(self, key: dict[str, Any]) -> None:
        url = f"{self.lab.url}/api/v1/datasets"
        status = httpx.get(url, headers={"X-API-Key": key["key"]}).status_code
        assert status == (200 if key["alive"] else 401)

    @rule(chance=st.integers(0, 9))
    def kill(self, chance: int) -> None:
        # A start takes a second.
        if chance != 7:
            return
        self.lab.stop(signal.SIGKILL)
        self.lab.start()

    @invariant()
    def what_is_there_is_what_should_be(self) -> None:
        listed = {d["name"]: d for d in self.http.get("/datasets").json()["datasets"]}
        hashes = {n: hashlib.sha256(b).hexdigest() for n, b in self.datasets.items()}
        assert {n: d["sha256"] for n, d in listed.items()} == hashes
        folder = self.lab.data / "datasets"
        schemas = (self.http.get(f"/datasets/{name}").json()["schemaFile"] for name in listed)
        files = {folder / path for path in (*schemas, *(d["file"] for d in listed.values()))}
        on_disk = {p for p in folder.rglob("*") if p.is_file()}
        assert on_disk == files


@pytest.mark.timeout(900)
def test_registries_and_keys_are_what_the_model_says(lab: GatewayLab) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # Hypothesis gives no types here
        type("OverThisGateway", (Registry,), {"lab": lab}),
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert "unexpected error" not in lab.log.read_text()
