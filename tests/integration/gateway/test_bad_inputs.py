"""Bad files and bad requests, two hundred and more: each refused within a second, told what is wrong, and nothing of it stays.

The classes are those of the catalogue that the gateway was planned with: names, archives, sizes, ranges, bodies, credentials, cursors.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import time
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

import bad_files
import httpx
import pytest
from bad_files import BadFile
from gateway_lab import GatewayLab, Trainer
from poll import eventually

pytestmark = pytest.mark.integration

SECONDS = 5.0
"""Each refusal at most, besides sending the bytes."""
INSPECTED_SECONDS = 8.0
"""Each refusal of a file that follows another at once: the process that reads it starts then."""
MEMORY = 64 << 20
"""Growth of the process at most, at the peak of any one of them."""
FORGET_PEAK = "5"
REFUSED = frozenset({400, 401, 404, 405, 409, 411, 413, 415, 416, 422, 431})
START = "/training/start"


@pytest.fixture(scope="module")
def trainer(lab: GatewayLab) -> Trainer:
    """One session that nothing is stored about, for all tests."""
    return lab.new_trainer("reports")


def files(lab: GatewayLab) -> set[Path]:
    roots = (lab.data / name for name in ("datasets", "models", "uploads", "runs"))
    return {p for root in roots for p in root.rglob("*") if p.is_file()}


def kept(lab: GatewayLab) -> set[Path]:
    """The files once nothing is being received: who hangs up may be gone before its file is removed, or even begun."""
    eventually(
        lambda: not [path for path in files(lab) if ".incoming" in path.parts],
        within=60, every=0.01, what="an end of what is being received",
    )  # fmt: skip
    return {path for path in files(lab) if ".incoming" not in path.parts}


def check(answer: httpx.Response, seconds: float, most: float = SECONDS) -> None:
    assert answer.status_code in REFUSED, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert len(answer.content) < 8192
    assert "Traceback" not in answer.text
    assert seconds < most


@pytest.mark.parametrize("kind", ["datasets", "models"])
def test_memory_stays_bounded_and_nothing_is_left(
    lab: GatewayLab, http: httpx.Client, kind: str
) -> None:
    """All bad files of a kind one after the other, each told what is wrong."""
    wrong = list(bad_files.datasets() if kind == "datasets" else bad_files.models())
    assert lab.process is not None
    pid = lab.process.pid
    # What is imported at the first file of a kind belongs to no bad file.
    send(http, "datasets", BadFile("warm", "x.parquet", b"PAR1"))
    send(http, "datasets", BadFile("warm", "x.npy", bad_files.npy("{}")))
    left, failures = files(lab), []

    for bad in wrong:
        before = memory(pid)
        Path(f"/proc/{pid}/clear_refs").write_text(FORGET_PEAK)
        started = time.monotonic()
        answer = send(http, kind, bad)
        took = time.monotonic() - started
        try:
            check(answer, took, INSPECTED_SECONDS if kind == "datasets" else SECONDS)
            assert memory(pid, "VmHWM") - before < MEMORY
        except AssertionError as error:
            failures.append(f"{bad.id}: {took:.2f} s {str(error)[:300]}")

    assert not failures, "\n".join(failures)
    assert files(lab) == left
    assert http.get(f"/{kind}").json()[kind] == []
    assert not Path(bad_files.CANARY).exists()


def memory(pid: int, which: str = "VmRSS") -> int:
    """Bytes that a process has resident, or had at its peak (`VmHWM`)."""
    found = Path(f"/proc/{pid}/status").read_text().partition(f"{which}:")[2].split()[0]
    return int(found) << 10


def send(http: httpx.Client, kind: str, bad: BadFile) -> httpx.Response:
    query = {
        "name": "bad-" + hashlib.sha256(bad.id.encode()).hexdigest()[:8],
        **({"filename": bad.filename} if kind == "datasets" else {}),
    }
    return http.post(f"/{kind}", params=query, content=bad.content)


BAD_NAMES = {
    "up": "../../etc/passwd", "encoded": "..%2f..%2f", "twice-encoded": "%252e%252e%252f", "backslash": "..\\..\\x",
    "absolute": "/etc/passwd", "parameter": "a;b=c", "nul": "a\x00b", "newline": "a\nb", "escape": "a\x1b[31m",
    "long": "a" * 10_000, "empty": "", "dots": "...", "spaces": "   ", "override": "a\u202eb", "fullwidth": "a／b",
    "emoji": "🚂", "decomposed": "e\u0301", "git": ".git", "option": "-rf", "html": "<b>x</b>", "sql": "x' OR '1'='1",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
@pytest.mark.parametrize("where", ["dataset", "model", "upload", "session", "filename"])
def test_names_that_are_none(lab: GatewayLab, http: httpx.Client, where: str, name: str) -> None:
    left = files(lab)
    started = time.monotonic()
    match where:
        case "dataset":
            query = {"name": name, "filename": "a.csv"}
            answer = http.post("/datasets", params=query, content=b"a,y\n1,2\n")
        case "model":
            sound = bad_files.safetensors({"a": bad_files.tensor(0, 4)}, b"\0" * 4)
            answer = http.post("/models", params={"name": name}, content=sound)
        case "upload":
            body = {"name": name, "filename": "a.csv", "sizeBytes": 5}
            answer = http.post("/uploads/datasets", json=body)
        case "session":
            answer = http.post(START, json={"name": name, "command": ["x"]})
        case _:
            query = {"name": "named", "filename": name}
            answer = http.post("/datasets", params=query, content=b"a,y\n1,2\n")

    check(answer, time.monotonic() - started)
    assert files(lab) == left


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    more: dict[str, Any] = {}


def body(content: bytes, path: str = START, **headers: str) -> Asked:
    return Asked(
        "POST",
        path,
        {"content": content, "headers": {"Content-Type": "application/json", **headers}},
    )


def start(**fields: Any) -> Asked:
    return Asked("POST", START, {"json": {"command": ["x"], **fields}})


def part(name: str, value: str) -> dict[str, Any]:
    return {"headers": {name: value}}


TRAINING = {"task": "tabular-classification"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
REQUESTS = {
    "json-deep": body(b"[" * 100_000), "json-deep-object": body(b'{"a":' * 100_000), "json-cut": body(b'{"command": ['),
    "json-list": body(b"[]"), "json-text": body(b'"x"'), "json-null": body(b"null"), "json-none": body(b""),
    "json-huge-integer": body(b'{"priority": ' + b"9" * 900_000 + b"}"), "json-too-large": body(b" " * (2 << 20) + b"{}"),
    "json-not-utf8": body(b'{"name": "\xff"}'), "json-surrogate": body(b'{"command": ["x"], "name": "\\ud800"}'),
    "json-nan": body(b'{"command": ["x"], "priority": NaN}'),
    "json-infinite": body(b'{"command": ["x"], "priority": 1e400}'), "yaml": body(b"command: [x]"),
    "gzip": body(b"\x1f\x8b", **{"Content-Encoding": "gzip"}), "brotli": body(b"x", **{"Content-Encoding": "br"}),
    "deflate-twice": body(b"x", **{"Content-Encoding": "deflate, gzip"}),
    "form": Asked("POST", START, {"data": {"command": "x"}}), "nothing-named": Asked("POST", START, {"json": {}}),
    "gpus-negative": start(resources={"gpus": -1}), "gpus-many": start(resources={"gpus": 10**9}),
    "gpus-fraction": start(resources={"gpus": 1.5}), "gpus-text": start(resources={"gpus": "1e3"}),
    "host-path": start(hostPath="/"), "privileged": start(privileged=True), "pod-spec": start(podSpecPatch="x"),
    "service-account": start(serviceAccountName="admin"), "host-network": start(hostNetwork=True),
    "proto": start(**{"__proto__": {}}), "priority-text": start(priority="high"), "command-text": start(command="x"),
    "command-empty": start(command=[]), "env-list": start(env=[1]), "lr-nan": start(training={**TRAINING, "learningRate": "NaN"}),
    "batch-zero": start(training={**TRAINING, "batchSize": 0}), "epochs-many": start(training={**TRAINING, "epochs": 10**9}),
    "epochs-expression": start(training={**TRAINING, "epochs": "2**3"}),
    "dataset-absent": start(dataset="absent", command=None, training=TRAINING),
    "dataset-up": start(dataset="../x", command=None, training=TRAINING), "state-unknown": start(desiredState="Flying"),
    "limit-negative": Asked("GET", "/training/sessions?limit=-1"), "limit-zero": Asked("GET", "/training/sessions?limit=0"),
    "limit-huge": Asked("GET", "/training/sessions?limit=1000000000"), "limit-word": Asked("GET", "/training/sessions?limit=x"),
    "cursor-forged": Asked("GET", "/training/sessions?cursor=x"), "cursor-long": Asked("GET", "/training/sessions?cursor=" + "A" * 5000),

    "logs-limit": Asked("GET", "/training/reports/logs?limit=-1"), "logs-cursor": Asked("GET", "/training/reports/logs?after=x"),
    "history-points": Asked("GET", "/training/reports/history?maxPoints=-5"),
    "history-from": Asked("GET", "/training/reports/history?firstStep=x"),
    "version-zero": Asked("GET", "/models/x?version=0"), "version-huge": Asked("GET", f"/models/x?version={2**63}"),
    "version-word": Asked("GET", "/models/x?version=x"), "part-zero": Asked("PUT", "/uploads/datasets/x/parts/0"),
    "part-word": Asked("PUT", "/uploads/datasets/x/parts/x"), "part-huge": Asked("PUT", f"/uploads/datasets/x/parts/{2**64}"),
    "upload-filename-nul": Asked("POST", "/uploads/models", {"json": {"name": "x", "filename": "a\0b", "sizeBytes": 1}}),
    "upload-unknown": Asked("PUT", "/uploads/datasets/" + "0" * 32 + "/parts/1", {"content": b"x"}),
    "upload-complete-unknown": Asked("POST", "/uploads/models/" + "0" * 32 + "/complete"),
    "path-up": Asked("GET", "/models/..%2f..%2fetc%2fpasswd"), "path-twice": Asked("GET", "/models/%252e%252e%252f"),
    "path-nul": Asked("GET", "/datasets/a%00b"), "path-parameter": Asked("GET", "/datasets/a;b"),
    "path-delete-up": Asked("DELETE", "/models/..%2f..%2fdb"), "path-long": Asked("GET", "/datasets/" + "a" * 10_000),
    "method-trace": Asked("TRACE", "/datasets"),
    "method-override": Asked("PUT", "/datasets", part("X-HTTP-Method-Override", "DELETE")),
    "event-id": Asked("GET", "/training/reports/events", part("Last-Event-ID", "x")),
    "event-id-long": Asked("GET", "/training/reports/events", part("Last-Event-ID", "1" * 100)),
    "key-without-scopes": Asked("POST", "/keys", {"json": {"name": "x", "scopes": []}}),
    "key-unknown-scope": Asked("POST", "/keys", {"json": {"name": "x", "scopes": ["root"]}}),
    "key-expired": Asked("POST", "/keys", {"json": {"name": "x", "scopes": ["models:read"], "expires": "2001-01-01T00:00:00Z"}}),
    "key-both": Asked("GET", "/datasets", part("Authorization", "Bearer x")),
    "idempotency-empty": Asked("POST", START, {**start().more, **part("Idempotency-Key", "")}),
    "idempotency-long": Asked("POST", START, {**start().more, **part("Idempotency-Key", "k" * 5000)}),
    "multipart-no-file": Asked("POST", "/datasets?name=x", {"files": {"other": ("a.csv", b"a,y\n1,2\n")}}),
    "multipart-no-boundary": Asked("POST", "/datasets?name=x", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}),
    "multipart-endless": Asked("POST", "/datasets?name=x", {"content": b"--" + b"b" * 100_000, "headers": MULTIPART}),
    "multipart-model": Asked("POST", "/models?name=x", {"files": {"file": ("m.safetensors", b"x")}}),
}  # fmt: skip


@pytest.mark.parametrize("asked", REQUESTS.values(), ids=REQUESTS)
def test_requests_that_make_no_sense(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, asked: Asked
) -> None:
    left, sessions = files(lab), http.get("/training/sessions").json()["total"]
    started = time.monotonic()

    answer = http.request(asked.method, asked.path, **asked.more)

    check(answer, time.monotonic() - started)
    assert files(lab) == left
    assert http.get("/training/sessions").json()["total"] == sessions


ROW = {"step": 1, "time": "2026-01-01T00:00:00Z", "values": {"loss": 1.0}}
REPORTS: dict[str, dict[str, Any]] = {
    "sequence-zero": {"sequence": 0}, "sequence-negative": {"sequence": -1}, "sequence-huge": {"sequence": 2**63},
    "sequence-text": {"sequence": "x"}, "no-sequence": {}, "stream-empty": {"sequence": 1, "stream": ""},
    "stream-long": {"sequence": 1, "stream": "s" * 10_000}, "attempt-zero": {"sequence": 1, "attempt": 0},
    "step-negative": {"sequence": 1, "metrics": [{**ROW, "step": -1}]},
    "step-huge": {"sequence": 1, "metrics": [{**ROW, "step": 2**63}]},
    "step-fraction": {"sequence": 1, "metrics": [{**ROW, "step": 1.5}]},
    "time-none": {"sequence": 1, "metrics": [{**ROW, "time": None}]},
    "time-without-zone": {"sequence": 1, "metrics": [{**ROW, "time": "2026-01-01T00:00:00"}]},
    "time-word": {"sequence": 1, "metrics": [{**ROW, "time": "noon"}]},

    "value-word": {"sequence": 1, "metrics": [{**ROW, "values": {"loss": "good"}}]},
    "value-list": {"sequence": 1, "metrics": [{**ROW, "values": {"loss": [1]}}]},
    "name-empty": {"sequence": 1, "metrics": [{**ROW, "values": {"": 1.0}}]},
    "name-long": {"sequence": 1, "metrics": [{**ROW, "values": {"n" * 10_000: 1.0}}]},
    "log-word": {"sequence": 1, "logs": ["x"]},
    "log-level": {"sequence": 1, "logs": [{"time": ROW["time"], "message": "x", "level": "shout"}]},
    "log-no-time": {"sequence": 1, "logs": [{"message": "x"}]},
    "rank-negative": {"sequence": 1, "logs": [{"time": ROW["time"], "message": "x", "rank": -1}]},
    "too-large": {"sequence": 1, "logs": [{"time": ROW["time"], "message": "x" * (40 << 20)}]},
}  # fmt: skip


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_reports_that_make_no_sense(
    http: httpx.Client, trainer: Trainer, report: dict[str, Any]
) -> None:
    started = time.monotonic()

    answer = trainer.report(report)

    check(answer, time.monotonic() - started)
    assert http.get("/training/reports/metrics").json()["metrics"] == []
    assert http.get("/training/reports/logs").json()["lines"] == []


HEAD = "POST /api/v1/datasets?name=raw&filename=a.csv HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
RAW = {
    "length-negative": HEAD + "Content-Length: -1\r\n\r\n", "length-word": HEAD + "Content-Length: x\r\n\r\n",
    "length-twice": HEAD + "Content-Length: 4\r\nContent-Length: 5\r\n\r\na,y\n",
    "length-and-chunked": HEAD + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk-size-word": HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk-cut": HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\na,y\n",
    "length-too-large": HEAD + "Content-Length: 1000\r\n\r\na,y\n1,2\n", "encoding-unknown": HEAD + "Transfer-Encoding: magic\r\n\r\nx",
    "header-without-colon": HEAD + "nonsense\r\n\r\n", "header-nul": HEAD + "X-A: a\0b\r\n\r\n",
    "method-made-up": "BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no-version": "GET /api/v1/datasets\r\n\r\n",
    "version-9": "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "tls": "\x16\x03\x01\x02\x00\x01\x00\x01",
    "header-large": HEAD + "X-A: " + "a" * (1 << 20) + "\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_broken_http_ends_the_connection_and_registers_nothing(
    lab: GatewayLab, http: httpx.Client, raw: str
) -> None:
    left = kept(lab)
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", lab.port), timeout=5) as wire:
        answer = b""
        # The gateway may hang up before it has taken everything.
        with contextlib.suppress(OSError):
            wire.sendall(raw.format(key=lab.key).encode("latin-1"))
            wire.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while got := wire.recv(65536):
                answer += got

    assert b" 2" not in answer[:12]
    assert b" 5" not in answer[:12]
    assert time.monotonic() - started < SECONDS
    assert kept(lab) == left
    assert http.get("/datasets/raw").status_code == 404


@pytest.mark.parametrize(
    ("given", "instance"),
    [
        ("GET /api/v1/training/x/history?metric=a HTTP/9.9\r\nHost: x\r\n\r\n", "/api/v1/training/x/history"),
        ("GET /api/v1/datasets HTTP/1.1\r\nno colon\r\n\r\n", "/api/v1/datasets"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01", ""),
    ],
    ids=["version-9", "header-without-colon", "tls"],
)  # fmt: skip
def test_what_is_no_request_is_answered_in_the_shape_of_all_errors(
    lab: GatewayLab, given: str, instance: str
) -> None:
    with socket.create_connection(("127.0.0.1", lab.port), timeout=5) as wire:
        wire.sendall(given.encode("latin-1"))
        answer = HTTPResponse(wire)
        answer.begin()
        body = json.loads(answer.read())

    assert (answer.status, answer.getheader("Content-Type")) == (400, "application/problem+json")
    assert (body["status"], body["instance"]) == (400, instance)
    assert body["requestId"] == answer.getheader("X-Request-Id")


def test_headers_without_end_are_cut_off_before_any_key_is_asked_for(lab: GatewayLab) -> None:
    """Whoever can reach the port could else fill the gateway's memory."""
    sent = 0
    with socket.create_connection(("127.0.0.1", lab.port), timeout=5) as wire:
        wire.sendall(b"GET /api/v1/datasets HTTP/1.1\r\nHost: x\r\nX-A: ")
        with contextlib.suppress(ConnectionError):
            while sent < 64 * 2**20:
                wire.sendall(b"a" * 2**16)
                sent += 2**16
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = wire.recv(65536)

    assert sent < 32 * 2**20
    assert not answer or answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("count", [21, 5000], ids=["one more", "thousands"])
def test_the_answer_to_many_wrong_fields_is_small(http: httpx.Client, count: int) -> None:
    more = {f"field{n}": n for n in range(count)}
    answer = http.post("/keys", json={"name": "k", "scopes": ["models:read"], **more})

    told = answer.json()
    assert answer.status_code == 422
    assert (len(told["errors"]), told["errorsOmitted"]) == (20, count - 20)
    assert len(answer.content) < 16 << 10


def test_nothing_of_all_that_was_a_surprise(lab: GatewayLab) -> None:
    """Stands at the end: no request met an error that nobody had thought of."""
    assert "unexpected error" not in lab.log.read_text()
