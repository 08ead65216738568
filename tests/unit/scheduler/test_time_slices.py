"""ShortestRemainingTime as truth tables: the order of a queue, and who yields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from operator_state import INSTALLATION, NOW, make_session, make_state, node, shape

from trainyard_api.phase import Phase
from trainyard_scheduler.admission import run_cycle
from trainyard_scheduler.durations.history import RunHistory, reference_classes
from trainyard_scheduler.facts import Allocation, QueueRules, Request
from trainyard_scheduler.forecast import QueueForecast
from trainyard_scheduler.objects.model import Queue
from trainyard_scheduler.preemption.time_slices import (
    MOST_BEHIND_SECONDS,
    TimeSlices,
    behind_seconds,
)
from trainyard_scheduler.resources import minus
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.usage import request_of
from trainyard_scheduler.waiting_queue import waiting_queues

KIND = reference_classes(1, "ada", 4)
OTHER = reference_classes(2, "bob", 1)
RULES = QueueRules("default", time_slice_seconds=3600)
HOUR = 3600.0
DAY = 24 * HOUR


def past(*runs: tuple[float, int]) -> RunHistory:
    """Sessions of `KIND`: when each ended, and its run time."""
    found = RunHistory()
    for number, (completed, seconds) in enumerate(runs):
        found.put(f"s{number}", KIND, completed, seconds)
    return found


THREE = past((10.0, 100), (20.0, 200), (30.0, 4000))


def came(at: float, **more: Any) -> Request:
    """A session of `KIND` that was queued at `at`."""
    return Request("x", "x", "default", "", 0, at, shape(4), **{"classes": KIND, **more})


MOST = MOST_BEHIND_SECONDS


@pytest.mark.parametrize(
    ("history", "request_", "behind"),
    [
        pytest.param(THREE, came(99), 200, id="the median of its kind"),
        pytest.param(THREE, came(15), 100, id="of those that had ended when it came"),
        pytest.param(THREE, came(20), 100, id="not of one that ended in that moment"),
        pytest.param(THREE, came(99, ran_seconds=150), 4000, id="of those that ran longer"),
        pytest.param(THREE, came(99, ran_seconds=150, expected_seconds=70), 220, id="its progress"),
        pytest.param(THREE, came(99, ran_seconds=150, expected_seconds=0), 4000, id="no time left"),
        pytest.param(THREE, came(99, classes=OTHER), 200, id="all, as its kind is new"),
        pytest.param(THREE, came(99, ran_seconds=5000), 5000 + MOST, id="it outlived all"),
        pytest.param(THREE, came(99, ran_seconds=5000, limit_seconds=9), 5009, id="then its limit"),
        pytest.param(THREE, came(5), MOST, id="none had ended"),
        pytest.param(THREE, came(99, limit_seconds=9), 200, id="a limit says less than others"),
        pytest.param(past((1.0, 10**7)), came(9), MOST, id="three days at most"),
        pytest.param(THREE, came(99, expected_seconds=-5.0), 0, id="never earlier than it came"),
    ],
)
def test_by_how_much_a_session_counts_as_later(
    history: RunHistory, request_: Request, behind: float
) -> None:
    assert behind_seconds(request_, history) == behind


def test_only_a_queue_with_the_strategy_looks_at_lengths() -> None:
    for rules, wanted in ((RULES, 500.0), (QueueRules("default"), 0.0)):
        ended = make_session(
            "ended",
            phase=Phase.SUCCEEDED,
            status={"completed": NOW - 50, "attempt": 1, "run_seconds": 500},
        )
        state = make_state(ended, queues=(rules,))
        waits = make_session("waits", phase=Phase.QUEUED, status={"queued": NOW - 10})
        assert request_of(waits, state, NOW).behind_seconds == wanted


def test_a_change_of_the_strategy_evaluates_those_that_wait_again() -> None:
    waits, runs = (
        make_session("waits", phase=Phase.QUEUED),
        make_session("runs", phase=Phase.RUNNING),
    )
    other = make_session("other", phase=Phase.QUEUED, spec={"queue": "b"})
    state = make_state(waits, runs, other, queues=(QueueRules("default"), QueueRules("b")))
    for rules, touched in (
        (replace(RULES, weight=2, time_slice_seconds=None), set()),
        (RULES, {waits.uid}),
        (replace(RULES, time_slice_seconds=60), set()),
        (QueueRules("default"), {waits.uid}),
    ):
        state.touched.clear()
        state.put_queue(Queue("q-default", "default", 2, 2, rules))
        assert state.touched == touched


def runs(name: str = "a", **more: Any) -> Allocation:
    """Four GPUs for two hours, saved a minute ago, three hours to go."""
    fields: dict[str, Any] = {
        "started": NOW - 2 * HOUR,
        "checkpoint": NOW - 60,
        "eta_seconds": 3 * HOUR,
        "nodes": ("n1",),
        "shape": shape(4),
        **more,
    }
    queued = fields.pop("queued", NOW - 9000)
    return Allocation(name, "default", "", 0, queued, **fields)


def asks(**more: Any) -> Request:
    """Four GPUs for an hour."""
    fields: dict[str, Any] = {"expected_seconds": HOUR, **more}
    queue = fields.pop("queue", "default")
    return Request("x", "x", queue, "", fields.pop("priority", 0), NOW - 10, shape(4), **fields)


def cluster(
    running: Allocation,
    request: Request,
    rules: QueueRules = RULES,
    history: RunHistory | None = None,
) -> Snapshot:
    return Snapshot(
        nodes={"n1": node("n1", 4)},
        free={"n1": minus(node("n1", 4).allocatable, running.shape.worker)},
        runtimes=INSTALLATION.runtimes,
        queues={"default": rules, "b": replace(RULES, name="b")},
        allocations=(running,),
        waiting=waiting_queues([request], INSTALLATION.policy),
        history=history or RunHistory(),
    )


LONG = past(*((float(i), 30_000) for i in range(9)))
SHORT = past(*((float(i), 600) for i in range(9)))


@pytest.mark.parametrize(
    ("running", "request_", "rules", "history", "yields"),
    [
        pytest.param(runs(), asks(), RULES, None, True, id="its turn is over"),
        pytest.param(runs(), asks(), QueueRules("default"), None, False, id="no such strategy"),
        pytest.param(runs(started=NOW - 3599), asks(), RULES, None, False, id="its turn lasts"),
        pytest.param(runs(started=NOW - 3600), asks(), RULES, None, True, id="just over"),
        pytest.param(runs(started=None), asks(), RULES, None, False, id="it still starts"),
        pytest.param(runs(leaving=True), asks(), RULES, None, False, id="it leaves anyway"),
        pytest.param(runs(checkpoint=NOW - 121), asks(), RULES, None, False, id="saved long ago"),
        pytest.param(runs(checkpoint=NOW - 120), asks(), RULES, None, True, id="saved just now"),
        pytest.param(runs(checkpoint=None), asks(), RULES, None, False, id="it never saves"),
        pytest.param(runs(eta_seconds=7199.0), asks(), RULES, None, False, id="it is soon done"),
        pytest.param(runs(eta_seconds=7200.0), asks(), RULES, None, True, id="it has much to do"),
        pytest.param(runs(), asks(priority=-1), RULES, None, False, id="a lower priority asks"),
        pytest.param(runs(), asks(priority=1), RULES, None, True, id="a higher priority asks"),
        pytest.param(runs(), asks(queue="b"), RULES, None, False, id="another queue asks"),
        pytest.param(runs(queued=NOW - 30 * DAY), asks(), RULES, None, False, id="it waited longer"),
        pytest.param(runs(queued=NOW - 30 * DAY, ran_seconds=30 * DAY), asks(), RULES, None, True, id="it ran long"),
        pytest.param(runs(eta_seconds=0.0), asks(), RULES, None, False, id="at its goal"),
        pytest.param(runs(), asks(expected_seconds=0.0), RULES, None, False, id="the other at its"),
        pytest.param(runs(eta_seconds=None), asks(), RULES, None, False, id="nothing is known"),
        pytest.param(runs(eta_seconds=None, limit=NOW + 9000), asks(), RULES, None, True, id="limit"),
        pytest.param(runs(eta_seconds=None, limit=NOW + 99), asks(), RULES, None, False, id="ends"),
        pytest.param(runs(eta_seconds=None, classes=KIND), asks(), RULES, LONG, True, id="learned"),
        pytest.param(runs(eta_seconds=None, classes=KIND), asks(), RULES, SHORT, False, id="outlived"),
        pytest.param(runs(), asks(expected_seconds=None), RULES, None, False, id="who knows how long"),
        pytest.param(runs(), asks(expected_seconds=None, limit_seconds=600.0), RULES, None, True, id="limit asks"),
        pytest.param(runs(), asks(expected_seconds=None, classes=KIND), RULES, SHORT, True, id="short ones"),
        pytest.param(runs(), asks(expected_seconds=None, classes=KIND), RULES, LONG, False, id="long ones"),
    ],
)  # fmt: skip
def test_who_yields(
    running: Allocation,
    request_: Request,
    rules: QueueRules,
    history: RunHistory | None,
    yields: bool,
) -> None:
    snapshot = cluster(running, request_, rules, history)
    assert TimeSlices(snapshot, NOW).yields_to(running, request_) is yields
    preempted = {p.uid for p in run_cycle(snapshot, NOW).preempted}
    assert preempted == ({"a"} if yields or request_.priority > 0 else set())


def test_those_that_yield_together_do_not_come_back_before_it() -> None:
    """Two of four GPUs each yield to one of eight: the first to leave waits behind it."""
    long = Request(
        "a",
        "a",
        "default",
        "",
        0,
        NOW - 12 * HOUR,
        shape(4),
        expected_seconds=3 * HOUR,
        ran_seconds=10 * HOUR,
    )
    gang = asks()
    ranks = [behind_seconds(each, RunHistory()) + each.queued for each in (gang, long)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("backfilled", "first", "preempted"),
    [
        pytest.param({"eta_seconds": HOUR}, {"behind_seconds": 60 * HOUR}, set(), id="shorter"),
        pytest.param(
            {"eta_seconds": None}, {"behind_seconds": HOUR}, {"a"}, id="of unknown length"
        ),
    ],
)
def test_past_whom_a_session_was_backfilled_is_a_matter_of_this_order(
    backfilled: dict[str, Any], first: dict[str, Any], preempted: set[str]
) -> None:
    running = runs(backfilled=True, checkpoint=None, queued=NOW - 2 * HOUR, **backfilled)
    request = replace(asks(expected_seconds=None, **first), queued=NOW - 3 * HOUR)
    found = run_cycle(cluster(running, request), NOW)
    assert {p.uid for p in found.preempted} == preempted


def test_the_shorter_one_is_next_although_it_came_later() -> None:
    long = Request("l", "l", "default", "", 0, NOW - 100, shape(4), behind_seconds=5000.0)
    short = Request("s", "s", "default", "", 0, NOW - 10, shape(4), behind_seconds=60.0)
    old = replace(long, uid="o", name="o", queued=NOW - 6000)
    queue = waiting_queues([long, short, old], INSTALLATION.policy)["default"]
    assert [r.uid for r in queue] == ["o", "s", "l"]


@pytest.mark.parametrize(
    ("running", "rules", "earliest"),
    [
        pytest.param(runs(), RULES, 0, id="its turn is over"),
        pytest.param(runs(started=NOW - 600), RULES, 3000, id="at the end of its turn"),
        pytest.param(runs(started=NOW - 600, eta_seconds=99.0), RULES, 99, id="it ends before"),
        pytest.param(runs(), QueueRules("default"), 3 * HOUR, id="no turns"),
        pytest.param(runs(checkpoint=None), RULES, 3 * HOUR, id="it saves none"),
        pytest.param(runs(started=NOW - 600, checkpoint=None), RULES, 3000, id="none until now"),
        pytest.param(
            runs(), replace(RULES, gpu_quota=4, borrow=False), 3 * HOUR, id="a fixed quota"
        ),
    ],
)
def test_an_estimate_knows_of_turns(
    running: Allocation, rules: QueueRules, earliest: float
) -> None:
    request = asks()
    found = QueueForecast(cluster(running, request, rules), NOW).position(request)
    assert found.earliest == NOW + earliest
