"""Lists of a real gateway with many long rows: bounded pages, and each row once on all together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import orjson
import pytest
from gateway_lab import GatewayLab

from trainyard_gateway.paging import PAGE_BYTES

pytestmark = pytest.mark.integration

MODELS = 1_000
CARD = 64 << 10


def save_models(lab: GatewayLab, rows: list[tuple[str, int]], size: int = CARD) -> None:
    """Rows as uploads leave them; a thousand uploads would take minutes."""
    card = orjson.dumps({"filler": "ü" * (size // 2)}).decode()
    with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3", timeout=30) as database:
        database.executemany(
            "INSERT INTO models (id, name, version, file, sha256, size_bytes, created, card)"
            " VALUES (?, ?, ?, ?, ?, 1, '2026-01-01T00:00:00Z', ?)",
            [(f"{name}-{version}", name, version, "f", "0" * 64, card) for name, version in rows],
        )


def pages(http: httpx.Client, path: str, **query: str) -> Iterator[dict[str, Any]]:
    """The pages of a list, each within its bound."""
    cursor: str | None = None
    while True:
        answer = http.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
        answer.raise_for_status()
        assert len(answer.content) <= PAGE_BYTES
        page = answer.json()
        yield page
        if (cursor := page["cursor"]) is None:
            return


def test_a_thousand_models_with_long_cards(lab: GatewayLab, http: httpx.Client) -> None:
    names = [f"page-{n:04}" for n in range(MODELS)]
    save_models(lab, [(name, 1) for name in names] + [("page-0007", 2)])
    try:
        found = [
            (m["name"], m["version"]) for page in pages(http, "/models") for m in page["models"]
        ]
        with lab.client() as client:
            whole = client.models()

        assert [x for x in found if x[0].startswith("page-")] == [
            (name, 2 if name == "page-0007" else 1) for name in names
        ]
        assert [m.name for m in whole.models if m.name.startswith("page-")] == names
        assert whole.cursor is None
    finally:
        forget(lab)


def test_many_versions_and_a_card_too_long_for_a_list(lab: GatewayLab, http: httpx.Client) -> None:
    save_models(lab, [("page-v", n) for n in range(1, 201)])
    save_models(lab, [("page-v", 201)], size=6 << 20)
    try:
        every = [m for page in pages(http, "/models/page-v/versions") for m in page["models"]]
        one = http.get("/models/page-v/info").json()

        assert [m["version"] for m in every] == list(range(1, 202))
        assert {m["cardOmitted"] for m in every[:-1]} == {False}
        assert (every[-1]["card"], every[-1]["cardOmitted"]) == ({}, True)
        assert len(one["card"]["filler"]) == 3 << 20
    finally:
        forget(lab)


def test_many_datasets(lab: GatewayLab, http: httpx.Client) -> None:
    names = [f"page-{n:05}" for n in range(12_000)]
    with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3", timeout=30) as database:
        database.executemany(
            "INSERT INTO datasets (id, name, file, format, sha256, size_bytes, created, details,"
            " summary) VALUES (?, ?, 'f', 'csv', ?, 1, '2026-01-01T00:00:00Z', '{}', '{}')",
            [(name, name, "0" * 64) for name in names],
        )
    try:
        listed = list(pages(http, "/datasets"))
        found = [d["name"] for page in listed for d in page["datasets"]]

        assert [name for name in found if name.startswith("page-")] == names
        assert len(listed) > 1
    finally:
        forget(lab)


def test_history_of_large_sessions(lab: GatewayLab, http: httpx.Client) -> None:
    uids = [f"page-{n:03}" for n in range(60)]
    with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3", timeout=30) as database:
        for uid in uids:
            metadata = {"uid": uid, "name": uid, "creationTimestamp": "2001-01-01T00:00:00Z"}
            body = {"metadata": metadata, "spec": {"env": {"A": "x" * (256 << 10)}}}
            database.execute(
                "INSERT INTO sessions (uid, name, created, object, deleted) VALUES (?, ?, ?, ?, 1)",
                (uid, uid, "2001-01-01T00:00:00Z", orjson.dumps(body).decode()),
            )
    try:
        listed = list(pages(http, "/training/sessions", history="true", limit="1000"))
        found = [s["uid"] for page in listed for s in page["sessions"]]

        assert [uid for uid in found if uid.startswith("page-")] == uids[::-1]
        assert len(listed) > 1
    finally:
        forget(lab)


@pytest.mark.parametrize("path", ["/models", "/datasets", "/keys", "/training/queue",
                                  "/training/sessions"], ids=lambda path: path[1:])  # fmt: skip
@pytest.mark.parametrize("cursor", ["a\0b", "é", "x" * 600], ids=["null", "other-letters", "long"])
def test_a_cursor_that_no_page_gave(http: httpx.Client, path: str, cursor: str) -> None:
    answer = http.get(path, params={"cursor": cursor})

    assert answer.status_code in (400, 422)
    assert "cursor" in answer.text


@pytest.mark.parametrize("kind", ["datasets", "models"])
def test_uploads_are_listed_and_deleted_by_the_client(
    lab: GatewayLab, http: httpx.Client, kind: Literal["datasets", "models"]
) -> None:
    file = {"filename": "a.csv"} if kind == "datasets" else {}
    body = {"name": "page-u", "sizeBytes": 3000, "partBytes": 1024, **file}
    made = http.post(f"/uploads/{kind}", json=body).json()

    with lab.client() as client:
        [listed] = [u for u in client.uploads(kind).uploads if u.name == "page-u"]
        client.delete_upload(kind, listed.id)
        left = client.uploads(kind).uploads

    assert (listed.id, listed.parts, listed.received) == (made["id"], 3, 0)
    assert made["id"] not in {u.id for u in left}


def forget(lab: GatewayLab) -> None:
    with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3", timeout=30) as database:
        database.execute("DELETE FROM models WHERE name LIKE 'page-%'")
        database.execute("DELETE FROM datasets WHERE name LIKE 'page-%'")
        database.execute("DELETE FROM sessions WHERE uid LIKE 'page-%'")
