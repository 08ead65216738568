"""Downloads go on where they broke off, never mix two files, and are open to the browsers that the settings name."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually

pytestmark = pytest.mark.integration

FRIEND = "https://dashboard.example"


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory(cors_origins=FRIEND)


def model_file(fill: int, size: int = 4096) -> bytes:
    head = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + bytes([fill]) * size


def upload(http: httpx.Client, name: str, body: bytes) -> None:
    http.post("/models", params={"name": name}, content=body).raise_for_status()


BODY = model_file(7)
TEXT = b"to be, or not to be: that is the question\n" * 100
FILES = {"/models/m": BODY, "/datasets/d/file": TEXT}
each_file = pytest.mark.parametrize("path", FILES, ids=["model", "dataset"])


def upload_text(http: httpx.Client, name: str, body: bytes) -> None:
    named = {"name": name, "filename": f"{name}.txt"}
    http.post("/datasets", params=named, content=body).raise_for_status()


@pytest.fixture(scope="module", autouse=True)
def files(http: httpx.Client) -> None:
    upload(http, "m", BODY)
    upload_text(http, "d", TEXT)


@each_file
def test_a_file_comes_with_its_hash_and_a_name(http: httpx.Client, path: str) -> None:
    answer = http.get(path)

    digest = hashlib.sha256(FILES[path]).hexdigest()
    assert (answer.status_code, answer.content) == (200, FILES[path])
    assert answer.headers["x-content-sha256"] == digest
    assert answer.headers["etag"] == f'"{digest}"'
    name = {"/models/m": "m-1.safetensors", "/datasets/d/file": "d.txt"}[path]
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-50", slice(-50, None)),
        ("bytes=100-999999", slice(100, None)),
    ],
    ids=["first byte", "middle", "from a byte", "last bytes", "past the end"],
)
@each_file
def test_a_range_is_answered_by_exactly_it(
    http: httpx.Client, path: str, asked: str, wanted: slice
) -> None:
    answer = http.get(path, headers={"Range": asked})

    body = FILES[path]
    start, end, _ = wanted.indices(len(body))
    assert (answer.status_code, answer.content) == (206, body[wanted])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(body)}"
    assert answer.headers["content-length"] == str(end - start)


@each_file
def test_several_ranges_come_as_parts(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"Range": "bytes=0-9,100-109"})

    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    parts = answer.content.split(f"--{boundary}".encode())
    assert (answer.status_code, kind) == (206, "multipart/byteranges")
    bodies = [part.partition(b"\r\n\r\n")[2].strip(b"\r\n") for part in parts[1:-1]]
    assert bodies == [FILES[path][0:10].strip(b"\r\n"), FILES[path][100:110]]


@each_file
def test_bytes_behind_the_end_are_refused(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"Range": f"bytes={len(FILES[path])}-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"].endswith(f"*/{len(FILES[path])}")


def test_only_a_key_that_reads_datasets_gets_one(lab: GatewayLab, http: httpx.Client) -> None:
    wanted = {"name": "models-only", "scopes": ["models:read", "datasets:write"]}
    key = http.post("/keys", json=wanted).json()["key"]
    url = f"{lab.url}/api/v1/datasets/d/file"

    refused = httpx.get(url, headers={"X-API-Key": key})

    assert refused.status_code == 403
    assert "datasets:read" in refused.json()["detail"]
    assert httpx.get(url).status_code == 401


@pytest.mark.parametrize(
    "name", ["absent", "..", "..%2f..%2fdb", "d%00", "a" * 300], ids=lambda n: n[:20]
)
def test_there_is_no_file_of_another_name(http: httpx.Client, name: str) -> None:
    answer = http.get(f"/datasets/{name}/file")

    assert answer.status_code == 404
    assert TEXT[:20] not in answer.content


def test_a_dataset_that_was_replaced_starts_anew(http: httpx.Client) -> None:
    upload_text(http, "changing", TEXT)
    tag = http.get("/datasets/changing/file").headers["etag"]
    rest = {"Range": "bytes=1000-", "If-Range": tag}
    resumed = http.get("/datasets/changing/file", headers=rest)
    http.delete("/datasets/changing").raise_for_status()
    gone = http.get("/datasets/changing/file", headers=rest)
    upload_text(http, "changing", TEXT[::-1])
    anew = http.get("/datasets/changing/file", headers=rest)

    assert (resumed.status_code, resumed.content) == (206, TEXT[1000:])
    assert gone.status_code == 404
    assert (anew.status_code, anew.content) == (200, TEXT[::-1])


def test_a_file_that_is_gone_from_the_volume_is_not_found(
    lab: GatewayLab, http: httpx.Client
) -> None:
    upload_text(http, "lost", TEXT)
    (lab.data / "datasets" / http.get("/datasets/lost").json()["file"]).unlink()

    answer = http.get("/datasets/lost/file")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "lost.txt was deleted meanwhile"
    http.delete("/datasets/lost").raise_for_status()


def test_a_download_goes_on_while_its_dataset_is_deleted(
    lab: GatewayLab, http: httpx.Client
) -> None:
    body = TEXT * 6000
    upload_text(http, "long", body)
    with http.stream("GET", "/datasets/long/file") as answer:
        pieces = answer.iter_bytes(1 << 16)
        got = next(pieces)
        with lab.http() as other:
            other.delete("/datasets/long").raise_for_status()
        got += b"".join(pieces)

    assert got == body


def test_a_download_of_another_version_starts_anew(http: httpx.Client) -> None:
    """Else the end of a new file would be put behind the start of an old one."""
    first, second = model_file(1), model_file(2)
    upload(http, "renewed", first)
    tag = (
        http.head("/models/renewed").headers.get("etag")
        or http.get("/models/renewed").headers["etag"]
    )
    rest = {"Range": "bytes=1000-", "If-Range": tag}

    resumed = http.get("/models/renewed", headers=rest)
    upload(http, "renewed", second)
    anew = http.get("/models/renewed", headers=rest)

    assert (resumed.status_code, resumed.content) == (206, first[1000:])
    assert (anew.status_code, anew.content) == (200, second)
    assert anew.headers["etag"] != tag


@pytest.fixture(scope="module")
def large(http: httpx.Client) -> bytes:
    """More than all buffers between two sockets take."""
    body = model_file(9, 32 << 20)
    upload(http, "large", body)
    return body


@pytest.fixture(scope="module")
def large_text(http: httpx.Client) -> bytes:
    body = TEXT * 6000
    upload_text(http, "large", body)
    return body


def ask(lab: GatewayLab, *paths: str) -> socket.socket:
    """A connection on which these paths are asked for, one right after the other."""
    connection = socket.create_connection(("127.0.0.1", lab.port), timeout=60)
    asked = "".join(
        f"GET /api/v1{path} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {lab.key}\r\n\r\n"
        for path in paths
    )
    connection.sendall(asked.encode())
    return connection


def open_files(lab: GatewayLab) -> int:
    assert lab.process is not None
    opened = psutil.Process(lab.process.pid).open_files()
    folders = (lab.data / "models", lab.data / "datasets")
    return sum(1 for one in opened if any(Path(one.path).is_relative_to(f) for f in folders))


def test_a_large_file_comes_whole_and_the_connection_stays(lab: GatewayLab, large: bytes) -> None:
    with lab.http() as http:
        first = http.get("/models/large")
        again = http.get("/models/m")

    assert (first.status_code, first.content == large) == (200, True)
    assert (again.status_code, again.content) == (200, BODY)


def test_files_that_are_asked_for_at_once_come_one_after_the_other(
    lab: GatewayLab, large: bytes
) -> None:
    with (
        ask(lab, "/models/m", "/models/large", "/models/m") as connection,
        connection.makefile("rb") as stream,
    ):
        for wanted in (BODY, large, BODY):
            head = b"".join(iter(stream.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200 ")
            assert stream.read(len(wanted)) == wanted


@pytest.mark.parametrize(
    "paths",
    [
        ("/models/large",),
        ("/models/large", "/models/m"),
        ("/models/m", "/models/large", "/models/m"),
        ("/datasets/large/file", "/models/m"),
    ],
    ids=" ".join,
)
def test_a_reader_that_leaves_leaves_nothing_open(
    lab: GatewayLab, large: bytes, large_text: bytes, paths: tuple[str, ...]
) -> None:
    for _ in range(5):
        with ask(lab, *paths) as connection:
            assert connection.recv(1 << 16)
            # Closed with bytes unread: the gateway is told by a reset.

    eventually(lambda: open_files(lab) == 0, what="the gateway having closed its files")
    assert "Traceback" not in lab.log.read_text()


@pytest.mark.parametrize(
    "path", ["/models/large", "/datasets/large/file"], ids=["model", "dataset"]
)
def test_readers_that_wait_keep_nobody_waiting(
    lab: GatewayLab, large: bytes, large_text: bytes, path: str
) -> None:
    assert lab.process is not None
    gateway = psutil.Process(lab.process.pid)
    with ExitStack() as readers, lab.http() as http:
        before = gateway.memory_info().rss
        # More than the gateway has threads.
        waiting = [readers.enter_context(ask(lab, path)) for _ in range(40)]
        for connection in waiting:
            assert connection.recv(1)
        eventually(lambda: open_files(lab) == len(waiting), what="every file being sent")

        assert http.get("/models/m/info").status_code == 200
        assert http.get("/models/m").content == BODY
        assert http.get("/datasets/d/file").content == TEXT
        assert gateway.memory_info().rss - before < 64 << 20


def test_the_named_origin_may_ask_and_others_may_not(lab: GatewayLab) -> None:
    def beforehand(origin: str) -> httpx.Response:
        return httpx.options(
            f"{lab.url}/api/v1/models",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )

    friend, stranger = beforehand(FRIEND), beforehand("https://elsewhere.example")

    assert friend.status_code == 200
    assert friend.headers["access-control-allow-origin"] == FRIEND
    assert stranger.status_code == 400
    assert "access-control-allow-origin" not in stranger.headers


def test_browsers_may_read_answers_and_refusals(lab: GatewayLab, http: httpx.Client) -> None:
    found = http.get("/models/m/info", headers={"Origin": FRIEND})
    refused = httpx.get(f"{lab.url}/api/v1/models", headers={"Origin": FRIEND})

    for answer, status in ((found, 200), (refused, 401)):
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()
    assert "access-control-allow-credentials" not in found.headers
