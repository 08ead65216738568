"""What is sent and read. One event loop drives all clients; bodies are made before the clock runs, as far as one can tell how many."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson
import psutil
from gateway_lab import GatewayLab, Trainer
from wire import Wire, post

NOW = "2026-01-01T00:00:00Z"
LOSS = ["loss"]
_REQUESTS, _POINTS = 12_000, 300_000
"""More a second than any side takes from all clients."""
SPIKE = 1e6
CHUNK = 1 << 20


@dataclass
class Client:
    """One sender and how far it has come."""

    trainer: Trainer
    session: str
    sequence: int = 0
    points: int = 0


@dataclass
class Chart:
    """One reading of all runs."""

    seconds: float
    spikes: int


def trainers(lab: GatewayLab, count: int) -> list[Client]:
    """Sessions, each with a trainer."""
    with lab.http() as http:
        made = []
        for number in range(count):
            body = {"name": f"run-{number}", "command": ["x"]}
            uid = http.post("/training/start", json=body).raise_for_status().json()["uid"]
            made.append(Client(lab.trainer(uid, f"run-{number}"), f"run-{number}"))
    return made


async def _timed(
    clients: list[Any], seconds: float, send: Callable[[Any], Awaitable[int]]
) -> float:
    """Points per second that were acknowledged within the time."""
    started, points = time.perf_counter(), 0

    async def one(client: Any) -> None:
        nonlocal points
        while time.perf_counter() - started < seconds:
            # In two steps: `points += await …` would read the sum before it waits, and lose what others add meanwhile.
            taken = await send(client)
            points += taken

    await asyncio.gather(*(one(c) for c in clients))
    return points / (time.perf_counter() - started)


async def report(
    url: str, clients: list[Client], size: int, names: list[str], seconds: float
) -> float:
    """Batches of the metrics `names` to the gateway."""
    ahead = _ahead(size, seconds, len(clients))
    place = f"{url}/api/v1/report/batches"

    def request(client: Client) -> bytes:
        return post(place, _batch(client, size, names), client.trainer.token)

    ready = {c.session: iter([request(c) for _ in range(ahead)]) for c in clients}
    wires = {client.session: await Wire.to(url) for client in clients}

    async def send(client: Client) -> int:
        data = next(ready[client.session], None) or request(client)
        status, answer = await wires[client.session].ask(data)
        if status != 200:
            raise SystemExit(f"the gateway answered {status}: {answer.decode()}")
        return size

    try:
        return await _timed(clients, seconds, send)
    finally:
        for wire in wires.values():
            wire.close()


def _ahead(size: int, seconds: float, clients: int) -> int:
    """How many batches one of the clients will send at most."""
    return int(min(_REQUESTS, _POINTS / size) * seconds / clients)


def points(first: int, count: int, names: list[str]) -> list[tuple[int, str]]:
    """Step and name of so many points of a run that logs all `names` at each step, after the `first` ones."""
    return [(n // len(names), names[n % len(names)]) for n in range(first, first + count)]


def _batch(client: Client, size: int, names: list[str], spike: int | None = None) -> bytes:
    client.sequence += 1
    rows: list[dict[str, Any]] = []
    for step, name in points(client.points, size, names):
        if not rows or rows[-1]["step"] != step:
            rows.append({"step": step, "time": NOW, "values": {}})
        rows[-1]["values"][name] = SPIKE if step == spike else step / 7
    client.points += size
    trainer = client.trainer
    return orjson.dumps(
        {
            "sessionUid": trainer.session_uid,
            "attempt": 1,
            "stream": "rank-0",
            "sequence": client.sequence,
            "metrics": rows,
        }
    )


async def _post(http: aiohttp.ClientSession, url: str, client: Client, body: bytes) -> None:
    headers = {
        "Authorization": f"Bearer {client.trainer.token}",
        "Content-Type": "application/json",
    }
    async with http.post(f"{url}/api/v1/report/batches", data=body, headers=headers) as answer:
        if answer.status != 200:
            raise SystemExit(f"the gateway answered {answer.status}: {await answer.text()}")


def _spike(number: int) -> int:
    return 7919 + 37 * number


async def fill(
    url: str, clients: list[Client], points: int, spike: Callable[[int], int] = _spike
) -> None:
    """Runs of so many points with one spike each, at a step that follows from the run's number."""
    async with _session() as http:

        async def one(number: int, client: Client) -> None:
            for _ in range(points // 1000):
                await _post(http, url, client, _batch(client, 1000, LOSS, spike=spike(number)))

        await asyncio.gather(*(one(n, c) for n, c in enumerate(clients)))


async def read_charts(lab: GatewayLab, clients: list[Client]) -> Chart:
    """The metric of every run in 1,000 points by the endpoint that our page uses."""
    async with _session() as http:
        started = time.perf_counter()
        query = [("metric", "loss"), ("maxPoints", "1000")]
        query += [("session", client.trainer.session_uid) for client in clients]
        place = f"{lab.url}/api/v1/training/compare"
        async with http.get(place, params=query, headers={"X-API-Key": lab.key}) as answer:
            if answer.status != 200:
                raise SystemExit(f"the gateway answered {answer.status}: {await answer.text()}")
            found = orjson.loads(await answer.read())
        seconds = time.perf_counter() - started
    return Chart(seconds, sum(SPIKE in curve["values"] for curve in found["curves"]))


async def mlflow_runs(url: str, count: int) -> list[dict[str, Any]]:
    """Runs of a new experiment."""
    async with _session() as http:
        made = await _mlflow(
            http, url, "experiments/create", orjson.dumps({"name": os.urandom(6).hex()})
        )
        runs = []
        for _ in range(count):
            body = orjson.dumps({"experiment_id": made["experiment_id"], "start_time": 0})
            created = await _mlflow(http, url, "runs/create", body)
            runs.append({"id": created["run"]["info"]["run_id"], "points": 0})
        return runs


async def log_batch(
    url: str, runs: list[dict[str, Any]], size: int, names: list[str], seconds: float
) -> tuple[float, int]:
    """Batches of the metrics `names` to MLflow; points per second, and how many batches it refused."""
    refused = 0
    ahead = _ahead(size, seconds, len(runs))
    place = f"{url}/api/2.0/mlflow/runs/log-batch"

    def request(run: dict[str, Any]) -> bytes:
        return post(place, _mlflow_batch(run, size, names))

    ready = {run["id"]: iter([request(run) for _ in range(ahead)]) for run in runs}
    wires = {run["id"]: await Wire.to(url) for run in runs}

    async def send(run: dict[str, Any]) -> int:
        nonlocal refused
        status, _ = await wires[run["id"]].ask(next(ready[run["id"]], None) or request(run))
        if status != 200:
            refused += 1
            return 0
        return size

    try:
        return await _timed(runs, seconds, send), refused
    finally:
        for wire in wires.values():
            wire.close()


def _mlflow_batch(
    run: dict[str, Any], size: int, names: list[str], spike: int | None = None
) -> bytes:
    metrics = [
        {"key": k, "value": SPIKE if s == spike else s / 7, "timestamp": s, "step": s}
        for s, k in points(run["points"], size, names)
    ]
    run["points"] += size
    return orjson.dumps({"run_id": run["id"], "metrics": metrics})


async def fill_mlflow(url: str, runs: list[dict[str, Any]], points: int) -> None:
    """Runs of so many points with one spike each."""
    async with _session() as http:
        for number, run in enumerate(runs):
            for _ in range(points // 1000):
                body = _mlflow_batch(run, 1000, LOSS, spike=_spike(number))
                await _mlflow(http, url, "runs/log-batch", body)


async def read_mlflow_charts(url: str, runs: list[dict[str, Any]]) -> Chart:
    """All runs by the endpoint that its own page uses."""
    async with _session() as http:
        started = time.perf_counter()
        query = [("metric_key", "loss"), ("max_results", "1000")]
        query += [("run_ids", run["id"]) for run in runs]
        place = f"{url}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
        async with http.get(place, params=query) as answer:
            if answer.status != 200:
                raise SystemExit(f"mlflow answered {answer.status}: {await answer.text()}")
            found = orjson.loads(await answer.read())
        seconds = time.perf_counter() - started
    seen = {m["run_id"] for m in found["metrics"] if m["value"] == SPIKE}
    return Chart(seconds, len(seen))


async def _mlflow(http: aiohttp.ClientSession, url: str, what: str, data: bytes) -> Any:
    kind = {"Content-Type": "application/json"}
    async with http.post(f"{url}/api/2.0/mlflow/{what}", data=data, headers=kind) as answer:
        if answer.status != 200:
            raise SystemExit(f"mlflow answered {answer.status}: {await answer.text()}")
        return json.loads(await answer.read())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120))


