"""Helm 3 makes of the chart what Helm 4 makes of it: so the other tests of the chart hold for both."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from chart_render import EVERYTHING, render, render_by
from installation import CHART, helm_3

INGRESS = {"gateway.ingress.enabled": True, "gateway.ingress.host": "trainyard.example"}


@pytest.mark.parametrize(
    "values",
    [
        {},
        EVERYTHING,
        {"runAs.user": None, "runAs.group": None, "runAs.fsGroup": None},
        {**INGRESS, "gateway.ingress.annotations.nginx\\.org/client-max-body-size": None},
        {"runtimes.big": {"image": "x", "env": {"A": "1"}}},
        {"queue.spec": {"gpuQuota": 4, "borrow": False}},
    ],
    ids=["defaults", "everything", "assigned users", "without an annotation", "a runtime", "queue"],
)
def test_both_render_the_same_objects(values: dict[str, Any]) -> None:
    newer, older = render(values), render_by(helm_3(), values)

    assert older.code == 0, older.error
    assert older.objects == newer.objects


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"gateway.replicaz": 2}, "replicaz"),
        ({"gateway.replicas": 2}, "database"),
        ({"runAs.user": 0}, "user"),
        ({"queue.spec": {"gpus": 4}}, "gpus"),
    ],
    ids=["unknown value", "combination", "root", "field of the queue"],
)
def test_both_refuse_the_same_values_by_name(values: dict[str, Any], named: str) -> None:
    refused = [render(values), render_by(helm_3(), values)]

    assert [found.code != 0 for found in refused] == [True, True]
    assert [named in found.error for found in refused] == [True, True], refused


def test_lint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [helm_3(), "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout
