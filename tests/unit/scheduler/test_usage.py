"""What is free and who holds the rest does not depend on what was remembered: after any changes it is as if found anew."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from operator_world import GIB, NOW, amount, make_job, make_pod, make_session, make_world, node

from trainyard_api.phase import Phase
from trainyard_scheduler.facts import Holding
from trainyard_scheduler.objects.model import Assumed
from trainyard_scheduler.objects.store import World, unplaced
from trainyard_scheduler.resources import minus
from trainyard_scheduler.usage import Holdings, free_of

NAMES = ("a", "b", "c")
Change = Callable[[World, str], None]


def of(world: World, holdings: Holdings, now: float = NOW) -> dict[str, Holding]:
    return {h.uid: h for h in holdings.of(world, now)}


def a_session(world: World, name: str, **seen: object) -> None:
    world.put_session(make_session(name, gpus=1, workers=2, phase=Phase.RUNNING, seen=seen))


def a_job(world: World, name: str, attempt: int = 1, **more: object) -> None:
    world.put_job(make_job(make_session(name, workers=2), attempt, nodes=("n1", "n2"), **more))


def a_pod(world: World, name: str, phase: str, worker: int, attempt: int = 1) -> None:
    session = make_session(name, workers=2)
    job = make_job(session, attempt, nodes=("n1", "n2"))
    world.put_pod(make_pod(job, session, phase, worker=worker))


CHANGES: dict[str, Change] = {
    "its session": a_session,
    "it reports progress": lambda w, n: a_session(
        w, n, attempt=1, attempt_started=NOW - 30, progress_attempt=1, eta_seconds=60.0, eta_at=NOW
    ),
    "it leaves": lambda w, n: a_session(w, n, attempt=1, failed_attempt=1),
    "no session": lambda w, n: w.drop_session(f"uid-{n}"),
    "a write for its Job": lambda w, n: w.begin(
        f"uid-{n}", Assumed(2, ("n2", "n2"), make_session(n, workers=2).wish.shape)
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


def found_anew(world: World) -> dict[str, tuple[int, ...]]:
    """`free_of` from its definition, by looking at everything there is."""
    takers = [((p.node or "",), p.amount) for p in world.pods.values()]
    takers += [
        (p.meant, p.amount)
        for p in world.pods.values()
        if p.live
        and not p.assigned
        and (p.job_uid not in world.jobs or world.jobs[p.job_uid].finished)
    ]
    takers += [
        (unplaced(j, world.pods_for(j.session_uid).values()), j.worker)
        for j in world.jobs.values()
        if not j.finished
    ]
    takers += [
        (a.nodes, a.shape.worker)
        for uid, a in world.assumed.items()
        if a.attempt not in world.jobs_for(uid)
    ]
    free = {name: node.allocatable for name, node in world.nodes.items()}
    for name, worker in (
        (name, worker) for nodes, worker in takers for name in nodes if name in free
    ):
        free[name] = minus(free[name], worker)
    return free


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(CHANGES))), max_size=40))
def test_after_any_changes_it_is_as_if_found_anew(changes: list[tuple[str, str]]) -> None:
    world, remembering = make_world(node("n1", 8), node("n2", 8)), Holdings()
    for second, (name, change) in enumerate(changes):
        CHANGES[change](world, name)
        now = NOW + second
        assert of(world, remembering, now) == of(world, Holdings(), now)
        assert free_of(world) == found_anew(world)


def test_what_did_not_change_is_not_made_again() -> None:
    world, holdings = make_world(), Holdings()
    a_session(world, "a")
    a_job(world, "a")
    first = of(world, holdings)["uid-a"]
    assert of(world, holdings, NOW + 5)["uid-a"] is first

    a_pod(world, "a", "Running", 0)
    assert of(world, holdings)["uid-a"] == first
    assert of(world, holdings)["uid-a"] is not first


def test_a_write_under_way_is_seen_at_once() -> None:
    world, holdings = make_world(node("n1", 4), node("n2", 4)), Holdings()
    for change in ("its session", "a pod runs", "its Job ends"):
        CHANGES[change](world, "a")
    assert of(world, holdings)["uid-a"].nodes == ("n1",)
    CHANGES["a write for its Job"](world, "a")
    assert of(world, holdings)["uid-a"].nodes == ("n1", "n2", "n2")


def test_the_time_left_goes_by_without_news() -> None:
    world, holdings = make_world(), Holdings()
    CHANGES["it reports progress"](world, "a")
    a_job(world, "a")
    left = [of(world, holdings, NOW + s)["uid-a"].eta_seconds for s in (0, 10, 100)]
    assert left == [60.0, 50.0, 0.0]


def test_a_job_whose_session_is_gone_still_takes_what_its_pods_will_take() -> None:
    world = make_world(node("n1", 4))
    a_job(world, "a")
    assert free_of(world)["n1"] == amount(3, 63_000, 255 * GIB, 109)
    assert of(world, Holdings()) == {}
    world.drop_job("job-a-1")
    assert free_of(world)["n1"] == node("n1", 4).allocatable
