"""Conventions on a real API server: the generation of a finished session follows, and columns say what people look for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import find_kubectl
from operator_lab import Lab, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (4,)) as found:
        yield found


def table(lab: Lab, what: str, *names: str) -> dict[str, str]:
    """The one row of `kubectl get`, by column."""
    command = [str(find_kubectl()), "--kubeconfig", str(lab.kubeconfig), "-n", lab.namespace]
    done = subprocess.run(
        [*command, "get", what, *names, "-o", "wide"], capture_output=True, text=True, check=True
    )
    head, row = done.stdout.splitlines()[:2]
    starts = [i for i, c in enumerate(head) if c != " " and (i == 0 or head[i - 1] == " ")]
    ends = [*starts[1:], max(len(head), len(row))]
    return {head[a:b].strip(): row[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def test_the_generation_of_a_finished_session_follows(lab: Lab) -> None:
    name = unique("done")
    lab.create(name, {"command": ["x"], "resources": {"gpus": 0}, "desiredState": "Stopped"})
    before = lab.wait_phase(name, "Cancelled")
    assert before["observedGeneration"] == 1

    lab.patch(name, ttlSecondsAfterFinished=3600)

    eventually(
        lambda: lab.status(name)["observedGeneration"] == 2, within=60, what="the generation seen"
    )
    after = lab.status(name)
    assert after == {**before, "observedGeneration": 2}


def test_columns_of_sessions(lab: Lab) -> None:
    name = unique("wide")
    asked = {"command": ["x"], "resources": {"gpus": 8}, "workers": 8}
    lab.create(name, asked, user="ada")
    lab.wait_phase(name, "Pending")

    row = table(lab, "ts", name)

    assert row["REASON"] == "NeverFits"
    assert (row["GPUS"], row["USER"], row["WORKERS"]) == ("64", "ada", "8")
    assert " " in row["MESSAGE"]
    assert "FAILURES" in row


def test_columns_of_queues(lab: Lab) -> None:
    def shown() -> dict[str, str]:
        row = table(lab, "tq", "default")
        return row if row.get("TOTAL") else {}

    row = eventually(shown, within=90, what="the GPUs of the cluster")

    assert row["USED"] == "0"
    assert int(row["TOTAL"]) >= 4, "nodes of other tests count as well"