def large_model(lab: GatewayLab, gigabytes: float) -> Path:
    """A model of that size in the registry, and its file."""
    size = int(gigabytes * 2**30) // 4 * 4
    tensor = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    head = json.dumps({"w": tensor}).encode()
    block = hashlib.sha256(b"block").digest() * (CHUNK // 32)

    def chunks() -> Any:
        yield struct.pack("<Q", len(head)) + head
        left = size
        while left:
            yield block[: min(left, CHUNK)]
            left -= min(left, CHUNK)

    with lab.http() as http:
        http.post(
            "/models", params={"name": "large"}, content=chunks(), timeout=600
        ).raise_for_status()
    return next((lab.data / "models").glob("*/model.safetensors"))


def download(url: str, key: str | None) -> float:
    """MB/s of one download; the bytes are counted and dropped."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    started, count, buffer = time.perf_counter(), 0, bytearray(CHUNK)
    connection.request("GET", parts.path, headers={"X-API-Key": key} if key else {})
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"{url} answered {answer.status}")
    while got := answer.readinto(buffer):
        count += got
    connection.close()
    return count / 1e6 / (time.perf_counter() - started)


def upload(method: str, url: str, key: str | None, size: int) -> float:
    """MB/s of one upload of a safetensors file of so many bytes, until it is answered."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    place = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = {"Content-Length": str(size), **({"X-API-Key": key} if key else {})}
    started = time.perf_counter()
    connection.request(method, place, body=_safetensors(size), headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status not in (201, 204):
        raise SystemExit(f"{url} answered {answer.status}")
    return size / 1e6 / (time.perf_counter() - started)


def _safetensors(size: int) -> Iterator[bytes]:
    """A file with one tensor, `size` bytes with its header."""
    count = size - 128
    tensor = {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}
    head = json.dumps({"w": tensor}).encode().ljust(120)
    yield struct.pack("<Q", len(head)) + head
    block = hashlib.sha256(b"block").digest() * (CHUNK // 32)
    while count:
        yield block[: min(count, CHUNK)]
        count -= min(count, CHUNK)


def remove_model(lab: GatewayLab, name: str) -> None:
    """With all its versions."""
    with lab.http() as http:
        http.delete(f"/models/{name}").raise_for_status()


class Watch:
    """What the gateway does meanwhile: the most memory it held, and how long small calls took."""

    def __init__(self, lab: GatewayLab) -> None:
        self._lab, self._over = lab, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.most, self.calls = 0, list[float]()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def p99(self) -> float:
        """Milliseconds of a small call, of which 99 in 100 took no longer."""
        ordered = sorted(self.calls)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000

    def _look(self) -> None:
        with self._lab.http() as http:
            while not self._over.wait(0.05):
                started = time.perf_counter()
                http.get("/models").raise_for_status()
                self.calls.append(time.perf_counter() - started)
                self.most = max(self.most, resident(self._lab))


def resident(lab: GatewayLab) -> int:
    """Bytes of memory that the gateway's process holds."""
    assert lab.process is not None
    return int(psutil.Process(lab.process.pid).memory_info().rss)


def cpu_seconds(process: int) -> float:
    """CPU time of a process with all that it has started."""
    first = psutil.Process(process)
    times = [p.cpu_times() for p in (first, *first.children(recursive=True))]
    return sum(t.user + t.system for t in times)
