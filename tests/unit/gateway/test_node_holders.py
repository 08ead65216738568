"""Who holds the GPUs of a node: sessions of this installation by name, all other pods as a number."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard_api import names
from trainyard_gateway.nodes.system import node_infos

RESOURCE = "nvidia.com/gpu"
NODE = {
    "metadata": {"name": "n"},
    "status": {
        "allocatable": {RESOURCE: "8"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}


def pod(gpus: int, session: str | None = None, namespace: str = "ours") -> dict[str, Any]:
    labels = {names.LABEL_SESSION: session} if session else None
    return {
        "metadata": {"namespace": namespace, "labels": labels},
        "spec": {"nodeName": "n", "containers": [{"resources": {"limits": {RESOURCE: gpus}}}]},
    }


@pytest.mark.parametrize(
    ("pods", "used", "holders"),
    [
        ([], 0, []),
        ([pod(2, "b"), pod(1, "a"), pod(2, "b")], 5, [("a", 1), ("b", 4)]),
        ([pod(2)], 2, []),
        ([pod(2, "theirs", "another")], 2, []),
        ([pod(0, "cpu")], 0, []),
        ([{"metadata": {}, "spec": {"containers": []}}], 0, []),
    ],
    ids=[
        "nothing",
        "workers of two",
        "another pod",
        "another namespace",
        "without GPUs",
        "unplaced",
    ],
)
def test_who_holds_a_node(
    pods: list[dict[str, Any]], used: int, holders: list[tuple[str, int]]
) -> None:
    (found,) = node_infos([NODE], pods, RESOURCE, "ours")

    assert (found.gpus, found.gpus_used) == (8, used)
    assert [(h.session, h.gpus) for h in found.holders] == holders
