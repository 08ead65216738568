"""From a dataset to a model that predicts, with everything real: REST, kubectl, operator, kubelet, PyTorch, volume."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cluster import ROOT, unique
from installation import Installation, image_tags, tools
from poll import eventually

from trainyard import errors
from trainyard.client import Client
from trainyard.models import Session
from trainyard_demo import prediction
from trainyard_demo.data import write_digits
from trainyard_demo.installation import Tools

pytestmark = pytest.mark.e2e

RESOURCES = {"gpus": 2, "cpu": "300m", "memory": "768Mi"}
TRAINING = {
    "task": "tabular-classification",
    "epochs": 12,
    "batchSize": 64,
    "learningRate": 0.002,
}


@pytest.fixture(scope="module")
def digits(gateway: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The handwritten digits, uploaded as `digits`."""
    path = write_digits(tmp_path_factory.mktemp("digits"))
    gateway.upload_dataset("digits", path)
    yield path
    gateway.delete_dataset("digits")


def spec(**changes: Any) -> dict[str, Any]:
    return {"dataset": "digits", "training": TRAINING, "resources": RESOURCES, **changes}


def finished(gateway: Client, name: str) -> Session:
    def check() -> Session | None:
        found = gateway.status(name)
        return found if found.finished else None

    return eventually(check, within=420, every=0.5, what=f"the end of {name}")


def is_queued(gateway: Client, name: str) -> bool:
    found = gateway.status(name)
    assert found.phase == "Queued", found
    return True


class GpuWitness:
    """Adds up the GPUs of all bound, unfinished trainer pods at every event of an independent watch."""

    def __init__(self) -> None:
        self.most = 0
        self.events = 0
        self._held: dict[str, int] = {}

    def see(self, pod: dict[str, Any], deleted: bool) -> None:
        uid, phase = pod["metadata"]["uid"], pod.get("status", {}).get("phase")
        bound = pod["spec"].get("nodeName") is not None
        gpus = sum(
            int(c["resources"].get("limits", {}).get("nvidia.com/gpu", 0))
            for c in pod["spec"]["containers"]
        )
        holds = bound and not deleted and phase not in ("Succeeded", "Failed")
        self._held[uid] = gpus if holds else 0
        self.events += 1
        self.most = max(self.most, sum(self._held.values()))


