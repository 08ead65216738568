"""Large files go up in parts to a real gateway: over broken lines, from several processes, never twice and never wrong."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from client_lab import safetensors
from cutting_proxy import CuttingProxy
from gateway_lab import GatewayLab

from trainyard.client import AsyncClient, Client
from trainyard.errors import BadRequest, Conflict, HashMismatch, Unreachable

pytestmark = pytest.mark.integration
MIB = 1 << 20
PARTS = 1 * MIB


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of a little over 8 MiB: nine parts."""
    return safetensors(tmp_path / "model.safetensors", 2 * MIB)


def table(path: Path) -> Path:
    """A CSV of about 3 MiB with numbers of its own."""
    numbers = random.Random(path.name)
    rows = (f"{numbers.random()},{n % 2}\n" for n in range(150_000))
    path.write_text("a,target\n" + "".join(rows))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left(lab: GatewayLab) -> list[Path]:
    return [p for p in (lab.data / "uploads").rglob("*") if p.is_file()]


def test_an_upload_goes_on_after_every_cut(lab: GatewayLab, model: Path, tmp_path: Path) -> None:
    told: list[int] = []
    with (
        CuttingProxy(lab.port, [], [3 * MIB, 2 * MIB, 1000]) as proxy,
        Client(proxy.url, lab.key, upload_state=tmp_path / "state") as gateway,
    ):
        found = gateway.upload_model(
            "cut", model, part_bytes=PARTS, progress=lambda done, _: told.append(done)
        )

    assert (found.version, found.sha256) == (1, sha256(model))
    assert proxy.connections == 4
    assert told == sorted(told)
    assert told[-1] == model.stat().st_size
    assert (left(lab), list((tmp_path / "state").iterdir())) == ([], [])


async def test_the_asynchronous_client_does_the_same(
    lab: GatewayLab, model: Path, tmp_path: Path
) -> None:
    data = table(tmp_path / "async.csv")
    with CuttingProxy(lab.port, [], [3 * MIB, 2 * MIB]) as proxy:
        async with AsyncClient(proxy.url, lab.key, upload_state=tmp_path / "state") as gateway:
            sent = await gateway.upload_model("cut-async", model, part_bytes=PARTS)
            dataset = await gateway.upload_dataset("cut-async", data, part_bytes=PARTS)

    assert (sent.version, sent.sha256) == (1, sha256(model))
    assert (dataset.details.samples, dataset.sha256) == (150_000, sha256(data))
    assert left(lab) == []


