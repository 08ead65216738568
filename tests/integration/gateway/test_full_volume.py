"""A volume that is full or read-only: a clear answer, nothing torn, and recovery without help."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab, Trainer
from poll import eventually
from small_volume import fill_up, small_volume

pytestmark = pytest.mark.integration

SIZE = 32 << 20
CSV = {"filename": "a.csv"}
NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A small filesystem of the test's own."""
    with small_volume(tmp_path / "volume", SIZE) as folder:
        yield folder


@pytest.fixture
def folder(tmp_path: Path, volume: Path) -> Path:
    """A gateway's folder with its data on the small volume, and its log elsewhere."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "data").symlink_to(volume)
    return lab


@pytest.fixture
def lab(gateway_factory: GatewayFactory, folder: Path) -> Iterator[GatewayLab]:
    """A gateway of the test's own on the small volume; it ends before the volume goes."""
    lab = gateway_factory(folder)
    yield lab
    lab.stop()


@pytest.fixture
def http(lab: GatewayLab) -> Iterator[httpx.Client]:
    with lab.http() as http:
        yield http


def batch(sequence: int) -> dict[str, Any]:
    lines = [{"time": NOW, "message": f"{sequence} " + "x" * 900} for _ in range(100)]
    row = {"step": sequence, "time": NOW, "values": {"loss": 1.0}}
    return {"sequence": sequence, "metrics": [row], "logs": lines}


def files(lab: GatewayLab) -> set[Path]:
    return {p for n in ("datasets", "models") for p in (lab.data / n).rglob("*") if p.is_file()}


def test_uploads_to_a_full_volume_are_refused_until_there_is_space(
    lab: GatewayLab, http: httpx.Client, volume: Path
) -> None:
    rows = b"a,y\n" + b"1,2\n2,3\n" * 50_000
    ballast = fill_up(volume)
    before = files(lab)

    declared = http.post("/datasets", params={"name": "d", **CSV}, content=rows)
    streamed = http.post("/datasets", params={"name": "d", **CSV}, content=iter([rows]))
    left = files(lab)
    ballast.unlink()
    again = http.post("/datasets", params={"name": "d", **CSV}, content=rows)

    for answer in (declared, streamed):
        assert answer.status_code == 507
        assert "delete datasets or models" in answer.json()["detail"]
    assert left == before
    assert again.status_code == 201
    assert again.json()["details"]["samples"] == 100_000


def test_reports_to_a_full_volume_are_kept_by_the_sender_and_stored_once_later(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, volume: Path
) -> None:
    ballast = fill_up(volume)
    acknowledged: list[int] = []
    refused = None
    for sequence in range(1, 300):
        answer = trainer.report(batch(sequence), http)
        if answer.status_code != 200:
            refused = answer
            break
        acknowledged.append(sequence)
    assert refused is not None
    assert refused.status_code == 507, refused.text
    reads = http.get(f"/training/{trainer.session}/logs", params={"limit": 1}).status_code

    ballast.unlink()
    first = len(acknowledged) + 1
    eventually(lambda: trainer.report(batch(first), http).status_code == 200, within=60)
    repeated = [trainer.report(batch(n), http).json()["duplicate"] for n in (*acknowledged, first)]

    assert reads == 200
    assert all(repeated)
    assert counted(http, trainer.session) == [100] * first


def counted(http: httpx.Client, session: str) -> list[int]:
    """Lines of each batch, in order."""
    after, found = 0, dict[str, int]()
    path = f"/training/{session}/logs"
    while lines := http.get(path, params={"limit": 10_000, "after": after}).json()["lines"]:
        for line in lines:
            key = line["message"].split()[0]
            found[key] = found.get(key, 0) + 1
        after = lines[-1]["cursor"]
    return [found[key] for key in sorted(found, key=int)]


def test_a_read_only_volume_serves_what_it_has_and_recovers(
    gateway_factory: GatewayFactory, tmp_path: Path, volume: Path, folder: Path
) -> None:
    """The database lies elsewhere: a filesystem with a file that is open for writing is not made read-only on demand."""
    lab = gateway_factory(folder, database_url=f"sqlite:///{tmp_path / 'trainyard.sqlite3'}")
    body = b"a,y\n1,2\n2,3\n"
    with lab.http() as http:
        http.post("/datasets", params={"name": "kept", **CSV}, content=body).raise_for_status()
        remount(volume, "ro")
        upload = http.post("/datasets", params={"name": "new", **CSV}, content=body)
        read = http.get("/datasets/kept")
        remount(volume, "rw")
        again = http.post("/datasets", params={"name": "new", **CSV}, content=body)
    lab.stop()

    assert (upload.status_code, read.status_code, again.status_code) == (503, 200, 201)
    assert "read-only" in upload.json()["detail"]
    assert upload.headers["retry-after"]


def remount(volume: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(volume)], check=True)
