"""The plan's properties of the gateway, by their numbers, over HTTP through a real server with its real database."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import secrets
import sqlite3
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayLab, Trainer
from hypothesis import given
from hypothesis import strategies as st
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

STAMP = "2026-01-01T00:00:00Z"
TRAINING = {"task": "tabular-classification"}
_counter = itertools.count()

METRIC_NAMES = st.sampled_from(["train/loss", "val/loss", "val/accuracy", "lr"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.just(0.0)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def trainer(lab: GatewayLab) -> Trainer:
    """One session that reports; every example uses attempts and steps of its own."""
    return lab.new_trainer("reports", attempt=10**6)


@pytest.fixture(scope="module")
def sessions(lab: GatewayLab) -> Iterator[client.CustomObjectsApi]:
    with api_client(lab.kubeconfig) as api:
        yield client.CustomObjectsApi(api)


def stream() -> str:
    return f"s-{next(_counter)}"


def report(trainer: Trainer, http: httpx.Client, **content: Any) -> None:
    answer = trainer.report(
        {"stream": stream(), "sequence": 1, "attempt": next(_counter) + 1, **content}, http
    )
    assert answer.status_code == 200, answer.text


def row(step: int, values: dict[str, Any], epoch: int | None = None) -> dict[str, Any]:
    out = {"step": step, "time": "2026-01-01T00:00:00Z", "values": values}
    return out if epoch is None else {**out, "epoch": epoch}


@given(values=st.lists(NUMBERS, min_size=1, max_size=8))
def test_property_07_metrics_request_returns_latest_data(
    trainer: Trainer, http: httpx.Client, values: list[float]
) -> None:
    name = f"m{next(_counter)}"
    report(trainer, http, metrics=[row(i, {name: v}) for i, v in enumerate(values)])

    found = {m["name"]: m for m in http.get("/training/reports/metrics").json()["metrics"]}

    assert (found[name]["value"], found[name]["step"]) == (values[-1], len(values) - 1)


@given(
    values=st.lists(
        NUMBERS | st.sampled_from(["NaN", "Infinity", "-Infinity"]), min_size=1, max_size=12
    )
)
def test_property_08_metrics_history_returns_all_epochs(
    trainer: Trainer, http: httpx.Client, values: list[float | str]
) -> None:
    name = f"m{next(_counter)}"
    rows = [row(10 * i, {name: v}, epoch=i) for i, v in enumerate(values, 1)]
    report(trainer, http, metrics=rows)

    answer = http.get(
        "/training/reports/history", params={"metric": name, "byEpoch": "true"}
    ).json()

    [series] = answer["series"]
    assert [p["epoch"] for p in series["points"]] == list(range(1, len(values) + 1))
    assert [p["value"] for p in series["points"]] == values


@given(epochs=st.integers(1, 6), per_epoch=st.integers(1, 4))
def test_property_09_metrics_recorded_per_epoch(
    trainer: Trainer, http: httpx.Client, epochs: int, per_epoch: int
) -> None:
    name = f"m{next(_counter)}"
    steps = [row(e * per_epoch + i, {name: 1.0}) for e in range(epochs) for i in range(per_epoch)]
    ends = [row(e * per_epoch, {f"{name}-end": 2.0}, epoch=e) for e in range(1, epochs + 1)]
    report(trainer, http, metrics=steps + ends)

    answer = http.get(
        "/training/reports/history", params={"byEpoch": "true", "metric": [name, f"{name}-end"]}
    )

    [series] = answer.json()["series"]
    assert (series["name"], [p["epoch"] for p in series["points"]]) == (
        f"{name}-end",
        list(range(1, epochs + 1)),
    )


@given(batches=st.lists(st.integers(1, 5), min_size=1, max_size=6), again=st.data())
def test_a_repeated_batch_changes_nothing(
    trainer: Trainer, http: httpx.Client, batches: list[int], again: st.DataObject
) -> None:
    name, attempt = stream(), next(_counter) + 1
    bodies = [
        {
            "stream": name,
            "sequence": i,
            "attempt": attempt,
            "logs": [
                {"time": "2026-01-01T00:00:00Z", "message": f"{name} {i} {n}"} for n in range(count)
            ],
        }
        for i, count in enumerate(batches, 1)
    ]
    repeated = again.draw(st.lists(st.sampled_from(bodies), max_size=6))

    first = [trainer.report(b, http).json()["duplicate"] for b in bodies]
    second = [trainer.report(b, http).json()["duplicate"] for b in repeated]

    assert (first, second) == ([False] * len(bodies), [True] * len(repeated))
    lines = http.get("/training/reports/logs", params={"limit": 10_000, "tail": "true"}).json()[
        "lines"
    ]
    mine = [line["message"] for line in lines if line["message"].startswith(f"{name} ")]
    assert mine == [entry["message"] for b in bodies for entry in b["logs"]]


def test_property_11_system_info_contains_required_fields(http: httpx.Client) -> None:
    found = http.get("/system/info").json()

    assert {
        "cpuPercent",
        "memory",
        "disk",
        "gpus",
        "nodes",
        "gpusTotal",
        "gpusUsed",
    } <= found.keys()
    assert found["memory"]["totalBytes"] > found["memory"]["usedBytes"] > 0
    assert 0 <= found["cpuPercent"] <= 100


def safetensors(values: list[float]) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    header = {"w": {"dtype": "F32", "shape": [len(values)], "data_offsets": [0, len(data)]}}
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


WEIGHTS = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50)


@given(weights=st.lists(WEIGHTS, min_size=1, max_size=3))
def test_property_12_model_list_returns_all_models(
    http: httpx.Client, weights: list[list[float]]
) -> None:
    wanted = {f"list-{next(_counter)}": safetensors(w) for w in weights}
    for name, body in wanted.items():
        http.post("/models", params={"name": name}, content=body).raise_for_status()

    found = {m["name"]: m["sha256"] for m in http.get("/models").json()["models"]}

    assert {n: found.get(n) for n in wanted} == {
        n: hashlib.sha256(b).hexdigest() for n, b in wanted.items()
    }


@given(weights=WEIGHTS, cut=st.integers(0, 10_000))
def test_property_13_model_download_round_trip(
    http: httpx.Client, weights: list[float], cut: int
) -> None:
    name, body = f"trip-{next(_counter)}", safetensors(weights)
    http.post("/models", params={"name": name}, content=body).raise_for_status()

    whole = http.get(f"/models/{name}")
    start = cut % len(body)
    rest = http.get(f"/models/{name}", headers={"Range": f"bytes={start}-"})

    assert whole.content == body
    assert whole.headers["x-content-sha256"] == hashlib.sha256(body).hexdigest()
    assert (rest.status_code, rest.content) == (206, body[start:])


@given(versions=st.integers(1, 3))
def test_property_14_model_deletion_removes_all_traces(
    lab: GatewayLab, http: httpx.Client, versions: int
) -> None:
    name = f"gone-{next(_counter)}"
    before = {p.name for p in (lab.data / "models").iterdir()}
    for n in range(versions):
        http.post(
            "/models", params={"name": name}, content=safetensors([float(n)])
        ).raise_for_status()

    assert http.delete(f"/models/{name}").status_code == 204

    assert http.get(f"/models/{name}").status_code == 404
    assert name not in {m["name"] for m in http.get("/models").json()["models"]}
    assert {p.name for p in (lab.data / "models").iterdir()} == before


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}[A-Za-z0-9]", fullmatch=True).filter(
    lambda n: ".." not in n
)


@given(
    name=NAMES.map(lambda n: f"absent-{n}"),
    path=st.sampled_from(
        [
            "/models/{}",
            "/datasets/{}",
            "/training/{}/status",
            "/training/{}/metrics",
            "/training/{}/logs",
        ]
    ),
)
def test_property_15_non_existent_resource_returns_404(
    http: httpx.Client, name: str, path: str
) -> None:
    answer = http.get(path.format(name))

    assert answer.status_code == 404
    assert name in answer.json()["detail"]


COLUMN = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Header and rows; the last column has two values, so that it can be predicted."""
    names = st.lists(COLUMN, min_size=1, max_size=5, unique=True)
    features = draw(names.filter(lambda found: not {"target", "label", "y"} & {*found}))
    cell = st.integers(-99, 99).map(str)
    width = len(features)
    rows = draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=2, max_size=8))
    return [*features, "target"], [[*row, str(n % 2)] for n, row in enumerate(rows)]


