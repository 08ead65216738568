"""Free resources and allocations do not depend on the cache: after any changes they are as without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_state import GIB, NOW, amount, make_job, make_pod, make_session, make_state, node

from trainyard_api.phase import Phase
from trainyard_scheduler.facts import Allocation
from trainyard_scheduler.objects.model import Assumed, queued_now
from trainyard_scheduler.objects.store import ClusterState, unbound_workers
from trainyard_scheduler.resources import minus
from trainyard_scheduler.usage import AllocationCache, free_resources

NAMES = ("a", "b", "c")
Change = Callable[[ClusterState, str], None]


def of(
    state: ClusterState, allocations: AllocationCache, now: float = NOW
) -> dict[str, Allocation]:
    return {h.uid: h for h in allocations.of(state, now)}


def a_session(state: ClusterState, name: str, **status: object) -> None:
    state.put_session(make_session(name, gpus=1, workers=2, phase=Phase.RUNNING, status=status))


def a_job(state: ClusterState, name: str, attempt: int = 1, **more: object) -> None:
    state.put_job(make_job(make_session(name, workers=2), attempt, nodes=("n1", "n2"), **more))


def a_pod(state: ClusterState, name: str, phase: str, worker: int, attempt: int = 1) -> None:
    session = make_session(name, workers=2)
    job = make_job(session, attempt, nodes=("n1", "n2"))
    state.put_pod(make_pod(job, session, phase, worker=worker))


CHANGES: dict[str, Change] = {
    "its session": a_session,
    "it reports progress": lambda w, n: a_session(
        w, n, attempt=1, attempt_started=NOW - 30, progress_attempt=1, eta_seconds=60.0, eta_at=NOW
    ),
    "it leaves": lambda w, n: a_session(w, n, attempt=1, failed_attempt=1),
    "no session": lambda w, n: w.drop_session(f"uid-{n}"),
    "a write for its Job": lambda w, n: w.begin(
        f"uid-{n}", Assumed(2, ("n2", "n2"), make_session(n, workers=2).spec.shape)
    ),
    "the write is done": lambda w, n: w.done(f"uid-{n}"),
    "its Job": a_job,
    "its Job is deleted": lambda w, n: a_job(w, n, deleting=True),
    "its Job ends": lambda w, n: a_job(w, n, finished="Complete"),
    "its next Job": lambda w, n: a_job(w, n, 2),
    "no Job": lambda w, n: w.drop_job(f"job-{n}-1"),
    "a pod waits": lambda w, n: a_pod(w, n, "Pending", 0),
    "a pod runs": lambda w, n: a_pod(w, n, "Running", 0),
    "another pod runs": lambda w, n: a_pod(w, n, "Running", 1),
    "a pod ends": lambda w, n: a_pod(w, n, "Succeeded", 0),
    "a pod of the next Job": lambda w, n: a_pod(w, n, "Running", 0, 2),
    "no pod": lambda w, n: w.drop_pod(next((u for u in w.pods_for(f"uid-{n}")), "")),
}


def found_anew(state: ClusterState) -> dict[str, tuple[int, ...]]:
    """`free_resources` from its definition, by looking at everything there is."""
    takers = [((p.node or "",), p.requests) for p in state.pods.values()]
    takers += [
        (p.preferred_nodes, p.requests)
        for p in state.pods.values()
        if p.live
        and not p.assigned
        and (p.job_uid not in state.jobs or state.jobs[p.job_uid].finished)
    ]
    takers += [
        (unbound_workers(j, state.pods_for(j.session_uid).values()), j.worker)
        for j in state.jobs.values()
        if not j.finished
    ]
    takers += [
        (a.nodes, a.shape.worker)
        for uid, a in state.assumed.items()
        if a.attempt not in state.jobs_for(uid)
    ]
    free = {name: node.allocatable for name, node in state.nodes.items()}
    for name, worker in (
        (name, worker) for nodes, worker in takers for name in nodes if name in free
    ):
        free[name] = minus(free[name], worker)
    return free


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(CHANGES))), max_size=40))
def test_after_any_changes_it_is_as_if_found_anew(changes: list[tuple[str, str]]) -> None:
    state, remembering = make_state(node("n1", 8), node("n2", 8)), AllocationCache()
    for second, (name, change) in enumerate(changes):
        CHANGES[change](state, name)
        now = NOW + second
        assert of(state, remembering, now) == of(state, AllocationCache(), now)
        assert free_resources(state) == found_anew(state)


def test_what_did_not_change_is_not_made_again() -> None:
    state, allocations = make_state(), AllocationCache()
    a_session(state, "a")
    a_job(state, "a")
    first = of(state, allocations)["uid-a"]
    assert of(state, allocations, NOW + 5)["uid-a"] is first

    a_pod(state, "a", "Running", 0)
    assert of(state, allocations)["uid-a"] == first
    assert of(state, allocations)["uid-a"] is not first


def test_a_write_under_way_is_seen_at_once() -> None:
    state, allocations = make_state(node("n1", 4), node("n2", 4)), AllocationCache()
    for change in ("its session", "a pod runs", "its Job ends"):
        CHANGES[change](state, "a")
    assert of(state, allocations)["uid-a"].nodes == ("n1",)
    CHANGES["a write for its Job"](state, "a")
    assert of(state, allocations)["uid-a"].nodes == ("n1", "n2", "n2")


def test_the_time_left_goes_by_without_news() -> None:
    state, allocations = make_state(), AllocationCache()
    CHANGES["it reports progress"](state, "a")
    a_job(state, "a")
    left = [of(state, allocations, NOW + s)["uid-a"].eta_seconds for s in (0, 10, 100)]
    assert left == [60.0, 50.0, 0.0]


def test_a_job_whose_session_is_gone_still_takes_what_its_pods_will_take() -> None:
    state = make_state(node("n1", 4))
    a_job(state, "a")
    assert free_resources(state)["n1"] == amount(3, 63_000, 255 * GIB, 109)
    assert of(state, AllocationCache()) == {}
    state.drop_job("job-a-1")
    assert free_resources(state)["n1"] == node("n1", 4).allocatable


@pytest.mark.parametrize(
    ("phase", "created", "since"),
    [
        pytest.param(None, NOW - 40, NOW - 40, id="no status yet"),
        pytest.param(None, NOW + 20, NOW + 20, id="this clock is behind"),
        pytest.param(Phase.PENDING, NOW + 20, NOW + 20, id="this clock is behind, later"),
        pytest.param(None, NOW + 40, NOW, id="created by a clock that is ahead"),
        pytest.param(Phase.PENDING, NOW - 40, NOW, id="something was missing before"),
        pytest.param(Phase.SUSPENDED, NOW - 40, NOW, id="resumed"),
    ],
)
def test_since_when_a_session_waits(phase: Phase | None, created: float, since: float) -> None:
    session = replace(make_session("a", phase=phase), created=created, version=7)

    assert queued_now(session, NOW) == float(int(since)) + 0.000007
