"""What a row of the table of sessions says."""

from __future__ import annotations

import pytest

from trainyard_gateway.events.session_row import MOST_LABELS, own_labels, session_row
from trainyard_gateway.sessions.reported.measured import Measured


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, {}),
        ({"team": "red", "example.org/team": "blue"}, {"example.org/team": "blue", "team": "red"}),
        ({"trainyard.io/user": "me", "kueue.x-k8s.io/queue-name": "q"}, {"kueue.x-k8s.io/queue-name": "q"}),
        ({"app.kubernetes.io/name": "x", "kubernetes.io/x": "y", "k8s.io/x": "y"}, {}),
        ({"mykubernetes.io/x": "y"}, {"mykubernetes.io/x": "y"}),
    ],
    ids=["none", "of people", "of Trainyard and of another", "of Kubernetes", "a similar name"],
)  # fmt: skip
def test_labels_of_people_are_told_from_those_of_programs(
    labels: dict[str, str], expected: dict[str, str]
) -> None:
    assert own_labels(labels) == expected


def test_a_row_has_few_labels() -> None:
    labels = {f"l{n:02d}": "x" for n in range(MOST_LABELS + 9)}
    created = "2026-01-01T00:00:00Z"
    metadata = {"name": "a", "uid": "u", "creationTimestamp": created, "labels": labels}

    assert (
        list(session_row({"metadata": metadata, "spec": {}}).labels) == sorted(labels)[:MOST_LABELS]
    )


def test_what_was_measured_later_stands_in_place_of_the_status() -> None:
    metadata = {"name": "a", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    status = {"progress": {"step": 1}, "metrics": [{"name": "loss", "value": "1", "step": 1}]}
    body = {"metadata": metadata, "spec": {}, "status": status}
    later = Measured({"step": 2}, [{"name": "loss", "value": "2", "step": 2}])

    assert (session_row(body).progress, session_row(body).metrics) == tuple(status.values())
    assert (session_row(body, later).progress, session_row(body, later).metrics) == later
