"""What MLflow 3.17's client sent to MLflow's server, sent to a gateway: the answers have the same fields.

`recording.jsonl` holds each request with the status and the answer of MLflow's server. The files'
contents are left out; long answers were cut when they were recorded (`whole`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_lab import GatewayLab

pytestmark = pytest.mark.integration

RECORDING = Path(__file__).with_name("recording.jsonl")
MADE = re.compile(r'"(run_id|run_uuid|experiment_id|model_id)": ?"([^"]+)"')
EXPERIMENT = re.compile(r'(experiment_id(?:s": \["|": "|=)|path=|artifacts/)1(?=["/&%]|$)')
"""Where a request names the experiment that was made: the first one of that server."""
NOT_HERE = {"gateway", "workspace", "workspaces_enabled", "trace_archival_enabled", "features_enabled"} | {
    "presigned_upload_run_id_supported", "presigned_upload_model_id_supported",
}  # fmt: skip
"""Fields of what this gateway does not have."""


def shape(value: Any, name: str = "") -> set[str]:
    """The fields of an answer, with their places; those of lists once."""
    if isinstance(value, dict):
        inner = {f"{name}.{key}" for key, inner in value.items() if inner not in ([], {}, "")}
        return inner.union(*(shape(v, f"{name}.{k}") for k, v in value.items()))
    if isinstance(value, list):
        return set().union(*(shape(each, name) for each in value[:1]))
    return set()


def ids_of(answer: str) -> dict[str, str]:
    """The ids of a run, an experiment and a model in an answer, the first of each."""
    found: dict[str, str] = {}
    for field, id in MADE.findall(answer):
        found.setdefault("run_id" if field == "run_uuid" else field, id)
    return found


def translated(text: str, ours: dict[str, str]) -> str:
    """A path or a body with our ids in place of those of the recording."""
    for id, own in ours.items():
        if len(id) > 20:
            text = text.replace(id, own)
    return EXPERIMENT.sub(rf"\g<1>{ours['1']}", text) if "1" in ours else text


def test_every_answer_has_the_fields_of_mlflows(lab: GatewayLab) -> None:
    ours: dict[str, str] = {}
    wrong = []
    headers = {"Authorization": f"Bearer {lab.key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=f"{lab.url}/mlflow", headers=headers, timeout=60) as http:
        for line in RECORDING.read_text().splitlines():
            said = json.loads(line)
            path, body = translated(said["path"], ours), translated(said["body"], ours)
            answer = http.request(said["method"], path, content=body)
            where = f"{said['method']} {path.partition('?')[0]}"
            if answer.status_code != said["status"]:
                wrong.append(f"{where}: {answer.status_code} {answer.text[:200]}")
            elif said["answer"]:
                if said["whole"]:
                    missing = shape(json.loads(said["answer"])) - shape(answer.json())
                    lost = sorted(f for f in missing if f.rpartition(".")[2] not in NOT_HERE)
                    wrong += [f"{where}: without {lost}"] if lost and answer.is_success else []
                if said["method"] == "POST" and not path.endswith("search"):
                    theirs, given = ids_of(said["answer"]), ids_of(answer.text)
                    ours |= {id: given[f] for f, id in theirs.items() if f in given}

    assert wrong == []
