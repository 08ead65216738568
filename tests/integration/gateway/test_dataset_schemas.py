"""A dataset's schema over real HTTP: stored, shown, chosen, corrected, obeyed and backed up."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayLab
from kubernetes import client
from poll import eventually

from trainyard_api import names
from trainyard_api.datasets.schema import DatasetSchema

pytestmark = pytest.mark.integration

WARES = "zip;price;kind\n" + "".join(f"0{n};{n},5;k{n % 2}\n" for n in range(1, 9))
READING = {"delimiter": ";", "decimal": ",", "types": {"zip": "text"}}
CLASSIFY = {"task": "tabular-classification"}


def put(http: httpx.Client, name: str, **choices: Any) -> httpx.Response:
    query = {"name": name, "filename": "a.csv"}
    if choices:
        query["choices"] = json.dumps(choices)
    return http.post("/datasets", params=query, content=WARES.encode())


def details(http: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/datasets/{name}").raise_for_status().json()["details"]
    return found


def correct(http: httpx.Client, name: str, changes: Any, **headers: str) -> httpx.Response:
    return http.patch(f"/datasets/{name}/schema", json=changes, headers=headers)


def on_volume(lab: GatewayLab, http: httpx.Client, name: str) -> Path:
    return lab.data / "datasets" / http.get(f"/datasets/{name}").json()["schemaFile"]


def test_a_schema_is_stored_beside_the_file_as_it_is_shown(
    lab: GatewayLab, http: httpx.Client
) -> None:
    made = put(http, "stored", **READING)
    file = on_volume(lab, http, "stored")

    assert made.status_code == 201
    assert made.headers["ETag"] == '"1"'
    assert DatasetSchema.model_validate_json(file.read_text()) == DatasetSchema.model_validate(
        details(http, "stored")
    )
    assert stat.filemode(file.stat().st_mode) == "-rw-r-----"
    assert file.parent == (lab.data / "datasets" / made.json()["file"]).parent


def test_choices_come_with_an_upload_raw_by_form_or_in_parts(http: httpx.Client) -> None:
    query = {"name": "by-form", "choices": json.dumps(READING)}
    form = http.post("/datasets", params=query, files={"file": ("a.csv", WARES.encode())})
    new = {"name": "in-parts", "filename": "a.csv", "sizeBytes": len(WARES), "choices": READING}
    upload = http.post("/uploads/datasets", json=new).raise_for_status().json()["id"]
    http.put(f"/uploads/datasets/{upload}/parts/1", content=WARES.encode()).raise_for_status()
    parts = http.post(f"/uploads/datasets/{upload}/complete")
    raw = put(http, "raw", **READING)

    for made in (form, parts, raw):
        assert made.status_code == 201, made.text
        found = made.json()["details"]
        assert {c["name"]: c["type"] for c in found["columns"]} == {
            "zip": "text", "price": "number", "kind": "text",
        }  # fmt: skip
        assert found["choices"]["types"] == {"zip": "text"}


@pytest.mark.parametrize(
    ("choices", "status", "words"),
    [
        ("{", 422, "no JSON"),
        ("[]", 422, "valid dictionary"),
        ('{"delimiter": "x"}', 422, "delimiter"),
        ('{"target": "colour", "delimiter": ";"}', 400, "'colour'"),
    ],
    ids=["no-json", "no-object", "unknown-delimiter", "unknown-column"],
)
def test_choices_that_are_none_are_refused(
    http: httpx.Client, choices: str, status: int, words: str
) -> None:
    query = {"name": "never", "filename": "a.csv", "choices": choices}
    refused = http.post("/datasets", params=query, content=WARES.encode())
    assert refused.status_code == status
    assert words in refused.json()["detail"]
    assert http.get("/datasets/never").status_code == 404


def test_the_same_upload_again_is_the_same_but_not_with_other_choices(http: httpx.Client) -> None:
    assert put(http, "again", **READING).status_code == 201
    assert [put(http, "again", **READING).status_code, put(http, "again").status_code] == [200, 200]
    other = put(http, "again", delimiter=";", target="price")
    assert other.status_code == 409
    assert "PATCH /api/v1/datasets/again/schema" in other.json()["detail"]


def test_a_correction_merges_makes_the_next_revision_and_keeps_the_old_file(
    lab: GatewayLab, http: httpx.Client
) -> None:
    put(http, "merged", **READING).raise_for_status()
    first = on_volume(lab, http, "merged")
    before = first.read_bytes()

    second = correct(http, "merged", {"target": "price", "types": {"kind": "text"}})
    third = correct(http, "merged", {"target": None, "types": {"zip": None}})
    same = correct(http, "merged", {"types": {"kind": "text"}})

    assert [r.status_code for r in (second, third, same)] == [200, 200, 200]
    assert second.json()["details"]["choices"]["types"] == {"zip": "text", "kind": "text"}
    assert (second.json()["details"]["target"], second.headers["ETag"]) == ("price", '"2"')
    found = third.json()["details"]
    assert (found["target"], found["revision"]) == ("kind", 3)
    assert found["choices"]["types"] == {"kind": "text"}
    assert "target" not in found["choices"]
    assert same.headers["ETag"] == '"3"', "nothing changed"
    assert first.read_bytes() == before, "sessions that began with it may still read it"


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"target": "colour"}, 400, "'zip', 'price', 'kind'"),
        ({"types": {"kind": "float"}}, 422, "types.kind"),
        ({"targt": "kind"}, 422, "did you mean 'target'"),
        ({"ignore": ["price", "zip", "kind"]}, 400, "column"),
    ],
    ids=["unknown-column", "unknown-type", "unknown-field", "nothing-left"],
)
def test_a_correction_that_does_not_fit_changes_nothing(
    http: httpx.Client, changes: dict[str, Any], status: int, words: str
) -> None:
    put(http, "kept", **READING).raise_for_status()
    refused = correct(http, "kept", changes)
    assert refused.status_code == status, refused.text
    assert words in refused.text
    assert details(http, "kept")["revision"] == 1


def test_a_correction_of_another_revision_is_refused(http: httpx.Client) -> None:
    put(http, "tagged", **READING).raise_for_status()
    tag = {"If-Match": '"1"'}
    statuses = [correct(http, "tagged", {"target": t}, **tag).status_code for t in ("price", "zip")]
    assert statuses == [200, 412]
    assert details(http, "tagged")["target"] == "price"
    assert correct(http, "absent", {"target": "a"}).status_code == 404


def test_corrections_at_once_lose_nothing_in_silence(lab: GatewayLab, http: httpx.Client) -> None:
    put(http, "raced", **READING).raise_for_status()
    changes: list[dict[str, Any]] = [
        {"target": "price"},
        {"missing": ["n.v."]},
        {"types": {"zip": None}},
    ]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda c: correct(http, "raced", c).status_code, changes))
    assert set(answers) <= {200, 409}
    assert details(http, "raced")["revision"] == 1 + answers.count(200)
    assert on_volume(lab, http, "raced").is_file()


def test_only_the_last_files_of_many_corrections_stay(lab: GatewayLab, http: httpx.Client) -> None:
    put(http, "often", **READING).raise_for_status()
    for n in range(12):
        correct(http, "often", {"target": ["price", "kind"][n % 2]}).raise_for_status()
    files = list(on_volume(lab, http, "often").parent.glob("schema-*"))
    assert len(files) == 10


def test_a_list_shows_a_summary_only(http: httpx.Client) -> None:
    wide = ",".join(f"column{n}" for n in range(2000))
    rows = "".join(
        ",".join("1" if n % 2 else "2" for _ in range(1999)) + f",{n}\n" for n in range(3)
    )
    query = {"name": "wide", "filename": "a.csv"}
    http.post("/datasets", params=query, content=f"{wide}\n{rows}".encode()).raise_for_status()

    listed = http.get("/datasets")
    entry = next(d for d in listed.json()["datasets"] if d["name"] == "wide")

    assert entry["details"] == {
        "samples": 3, "dimensions": [3, 2000], "target": "column1999", "revision": 1,
    }  # fmt: skip
    assert len(json.dumps(entry)) < 1000
    assert len(details(http, "wide")["columns"]) == 2000


@pytest.mark.parametrize(
    ("training", "field", "words"),
    [
        ({**CLASSIFY, "target": "colour"}, "target", "the columns are 'zip', 'price', 'kind'"),
        ({**CLASSIFY, "ignoreColumns": ["nr"]}, "ignoreColumns", "'nr' is not a column"),
        ({"task": "tabular-regression"}, "target", "'kind' holds 2 different texts, not numbers"),
        ({"task": "image-classification"}, "task", "needs images or npz; the dataset is csv"),
    ],
    ids=["unknown-target", "unknown-column", "regression-on-texts", "images-from-a-table"],
)
def test_a_training_that_cannot_use_the_dataset_does_not_start(
    http: httpx.Client, training: dict[str, Any], field: str, words: str
) -> None:
    put(http, "checked", **READING).raise_for_status()
    body = {"name": "never", "dataset": "checked", "training": training}

    for path in ("/training/start", "/training/estimate"):
        refused = http.post(path, json=body)
        assert refused.status_code == 422, refused.text
        assert words in refused.json()["detail"]
        assert [e["field"] for e in refused.json()["errors"]] == [f"training.{field}"]
    assert http.get("/training/never/status").status_code == 404


def apply(lab: GatewayLab, name: str, dataset: str, training: dict[str, Any]) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "metadata": {"name": name},
        "spec": {"dataset": dataset, "training": training},
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, body
        )


def test_an_applied_session_is_told_until_the_schema_is_corrected(
    lab: GatewayLab, http: httpx.Client
) -> None:
    put(http, "applied", **READING).raise_for_status()
    apply(lab, "told", "applied", {"task": "tabular-regression"})

    def status() -> dict[str, Any]:
        found = http.get("/training/told/status").raise_for_status().json()["status"]
        return dict(found.get("dataset") or {})

    eventually(lambda: "not numbers" in status().get("problem", ""), within=60)
    assert status()["schemaRevision"] == 1
    correct(http, "applied", {"target": "price"}).raise_for_status()
    eventually(lambda: status().get("schemaRevision") == 2, within=60)
    assert "problem" not in status()
    assert (lab.data / "datasets" / status()["schema"]).is_file()


def test_a_dataset_of_an_earlier_version_gets_its_schema_when_it_is_asked_for(
    lab: GatewayLab, http: httpx.Client
) -> None:
    query = {"name": "old", "filename": "a.csv"}
    http.post("/datasets", params=query, content=b"a,y\n1,2\n3,4\n").raise_for_status()
    on_volume(lab, http, "old").unlink()
    lab.stop()
    old = {"samples": 2, "dimensions": [2, 2], "columns": [{"name": "a", "type": "int64"}]}
    with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3") as database:
        text = (json.dumps(old), json.dumps({"samples": 2, "dimensions": [2, 2]}))
        database.execute("UPDATE datasets SET details = ?, summary = ? WHERE name = 'old'", text)
    database.close()
    lab.start()

    first = http.get("/datasets/old").json()

    assert first["details"]["revision"] == 0
    assert first["details"]["columns"] == [{"name": "a", "type": "int64", "missingValues": []}]
    assert "earlier version" in first["details"]["notes"][0]
    assert "schemaFile" not in first
    eventually(lambda: details(http, "old")["revision"] == 1, within=60)
    assert details(http, "old")["target"] == "y"
    assert on_volume(lab, http, "old").is_file()


def test_a_backup_holds_the_schemas(lab: GatewayLab, http: httpx.Client, tmp_path: Path) -> None:
    put(http, "backed-up", **READING).raise_for_status()
    correct(http, "backed-up", {"target": "price"}).raise_for_status()
    file = on_volume(lab, http, "backed-up")

    save = [sys.executable, "-m", "trainyard_gateway.backup", "save", f"--data-dir={lab.data}"]
    with (tmp_path / "backup.tar").open("wb") as archive_file:
        subprocess.run(save, stdout=archive_file, check=True)

    with tarfile.open(tmp_path / "backup.tar") as archive:
        member = archive.extractfile(f"datasets/{file.relative_to(lab.data / 'datasets')}")
        assert member is not None
        assert hashlib.sha256(member.read()).digest() == hashlib.sha256(file.read_bytes()).digest()
