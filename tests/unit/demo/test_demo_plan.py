"""The demo: what it starts, what it shows, and when it says that something is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard.models import Session
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_demo import data, plan

DIGEST = "ab" * 32


def session(phase: str = "Succeeded", dataset: str = "digits", **status: Any) -> Session:
    model = {"name": "a", "version": 1, "sha256": DIGEST}
    whole = {"phase": phase, **({"model": model} if phase == "Succeeded" else {}), **status}
    return Session.model_validate(
        {
            "name": "a",
            "uid": "u",
            "phase": phase,
            "created": "2026-01-01T00:00:00Z",
            "spec": {"dataset": dataset, "training": {"task": "tabular-classification"}},
            "status": whole,
        }
    )


def test_five_sessions_of_two_gpus_that_the_api_accepts() -> None:
    wanted = plan.sessions()

    assert len({w.name for w in wanted}) == 5
    for each in wanted:
        assert TrainingSessionSpec.model_validate(each.spec).resources.gpus == 2


def test_the_datasets_are_real_and_written_alike_every_time(tmp_path: Path) -> None:
    digits, diabetes = data.write_digits(tmp_path), data.write_diabetes(tmp_path)

    with np.load(digits) as arrays:
        assert arrays["x"].shape == (1797, 64)
        assert sorted(set(arrays["y"].tolist())) == list(range(10))
    lines = diabetes.read_text().splitlines()
    assert len(lines) == 443
    assert lines[0].split(",")[-1] == "target"
    first = hashlib.sha256(diabetes.read_bytes()).hexdigest()
    assert hashlib.sha256(data.write_diabetes(tmp_path).read_bytes()).hexdigest() == first


FAILURE = {"class": "OutOfMemory", "reason": "OOMKilled", "message": "too big.", "hint": "Buy RAM."}


@pytest.mark.parametrize(
    ("found", "metrics", "complaint"),
    [
        (session(), {"val/accuracy": 0.97}, None),
        (session(), {"val/accuracy": 0.94}, "accuracy of 0.94, below 0.95"),
        (session(), {}, "accuracy of None"),
        (session(dataset="diabetes"), {}, None),
        (session(model=None), {"val/accuracy": 0.97}, "left no model"),
        (session("Failed", failure=FAILURE), {}, "a is Failed: OutOfMemory: too big. Buy RAM."),
        (session("Stopped", message="Someone stopped it."), {}, "a is Stopped: Someone stopped it"),
    ],
    ids=["good", "poor", "no metric", "other data", "no model", "failed", "stopped"],
)
def test_what_counts_as_wrong(
    found: Session, metrics: dict[str, float], complaint: str | None
) -> None:
    said = plan.complaints([found], {"a": metrics})

    if complaint is None:
        assert said == []
    else:
        assert complaint in said[0]


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ({"val/accuracy": 0.97, "val/loss": 1.0}, ("val/accuracy", "0.9700")),
        ({"val/r2": 0.5, "val/loss": 1.0}, ("val/r2", "0.5000")),
        ({"val/loss": 1.0}, ("val/loss", "1.0000")),
        ({"train/loss": 1.0}, ("-", "-")),
    ],
    ids=["accuracy", "r2", "loss", "none of these"],
)
def test_the_metric_that_people_ask_for_first(
    metrics: dict[str, float], shown: tuple[str, str]
) -> None:
    assert plan.headline(metrics) == shown


@pytest.mark.parametrize(
    ("found", "row"),
    [
        (
            session("Queued", queue={"position": 3}),
            ("a", "Queued", "-", "-", "3", "-"),
        ),
        (
            session("Running", attempt=2, progress={"percentDisplay": "17%", "etaDisplay": "10s"}),
            ("a", "Running", "17%", "10s", "-", "2"),
        ),
        (
            session(attempt=1, progress={"percentDisplay": "100%", "etaDisplay": "0s"}),
            ("a", "Succeeded", "100%", "-", "-", "1"),
        ),
    ],
    ids=["queued", "running", "finished"],
)
def test_a_line_of_the_live_table(found: Session, row: tuple[str, ...]) -> None:
    assert plan.row(found) == row
