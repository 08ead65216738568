"""Files and events between the client and a real gateway, over a network that breaks."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from client_lab import IRIS, report, safetensors, set_phase, submit
from cutting_proxy import CuttingProxy
from gateway_lab import GatewayLab

from trainyard.client import AsyncClient, Client
from trainyard.errors import HashMismatch, NotFound, Unreachable
from trainyard.models import Event

pytestmark = pytest.mark.integration
MIB = 1 << 20


@pytest.fixture(scope="module")
def big(lab: GatewayLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 16 MiB, registered as `big`."""
    path = safetensors(tmp_path_factory.mktemp("files") / "big.safetensors", 4 * MIB)
    with lab.client() as gateway:
        gateway.upload_model("big", path)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same(one: Path, other: Path) -> bool:
    return sha256(one) == sha256(other)


def test_an_upload_is_streamed_and_its_progress_told(lab: GatewayLab, big: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with lab.client() as gateway:
        tracemalloc.start()
        gateway.upload_model(
            "big-again", big, progress=lambda done, total: told.append((done, total))
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    size = big.stat().st_size
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert peak < 6 * MIB, "memory must not grow with the file"


def test_a_download_goes_on_after_every_cut(lab: GatewayLab, big: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    told: list[int] = []
    with (
        CuttingProxy(lab.port, [5 * MIB, 3 * MIB, 100]) as proxy,
        Client(proxy.url, lab.key) as gateway,
    ):
        gateway.download_model("big", target, progress=lambda done, _: told.append(done))

    assert same(target, big)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert proxy.connections == 4
    assert told == sorted(told), "nothing is fetched twice"


async def test_the_asynchronous_client_does_the_same(
    lab: GatewayLab, big: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    with CuttingProxy(lab.port, [5 * MIB]) as proxy:
        async with AsyncClient(proxy.url, lab.key) as gateway:
            await gateway.download_model("big", target)
            found = await gateway.upload_model("big-async", target)

    assert same(target, big)
    assert found.sha256 == sha256(big)


def test_a_download_goes_on_in_another_process(lab: GatewayLab, big: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    program = "import sys, trainyard, pathlib; trainyard.Client(sys.argv[1], sys.argv[2]).download_model('big', pathlib.Path(sys.argv[3]))"
    with CuttingProxy(lab.port, [5 * MIB, *[0] * 4]) as proxy:
        first = subprocess.run(
            [sys.executable, "-c", program, proxy.url, lab.key, str(target)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "no answer from the gateway" in first.stderr
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out.part", "out.part-tag"]
        told: list[int] = []
        with Client(proxy.url, lab.key) as gateway:
            gateway.download_model("big", target, progress=lambda done, _: told.append(done))

    assert same(target, big)
    assert told[0] >= 4 * MIB


def test_a_download_of_a_file_that_was_replaced_starts_over(
    lab: GatewayLab, big: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    small = safetensors(tmp_path / "small", 2 * MIB)
    with lab.client() as gateway:
        gateway.upload_model("changing", big)
        with (
            CuttingProxy(lab.port, [5 * MIB, *[0] * 4]) as proxy,
            Client(proxy.url, lab.key) as broken,
            pytest.raises(Unreachable),
        ):
            broken.download_model("changing", target)
        gateway.upload_model("changing", small)
        gateway.download_model("changing", target)

    assert same(target, small)


def test_a_whole_file_that_was_not_renamed_is_fetched_again(
    lab: GatewayLab, big: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    (tmp_path / "out.part").write_bytes(big.read_bytes())
    (tmp_path / "out.part-tag").write_text(f'"{sha256(big)}"')
    with lab.client() as gateway:
        gateway.download_model("big", target)

    assert same(target, big)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_damaged_part_is_noticed_and_leaves_nothing(
    lab: GatewayLab, big: Path, tmp_path: Path
) -> None:
    damaged = bytearray(big.read_bytes()[:MIB])
    damaged[1000] ^= 1
    (tmp_path / "out.part").write_bytes(damaged)
    (tmp_path / "out.part-tag").write_text(f'"{sha256(big)}"')
    with lab.client() as gateway, pytest.raises(HashMismatch):
        gateway.download_model("big", tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_leaves_no_file(lab: GatewayLab, tmp_path: Path) -> None:
    with lab.client() as gateway, pytest.raises(NotFound):
        gateway.download_model("absent", tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_datasets_are_compared_by_hash_too(lab: GatewayLab, tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text(IRIS)
    with lab.client() as gateway:
        found = gateway.upload_dataset("hashed", path)

    assert found.sha256 == hashlib.sha256(IRIS.encode()).hexdigest()


def steps(events: list[Event]) -> list[int]:
    return [p["step"] for e in events if e.kind == "metrics" for p in e.data["points"]]


def test_events_tell_everything_over_a_broken_line(lab: GatewayLab) -> None:
    session = submit(lab, "told")
    report(lab, session, steps=20)
    set_phase(lab, "told", "Succeeded")
    with lab.http() as http:
        size = len(http.get("/training/told/events", headers={"Last-Event-ID": "0.0"}).content)
    # In the middle of an event, and after all but the last: the headers before them have more than 50 bytes.
    cuts = [size // 2, size + 50]
    with CuttingProxy(lab.port, cuts) as proxy, Client(proxy.url, lab.key) as gateway:
        events = list(gateway.events("told", "0.0"))

    assert proxy.connections == 3
    assert events[-1].kind == "end"
    assert set(steps(events)) == set(range(1, 21))
    lines = [line["message"] for e in events if e.kind == "logs" for line in e.data["lines"]]
    assert [line for line in lines if line.startswith("step")] == [
        f"step {n}" for n in range(1, 21)
    ]
    assert {"phase", "metrics", "logs", "end"} == {e.kind for e in events}


async def test_asynchronous_events_go_on_after_a_known_id(lab: GatewayLab) -> None:
    session = submit(lab, "later")
    report(lab, session, steps=5)
    set_phase(lab, "later", "Failed")
    async with AsyncClient(lab.url, lab.key) as gateway:
        every = [event async for event in gateway.events("later", "0.0")]
        after = [event async for event in gateway.events("later", every[-1].id)]
        with pytest.raises(NotFound):
            [event async for event in gateway.events("absent")]

    assert set(steps(every)) == set(range(1, 6))
    assert (steps(after), after[-1].kind) == ([], "end")
