"""What the gateway estimates for a session is what the operator writes into its status a moment after its creation.

Each world is made as JSON of the API server: nodes, pods, Jobs, queues and sessions in every state, with cordons, taints,
quotas, broken times and broken objects. Both programs read it through their own entry points.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from both_programs import FOUND, KINDS, Answer, created, gateway_says, operator_says
from cluster_objects import AMD, NOW, Json, at, foreign_pod, job, node, pod, queue, running, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainyard_api.limits.published import PublishedLimit, PublishedLimits
from trainyard_api.phase import HOLDING_GPUS, DesiredState, Phase

WORLDS = 1500
QUEUES = ("default", "a", "b")
USERS = ("", "ada", "bob")
PHASES = (None, "Dancing", *(p.value for p in Phase))
KEPT = ("uid", "name", "resourceVersion", "namespace")
"""What the API server itself vouches for."""

MET = {
    "starts now",
    "never",
    "not in the queue yet",
    "QueuePaused, start unknown",
    "ReservedForOther, start unknown",
    "WaitingForGPUs, start known",
    "WaitingForGPUs, start unknown",
    "WaitingForQuota, start unknown",
    "WaitingForUserLimit, start unknown",
    "BudgetSpent, start known",
    "WaitingForGPULimit, start unknown",
}
fractions = st.sampled_from([0.0, 0.25, 0.999])

Draw = Any


@st.composite
def times(draw: Draw, earliest: int = -4000, latest: int = 0) -> Any:
    """Mostly a time of the API server; sometimes one without zone, or none."""
    offset = draw(st.integers(earliest, latest))
    text = at(offset)
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return text.removesuffix("Z")
    return (
        draw(st.sampled_from(["yesterday", "", None, 7, "0001-01-01T00:00:00Z"]))
        if kind == 1
        else text
    )


def nodes(draw: Draw) -> list[Json]:
    found = []
    for i in range(draw(st.integers(1, 3))):
        spec: Json = {}
        if draw(st.integers(0, 4)) == 0:
            spec["unschedulable"] = True
            spec["taints"] = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
        elif draw(st.integers(0, 5)) == 0:
            effect = draw(st.sampled_from(["NoSchedule", "PreferNoSchedule"]))
            spec["taints"] = [{"key": "example.com/mine", "effect": effect}]
        kind = {"kind": AMD} if draw(st.integers(0, 5)) == 0 else {}
        cpu = draw(st.sampled_from(["64", "3"]))
        made = node(f"n{i + 1}", draw(st.integers(0, 6)), cpu=cpu, **kind, **spec)
        if draw(st.integers(0, 7)) == 0:
            made["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
        found.append(made)
    return found


def queues(draw: Draw) -> list[Json]:
    found = []
    for name in QUEUES[: draw(st.integers(1, 3))]:
        limits = {
            "gpuQuota": draw(st.sampled_from([None, None, 0, 2, 4])),
            "maxSessionsPerUser": draw(st.sampled_from([None, None, None, 1, 2])),
            "maxGpusPerSession": draw(st.sampled_from([None, None, None, 2])),
        }
        spec = {k: v for k, v in limits.items() if v is not None}
        spec["borrow"] = draw(st.booleans())
        spec["weight"] = draw(st.integers(1, 3))
        spec["paused"] = draw(st.integers(0, 7)) == 0
        if draw(st.integers(0, 3)) == 0:
            spec["queueingStrategy"] = "ShortestRemainingTime"
            spec["timeSliceSeconds"] = draw(st.sampled_from([60, 3600]))
        found.append(queue(name, **spec))
    return found


def spec_fields(draw: Draw, known: tuple[str, ...]) -> Json:
    """Fields of a session's spec, in the form of the API."""
    fields: Json = {
        "command": ["run", draw(st.sampled_from(["x", "y"]))],
        "queue": draw(st.sampled_from(["default", "default", "default", *QUEUES, "absent"])),
        "priority": draw(st.sampled_from([0, 0, 0, 1, 5])),
        "workers": draw(st.sampled_from([1, 1, 1, 2, 3])),
        "resources": {
            "gpus": draw(st.sampled_from([0, 1, 1, 2, 2, 4, 6])),
            "cpu": draw(st.sampled_from(["1", "1", "1", "2500m"])),
            "memory": "1Gi",
        },
    }
    rare = {
        "maxRuntimeSeconds": st.sampled_from([60, 600, 3600]),
        "runtime": st.sampled_from(["special", "absent"]),
        "resumeFrom": st.fixed_dictionaries({"session": st.sampled_from([*known, "absent"])}),
        "dataset": st.just("d"),
        "desiredState": st.sampled_from([s.value for s in DesiredState]),
    }
    likely = {"maxRuntimeSeconds": 2}
    for name, values in rare.items():
        if draw(st.integers(0, likely.get(name, 9))) == 0:
            fields[name] = draw(values)
    return fields


