"""Downloads go on where they broke off, never mix two files, and are open to the browsers that the settings name."""

from __future__ import annotations

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


@pytest.fixture(scope="module", autouse=True)
def model(http: httpx.Client) -> None:
    upload(http, "m", BODY)


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
def test_a_range_is_answered_by_exactly_it(http: httpx.Client, asked: str, wanted: slice) -> None:
    answer = http.get("/models/m", headers={"Range": asked})

    start, end, _ = wanted.indices(len(BODY))
    assert (answer.status_code, answer.content) == (206, BODY[wanted])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BODY)}"
    assert answer.headers["content-length"] == str(end - start)


def test_several_ranges_come_as_parts(http: httpx.Client) -> None:
    answer = http.get("/models/m", headers={"Range": "bytes=0-9,100-109"})

    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    parts = answer.content.split(f"--{boundary}".encode())
    assert (answer.status_code, kind) == (206, "multipart/byteranges")
    bodies = [part.partition(b"\r\n\r\n")[2].strip(b"\r\n") for part in parts[1:-1]]
    assert bodies == [BODY[0:10].strip(b"\r\n"), BODY[100:110]]
    assert [f"bytes {a}-{b}/{len(BODY)}".encode() in parts[n] for n, a, b in ((1, 0, 9), (2, 100, 109))] == [True, True]  # fmt: skip


def test_bytes_behind_the_end_are_refused(http: httpx.Client) -> None:
    answer = http.get("/models/m", headers={"Range": f"bytes={len(BODY)}-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"].endswith(f"*/{len(BODY)}")


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


def ask(lab: GatewayLab, *names: str) -> socket.socket:
    """A connection on which these models are asked for, one right after the other."""
    connection = socket.create_connection(("127.0.0.1", lab.port), timeout=60)
    asked = "".join(
        f"GET /api/v1/models/{name} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {lab.key}\r\n\r\n"
        for name in names
    )
    connection.sendall(asked.encode())
    return connection


def open_models(lab: GatewayLab) -> int:
    assert lab.process is not None
    opened = psutil.Process(lab.process.pid).open_files()
    return sum(1 for one in opened if Path(one.path).is_relative_to(lab.data / "models"))


def test_a_large_file_comes_whole_and_the_connection_stays(lab: GatewayLab, large: bytes) -> None:
    with lab.http() as http:
        first = http.get("/models/large")
        again = http.get("/models/m")

    assert (first.status_code, first.content == large) == (200, True)
    assert (again.status_code, again.content) == (200, BODY)


def test_files_that_are_asked_for_at_once_come_one_after_the_other(
    lab: GatewayLab, large: bytes
) -> None:
    with ask(lab, "m", "large", "m") as connection, connection.makefile("rb") as stream:
        for wanted in (BODY, large, BODY):
            head = b"".join(iter(stream.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200 ")
            assert stream.read(len(wanted)) == wanted


@pytest.mark.parametrize("names", [("large",), ("large", "m"), ("m", "large", "m")], ids=" ".join)
def test_a_reader_that_leaves_leaves_nothing_open(
    lab: GatewayLab, large: bytes, names: tuple[str, ...]
) -> None:
    for _ in range(5):
        with ask(lab, *names) as connection:
            assert connection.recv(1 << 16)
            # Closed with bytes unread: the gateway is told by a reset.

    eventually(lambda: open_models(lab) == 0, what="the gateway having closed its files")
    assert "Traceback" not in lab.log.read_text()


def test_readers_that_wait_keep_nobody_waiting(lab: GatewayLab, large: bytes) -> None:
    with ExitStack() as readers, lab.http() as http:
        # More than the gateway has threads.
        waiting = [readers.enter_context(ask(lab, "large")) for _ in range(40)]
        for connection in waiting:
            assert connection.recv(1)
        eventually(lambda: open_models(lab) == len(waiting), what="every file being sent")

        assert http.get("/models/m/info").status_code == 200
        assert http.get("/models/m").content == BODY


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
