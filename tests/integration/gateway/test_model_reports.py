"""A trainer registers its own session's model, under its session's name for it, with a true origin."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bad_files
import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab, Trainer

from trainyard_api import contract

pytestmark = pytest.mark.integration


def model(number: int) -> bytes:
    return bad_files.safetensors({"w": bad_files.tensor(0, 4)}, number.to_bytes(4, "little"))


def leave(lab: GatewayLab, trainer: Trainer, content: bytes) -> dict[str, Any]:
    """Put a model into the session's folder. Returns the report of it."""
    folder = lab.data / "runs" / trainer.session_uid / contract.OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / contract.MODEL_FILE).write_bytes(content)
    return {
        "sessionUid": trainer.session_uid,
        "attempt": 1,
        "name": trainer.session,
        "sha256": hashlib.sha256(content).hexdigest(),
        "sizeBytes": len(content),
    }


def test_another_name_is_refused(lab: GatewayLab, http: httpx.Client, trainer: Trainer) -> None:
    other = lab.new_trainer()
    report = leave(lab, trainer, model(1))
    with lab.client() as gateway:
        named = gateway.start_training({"command": ["x"], "outputModel": "mine"}, unique("s"))
    second = lab.trainer(named.uid, named.name)

    for name in (other.session, "anything", "mine"):
        answer = trainer.post("model", {**report, "name": name})
        assert answer.status_code == 403, answer.text
        assert trainer.session in answer.json()["detail"]
    assert second.post("model", {**leave(lab, second, model(2)), "name": named.name}).is_error
    assert second.post("model", {**leave(lab, second, model(2)), "name": "mine"}).is_success
    assert [m["name"] for m in http.get("/models").json()["models"]] == ["mine"]


def test_another_session_is_refused(lab: GatewayLab, trainer: Trainer) -> None:
    other = lab.new_trainer()
    report = leave(lab, other, model(3))

    assert trainer.post("model", report).status_code == 403
    assert trainer.post("model", {**report, "attempt": 2}).status_code == 403


def test_the_card_states_what_the_gateway_knows(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    other = lab.new_trainer()
    forged = {
        "name": other.session,
        "session": {"name": other.session, "uid": other.session_uid, "attempt": 7},
        "dataset": {"name": "secret", "sha256": "b" * 64},
        "resumedFrom": {"session": other.session, "sessionUid": other.session_uid},
        "metrics": {"val/loss": 0.5},
    }
    report = {**leave(lab, trainer, model(4)), "card": forged}

    assert trainer.post("model", report).status_code == 201
    found = http.get(f"/models/{trainer.session}/info").json()

    assert found["sessionUid"] == trainer.session_uid
    card = found["card"]
    own = {"name": trainer.session, "uid": trainer.session_uid, "attempt": 1}
    assert (card["name"], card["session"]) == (trainer.session, own)
    assert (card["dataset"], card["resumedFrom"]) == (None, None)
    assert card["metrics"] == {"val/loss": 0.5}


def test_one_report_sent_many_times_at_once_is_one_version(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    report = leave(lab, trainer, model(5))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: trainer.post("model", report), range(8)))

    assert {(a.status_code, a.json()["version"]) for a in answers} == {(201, 1)}
    versions = http.get(f"/models/{trainer.session}/versions").json()["models"]
    assert [m["version"] for m in versions] == [1]
    assert len(list((lab.data / "models").glob("[0-9a-f]*"))) == len(
        http.get("/models").json()["models"]
    )