def status_of(draw: Draw) -> Json:
    """A status, not always one that could come about."""
    phase = draw(st.sampled_from(["Queued", "Queued", "Running", "Running", "Succeeded", *PHASES]))
    attempt = draw(st.integers(0, 2)) if phase not in {p.value for p in HOLDING_GPUS} else 1
    status: Json = {
        "attempt": attempt,
        "queuedTime": draw(times()),
        "runSeconds": draw(st.sampled_from([0, 50, 600, 3500])),
        "progress": {
            "attempt": draw(st.integers(0, 2)),
            "etaSeconds": draw(st.sampled_from([None, 0, 30, 500, -1])),
            "lastHeartbeat": draw(times(-60)),
            "lastCheckpoint": {"step": 1, "time": draw(times())},
        },
    }
    if phase is not None:
        status["phase"] = phase
    if phase == "Running":
        status["attemptStartTime"] = draw(times())
    if phase in ("Succeeded", "Failed"):
        status["completionTime"] = draw(times())
    if draw(st.integers(0, 7)) == 0:
        status["retryTime"] = draw(times(-50, 50))
    if draw(st.integers(0, 9)) == 0:
        status["failure"] = {"attempt": attempt, "class": "Stalled"}
    if phase == "Suspending" and draw(st.booleans()):
        status["conditions"] = [{"type": "Admitted", "status": "False", "reason": "Preempted"}]
    if draw(st.booleans()):
        found = [FOUND | {"name": "d"}, {"name": "d", "state": "NotFound"}, {"state": "Found"}]
        status["dataset"] = draw(st.sampled_from(found))
    return status


def sessions(draw: Draw) -> list[Json]:
    found: list[Json] = []
    for i in range(draw(st.integers(0, 6))):
        known = tuple(s["metadata"]["name"] for s in found)
        fields = spec_fields(draw, (*known, "new"))
        gpus = fields["resources"]["gpus"]
        made = session(
            f"s{i}",
            status_of(draw),
            gpus=gpus,
            version=100 + i,
            user=draw(st.sampled_from(USERS)),
            **fields,
        )
        if draw(st.integers(0, 11)) == 0:
            made["metadata"]["deletionTimestamp"] = at(-5)
        found.append(made)
    return found


def attempts(draw: Draw, owners: list[Json], places: list[str]) -> Iterator[tuple[str, Json]]:
    """Jobs and pods of sessions, and those of attempts that are over."""
    holding = {p.value for p in HOLDING_GPUS}
    for owner in owners:
        status = owner["status"]
        if status.get("phase") not in holding and draw(st.integers(0, 4)) > 0:
            continue
        workers = owner["spec"]["workers"]
        where = tuple(draw(st.sampled_from(places)) for _ in range(workers))
        ended = draw(st.sampled_from([None, None, None, None, "Complete", "Failed"]))
        conditions = [{"type": ended, "status": "True"}] if ended else []
        deleting = {"deletionTimestamp": at(-5)} if draw(st.integers(0, 9)) == 0 else {}
        made = job(
            owner,
            max(1, status["attempt"] + draw(st.sampled_from([0, 0, 0, 1]))),
            where,
            backfilled=draw(st.booleans()),
            conditions=conditions,
            metadata=deleting,
        )
        if draw(st.integers(0, 9)) > 0:
            yield "jobs", made
        for worker, on in enumerate(where):
            shown = draw(st.integers(0, 5))
            if shown == 0:
                continue
            phase = draw(st.sampled_from(["Running", "Running", "Running", "Succeeded", "Failed"]))
            bound = on if shown > 1 else None
            yield "pods", pod(made, worker, bound, phase if bound else "Pending")


@st.composite
def worlds(draw: Draw) -> dict[str, list[Json]]:
    """Objects by kind, now and then one of them spoilt in one place."""
    world: dict[str, list[Json]] = {kind: [] for kind in KINDS}
    world["nodes"], world["queues"] = nodes(draw), queues(draw)
    world["sessions"] = sessions(draw)
    places = [n["metadata"]["name"] for n in world["nodes"]]
    for kind, raw in attempts(draw, world["sessions"], places):
        world[kind].append(raw)
    for i in range(draw(st.integers(0, 1))):
        on = draw(st.sampled_from(places))
        world["pods"].append(foreign_pod(f"foreign{i}", on, draw(st.integers(0, 3))))
    if draw(st.integers(0, 3)) == 0:
        kind = draw(st.sampled_from([k for k in KINDS if world[k]]))
        index = draw(st.integers(0, len(world[kind]) - 1))
        world[kind][index] = spoilt(draw, world[kind][index])
    return world


