"""Callers who stay below every documented limit and still ask for as much as they can.

Each attack runs for some seconds on several connections. All its requests are allowed ones, or ones
that the gateway refuses; none may cost it memory or other callers their answers.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import socket
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count

import httpx
from gateway_lab import GatewayLab, Trainer
from hostile_reports import NOW

MIB = 1 << 20
LONG_ATTACK = 1.0
"""Seconds of an attack from which files have their full size."""


@dataclass
class Target:
    """The gateway, and sessions whose trainers take part."""

    lab: GatewayLab
    trainers: list[Trainer]
    sequences: Iterator[int] = field(default_factory=lambda: count(1))

    def connection(self) -> socket.socket:
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.lab.port), timeout=10)

    def head(self, line: str, *more: str) -> bytes:
        """A request's head with the key."""
        lines = (line + " HTTP/1.1", "Host: x", f"X-API-Key: {self.lab.key}", *more)
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


Attack = Callable[[Target, float], None]
_ENDED = (OSError, httpx.HTTPError)
"""What a connection that the gateway closes looks like."""


def _repeat(seconds: float, step: Callable[[int], object], threads: int = 4) -> None:
    """Take steps on several threads until the time is over."""
    deadline = time.monotonic() + seconds

    def work(first: int) -> None:
        number = first
        while time.monotonic() < deadline:
            with suppress(*_ENDED):
                step(number)
            number += threads

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def _posts(path: str, bodies: list[bytes], **parameters: str) -> Attack:
    def attack(target: Target, seconds: float) -> None:
        with target.lab.http() as http:
            _repeat(
                seconds,
                lambda n: http.post(
                    path,
                    params={"name": f"h{n}", **parameters} if parameters else None,
                    content=bodies[n % len(bodies)],
                    headers={"Content-Type": "application/json"},
                ),
            )

    return attack


