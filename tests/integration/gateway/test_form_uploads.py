"""Uploads by form take the way of raw uploads: refused by their size at once, streamed to the volume."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab
from gateway_watch import watching
from poll import eventually

pytestmark = pytest.mark.integration

MOST = 1 << 20
BEGIN = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
END = b"\r\n--b--\r\n"
PIECE = b"1,2\n" * (1 << 18)


@pytest.fixture(scope="module")
def bounded(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway whose datasets may have 1 MiB."""
    return gateway_factory(datasets_max_bytes=str(MOST))


def head(lab: GatewayLab, size: int, name: str = "raw") -> bytes:
    return (
        f"POST /api/v1/datasets?name={name} HTTP/1.1\r\nHost: x\r\nX-API-Key: {lab.key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def wire_to(lab: GatewayLab) -> socket.socket:
    return socket.create_connection(("127.0.0.1", lab.port), timeout=10)


def open_files(lab: GatewayLab) -> list[str]:
    """What the gateway has open, the removed as `… (deleted)`."""
    assert lab.process is not None
    found = []
    for handle in Path(f"/proc/{lab.process.pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(handle.readlink()))
    return [path for path in found if path.startswith("/") and not path.startswith("/dev/")]


def test_a_form_beyond_the_quota_is_refused_before_its_body_comes(bounded: GatewayLab) -> None:
    with wire_to(bounded) as wire:
        wire.sendall(head(bounded, 1 << 40))
        answer = wire.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 413")


def test_a_form_that_the_volume_cannot_hold_is_refused_before_its_body_comes(
    lab: GatewayLab,
) -> None:
    with wire_to(lab) as wire:
        wire.sendall(head(lab, 1 << 60))
        answer = wire.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 507")


def test_a_form_without_a_length_ends_at_the_quota(bounded: GatewayLab) -> None:
    def content() -> object:
        yield BEGIN
        for _ in range(8):
            yield PIECE
        yield END

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with bounded.http() as http:
        answer = http.post("/datasets?name=chunked", content=content(), headers=headers)  # type: ignore[arg-type]  # httpx takes any iterable of bytes

    assert answer.status_code == 413, answer.text


def test_a_form_that_just_fits_is_taken(bounded: GatewayLab) -> None:
    content = b"a,y\n" + b"1,2\n2,3\n" * 2000
    with bounded.http() as http:
        answer = http.post("/datasets?name=fits", files={"file": ("a.csv", content)})

    assert answer.status_code == 201, answer.text
    assert answer.json()["sizeBytes"] == len(content)


def test_a_form_is_written_to_the_volume_as_it_comes(lab: GatewayLab) -> None:
    pieces = 64
    size = len(BEGIN) + pieces * len(PIECE) + len(END)
    incoming = lab.data / "datasets" / ".incoming"
    with watching(lab) as watch, wire_to(lab) as wire:
        wire.sendall(head(lab, size, "streamed") + BEGIN)
        for _ in range(pieces):
            wire.sendall(PIECE)
        eventually(
            lambda: sum(p.stat().st_size for p in incoming.iterdir()) > pieces * len(PIECE) // 2,
            within=30, every=0.02, what="the file growing on the volume",
        )  # fmt: skip
        elsewhere = [p for p in open_files(lab) if "(deleted)" in p and str(lab.data) not in p]

    watch.check()
    assert elsewhere == []
    eventually(lambda: not list(incoming.iterdir()), within=60, what="the rest being removed")


def test_form_and_raw_body_register_the_same(http: httpx.Client) -> None:
    content = b"a,y\n1,2\n3,4\n"
    raw = http.post("/datasets?name=same&filename=a.csv", content=content)
    form = http.post("/datasets?name=same", files={"file": ("a.csv", content)})

    assert (raw.status_code, form.status_code) == (201, 200)
    assert form.json() == raw.json()