def spoilt(draw: Draw, raw: Json) -> Json:
    """A copy with nonsense in one place."""
    path = draw(st.sampled_from(places_of(raw)))
    result = copy.deepcopy(raw)
    inner: Any = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = draw(st.sampled_from([None, "nonsense", -1, [], {}, True, "1e400", 2.5]))
    return result


def places_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything that may be spoilt."""
    found = [path] if path and path != ("metadata",) else []
    items: Any = enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        items = [(k, v) for k, v in value.items() if path != ("metadata",) or k not in KEPT]
    for key, inner in items:
        found += places_of(inner, (*path, key))
    return found


@st.composite
def questions(draw: Draw) -> tuple[dict[str, list[Json]], Json]:
    """A world and a start request. Every other one is crowded, without anything broken or rare."""
    if draw(st.booleans()):
        return draw(crowded()), asks(draw(st.integers(1, 3)), draw(st.sampled_from([0, 0, 1])))
    return draw(worlds()), {"name": "new", **spec_fields(draw, ("s0", "s1", "new"))}


def asks(gpus: int, priority: int = 0) -> Json:
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    return {"name": "new", "command": ["run"], "priority": priority, "resources": resources}


@st.composite
def crowded(draw: Draw) -> dict[str, list[Json]]:
    """One node and one queue; one session runs with a known end, larger ones wait."""
    world: dict[str, list[Json]] = {kind: [] for kind in KINDS}
    quota = draw(st.sampled_from([None, None, 2, 4]))
    limits = {} if quota is None else {"gpuQuota": quota, "borrow": draw(st.booleans())}
    if draw(st.integers(0, 3)) == 0:
        limits["maxSessionsPerUser"] = 1
    world["nodes"], world["queues"] = [node("n1", 4)], [queue(**limits)]
    progress = {"attempt": 1, "etaSeconds": draw(st.integers(10, 400)), "lastHeartbeat": at(0)}
    gpus = draw(st.integers(1, 3))
    for kind, raw in zip(
        ("sessions", "jobs", "pods"),
        running(
            "runs", gpus, ran=draw(st.integers(1, 900)), user="ada", status={"progress": progress}
        ),
        strict=True,
    ):
        world[kind].append(raw)
    for i in range(draw(st.integers(0, 3))):
        status = {"phase": "Queued", "queuedTime": at(-draw(st.integers(1, 900)))}
        gpus = draw(st.integers(1, 4))
        limit = draw(st.sampled_from([{}, {"maxRuntimeSeconds": 300}]))
        world["sessions"].append(session(f"s{i}", status, gpus=gpus, version=100 + i, **limit))
    return world


@st.composite
def limited(draw: Draw) -> PublishedLimits | None:
    """Limits of users, mostly none; budgets that are spent, or are being spent."""
    if draw(st.booleans()):
        return None
    fields = {
        "kind": "user",
        "name": draw(st.sampled_from(["ada", "ada", "bob"])),
        "maxGpus": draw(st.sampled_from([None, None, None, 1])),
        "budgetGpuSeconds": draw(st.sampled_from([None, 0, 3600, 3600])),
        "spentGpuSeconds": draw(st.sampled_from([0, 3000, 3600])),
        "period": draw(st.sampled_from(["day", "month", "total"])),
        "whenSpent": draw(st.sampled_from(["wait", "suspend"])),
    }
    as_of = NOW - draw(st.sampled_from([0.0, 30.0, 600.0, 90_000.0, -20.0]))
    return PublishedLimits(as_of=as_of, limits=[PublishedLimit.model_validate(fields)])


def test_the_estimate_is_the_status_a_moment_later(
    record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Answer] = []

    @settings(max_examples=WORLDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(question=questions(), user=st.sampled_from(USERS), fraction=fractions, limits=limited())
    def compare(
        question: tuple[dict[str, list[Json]], Json],
        user: str,
        fraction: float,
        limits: PublishedLimits | None,
    ) -> None:
        world, request_ = question
        now = NOW + fraction
        new = created(request_, user, 100_000, now)
        estimated = gateway_says(world, request_, user, now, limits)
        written = operator_says(world, new, now, limits)
        seen.append(written)
        assert estimated == written

    compare()

    kinds = Counter(map(kind_of, seen))
    record_property("worlds", len(seen))
    with capsys.disabled():
        print(f"\n{len(seen)} worlds: {dict(kinds)}")  # noqa: T201  # how much was proven
    assert len(seen) >= 500
    assert kinds.keys() >= MET, "every kind of answer is met"


def kind_of(answer: Answer) -> str:
    if answer.starts_now:
        return "starts now"
    if not answer.possible:
        return "never"
    if answer.position is None:
        return "not in the queue yet"
    start = "start known" if answer.earliest or answer.latest else "start unknown"
    return f"{answer.reason}, {start}"
