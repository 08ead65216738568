"""A session that waits for GPUs says which nodes would have them, but are cordoned or not ready."""

from __future__ import annotations

from typing import Any

import pytest
from operator_state import INSTALLATION, NOW, amount, node, shape

from trainyard_api.phase import Reason
from trainyard_scheduler.facts import Node, QueueRules, Request, Taint, Unready
from trainyard_scheduler.forecast import QueueForecast
from trainyard_scheduler.held_up import out_of_use
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import waiting_queues

CORDON = (Taint("node.kubernetes.io/unschedulable", "", "NoSchedule"),)
CORDONED: dict[str, Any] = {"usable": False, "taints": CORDON}
SILENT: dict[str, Any] = {"usable": False, "unready": Unready(True, NOW)}
TAINTED: dict[str, Any] = {"usable": False, "taints": (Taint("team", "a", "NoSchedule"),)}
QUEUE = QueueRules("default")
GONE = "Node n1 is cordoned (kubectl uncordon n1)."

SAID = [
    pytest.param([node()], "", id="all-in-use"),
    pytest.param([node("n1", **CORDONED), node("n2")], GONE, id="cordoned"),
    pytest.param([node("n1", gpus=0, **CORDONED)], "", id="cordoned-and-without-gpus"),
    pytest.param([node("n1", **TAINTED)], "", id="cordoned-and-of-others"),
    pytest.param(
        [node("n1", **SILENT)],
        "Node n1 does not answer since 2027-01-15T08:00:00Z.",
        id="silent",
    ),
    pytest.param(
        [node(f"n{i}", **CORDONED) for i in range(1, 6)],
        f"{GONE} {GONE.replace('n1', 'n2')} {GONE.replace('n1', 'n3')} 2 more nodes are out of use.",
        id="many",
    ),
]


@pytest.mark.parametrize(("nodes", "said"), SAID)
def test_which_nodes_are_out_of_use(nodes: list[Node], said: str) -> None:
    by_name = {n.name: n for n in nodes}
    assert out_of_use(by_name, INSTALLATION.runtimes["default"], shape(1)) == said


def test_a_session_that_waits_for_gpus_says_so() -> None:
    waiting = Request(
        uid="u", name="s", queue="default", user="", priority=0, queued=NOW, shape=shape(1, 2)
    )
    nodes = {n.name: n for n in (node("n1", 1, **CORDONED), node("n2", 1))}
    snapshot = Snapshot(
        nodes=nodes,
        free={"n2": amount(1, 64_000, 2**38, 110)},
        runtimes=INSTALLATION.runtimes,
        queues={"default": QUEUE},
        waiting=waiting_queues([waiting], INSTALLATION.policy),
    )
    found = QueueForecast(snapshot, NOW).position(waiting)
    assert found.reason is Reason.WAITING_FOR_GPUS
    assert found.message == f"{Reason.WAITING_FOR_GPUS.sentence} {GONE}"
