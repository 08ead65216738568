"""The drill: back up under load by the documented command, lose everything, restore, and count."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cluster import fresh_namespace
from gateway_lab import GatewayLab, on_postgres
from gateway_work import Reporter, Uploader, on_volume, registered
from poll import eventually
from postgres import Postgres

pytestmark = pytest.mark.integration
KINDS = ("datasets", "models")
ARTIFACT = b"what a run has logged"
BEFORE = 3
"""Files of each kind and batches that are acknowledged before the backup begins."""


@pytest.fixture
def lab(kubeconfig: Path, tmp_path: Path) -> Iterator[GatewayLab]:
    with fresh_namespace(kubeconfig, "gwb") as namespace:
        lab = GatewayLab(kubeconfig, namespace, tmp_path)
        try:
            yield lab
        finally:
            lab.stop()


def command(lab: GatewayLab, action: str, archive: Path) -> subprocess.CompletedProcess[str]:
    """The command as a pod would run it, with the archive as its standard output or input."""
    words = [sys.executable, "-m", "trainyard_gateway.backup", action, f"--data-dir={lab.data}"]
    if url := lab.settings.get("database_url"):
        password = lab.settings["database_password_file"]
        words += [f"--database-url={url}", f"--database-password-file={password}"]
    saves = action == "save"
    with archive.open("wb" if saves else "rb") as file:
        return subprocess.run(
            words,
            stdin=None if saves else file,
            stdout=file if saves else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


def until_stopped(lab: GatewayLab, work: Callable[[httpx.Client], None]) -> str:
    """Work on, also after slow answers, until there is no gateway; returns how that was noticed."""
    with lab.http() as http:
        while True:
            try:
                work(http)
            except httpx.TimeoutException:
                continue
            except httpx.TransportError as error:
                return repr(error)


def all_work(works: list[Future[str]]) -> bool:
    """Fails as soon as one has ended while the gateway is there."""
    for work in works:
        if work.done():
            pytest.fail(f"one has stopped working: {work.result()}")
    return True


def downloaded(http: httpx.Client, model: str) -> str:
    """Hash of what a download gives."""
    answer = http.get(f"/models/{model}")
    answer.raise_for_status()
    assert answer.headers["x-content-sha256"] == hashlib.sha256(answer.content).hexdigest()
    return hashlib.sha256(answer.content).hexdigest()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param("sqlite", "postgresql", id="from sqlite to postgresql"),
        pytest.param("postgresql", "sqlite", id="from postgresql to sqlite"),
    ],
)
def test_backup_under_load_and_restore(
    lab: GatewayLab, source: str, target: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def database(kind: str) -> dict[str, str]:
        if kind == "sqlite":
            return {}
        server: Postgres = request.getfixturevalue("postgres")
        return on_postgres(server)

    lab.settings.update(database(source))
    lab.start()
    reporter, uploaders = begin(lab)
    archive = tmp_path / "backup.tar"
    artifact = logged_artifact(lab)
    with lab.client() as people:
        key = people.create_key("anna", "datasets:read").key
    with ThreadPoolExecutor() as pool:
        works = [pool.submit(until_stopped, lab, one.work) for one in (reporter, *uploaders)]
        try:
            eventually(
                lambda: all_work(works) and enough(reporter, uploaders),
                within=120,
                what="work before the backup",
            )
            least = reporter.acknowledged
            wanted = {sha for each in uploaders for sha in each.acknowledged}
            taken = command(lab, "save", archive)
            assert taken.returncode == 0, taken.stderr
            after = reporter.acknowledged
            eventually(
                lambda: all_work(works) and reporter.acknowledged > after,
                within=120,
                what="work after the backup",
            )
        finally:
            # Until then they work, and the pool would wait for them.
            lab.stop()
        for work in works:
            work.result()
    assert command(lab, "verify", archive).returncode == 0
    refused = command(lab, "restore", archive)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr

    lab.data.rename(tmp_path / "lost")
    lab.settings = database(target)
    restored = command(lab, "restore", archive)
    assert restored.returncode == 0, restored.stderr
    lab.start()
    with lab.http() as http:
        for each in uploaders:
            there = registered(http, each.kind)
            assert len(set(there)) == len(there)
            assert set(there) <= set(each.tried)
            assert sorted(on_volume(lab, each.kind)) == sorted(there)
            if each.kind == "models":
                assert [downloaded(http, each.tried[sha]) for sha in there] == there
            wanted -= set(there)
        assert not wanted, "a file that was acknowledged before the backup is not in it"
        points = history(http, reporter.session)
        assert len(points) >= least
        assert points == [(n, float(n)) for n in range(1, len(points) + 1)]
    assert lab_answers(lab, key) == 200
    with mlflow(lab) as http:
        assert http.get(artifact).content == ARTIFACT

    # The trainer goes on where it is, and rows get numbers that nobody has.
    reporter.acknowledged += 1
    answer = reporter.trainer.report(
        {
            "sequence": reporter.acknowledged,
            "logs": [{"time": "2026-01-01T00:00:00Z", "message": "on"}],
        }
    )
    assert answer.status_code == 200, answer.text
    with lab.client() as people:
        people.create_key("berta", "datasets:read")


def mlflow(lab: GatewayLab) -> httpx.Client:
    """MLflow's protocol with the administrator's key."""
    headers = {"Authorization": f"Bearer {lab.key}"}
    return httpx.Client(base_url=f"{lab.url}/mlflow/api/2.0/", headers=headers, timeout=30)


def logged_artifact(lab: GatewayLab) -> str:
    """Log a file of a run. Returns its address."""
    with mlflow(lab) as http:
        run = http.post("mlflow/runs/create", json={"experiment_id": "0"}).raise_for_status()
        uri = run.json()["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        address = f"mlflow-artifacts/artifacts/{uri}/plots/loss.bin"
        http.put(address, content=ARTIFACT).raise_for_status()
    return address


def begin(lab: GatewayLab) -> tuple[Reporter, list[Uploader]]:
    with lab.client() as people:
        session = people.start_training({"command": ["x"]}, "drill")
    luck = random.Random(7)
    uploaders = [Uploader(kind, random.Random(luck.random())) for kind in KINDS]
    return Reporter(lab.trainer(session.uid, "drill"), "drill"), uploaders


def enough(reporter: Reporter, uploaders: list[Uploader]) -> bool:
    return reporter.acknowledged >= BEFORE and all(
        len(each.acknowledged) >= BEFORE for each in uploaders
    )


def history(http: httpx.Client, session: str) -> list[tuple[int, float]]:
    chart = http.get(f"/training/{session}/history", params={"maxPoints": 100_000}).json()
    found = {series["name"]: series["points"] for series in chart["series"]}
    return [(point["step"], point["value"]) for point in found["loss"]]


def lab_answers(lab: GatewayLab, key: str) -> int:
    url = f"{lab.url}/api/v1/datasets"
    return httpx.get(url, headers={"X-API-Key": key}, timeout=30).status_code
