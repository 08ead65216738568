"""What must never happen, checked over the whole history of a trial. Pure: no clock, no network.

The numbers are those of the invariants in docs/faults.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from history import Object, Seen

from trainyard_api import names
from trainyard_api.phase import HOLDING_GPUS, TERMINAL

OVER: Final = frozenset({"Succeeded", "Failed"})
CHILDREN: Final = ("jobs", "pods", "services", "configmaps", "secrets")
GPU: Final = names.GPU_RESOURCE


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never happen, and did."""

    check: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


@dataclass
class World:
    """The objects at one moment of the history."""

    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: defaultdict(dict))
    """By kind and UID."""

    def apply(self, seen: Seen) -> None:
        """The world after an event."""
        if seen.deleted:
            self.objects[seen.kind].pop(seen.uid, None)
        else:
            self.objects[seen.kind][seen.uid] = seen.object

    def of(self, kind: str) -> Iterable[Object]:
        """The objects of a kind."""
        return self.objects[kind].values()


def violations(events: Iterable[Seen], gpus: int, canaries: Iterable[str] = ()) -> list[Violation]:
    """Everything that must never happen in a history; each sentence once.

    `gpus` is the most that the nodes of the namespace ever had together; `canaries` are secrets that no object but their own may hold.
    """
    world, memory, found = World(), _Memory(), list[Violation]()
    for seen in events:
        world.apply(seen)
        if seen.kind == "jobs":
            found += _about_job(seen, world, memory, gpus)
        elif seen.kind == "sessions":
            found += _about_session(seen, memory)
        elif seen.kind == "pods":
            found += _about_pods(seen, world)
        found += _about_canaries(seen, canaries)
    return list(dict.fromkeys(found))


@dataclass
class _Memory:
    """What was seen before."""

    jobs: dict[tuple[str, str], str] = field(default_factory=dict)
    """UID of the Job by (UID of the session, attempt)."""
    sessions: dict[str, Object] = field(default_factory=dict)
    """The last status by UID of the session."""
    gone: set[str] = field(default_factory=set)
    """UIDs of the sessions that were deleted."""


# ── I2, I3, I4: Jobs and pods ─────────────────────────────────────────────────────────────────────


def _about_job(seen: Seen, world: World, memory: _Memory, gpus: int) -> Iterator[Violation]:
    job, labels = seen.object, _labels(seen.object)
    uid, attempt = labels.get(names.LABEL_SESSION_UID), labels.get(names.LABEL_ATTEMPT, "")
    name = job["metadata"]["name"]
    if seen.deleted:
        return
    if uid is None:
        yield from _about_builder(labels.get(names.LABEL_PREPARES, ""), world)
        return
    known = memory.jobs.get((uid, attempt))
    if known == seen.uid:
        return
    memory.jobs[uid, attempt] = seen.uid
    # After the session is gone its Job goes, and a request that was sent before may bring it again:
    # it goes too, as the check of orphans sees.
    if known is not None and uid not in memory.gone:
        yield Violation("I2 one Job per attempt", f"attempt {attempt} has a second Job, {name}")
    yield from _new_job(job, uid, attempt, world)
    phase = memory.sessions.get(uid, {}).get("phase")
    if phase in TERMINAL:
        yield Violation("I9 nothing after the end", f"{name} comes when its session is {phase}")
    if (demand := _demand(world)) > gpus:
        yield Violation("I3 no over-commit", f"with {name}, {demand} GPUs of {gpus} are given away")


def _new_job(job: Object, uid: str, attempt: str, world: World) -> Iterator[Violation]:
    name = job["metadata"]["name"]
    if uid not in _owners(job):
        yield Violation("I4 owner", f"Job {name} does not belong to its session")
    session = _labels(job).get(names.LABEL_SESSION, "")
    if attempt.isdigit() and name != names.job_name(session, uid, int(attempt)):
        yield Violation("I2 name of a Job", f"{name} is not the name of attempt {attempt}")
    others = [j for j in _jobs_of(uid, world) if j is not job and not finished(j)]
    if others:
        yield Violation("I2 one live Job", f"{name} comes while another Job of its session runs")
    live = [p for p in _pods_of(uid, world) if is_live(p) and _labels(p).get(names.LABEL_ATTEMPT) != attempt]  # fmt: skip
    if live:
        yield Violation("I2 one attempt at a time", f"{name} comes while pods of another attempt live")  # fmt: skip


def _about_builder(uid: str, world: World) -> Iterator[Violation]:
    live = [j for j in _builders_of(uid, world) if not finished(j)]
    if len(live) > 1:
        yield Violation("I2 one installation", "two installations of one session run at once")


def _about_pods(seen: Seen, world: World) -> Iterator[Violation]:
    uid = _labels(seen.object).get(names.LABEL_SESSION_UID)
    if not uid or seen.deleted:
        return
    attempts = {_labels(p).get(names.LABEL_ATTEMPT) for p in _pods_of(uid, world) if is_live(p)}
    if len(attempts) > 1:
        yield Violation("I2 one attempt at a time", "pods of two attempts live at once")


def _demand(world: World) -> int:
    """GPUs that Jobs hold or will hold, and those of pods that outlive theirs."""
    pods = defaultdict(list)
    for pod in world.of("pods"):
        for owner in _owners(pod):
            pods[owner].append(pod)
    total = 0
    for job in world.of("jobs"):
        own = pods.pop(job["metadata"]["uid"], [])
        ended = sum(not is_live(p) for p in own)
        failed = any(_phase(p) == "Failed" for p in own)
        if finished(job) or failed:
            total += sum(_gpus(p["spec"]) for p in own if is_live(p))
        else:
            template = job["spec"]["template"]["spec"]
            total += _gpus(template) * (int(job["spec"].get("parallelism", 1)) - ended)
    return total + sum(_gpus(p["spec"]) for left in pods.values() for p in left if is_live(p))