def csv(table: tuple[list[str], list[list[str]]]) -> bytes:
    header, rows = table
    return "\n".join(",".join(r) for r in [header, *rows]).encode()


def put_dataset(http: httpx.Client, name: str, body: bytes) -> httpx.Response:
    return http.post("/datasets", params={"name": name, "filename": f"{name}.csv"}, content=body)


@given(table=tables())
def test_property_16_dataset_list_returns_complete_metadata(
    http: httpx.Client, table: tuple[list[str], list[list[str]]]
) -> None:
    name = f"list-{next(_counter)}"
    put_dataset(http, name, csv(table)).raise_for_status()

    found = next(d for d in http.get("/datasets").json()["datasets"] if d["name"] == name)

    assert found["format"] == "csv"
    assert found["sizeBytes"] == len(csv(table))
    assert found["details"]["dimensions"] == [len(table[1]), len(table[0])]


@given(table=tables())
def test_property_17_dataset_info_returns_correct_metadata(
    http: httpx.Client, table: tuple[list[str], list[list[str]]]
) -> None:
    name = f"info-{next(_counter)}"
    put_dataset(http, name, csv(table)).raise_for_status()

    details = http.get(f"/datasets/{name}").json()["details"]

    assert details["samples"] == len(table[1])
    assert [c["name"] for c in details["columns"]] == table[0]
    assert {c["type"] for c in details["columns"]} == {"integer"}