def _bodies() -> list[bytes]:
    pad = MIB - 4096
    return [
        json.dumps({"name": "x" * pad}).encode(),
        b'{"command":["x"],"more":' + b"[" * (pad // 2) + b"]" * (pad // 2) + b"}",
        b'{"command":[' + b",".join([b'"x"'] * (pad // 4)) + b"]}",
        b"{" + b",".join(b'"k%06d":1' % n for n in range(pad // 12)) + b"}",
        b'{"priority":' + b"9" * pad + b"}",
    ]


def heads(target: Target, seconds: float) -> None:
    """Heads just below their limit, with as many fields as fit."""
    fields = [f"X-{n}: {'y' * 50}" for n in range(1000)]

    def step(_: int) -> None:
        with target.connection() as wire:
            wire.sendall(target.head("GET /api/v1/training/list?limit=1", *fields))
            wire.recv(4096)

    _repeat(seconds, step)


def trailers(target: Target, seconds: float) -> None:
    """Trailers without end, without a key."""

    def step(_: int) -> None:
        with target.connection() as wire:
            wire.sendall(
                b"POST /api/v1/training/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
            )
            for _line in range(2000):
                wire.sendall(b"X-A: " + b"b" * 8000 + b"\r\n")

    _repeat(seconds, step)


def chunks(target: Target, seconds: float) -> None:
    """A body of one byte a chunk, with extensions."""

    def step(_: int) -> None:
        with target.connection() as wire:
            wire.sendall(target.head("POST /api/v1/training/start", "Transfer-Encoding: chunked"))
            wire.sendall((b"1;" + b"e" * 100 + b"\r\nx\r\n") * 8000 + b"0\r\n\r\n")
            wire.recv(4096)

    _repeat(seconds, step)


def idle(target: Target, seconds: float) -> None:
    """Many connections that say nothing, or half of a head, and go on byte by byte."""
    with ExitStack() as stack:
        wires = []
        for number in range(300):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                if number % 2:
                    wire.sendall(b"GET /api/v1/datasets HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                wires.append(wire)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for wire in wires[1::2]:
                with suppress(*_ENDED):
                    wire.sendall(b"x")
            time.sleep(0.2)


def slow_bodies(target: Target, seconds: float) -> None:
    """Uploads that announce much and send little."""
    line = "POST /api/v1/datasets?name=slow{}&filename=a.csv"
    with ExitStack() as stack:
        wires = []
        for number in range(100):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                wire.sendall(target.head(line.format(number), f"Content-Length: {64 * MIB}"))
                wires.append(wire)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for wire in wires:
                with suppress(*_ENDED):
                    wire.sendall(b"1,2\n" * 100)
            time.sleep(0.2)


def slow_readers(target: Target, seconds: float) -> None:
    """Large answers that are asked for and not read."""
    name = target.trainers[0].session
    lines = (
        "GET /api/v1/openapi.json",
        f"GET /api/v1/training/{name}/logs?limit=10000",
        f"GET /api/v1/training/{name}/history?maxPoints=5000",
    )
    with ExitStack() as stack:
        for number in range(60):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                wire.sendall(target.head(lines[number % 3]) * 8)
        time.sleep(seconds)


def downloads(target: Target, seconds: float) -> None:
    """A file that is asked for and not read, and thousands of its ranges at once."""
    text = b"to be or not to be\n" * (32 * MIB // 19)
    ranges = ",".join(f"{4 * n}-{4 * n + 1}" for n in range(4000))
    with target.lab.http() as http, ExitStack() as stack:
        named = {"name": "downloaded", "filename": "d.txt"}
        http.post("/datasets", params=named, content=text, timeout=120).raise_for_status()
        path = "/datasets/downloaded/file"
        for _ in range(60):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                wire.sendall(target.head(f"GET /api/v1{path}") * 8)
        _repeat(seconds, lambda _: http.get(path, headers={"Range": f"bytes={ranges}"}), threads=2)


def many_readers(target: Target, seconds: float) -> None:
    """As many connections as a key has at hand, with requests after each other on all of them."""
    lines = ("GET /api/v1/system/info", "GET /api/v1/datasets", "GET /api/v1/training/sessions")
    with ExitStack() as stack:
        wires = []
        for number in range(500):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                wire.sendall(target.head(lines[number % 3]) * 8)
                wires.append(wire)
        time.sleep(seconds)


def streams(target: Target, seconds: float) -> None:
    """Event streams that nobody reads, while their session reports."""
    trainer = target.trainers[1]
    with ExitStack() as stack:
        for _ in range(200):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                wire.sendall(target.head(f"GET /api/v1/training/{trainer.session}/events"))
        _report(target, seconds, [trainer], lines=200, size=1000)


def _report(
    target: Target, seconds: float, trainers: list[Trainer], lines: int, size: int, rows: int = 0
) -> None:
    with httpx.Client(timeout=60) as http:

        def step(number: int) -> None:
            body = {
                "sequence": next(target.sequences),
                "logs": [{"time": NOW, "message": "x" * size}] * lines,
                "metrics": [
                    {"step": n, "time": NOW, "values": {f"m{m}": n / 3 for m in range(8)}}
                    for n in range(rows)
                ],
            }
            answer = trainers[number % len(trainers)].report(body, http)
            if answer.status_code == 429:
                time.sleep(0.2)

        _repeat(seconds, step, threads=len(trainers))


def reports_of_lines(target: Target, seconds: float) -> None:
    """Reports just below 4 MiB, full of long lines."""
    _report(target, seconds, target.trainers, lines=240, size=16_000)


def reports_of_short_lines(target: Target, seconds: float) -> None:
    """Reports with as many lines as are allowed."""
    _report(target, seconds, target.trainers, lines=10_000, size=1)


def reports_of_points(target: Target, seconds: float) -> None:
    """Reports with as many points as fit."""
    _report(target, seconds, target.trainers, lines=0, size=0, rows=8000)


def listings(target: Target, seconds: float) -> None:
    """Every list and page at its largest."""
    name = target.trainers[0].session
    paths = (
        "/training/list?limit=1000", "/training/queue", f"/training/{name}/logs?limit=10000",
        f"/training/{name}/logs?limit=10000&tail=true", f"/training/{name}/history?maxPoints=5000",
        f"/training/{name}/metrics", "/openapi.json", "/models", "/system",
    )  # fmt: skip
    with target.lab.http() as http:
        _repeat(seconds, lambda n: http.get(paths[n % len(paths)]))


def wrong_keys(target: Target, seconds: float) -> None:
    """Made-up keys and tokens at both doors."""
    with httpx.Client(base_url=target.lab.url, timeout=30) as http:

        def step(number: int) -> None:
            wrong = {"Authorization": f"Bearer wrong-{number}"}
            if number % 2:
                http.post("/api/v1/report/batches", content=b"{}", headers=wrong)
            else:
                http.get("/api/v1/datasets", headers=wrong)

        _repeat(seconds, step)


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": lambda content: bz2.compress(content, 1),
    "xz": lambda content: lzma.compress(content, preset=0),
}


@cache
def _archive(kind: str, share: int) -> tuple[str, bytes]:
    """A file that is costly to look into: its name and content. `share`: 1 is the full size."""
    large = b"\0" * (64 * MIB)
    if kind == "csv":
        return "a.csv", b"a,b,kind\n" + b"1.5,2.5,x\n2.5,1.5,y\n" * (200_000 // share)
    if kind == "wide":
        count = 9_999 // share
        row = b",".join(b"1" for _ in range(count)) + b",x\n"
        return "a.csv", b",".join(b"c%d" % n for n in range(count)) + b",kind\n" + row * 100
    if kind == "jsonl":
        return "a.jsonl", b'{"a":1,"b":[1,2],"kind":"x"}\n' * (100_000 // share)
    if kind == "npz":
        return "a.npz", _zip({f"a{n}.npy": _npy() for n in range(5000 // share)})
    if kind == "members":
        return "a.zip", _zip({f"c{n % 2}/{n}.png": b"" for n in range(60_000 // share)})
    if kind == "ratio":
        return "a.zip", _zip({"c/a.png": large})
    tar = _tar({f"c{n % 2}/{n}.png": b"x" for n in range(30_000 // share)})
    whole = {"tar": tar, "bomb": _tar({"c/a.png": large})}
    form, _, name = kind.partition(" ")
    pack = _PACKERS[form]
    return f"a.tar.{form}", pack(whole[name])


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _npy() -> bytes:
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + b"\0\0\0\0"


def _uploads(kinds: tuple[str, ...]) -> Attack:
    def attack(target: Target, seconds: float) -> None:
        share = 1 if seconds >= LONG_ATTACK else 8
        for kind in kinds:
            _archive(kind, share)  # made once, before several threads ask for it
        with target.lab.http() as http:

            def step(number: int) -> None:
                name, content = _archive(kinds[number % len(kinds)], share)
                query = {"name": f"h{number % 8}", "filename": name}
                http.post("/datasets", params=query, content=content, timeout=120)

            _repeat(seconds, step)

    return attack


def forms(target: Target, seconds: float) -> None:
    """Uploads by form, large and with many fields."""
    large = b"1,2,x\n" * (32 * MIB // 6)
    with target.lab.http() as http:

        def step(number: int) -> None:
            fields = {f"f{n}": "x" * 1000 for n in range(number % 9)}
            http.post(
                "/datasets",
                params={"name": f"form{number % 4}"},
                files={"file": ("a.csv", large)},
                data=fields,
                timeout=120,
            )

        _repeat(seconds, step, threads=2)


def models(target: Target, seconds: float) -> None:
    """Models whose header is as large as allowed."""
    head = json.dumps({"__metadata__": {"x": "y" * (15 * MIB)}}).encode()
    content = struct.pack("<Q", len(head)) + head
    with target.lab.http() as http:
        _repeat(
            seconds,
            lambda n: http.post(
                "/models", params={"name": f"m{n % 4}"}, content=content, timeout=120
            ),
            threads=2,
        )


def _many_files(target: Target, count: int) -> str:
    """A session whose program has left that many files in `many`, and one of 64 MiB."""
    trainer = target.trainers[2]
    run = target.lab.data / "runs" / trainer.session_uid
    if not run.exists():
        (run / "many").mkdir(parents=True)
        for number in range(count):
            (run / "many" / f"{number:06d}-{'n' * 60}").touch()
        (run / "large").write_bytes(b"x" * (64 * MIB))
    return f"/training/{trainer.session}"


def files_of_a_session(target: Target, seconds: float) -> None:
    """Pages of a folder with very many files, its archive, and archives that are not read."""
    path = _many_files(target, 200_000 if seconds >= LONG_ATTACK else 5_000)
    with target.lab.http() as http, ExitStack() as stack:
        for number in range(60):
            with suppress(*_ENDED):
                wire = stack.enter_context(target.connection())
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                # One archive of the two that a key may have at a time is left to those who read.
                wanted = "files/large" if number else "files-archive"
                wire.sendall(target.head(f"GET /api/v1{path}/{wanted}") * 8)

        def step(number: int) -> None:
            after = base64.urlsafe_b64encode(f"{number * 5000 % 200_000:06d}".encode()).decode()
            if number % 8:
                http.get(f"{path}/files?path=many&limit=5000&cursor={after.rstrip('=')}")
            else:
                http.get(f"{path}/files-archive?path=many", timeout=60)

        _repeat(seconds, step)


ATTACKS: dict[str, Attack] = {
    "bodies": _posts("/training/start", _bodies()),
    "estimates": _posts("/training/estimate", _bodies()),
    "heads": heads,
    "trailers": trailers,
    "chunks": chunks,
    "idle connections": idle,
    "slow bodies": slow_bodies,
    "long lines": reports_of_lines,
    "short lines": reports_of_short_lines,
    "points": reports_of_points,
    "slow readers": slow_readers,
    "downloads": downloads,
    "files of a session": files_of_a_session,
    "many readers": many_readers,
    "event streams": streams,
    "listings": listings,
    "wrong keys": wrong_keys,
    "tables": _uploads(("csv", "wide", "jsonl")),
    "arrays": _uploads(("npz",)),
    "archives": _uploads(("members", "gz tar", "bz2 tar", "xz tar")),
    "bombs": _uploads(("ratio", "gz bomb", "bz2 bomb", "xz bomb")),
    "forms": forms,
    "models": models,
}
"""What is done, by name."""