# ── I1, I9: sessions ──────────────────────────────────────────────────────────────────────────────


def _about_session(seen: Seen, memory: _Memory) -> Iterator[Violation]:
    name, status = seen.object["metadata"]["name"], seen.object.get("status") or {}
    before = memory.sessions.get(seen.uid, {})
    memory.sessions[seen.uid] = status
    if seen.deleted:
        memory.gone.add(seen.uid)
    old, new = before.get("phase"), status.get("phase")
    if old in TERMINAL and new != old:
        yield Violation("I9 terminal stays", f"{name} was {old} and is {new}")
    attempt, earlier = status.get("attempt", 0), before.get("attempt", 0)
    if attempt < earlier:
        yield Violation("I9 attempts grow", f"{name} went from attempt {earlier} to {attempt}")
    if status.get("failures", 0) > attempt:
        yield Violation("I9 failures", f"{name} has more failures than attempts")
    if attempt > earlier and (seen.uid, str(attempt)) not in memory.jobs:
        yield Violation("I2 Job before status", f"{name} names attempt {attempt}, which has no Job")
    if status.get("observedGeneration", 0) > seen.object["metadata"]["generation"]:
        yield Violation("I6 observedGeneration", f"{name} is ahead of its generation")


def _about_canaries(seen: Seen, canaries: Iterable[str]) -> Iterator[Violation]:
    if seen.kind == "secrets":
        return
    for canary in canaries:
        if canary in json.dumps(seen.object):
            name = seen.object["metadata"]["name"]
            yield Violation("I11 no secret in an object", f"{seen.kind} {name} holds a secret")


# ── I1, I4, I6: the end ───────────────────────────────────────────────────────────────────────────


def world_of(events: Iterable[Seen]) -> World:
    """The objects after these events."""
    world = World()
    for seen in events:
        world.apply(seen)
    return world


def at_rest(world: World) -> list[Violation]:
    """What must not be once the cluster has come to rest."""
    return [*_unsettled(world), *orphans(world)]


def orphans(world: World) -> Iterator[Violation]:
    """Objects of sessions that do not exist."""
    there = set(world.objects["sessions"]) | set(world.objects["jobs"])
    for kind in CHILDREN:
        for item in world.of(kind):
            labels = _labels(item)
            uid = labels.get(names.LABEL_SESSION_UID) or labels.get(names.LABEL_PREPARES)
            gone = uid and uid not in world.objects["sessions"]
            if gone or any(owner not in there for owner in _owners(item)):
                yield Violation("I4 no orphan", f"{kind} {item['metadata']['name']} outlives its owner")  # fmt: skip


def _unsettled(world: World) -> Iterator[Violation]:
    for session in world.of("sessions"):
        name, uid = session["metadata"]["name"], session["metadata"]["uid"]
        status = session.get("status") or {}
        phase = status.get("phase")
        jobs = [j for j in _jobs_of(uid, world) if not finished(j)]
        builders = [j for j in _builders_of(uid, world) if not finished(j)]
        live = [p for p in _pods_of(uid, world) if is_live(p)]
        if phase is None:
            yield Violation("I1 none without a status", f"{name} has no phase")
        if status.get("observedGeneration") != session["metadata"]["generation"]:
            yield Violation("I6 observedGeneration", f"{name} is behind its generation")
        if phase not in HOLDING_GPUS and (jobs or live):
            yield Violation("I6 status is true", f"{name} is {phase} and holds a Job or pods")
        if phase in HOLDING_GPUS and not jobs and not live:
            yield Violation("I6 status is true", f"{name} is {phase} without a Job or pods")
        if builders and phase != "Pending":
            yield Violation(
                "I6 status is true", f"{name} is {phase}, and its packages are installed"
            )
        wrong = [j for j in jobs if _labels(j).get(names.LABEL_ATTEMPT) != str(status.get("attempt"))]  # fmt: skip
        if wrong:
            yield Violation("I6 status is true", f"{name} does not name the attempt that runs")


# ── reading objects ───────────────────────────────────────────────────────────────────────────────


def finished(job: Object) -> bool:
    """Whether a Job is complete or failed."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def is_live(pod: Object) -> bool:
    """Whether a pod has not ended."""
    return _phase(pod) not in OVER


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase"))


def _labels(item: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = item["metadata"].get("labels") or {}
    return labels


def _owners(item: Object) -> list[str]:
    return [o["uid"] for o in item["metadata"].get("ownerReferences") or ()]


def _jobs_of(uid: str, world: World) -> list[Object]:
    return [j for j in world.of("jobs") if _labels(j).get(names.LABEL_SESSION_UID) == uid]


def _builders_of(uid: str, world: World) -> list[Object]:
    return [j for j in world.of("jobs") if _labels(j).get(names.LABEL_PREPARES) == uid]


def _pods_of(uid: str, world: World) -> list[Object]:
    return [p for p in world.of("pods") if _labels(p).get(names.LABEL_SESSION_UID) == uid]


def _gpus(pod_spec: Mapping[str, Any]) -> int:
    limits = (c.get("resources", {}).get("limits") or {} for c in pod_spec["containers"])
    return sum(int(limit.get(GPU, 0)) for limit in limits)
