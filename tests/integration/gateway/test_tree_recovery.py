"""What a pod staged and could not report is registered when its session has ended; a kill leaves nothing behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from client_lab import set_phase
from cluster import fresh_namespace
from gateway_lab import GatewayLab, Trainer
from poll import eventually
from staged_trees import StagedTree, stage

from trainyard_api import contract
from trainyard_gateway.trees.staged import UNFINISHED_SECONDS

pytestmark = pytest.mark.integration


@pytest.fixture
def lab(kubeconfig: Path, tmp_path: Path) -> Iterator[GatewayLab]:
    with fresh_namespace(kubeconfig, "gwt") as namespace:
        lab = GatewayLab(kubeconfig, namespace, tmp_path)
        try:
            lab.start()
            yield lab
        finally:
            lab.stop()


def run_of(lab: GatewayLab, trainer: Trainer) -> Path:
    return lab.data / "runs" / trainer.session_uid


def files_of(lab: GatewayLab, name: str) -> dict[str, str]:
    with lab.http() as http:
        answer = http.get(f"/models/{name}/versions/1/files")
    return {f["path"]: f["sha256"] for f in answer.json().get("files", ())}


def test_a_pod_that_is_gone_loses_no_output(lab: GatewayLab) -> None:
    trainer = lab.new_trainer()
    run, uid, name = run_of(lab, trainer), trainer.session_uid, trainer.session
    good = stage(run, {"a": b"1", "d/b": b"2"})
    for called in (name, f"{name}.best"):
        good.leave_report(uid, called)
    spoilt = stage(run, {"a": b"3"})
    spoilt.leave_report(uid, f"{name}.bad")
    (spoilt.folder / "files" / "a").write_bytes(b"4")
    foreign = stage(run, {"a": b"5"})
    foreign.leave_report(uid, "of-others")
    half = stage(run, {"a": b"6"})
    old = time.time() - 2 * UNFINISHED_SECONDS
    os.utime(half.folder, (old, old))
    fresh = stage(run, {"a": b"7"})
    place = run / contract.ARTIFACTS

    assert files_of(lab, name) == {}
    set_phase(lab, name, "Failed")
    eventually(
        lambda: [p.name for p in place.iterdir()] == [fresh.tree],
        within=120,
        what="everything that was reported taken in, or given up",
    )

    wanted = {e.path: e.sha256 for e in good.manifest.files}
    assert files_of(lab, name) == files_of(lab, f"{name}.best") == wanted
    with lab.http() as http:
        assert [m["name"] for m in http.get("/models").json()["models"]] == [name, f"{name}.best"]
    log = lab.log.read_text()
    assert "another hash than the manifest says" in log
    assert "may not register 'of-others'" in log


def test_a_kill_in_the_middle_of_a_copy_leaves_nothing(lab: GatewayLab) -> None:
    trainer = lab.new_trainer()
    files = {f"d{n % 7}/f{n}": os.urandom(4096) for n in range(3000)}
    tree = stage(run_of(lab, trainer), files)
    incoming = lab.data / "models" / ".incoming"

    sent = threading.Thread(target=send, args=(trainer, tree))
    sent.start()
    eventually(
        lambda: any(incoming.glob("*/contents/*")) or not sent.is_alive(),
        within=60,
        what="a copy under way",
    )
    lab.stop(signal.SIGKILL)
    sent.join()
    lab.start()
    assert list(incoming.iterdir()) == []
    answer = trainer.post("tree", tree.report(trainer.session_uid, trainer.session))

    assert answer.status_code == 201, answer.text
    with lab.http() as http:
        versions = http.get(f"/models/{trainer.session}/versions").json()["models"]
    assert versions[-1]["files"] == len(files)
    folders = [p for p in (lab.data / "models").iterdir() if not p.name.startswith(".")]
    assert len(folders) == len(versions)


def send(trainer: Trainer, tree: StagedTree) -> None:
    """As a supervisor whose gateway is killed."""
    try:
        trainer.post("tree", tree.report(trainer.session_uid, trainer.session))
    except httpx.HTTPError:
        return
