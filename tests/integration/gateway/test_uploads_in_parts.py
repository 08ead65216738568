"""Uploads in parts survive kills, take parts in any order and again, and are registered once."""

from __future__ import annotations

import hashlib
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayLab

pytestmark = pytest.mark.integration


BODY = b"a,y\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(700))


def begin(http: httpx.Client, kind: str = "datasets", **more: object) -> str:
    """The path of a new upload of BODY, as a dataset or model with the name `big`."""
    body = {"name": "big", "filename": "big.csv", "sizeBytes": len(BODY), "partBytes": 1024, **more}
    answer = http.post(f"/uploads/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"].removeprefix("/api/v1"))


def part(number: int, body: bytes = BODY) -> bytes:
    return body[(number - 1) * 1024 : number * 1024]


def left(lab: GatewayLab) -> list[Path]:
    return [p for p in (lab.data / "uploads").rglob("*") if p.is_file()]


def test_parts_in_any_order_over_a_kill(lab: GatewayLab, http: httpx.Client) -> None:
    place = begin(http)
    count = http.get(place).json()["parts"]
    for number in (3, 1, 3):
        sent = http.put(f"{place}/parts/{number}", content=part(number)).json()
        assert sent["sha256"] == hashlib.sha256(part(number)).hexdigest()
    early = http.post(f"{place}/complete")
    lab.stop(signal.SIGKILL)
    lab.start()
    missing = http.get(place).json()["missing"]
    for number in missing:
        http.put(f"{place}/parts/{number}", content=part(number)).raise_for_status()
    made = http.post(f"{place}/complete")

    assert early.status_code == 409
    assert missing == [n for n in range(1, count + 1) if n not in (1, 3)]
    assert (made.status_code, made.json()["sha256"]) == (201, hashlib.sha256(BODY).hexdigest())
    assert made.json()["details"]["samples"] == 700
    assert http.get(place).status_code == 404
    assert left(lab) == []


def test_parts_that_do_not_fit_are_refused_and_leave_nothing(
    lab: GatewayLab, http: httpx.Client
) -> None:
    place = begin(http)
    count = http.get(place).json()["parts"]

    def unknown_length() -> Iterator[bytes]:
        yield part(1)
        yield b"x"

    statuses = [
        http.put(f"{place}/parts/1", content=part(1) + b"x").status_code,
        http.put(f"{place}/parts/1", content=unknown_length()).status_code,
        http.put(f"{place}/parts/1", content=part(1)[:-1]).status_code,
        http.put(f"{place}/parts/{count + 1}", content=b"x").status_code,
        http.put(f"{place}/parts/0", content=b"x").status_code,
        http.delete(place).status_code,
        http.put(f"{place}/parts/1", content=part(1)).status_code,
    ]

    assert statuses == [413, 413, 400, 404, 422, 204, 404]
    assert left(lab) == []


def test_a_model_is_registered_once_per_upload(lab: GatewayLab, http: httpx.Client) -> None:
    head = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    body = struct.pack("<Q", len(head)) + head + struct.pack("<f", 1.5)
    place = begin(http, "models", sizeBytes=len(body))
    http.put(f"{place}/parts/1", content=body).raise_for_status()

    made = http.post(f"{place}/complete").json()

    assert (made["version"], made["sha256"]) == (1, hashlib.sha256(body).hexdigest())
    assert http.get("/models/big").content == body
    assert http.get("/models/big/info").json() == made


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "../up"}, 400),
        ({"filename": "big.exe"}, 400),
        ({"sizeBytes": 0}, 422),
        ({"sizeBytes": 2**40, "partBytes": 1024}, 400),
        ({"parts": 3}, 422),
    ],
    ids=["path as name", "unknown format", "empty", "too many parts", "unknown field"],
)
def test_uploads_that_make_no_sense_are_refused(
    http: httpx.Client, change: dict[str, object], status: int
) -> None:
    body = {"name": "big", "filename": "big.csv", "sizeBytes": 5, **change}

    assert http.post("/uploads/datasets", json=body).status_code == status
