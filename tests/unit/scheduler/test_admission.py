"""One scheduling cycle as a truth table: which sessions start, wait and are preempted."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cycles import cluster, holds, waits
from operator_state import INSTALLATION, NOW, amount, node, shape

from trainyard_api.phase import Reason
from trainyard_scheduler.admission import run_cycle
from trainyard_scheduler.facts import Allocation, QueueRules, Request
from trainyard_scheduler.fair_share import front
from trainyard_scheduler.forecast import QueueForecast
from trainyard_scheduler.placement import could_ever_fit, place
from trainyard_scheduler.resources import minus
from trainyard_scheduler.snapshot import Snapshot


def started(found: Snapshot) -> list[str]:
    return [admit.request.name for admit in run_cycle(found, NOW).admitted]


def preempted(found: Snapshot) -> set[str]:
    return {p.uid for p in run_cycle(found, NOW).preempted}


A, B = QueueRules("a"), QueueRules("b")

STARTS = [
    pytest.param([waits("x"), waits("y")], {}, ["x", "y"], id="all-fit"),
    pytest.param([waits("y", 4, 10), waits("x", 4, 20)], {}, ["x"], id="oldest-first"),
    pytest.param([waits("x", 4, 20), waits("y", 4, 10, priority=1)], {}, ["y"], id="priority"),
    pytest.param([waits("x", 4, 400), waits("y", 4, 10, priority=1)], {}, ["x"], id="age-is-worth-priority"),
    pytest.param([waits("x", shape=shape(2, 3))], {"gpus": (4, 2)}, ["x"], id="gang-over-nodes"),
    pytest.param([waits("x", shape=shape(3, 2))], {"gpus": (4, 2)}, [], id="gang-all-or-nothing"),
    pytest.param([waits("x", 3, user="u"), waits("y", 1, 50, user="u"), waits("z", 1, 10)], {"queues": (QueueRules("default", max_sessions_per_user=1),)}, ["x", "z"], id="user-limit"),
    pytest.param([waits("x")], {"queues": (QueueRules("default", paused=True),)}, [], id="paused"),
    pytest.param([waits("x", 2), waits("y", 2, 50)], {"queues": (QueueRules("default", gpu_quota=2, borrow=False),)}, ["x"], id="quota"),
    pytest.param([waits("x", 3), waits("y", 1, 50)], {"queues": (QueueRules("default", gpu_quota=2, borrow=False),)}, [], id="quota-keeps-order"),
    pytest.param([waits("x", 2), waits("y", 2, 50)], {"queues": (QueueRules("default", gpu_quota=2),)}, ["x", "y"], id="borrowing"),
    pytest.param([waits("x", 4, 50, queue="a", priority=9), waits("y", 4, 10, queue="b")], {"queues": (A, QueueRules("b", gpu_quota=4))}, ["y"], id="guaranteed-first"),
    pytest.param([*(waits(f"a{i}", 1, 50 - i, queue="a") for i in range(4)), *(waits(f"b{i}", 1, 40 - i, queue="b") for i in range(4))], {"queues": (A, B)}, ["a0", "b0", "a1", "b1"], id="fair-share"),
    pytest.param([*(waits(f"a{i}", 1, 50 - i, queue="a") for i in range(4)), *(waits(f"b{i}", 1, 40 - i, queue="b") for i in range(4))], {"queues": (A, QueueRules("b", weight=3))}, ["a0", "b0", "b1", "b2"], id="weights"),
]  # fmt: skip


@pytest.mark.parametrize(("waiting", "around", "expected"), STARTS)
def test_who_starts(waiting: list[Request], around: dict[str, Any], expected: list[str]) -> None:
    assert started(cluster(*waiting, **around)) == expected


BACKFILL = [
    pytest.param([], ["small"], id="end-unknown-so-it-may-pass"),
    pytest.param([{"eta_seconds": 100.0}], [], id="would-delay-the-first"),
    pytest.param([{"eta_seconds": 400.0}], ["small"], id="first-is-far-off"),
    pytest.param([{"eta_seconds": 100.0}, {"expected_seconds": 90.0}], ["small"], id="ends-in-time"),
    pytest.param([{"eta_seconds": 100.0}, {"limit_seconds": 110.0}], [], id="ends-too-late"),
    pytest.param([{"limit": NOW + 50}, {"limit_seconds": 40.0}], ["small"], id="by-limits"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), BACKFILL)
def test_backfill_beside_a_reservation(facts: list[dict[str, Any]], expected: list[str]) -> None:
    runs = holds("runs", 2, **(facts[0] if facts else {}))
    small = waits("small", 1, 10, **(facts[1] if len(facts) > 1 else {}))
    assert started(cluster(runs, waits("big", 4), small)) == expected


def test_other_nodes_are_free_for_all_behind_a_reservation() -> None:
    runs = holds("runs", 2, eta_seconds=10.0)
    found = cluster(runs, waits("big", 4), waits("small", 1, 10), gpus=(4, 1))
    [admit] = run_cycle(found, NOW).admitted
    assert (admit.request.name, admit.nodes, admit.backfilled) == ("small", ("n2",), False)


def test_who_was_let_past_is_marked_and_gives_way_after_the_minimum_run_time() -> None:
    runs = holds("runs", 2)
    [admit] = run_cycle(cluster(runs, waits("big", 4), waits("small", 1, 10)), NOW).admitted
    assert admit.backfilled
    passed = holds("small", 2, ran=299, backfilled=True, queued=NOW - 10)
    assert preempted(cluster(waits("big", 4), passed)) == set()
    assert preempted(cluster(waits("big", 4), replace(passed, started=NOW - 300))) == {"small"}
    fair = replace(passed, started=NOW - 300, backfilled=False)
    assert preempted(cluster(waits("big", 4), fair)) == set()


PREEMPTION = [
    pytest.param([holds("low", 4)], waits("hi", 4, priority=1), {"low"}, id="lower-priority"),
    pytest.param([holds("same", 4)], waits("hi", 4), set(), id="equal-priority"),
    pytest.param([holds("low", 4, 299)], waits("hi", 4, priority=1), set(), id="too-young"),
    pytest.param([holds("low", 4, None)], waits("hi", 4, priority=1), set(), id="not-running-yet"),
    pytest.param([holds("low", 4, leaving=True)], waits("hi", 4, priority=1), set(), id="leaves-already"),
    pytest.param([holds("dear", 2, 1000), holds("cheap", 2, 500)], waits("hi", 2, priority=1), {"cheap"}, id="loses-least"),
    pytest.param([holds("dear", 2, 1000, checkpoint=NOW - 900), holds("saved", 2, 9000, checkpoint=NOW - 5)], waits("hi", 2, priority=1), {"saved"}, id="checkpoint-counts"),
    pytest.param([holds("one", 1, 400), holds("three", 3, 500)], waits("hi", 3, priority=1), {"three"}, id="none-superfluous"),
    pytest.param([holds("a", 2), holds("b", 2)], waits("hi", 4, priority=1), {"a", "b"}, id="several"),
    pytest.param([holds("a", 2), holds("b", 2, priority=5)], waits("hi", 4, priority=1), set(), id="not-enough-so-none"),
    pytest.param([holds("a", 2, leaving=True), holds("b", 2)], waits("hi", 2, priority=1), set(), id="waits-for-who-leaves"),
]  # fmt: skip


@pytest.mark.parametrize(("allocations", "request_", "expected"), PREEMPTION)
def test_who_makes_room(
    allocations: list[Allocation], request_: Request, expected: set[str]
) -> None:
    assert preempted(cluster(*allocations, request_)) == expected


def test_what_is_guaranteed_is_reclaimed_from_borrowers_only() -> None:
    queues = (QueueRules("a", gpu_quota=2), QueueRules("b", gpu_quota=2))
    borrower = holds("borrower", 4, queue="a")
    mine = waits("mine", 2, queue="b")
    assert preempted(cluster(borrower, mine, queues=queues)) == {"borrower"}
    modest = (holds("m1", 2, queue="a"), holds("m2", 2, queue="b"))
    assert preempted(cluster(*modest, waits("more", 2, queue="b"), queues=queues)) == set()


def test_room_made_for_one_is_not_given_to_another() -> None:
    low = holds("low", 2, leaving=True)
    found = cluster(low, holds("other", 1), waits("hi", 3, priority=1), waits("late", 1, 10))
    assert started(found) == []


def test_a_shape_that_only_lacks_cpu_says_so() -> None:
    greedy = waits("x", shape=shape(1, cpu=100_000))
    reasons = run_cycle(cluster(greedy), NOW, explain=True).reasons
    assert reasons == {"x": Reason.WAITING_FOR_RESOURCES}


# ── placement ─────────────────────────────────────────────────────────────────────────────────────────────


def test_placement_fills_the_fullest_node_first() -> None:
    free = {"a": amount(4, 9000), "b": amount(2, 9000), "c": amount(3, 9000)}
    assert place(free, free, shape(2)) == ("b",)


def test_a_gang_goes_to_one_node_if_one_can_hold_it() -> None:
    free = {"a": amount(2, 9000, pods=9), "b": amount(4, 9000, 2**40, pods=9)}
    assert place(free, free, shape(1, 3)) == ("b", "b", "b")


def test_an_overcommitted_resource_that_is_not_asked_for_does_not_matter() -> None:
    free = {"a": (5, 9000, 2**40, -1, 0)}
    assert place(free, free, shape(0)) == ("a",)
    assert place(free, free, shape(1)) is None


def test_a_cordoned_node_may_come_back_a_foreign_taint_does_not_go() -> None:
    down = replace(node("a", 4), usable=False)
    assert could_ever_fit([down], INSTALLATION.runtimes["default"], shape(4))
    assert not could_ever_fit([down], INSTALLATION.runtimes["default"], shape(5))
    assert not could_ever_fit([down], INSTALLATION.runtimes["special"], shape(1))


# ── estimates ─────────────────────────────────────────────────────────────────────────────────────────────


def test_starts_follow_the_ends_that_are_known() -> None:
    runs = holds("runs", 4, eta_seconds=120.0, limit=NOW + 600)
    known = {"expected_seconds": 60.0, "limit_seconds": 300.0}
    first, second, third = waits("x", 4, 30, **known), waits("y", 4, 20), waits("z", 4, 10)
    found = QueueForecast(cluster(runs, first, second, third), NOW)
    position = found.position(first)
    assert (position.earliest, position.latest) == (NOW + 120, NOW + 600)
    assert (found.position(second).earliest, found.position(second).latest) == (
        NOW + 180,
        NOW + 900,
    )
    assert (found.position(third).earliest, found.position(third).latest) == (None, None)
    assert (found.position(third).position, found.position(third).ahead_gpus) == (3, 8)


def test_what_is_not_known_is_absent() -> None:
    found = QueueForecast(cluster(holds("runs", 4), waits("x", 4)), NOW)
    position = found.position(found.front[0])
    assert (position.earliest, position.latest) == (None, None)


def test_the_estimate_does_not_change_what_it_looks_at() -> None:
    found = cluster(holds("runs", 4, eta_seconds=5.0), *(waits(f"w{i}", 1, i) for i in range(9)))
    before = [r.name for r in front(found, NOW, 99)]
    QueueForecast(found, NOW)
    assert [r.name for r in front(found, NOW, 99)] == before
    assert found.free["n1"] == minus(node().allocatable, amount(4, 1000))


def test_a_holding_counts_the_gpus_of_workers_that_have_not_ended() -> None:
    gang = holds("g", shape=shape(2, workers=3), nodes=("n1", "n1", "n2"))
    assert gang.gpus == 6
    assert replace(gang, nodes=("n2",)).gpus == 2
    assert replace(gang, nodes=()).gpus == 0