@given(table=tables())
def test_property_18_dataset_upload_stores_with_metadata(
    lab: GatewayLab, http: httpx.Client, table: tuple[list[str], list[list[str]]]
) -> None:
    name, body = f"store-{next(_counter)}", csv(table)

    created, again = put_dataset(http, name, body), put_dataset(http, name, body)
    other = put_dataset(http, name, body + b"\n" + ",".join("7" for _ in table[0]).encode())

    assert (created.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert (lab.data / "datasets" / created.json()["file"]).read_bytes() == body
    assert not list((lab.data / "datasets" / ".incoming").iterdir())


BAD = st.sampled_from(
    [
        ("epochs", 0), ("epochs", -1), ("epochs", "many"), ("batchSize", 0), ("learningRate", 0),
        ("learningRate", -0.1), ("learningRate", 11), ("validationSplit", 1), ("seed", -1),
        ("optimizer", "magic"), ("precision", "fp8"), ("logEverySteps", 0), ("gradientClip", 0),
        ("task", "chess"), ("epoch", 3), ("weightDecay", 2),
    ]
)  # fmt: skip


@given(bad=BAD)
def test_property_19_invalid_configuration_rejected_with_validation_errors(
    http: httpx.Client, bad: tuple[str, Any]
) -> None:
    field, value = bad
    body = {"dataset": "digits", "training": {**TRAINING, field: value}}

    answer = http.post("/training/start", json=body)

    assert answer.status_code == 422
    assert f"training.{field}" in {e["field"] for e in answer.json()["errors"]}


@given(given_epochs=st.none() | st.integers(1, 100), seed=st.none() | st.integers(0, 1000))
def test_property_20_optional_parameters_use_defaults(
    http: httpx.Client, given_epochs: int | None, seed: int | None
) -> None:
    put_dataset(http, "defaults", b"a,y\n1,0\n2,1")
    named = {k: v for k, v in (("epochs", given_epochs), ("seed", seed)) if v is not None}
    body = {"dataset": "defaults", "training": {**TRAINING, **named}}

    training = http.post("/training/start", params={"dryRun": "true"}, json=body).json()["spec"][
        "training"
    ]

    assert training["epochs"] == (given_epochs or 10)
    assert training["seed"] == (seed or 0)
    assert (training["batchSize"], training["learningRate"], training["optimizer"]) == (
        32,
        0.001,
        "adam",
    )


@given(lines=st.lists(TEXTS, min_size=1, max_size=5), over=st.sampled_from(["Succeeded", "gone"]))
def test_property_24_completed_session_persists_logs(
    lab: GatewayLab,
    sessions: client.CustomObjectsApi,
    http: httpx.Client,
    lines: list[str],
    over: str,
) -> None:
    name = f"ends-{next(_counter)}"
    session = http.post("/training/start", json={"name": name, "command": ["x"]}).json()
    own = lab.trainer(session["uid"], name)
    where = (names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name)
    report(own, http, attempt=1, logs=[{"time": STAMP, "message": m} for m in lines])
    sessions.patch_namespaced_custom_object_status(*where, {"status": {"phase": "Succeeded"}})
    own.delete()
    if over == "gone":
        sessions.delete_namespaced_custom_object(*where)

    def ended() -> bool:
        found = http.get(f"/training/{session['uid']}/status").json()
        return bool(found["phase"] == "Succeeded" and found["deleted"] == (over == "gone"))

    eventually(ended, within=60, every=0.02)
    found = http.get(f"/training/{session['uid']}/logs", params={"limit": 10_000}).json()["lines"]
    assert [line["message"] for line in found] == [m.replace("\x00", "\\0") for m in lines]


@given(seconds=st.integers(0, 59), zone=st.sampled_from(["Z", "+02:00", "-05:30"]))
def test_property_25_all_log_entries_have_timestamps(
    trainer: Trainer, http: httpx.Client, seconds: int, zone: str
) -> None:
    stamp = f"2026-06-01T12:00:{seconds:02d}{zone}"
    report(trainer, http, logs=[{"time": stamp, "message": "x"}])

    [line] = http.get("/training/reports/logs", params={"tail": "true", "limit": 1}).json()["lines"]

    hour = {"Z": "12:00", "+02:00": "10:00", "-05:30": "17:30"}[zone]
    assert line["time"] == f"2026-06-01T{hour}:{seconds:02d}.000000Z"


ROUTES = st.sampled_from(
    [
        ("GET", "/training/sessions"), ("POST", "/training/start"), ("GET", "/training/queue"),
        ("GET", "/training/x/status"), ("POST", "/training/x/stop"), ("PATCH", "/training/x"),
        ("DELETE", "/training/queue/x"), ("GET", "/datasets"), ("POST", "/datasets?name=x"),
        ("DELETE", "/datasets/x"), ("GET", "/models"), ("GET", "/models/x"), ("DELETE", "/models/x"),
        ("GET", "/system/info"), ("GET", "/openapi.json"), ("POST", "/report/batches"),
    ]
)  # fmt: skip


@given(route=ROUTES)
def test_property_26_unauthenticated_requests_rejected(
    lab: GatewayLab, route: tuple[str, str]
) -> None:
    method, path = route

    answer = httpx.request(method, f"{lab.url}/api/v1{path}", json={})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def refused(lab: GatewayLab, route: tuple[str, str], header: str, key: str) -> httpx.Response:
    method, path = route
    headers = {"Authorization": f"Bearer {key}"} if header == "Bearer" else {header: key}
    return httpx.request(method, f"{lab.url}/api/v1{path}", json={}, headers=headers)


def what_is_said(answer: httpx.Response) -> str:
    """The body without what differs in every answer: request id, seconds to wait."""
    return re.sub(r"\d+", "", json.dumps({**answer.json(), "requestId": ""}))


@given(
    route=ROUTES,
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    header=st.sampled_from(["X-API-Key", "Authorization", "Bearer"]),
)
def test_property_28_invalid_api_key_returns_auth_error(
    lab: GatewayLab, route: tuple[str, str], key: str, header: str
) -> None:
    answer, other = (
        refused(lab, route, header, k) for k in (key, f"another-{secrets.token_hex(9)}")
    )

    assert answer.status_code in (401, 429)
    if other.status_code == answer.status_code:
        assert what_is_said(answer) == what_is_said(other), "nothing of a key comes back"


@given(accepted=st.booleans(), name=st.integers(0, 10**9))
def test_property_29_authentication_attempts_logged(
    lab: GatewayLab, http: httpx.Client, accepted: bool, name: int
) -> None:
    number = next(_counter)
    path = f"/datasets/attempt-{name}-{number}"
    if accepted:
        http.get(path)
    else:
        # Failures of an address that repeat are counted instead of written one by one.
        other = httpx.HTTPTransport(local_address=f"127.0.{1 + number // 250}.{1 + number % 250}")
        with httpx.Client(transport=other) as stranger:
            stranger.get(f"{lab.url}/api/v1{path}")

    def logged() -> list[Any]:
        with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3") as database:
            query = "SELECT accepted FROM auth_logs WHERE path = ?"
            return database.execute(query, (f"/api/v1{path}",)).fetchall()

    assert eventually(logged, within=60, every=0.01) == [(int(accepted),)]


@given(route=ROUTES, body=st.sampled_from([b"", b"{", b"[]", b'{"a": NaN}', b"\xff\xfe"]))
def test_property_30_all_responses_are_valid_json(
    http: httpx.Client, route: tuple[str, str], body: bytes
) -> None:
    method, path = route
    answer = http.request(method, path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code < 500
    if answer.status_code != 204:
        json.loads(answer.content)


@given(name=NAMES)
def test_property_31_http_status_codes_match_operation_result(
    http: httpx.Client, name: str
) -> None:
    name = f"{name}{next(_counter)}"
    statuses = [
        http.get(f"/datasets/{name}").status_code,
        put_dataset(http, name, b"a,y\n1,2\n2,3").status_code,
        http.get(f"/datasets/{name}").status_code,
        put_dataset(http, name, b"a,y\n1,3\n2,4").status_code,
        http.delete(f"/datasets/{name}").status_code,
        http.delete(f"/datasets/{name}").status_code,
    ]

    assert statuses == [404, 201, 200, 409, 204, 404]


@given(
    route=ROUTES.filter(
        lambda r: r[1] not in ("/training/sessions", "/training/queue", "/datasets", "/models")
    ),
    body=st.sampled_from([b"", b"{", b"[]", b'{"epochs": 1}']),
)
def test_property_32_error_responses_have_consistent_structure(
    http: httpx.Client, route: tuple[str, str], body: bytes
) -> None:
    method, path = route
    answer = http.request(method, path, content=body, headers={"Content-Type": "application/json"})

    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
        assert problem["status"] == answer.status_code
        assert problem["detail"]