def test_an_upload_goes_on_in_another_process(lab: GatewayLab, model: Path, tmp_path: Path) -> None:
    program = (
        "import sys, trainyard, pathlib\n"
        "with trainyard.Client(sys.argv[1], sys.argv[2]) as gateway:\n"
        f"    gateway.upload_model('other', pathlib.Path(sys.argv[3]), part_bytes={PARTS})"
    )
    # Five attempts: the first is cut in the fifth part, the others get nowhere.
    with CuttingProxy(lab.port, [], [4 * MIB + 500_000, *[0] * 4]) as proxy:
        first = subprocess.run(
            [sys.executable, "-c", program, proxy.url, lab.key, str(model)],
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "no answer from the gateway" in first.stderr, first.stderr
        state = tmp_path / "trainyard" / "uploads"
        assert len(list(state.iterdir())) == 1
        assert lab.key not in "".join(p.read_text() + p.name for p in state.iterdir())
        told: list[int] = []
        with Client(proxy.url, lab.key, upload_state=state) as gateway:
            found = gateway.upload_model(
                "other", model, part_bytes=2 * PARTS, progress=lambda done, _: told.append(done)
            )

    assert found.sha256 == sha256(model)
    assert told[0] == 4 * MIB, "four parts were there and are not sent again"
    assert (left(lab), list(state.iterdir())) == ([], [])


def test_a_lost_answer_registers_nothing_twice(
    lab: GatewayLab, model: Path, tmp_path: Path
) -> None:
    """Cut the answers everywhere, also that to `complete`, which the gateway has done then."""
    with Client(lab.url, lab.key, upload_state=tmp_path / "state") as gateway:
        for cut in range(300, 3300, 375):
            name = f"lost-{cut}"
            with (
                CuttingProxy(lab.port, [cut]) as proxy,
                Client(proxy.url, lab.key, upload_state=tmp_path / "state") as broken,
            ):
                broken.upload_model(name, model, part_bytes=4 * MIB)
            assert [m.sha256 for m in gateway.versions(name).models] == [sha256(model)]
    assert left(lab) == []


def test_an_upload_that_was_completed_unheard_is_found(
    lab: GatewayLab, model: Path, tmp_path: Path
) -> None:
    """The process died between the gateway's last deed and the answer: only the state file is left."""
    with Client(lab.url, lab.key, upload_state=tmp_path / "state") as gateway:
        done = gateway.upload_model("unheard", model, part_bytes=PARTS)
        with CuttingProxy(lab.port, [], [2 * MIB, *[0] * 4]) as proxy:
            with (
                Client(proxy.url, lab.key, upload_state=tmp_path / "state") as broken,
                pytest.raises(Unreachable),
            ):
                broken.upload_model("unheard", model, part_bytes=PARTS)
            with lab.http() as http:
                (begun,) = (tmp_path / "state").iterdir()
                http.delete(f"/uploads/models/{begun.read_text().strip()}").raise_for_status()
            with Client(proxy.url, lab.key, upload_state=tmp_path / "state") as again:
                assert again.upload_model("unheard", model, part_bytes=PARTS) == done

    assert list((tmp_path / "state").iterdir()) == []


def test_datasets_are_not_sent_for_nothing(lab: GatewayLab, tmp_path: Path) -> None:
    one, other = table(tmp_path / "one.csv"), table(tmp_path / "other.csv")
    broken = tmp_path / "broken.csv"
    broken.write_text("a,target\n1,2,3\n" * 200_000)
    told: list[int] = []
    with Client(lab.url, lab.key, upload_state=tmp_path / "state") as gateway:
        made = gateway.upload_dataset("taken", one, part_bytes=PARTS)
        same = gateway.upload_dataset(
            "taken", one, part_bytes=PARTS, progress=lambda done, _: told.append(done)
        )
        with pytest.raises(Conflict, match="'taken' with other content"):
            gateway.upload_dataset("taken", other, part_bytes=PARTS)
        with pytest.raises(BadRequest):
            gateway.upload_dataset("broken", broken, part_bytes=PARTS)

    assert (same, told) == (made, [])
    assert (left(lab), list((tmp_path / "state").iterdir())) == ([], [])


def test_a_file_that_changes_is_not_registered(
    lab: GatewayLab, model: Path, tmp_path: Path
) -> None:
    def write(done: int, _: int | None) -> None:
        if done >= 4 * MIB:
            os.truncate(model, 5 * MIB)

    with Client(lab.url, lab.key, upload_state=tmp_path / "state") as gateway:
        with pytest.raises(HashMismatch, match=r"model\.safetensors changed while it was sent"):
            gateway.upload_model("changing", model, part_bytes=PARTS, progress=write)
        assert "changing" not in {m.name for m in gateway.models().models}

    assert (left(lab), list((tmp_path / "state").iterdir())) == ([], [])


def test_a_folder_that_cannot_be_written_leaves_no_state(
    lab: GatewayLab, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with Client(lab.url, lab.key, upload_state=tmp_path / "file" / "state") as gateway:
        found = gateway.upload_model("forgetful", model, part_bytes=PARTS)

    assert found.sha256 == sha256(model)


def test_one_key_is_described_without_its_secret(lab: GatewayLab) -> None:
    with lab.client() as gateway:
        made = gateway.create_key("one", "models:read")
        found = gateway.key(made.id)

    assert (found.id, found.name, found.scopes) == (made.id, "one", ["models:read"])
    assert made.key not in str(found.wire())