@contextmanager
def watching(installation: Installation) -> Iterator[GpuWitness]:
    """Follow the namespace's pods with kubectl for the length of the block."""
    witness = GpuWitness()
    command = [tools()["kubectl"], "-n", installation.namespace, "get", "pods"]

    def read(stream: Any) -> None:
        for line in stream:
            event = json.loads(line)
            witness.see(event["object"], event["type"] == "DELETED")

    with subprocess.Popen(
        [*command, "--watch", "--output-watch-events", "-o", "json"],
        env={**os.environ, "KUBECONFIG": str(installation.kubeconfig)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        thread = threading.Thread(target=read, args=(process.stdout,))
        thread.start()
        try:
            yield witness
        finally:
            process.terminate()
            thread.join(timeout=10)


def test_overflow_waits_and_every_session_leaves_a_model(
    installation: Installation, gateway: Client, digits: Path, tmp_path: Path
) -> None:
    with watching(installation) as witness:
        names = [gateway.start_training(spec(), unique("digits")).name for _ in range(3)]
        # A session's place counts from when its dataset was found, which takes the gateway a moment.
        eventually(lambda: is_queued(gateway, names[2]), within=240, what="Queued")
        manifest = yaml.safe_load((ROOT / "examples" / "session.yaml").read_text())
        applied = manifest["metadata"]["name"]
        installation.kubectl("apply", "-f", "-", manifest=manifest)

        def two_wait() -> bool:
            waiting = gateway.queue().waiting
            return [entry.position for entry in waiting] == [1, 2]

        eventually(two_wait, within=90, what="two sessions waiting at positions 1 and 2")
        first = gateway.queue().waiting[0]
        assert first.name == names[2], "who came first is served first"
        assert first.reason is not None
        ended = [finished(gateway, name) for name in [*names, applied]]

    assert [session.phase for session in ended] == ["Succeeded"] * 4, [
        session.status.failure for session in ended
    ]
    # Two that are admitted together start in any order: their pods are made side by side.
    starts = [str(session.status.start_time) for session in ended]
    assert max(starts[:2]) <= min(starts[2:]), "who waited started after those that ran"
    assert witness.most == 4, f"GPUs in use at most, over {witness.events} events"
    for session in ended:
        accuracy = gateway.metrics(session.name).get("val/accuracy")
        assert accuracy is not None
        assert accuracy >= 0.95, session.name
        assert any("epoch" in line.message for line in gateway.logs(session.name, tail=True).lines)
    _predicts(installation, gateway, ended[0], digits, tmp_path)


def _predicts(
    installation: Installation, gateway: Client, session: Session, digits: Path, folder: Path
) -> None:
    model = session.status.model
    assert model is not None
    path = gateway.download_model(model.name, folder / "model.safetensors", model.version)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256
    command = [sys.executable, "-m", "trainyard_trainer", "predict", "--model", str(path)]
    output = folder / "predictions.jsonl"
    done = subprocess.run(
        [*command, "--input", str(digits), "--output", str(output)],
        check=True,
        capture_output=True,
        text=True,
    )
    summary = json.loads(done.stderr.strip().splitlines()[-1])
    assert summary["samples"] == 1797
    assert summary["accuracy"] >= 0.95
    assert len(output.read_text().splitlines()) == 1797
    kubectl = Tools(tools()["kubectl"], tools()["helm"], installation.kubeconfig)
    image = f"trainyard/trainer:{image_tags()['trainer.image.tag']}"
    scored = prediction.predict(kubectl, installation.namespace, image, path, digits)
    assert scored == prediction.Scored(1797, summary["accuracy"]), "the demo's pod says the same"


def test_kubectl_shows_where_sessions_stand(
    installation: Installation, gateway: Client, digits: Path
) -> None:
    name = gateway.start_training(spec(), unique("shown")).name

    def columns() -> dict[str, str]:
        header, row = installation.kubectl("get", "ts", name).splitlines()
        return dict(zip(header.split(), row.split(), strict=False))

    eventually(lambda: columns().get("PHASE") == "Running", within=90, what="Running in kubectl")
    finished(gateway, name)
    assert columns()["PHASE"] == "Succeeded"
    events = installation.kubectl("get", "events", f"--field-selector=involvedObject.name={name}")
    assert {"Running", "Succeeded"} <= set(events.split()), events


def test_unknown_dataset(installation: Installation, gateway: Client, tmp_path: Path) -> None:
    """REST refuses; kubectl is told in a condition, and the session starts when the dataset comes."""
    name = unique("late")
    with pytest.raises(errors.NotFound, match="nothing-of-that-name"):
        gateway.start_training(spec(dataset="nothing-of-that-name"), name)
    manifest = {
        "apiVersion": "trainyard.io/v1alpha1",
        "kind": "TrainingSession",
        "metadata": {"name": name},
        "spec": spec(dataset=name),
    }
    installation.kubectl("apply", "-f", "-", manifest=manifest)

    def told() -> bool:
        conditions = installation.get("ts", name).get("status", {}).get("conditions", [])
        ready = next((c for c in conditions if c["type"] == "DatasetReady"), None)
        return (
            ready is not None
            and ready["status"] == "False"
            and ready["reason"] == "DatasetNotFound"
            and name in ready["message"]
        )

    eventually(told, within=30, what="the condition DatasetReady=False")
    assert gateway.status(name).phase == "Pending"
    gateway.upload_dataset(name, write_digits(tmp_path))
    assert finished(gateway, name).phase == "Succeeded"


def test_a_dataset_with_a_bad_header_is_refused_with_the_line(
    gateway: Client, tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b,a\n1,2,3\n")
    with pytest.raises(errors.BadRequest, match=r"line 1\b"):
        gateway.upload_dataset("bad", path)
    assert all(found.name != "bad" for found in gateway.datasets().datasets)


def test_the_image_has_the_web_page(installation: Installation) -> None:
    page = httpx.get(installation.url)
    script = page.text.partition('src="')[2].partition('"')[0]
    found = httpx.get(f"{installation.url}{script}")

    assert found.headers["Content-Type"].startswith("text/javascript")


def test_a_wrong_key_is_refused(installation: Installation) -> None:
    with Client(installation.url, "wrong") as stranger, pytest.raises(errors.NotAuthenticated):
        stranger.queue()
    assert httpx.get(f"{installation.url}/api/v1/datasets").status_code == 401
