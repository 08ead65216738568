"""A small-scope model of cluster, users and operator, explored breadth first with the real `decide`.

Three sessions share a node with two GPUs. From every state every one of these may happen next: the operator submits any
one of the writes that `decide` wants; a submitted write reaches the API server (or is lost in a crash); the watch delivers the
newest state of one session, of its Jobs or of its pods (so views lag, mix ages and miss what was in between); the operator
dies and lists again; Kubernetes moves a Job or pod on; a pod fails; a user edits or deletes a session.

Sessions that ask for packages get a builder first: a Job that installs them, of which at most one runs at once. It may end,
fail, or be deleted by somebody, and packages may be gone when a pod of an attempt starts.

Explored is the closure under these steps within budgets for edits and failures. Time stands still: back-off and minimum run
time are zero.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import orjson
from operator_state import (
    CONFIG,
    INSTALLATION,
    NOW,
    make_builder,
    make_builder_pod,
    make_job,
    make_pod,
    make_session,
    make_state,
)

from trainyard_api.phase import HOLDING_GPUS, TERMINAL, DesiredState, Phase
from trainyard_operator.core.actions import CreateBuilder, CreateJob, DeleteJobs, PatchStatus, Write
from trainyard_operator.core.config import EnvironmentConfig
from trainyard_operator.core.decide import decide
from trainyard_scheduler.facts import Policy
from trainyard_scheduler.objects.model import Assumed
from trainyard_scheduler.objects.store import ClusterState

GPUS = 2
SIZES = (1, 2, 1)
PRIORITIES = (0, 0, 10)
EDITS, FAILURES = 2, 2
BUILDERS = 1
LOCK = "a" * 64
MODEL_CONFIG = replace(
    CONFIG,
    installation=replace(INSTALLATION, policy=Policy(minimum_run_seconds=0.0)),
    environments=EnvironmentConfig(max_builders=BUILDERS),
)


class Sess(NamedTuple):
    """A session in the API server: its spec and the part of its status that decisions read."""

    alive: bool = True
    desired: DesiredState = DesiredState.RUNNING
    phase: Phase | None = None
    attempt: int = 0
    failures: int = 0
    preempting: bool = False
    failed_attempt: int = 0
    failure_class: str = ""
    queued: bool = False
    ran: bool = False
    lock: bool = False
    builds: int = 0


class One(NamedTuple):
    """A session with its Jobs, (attempt, A|C|F), pods, (attempt, P|R|T|S|F1|F64|F64G), and builders, (number, A|C|F)."""

    sess: Sess = Sess()
    jobs: tuple[tuple[int, str], ...] = ()
    pods: tuple[tuple[int, str], ...] = ()
    builders: tuple[tuple[int, str], ...] = ()


class State(NamedTuple):
    """Everything there is."""

    api: tuple[One, ...]
    view: tuple[One, ...]
    sent: tuple[tuple[Any, ...] | None, ...]
    """The write under way for each session."""
    edits: int = EDITS
    failures: int = FAILURES


START = State((One(),) * 3, (One(),) * 3, (None,) * 3)


class ModelError(AssertionError):
    """An invariant does not hold; the message carries the way to the state."""


@dataclass
class Explorer:
    """Breadth-first search over all states."""

    limit: int
    packages: frozenset[int] = frozenset()
    """The sessions that ask for packages."""
    seen: dict[State, State | None] = field(default_factory=dict)
    """Predecessor of every state that was reached."""
    quiet: int = 0
    """States in which nothing is left to do."""
    exhausted: bool = False
    _wanted: dict[Any, tuple[tuple[int, tuple[Any, ...]], ...]] = field(default_factory=dict)

    def run(self) -> None:
        """Explore until `limit` states are known or none is left."""
        self.seen[START] = None
        ahead = deque([START])
        while ahead and len(self.seen) < self.limit:
            state = ahead.popleft()
            necessary = list(self._necessary(state))
            if not necessary:
                self.quiet += 1
                self._check_quiet(state)
            for following in (*necessary, *self._unforeseen(state)):
                if following not in self.seen:
                    self.seen[following] = state
                    self._check(state, following)
                    ahead.append(following)
        self.exhausted = not ahead

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────────────

    def _unforeseen(self, state: State) -> Iterator[State]:
        """What may happen at any time: a crash, an edit, a failing pod."""
        yield self._crash(state)
        yield from self._edits(state)
        yield from self._accidents(state)

    def _necessary(self, state: State) -> Iterator[State]:
        for i, write in self._writes(state):
            yield state._replace(sent=_put(state.sent, i, write))
        for i, sent in enumerate(state.sent):
            if sent is not None:
                yield self._arrive(state, i, sent)
        for i in range(3):
            yield from _deliver(state, i)
            yield from _kubernetes(state, i)

    def _crash(self, state: State) -> State:
        return state._replace(view=state.api, sent=(None,) * 3)

    def _writes(self, state: State) -> tuple[tuple[int, tuple[Any, ...]], ...]:
        key = (state.view, state.sent)
        found = self._wanted.get(key)
        if found is None:
            writes = decide(self._world(state), NOW, MODEL_CONFIG).writes
            encoded = (_encode(write, state.view) for write in writes)
            found = tuple(w for w in encoded if w is not None) + self._starts_while_writing(state)
            self._wanted[key] = found
        return found

    def _world(self, state: State, in_queue: Collection[int] = ()) -> ClusterState:
        return _world_of(state, self.packages, in_queue)

    def _starts_while_writing(self, state: State) -> tuple[tuple[int, tuple[Any, ...]], ...]:
        """A session stays in its queue while its status is written; its Job is created after that."""
        writing = {i for i, write in enumerate(state.sent) if write and write[0] == "patch"}
        if not writing:
            return ()
        writes = decide(self._world(state, in_queue=writing), NOW, MODEL_CONFIG).writes
        encoded = (_encode(w, state.view) for w in writes if isinstance(w, CreateJob))
        sent = state.sent
        return tuple(
            (i, ("patch, create", (sent[i] or ())[1], write[1]))
            for i, write in (e for e in encoded if e is not None)
            if i in writing
        )

    def _arrive(self, state: State, i: int, write: tuple[Any, ...]) -> State:
        api, view = state.api[i], state.view[i]
        following: tuple[Any, ...] | None = None
        match write:
            case ("create", attempt):
                if api.sess.alive and attempt not in dict(api.jobs):
                    self._check_fresh(state, i, attempt)
                    api = api._replace(jobs=(*api.jobs, (attempt, "A")))
                if attempt in dict(api.jobs):
                    known = {**dict(view.jobs), attempt: dict(api.jobs)[attempt]}
                    view = view._replace(jobs=tuple(sorted(known.items())))
            case ("patch" | "patch, create", changes, *attempt):
                following = ("create", *attempt) if attempt else None
                if api.sess.alive:
                    api = api._replace(sess=api.sess._replace(**dict(changes)))
                    view = view._replace(sess=api.sess)
            case ("build" | "unbuild", *numbers):
                api, view = self._prepared(state, i, write[0], numbers[0])
            case ("delete", attempts):
                api = api._replace(jobs=tuple(j for j in api.jobs if j[0] not in attempts))
                view = _without_jobs(api, view)
        return state._replace(
            api=_put(state.api, i, api),
            view=_put(state.view, i, view),
            sent=_put(state.sent, i, following),
        )

    def _prepared(self, state: State, i: int, what: str, number: int) -> tuple[One, One]:
        """Session and view after an installation is started or ended, unless there is one of that number."""
        api, view = state.api[i], state.view[i]
        if what == "unbuild":
            left = tuple(b for b in api.builders if b[0] != number)
            return api._replace(builders=left), view._replace(builders=left)
        if api.sess.alive and number not in dict(api.builders):
            if api.sess.lock:
                self._fail(state, f"I10: packages of session {i} are installed again")
            api = api._replace(builders=_set(api.builders, number, "A"))
        known = number in dict(api.builders)
        return api, view._replace(builders=api.builders) if known else view

    def _edits(self, state: State) -> Iterator[State]:
        if state.edits == 0:
            return
        for i, one in enumerate(state.api):
            if not one.sess.alive:
                continue
            left = state._replace(edits=state.edits - 1)
            yield left._replace(
                api=_put(state.api, i, one._replace(sess=one.sess._replace(alive=False)))
            )
            for desired in DesiredState:
                if desired != one.sess.desired and one.sess.desired != DesiredState.STOPPED:
                    sess = one.sess._replace(desired=desired)
                    yield left._replace(api=_put(state.api, i, one._replace(sess=sess)))

    def _accidents(self, state: State) -> Iterator[State]:
        if state.failures == 0:
            return
        for i, one in enumerate(state.api):
            for attempt, phase in one.pods:
                if phase == "R":
                    for how in ("F1", "F64"):
                        pods = _set(one.pods, attempt, how)
                        api = _put(state.api, i, one._replace(pods=pods))
                        yield state._replace(api=api, failures=state.failures - 1)
            if i in self.packages:
                for following in _of_packages(one):
                    api = _put(state.api, i, following)
                    yield state._replace(api=api, failures=state.failures - 1)

    # ── invariants ────────────────────────────────────────────────────────────────────────────────────────

    def _check_fresh(self, state: State, i: int, attempt: int) -> None:
        one = state.api[i]
        if i in self.packages and not one.sess.lock:
            self._fail(state, f"I10: session {i} starts without its packages")
        if one.sess.attempt >= attempt:
            self._fail(state, f"I2: attempt {attempt} of session {i} is made a second time")
        if any(p in "PRT" for _, p in one.pods):
            self._fail(state, f"I2: session {i} starts while pods of an earlier attempt live")

    def _check(self, before: State, state: State) -> None:
        held = 0
        for i, one in enumerate(state.api):
            active = [a for a, s in one.jobs if s == "A"]
            if len(active) > 1:
                self._fail(state, f"I2: session {i} has {len(active)} unfinished Jobs")
            live = {a for a, p in one.pods if p in ("P", "R", "T")}
            ended = {a for a, p in one.pods if p not in ("P", "R", "T")}
            if len(live) > 1:
                self._fail(state, f"I2: session {i} has live pods of {len(live)} attempts")
            held += SIZES[i] * len(live | (set(active) - ended))
            old = before.api[i].sess
            if old.phase in TERMINAL and one.sess.phase != old.phase:
                self._fail(state, f"I9: session {i} left {old.phase}")
            if one.sess.attempt < old.attempt:
                self._fail(state, f"I9: session {i} went back to attempt {one.sess.attempt}")
        if held > GPUS:
            self._fail(state, f"I3: {held} GPUs are promised, {GPUS} are there")
        at_work = sum(s == "A" for one in state.api for _, s in one.builders)
        if at_work > BUILDERS:
            self._fail(state, f"I11: {at_work} installations run at once")

    def _check_quiet(self, state: State) -> None:
        """I1, I4, I6: where nothing moves any more, everybody is where the owner wants it, and no GPU idles beside a waiting session."""
        free = GPUS - sum(
            SIZES[i] for i, one in enumerate(state.api) if any(p == "R" for _, p in one.pods)
        )
        for i, one in enumerate(state.api):
            sess, running = one.sess, any(p == "R" for _, p in one.pods)
            if any(s == "A" for _, s in one.builders):
                self._fail(state, f"I4: an installation for session {i} runs for nobody")
            if not sess.alive:
                if one.jobs or one.pods:
                    self._fail(state, f"I4: session {i} is gone and left Jobs or pods")
                continue
            wanted = {
                DesiredState.STOPPED: TERMINAL,
                DesiredState.SUSPENDED: TERMINAL | {Phase.SUSPENDED},
                DesiredState.RUNNING: TERMINAL | {Phase.RUNNING, Phase.QUEUED},
            }[sess.desired]
            if sess.phase not in wanted:
                self._fail(
                    state, f"I6: session {i} rests in {sess.phase}, wanted is {sess.desired}"
                )
            if running != (sess.phase == Phase.RUNNING):
                self._fail(state, f"I6: session {i} is {sess.phase}, its pod runs: {running}")
            if sess.phase == Phase.QUEUED and SIZES[i] <= free:
                self._fail(state, f"I5: session {i} waits although {free} GPUs are free")

    def _fail(self, state: State, what: str) -> None:
        way: list[str] = []
        at: State | None = state
        while at is not None:
            way.append("\n".join(map(str, at)).replace("'", ""))
            at = self.seen.get(at)
        raise ModelError(what + "\n" + "\n".join(reversed(way[:12])))


# ── Kubernetes ────────────────────────────────────────────────────────────────────────────────────────────


def _kubernetes(state: State, i: int) -> Iterator[State]:
    one = state.api[i]
    for following in _moved(one, state, SIZES[i]):
        yield state._replace(api=_put(state.api, i, following))


def _moved(one: One, state: State, size: int) -> Iterator[One]:
    yield from _builders_moved(one)
    yield from _jobs_moved(one)
    yield from _pods_moved(one, state, size)


def _of_packages(one: One) -> Iterator[One]:
    """An installation fails or is deleted, or a pod does not find the packages."""
    for number, phase in one.builders:
        if phase == "A":
            yield one._replace(builders=_set(one.builders, number, "F"))
            yield one._replace(builders=tuple(b for b in one.builders if b[0] != number))
    for attempt, phase in one.pods:
        if phase == "P":
            yield one._replace(pods=_set(one.pods, attempt, "F64G"))


def _builders_moved(one: One) -> Iterator[One]:
    for number, phase in one.builders:
        if not one.sess.alive:
            yield one._replace(builders=tuple(b for b in one.builders if b[0] != number))
        elif phase == "A":
            yield one._replace(builders=_set(one.builders, number, "C"))


def _jobs_moved(one: One) -> Iterator[One]:
    pods = dict(one.pods)
    for attempt, phase in one.jobs:
        if not one.sess.alive:
            yield one._replace(jobs=tuple(j for j in one.jobs if j[0] != attempt))
        elif phase != "A":
            continue
        elif attempt not in pods:
            yield one._replace(pods=_set(one.pods, attempt, "P"))
        elif pods[attempt] == "S":
            yield one._replace(jobs=_set(one.jobs, attempt, "C"))
        elif pods[attempt].startswith("F"):
            yield one._replace(jobs=_set(one.jobs, attempt, "F"))


def _pods_moved(one: One, state: State, size: int) -> Iterator[One]:
    jobs = dict(one.jobs)
    # One session trains to its end, the others run until they are stopped.
    ends = one.sess.alive and state.api[0] is one
    for attempt, phase in one.pods:
        if attempt not in jobs and phase == "R":
            yield one._replace(pods=_set(one.pods, attempt, "T"))
        elif attempt not in jobs:
            yield one._replace(pods=tuple(p for p in one.pods if p[0] != attempt))
        elif phase == "P" and _room(state) >= size:
            yield one._replace(pods=_set(one.pods, attempt, "R"))
        elif phase == "R" and ends:
            yield one._replace(pods=_set(one.pods, attempt, "S"))


def _room(state: State) -> int:
    bound = sum(
        SIZES[i] * sum(p in ("R", "T") for _, p in one.pods) for i, one in enumerate(state.api)
    )
    return GPUS - bound


def _deliver(state: State, i: int) -> Iterator[State]:
    api, view = state.api[i], state.view[i]
    for part in ("sess", "jobs", "pods", "builders"):
        if getattr(api, part) != getattr(view, part):
            fresher = view._replace(**{part: getattr(api, part)})
            if part == "jobs" and _without_jobs(api, view) != fresher:
                continue
            yield state._replace(view=_put(state.view, i, fresher))


def _without_jobs(api: One, view: One) -> One:
    """The view with the Jobs that there are. The informer lets a Job linger until its pods show."""
    shown, gone = dict(view.pods), {a for a, _ in view.jobs} - {a for a, _ in api.jobs}
    unseen = {a for a, _ in api.pods} & gone - shown.keys()
    return view if unseen else view._replace(jobs=api.jobs)


# ── between the model and the operator's own values ───────────────────────────────────────────────────────


def _world_of(
    state: State, packages: Collection[int], in_queue: Collection[int] = ()
) -> ClusterState:
    items: list[Any] = []
    busy: dict[str, Assumed | None] = {}
    starting: set[str] = set()
    for i, one in enumerate(state.view):
        session = _session(i, one.sess, i in packages)
        items += _items(session, one)
        write = state.sent[i]
        if write is None or i in in_queue:
            continue
        created = "create" in write[0]
        busy[session.uid] = Assumed(write[-1], ("n1",), session.spec.shape) if created else None
        if write[0] == "build":
            starting.add(session.uid)
    cluster = make_state(*items, _node())
    for uid, assumed in busy.items():
        cluster.begin(uid, assumed)
    cluster.builders.starting |= starting
    return cluster


def _items(session: Any, one: One) -> Iterator[Any]:
    """The session, its Jobs, its pods and its builders."""
    if one.sess.alive:
        yield session
    for attempt, phase in one.jobs:
        finished = {"A": "", "C": "Complete", "F": "Failed"}[phase]
        yield make_job(session, attempt, finished=finished)
    for attempt, phase in one.pods:
        yield _pod(session, attempt, phase)
    for number, phase in one.builders:
        yield from _builder(session, number, phase)


def _builder(session: Any, number: int, phase: str) -> Iterator[Any]:
    """The Job that installs packages, and its pod once it has ended."""
    finished = {"A": "", "C": "Complete", "F": "Failed"}[phase]
    job = make_builder(session, number, finished=finished, finish_time=NOW - 60)
    yield job
    if phase == "C":
        message = orjson.dumps({"environment": {"lock": LOCK, "packages": 1}}).decode()
        yield make_builder_pod(job, "Succeeded", exit_code=0, termination_message=message)
    elif phase == "F":
        yield make_builder_pod(job, "Failed", exit_code=65)


def _node() -> Any:
    from operator_state import node

    return node(gpus=GPUS)


def _session(i: int, sess: Sess, packages: bool) -> Any:
    status = {
        "attempt": sess.attempt,
        "failures": sess.failures,
        "preempting": sess.preempting,
        "failed_attempt": sess.failed_attempt,
        "failure_class": sess.failure_class,
        "queued": NOW - 100 + i if sess.queued else None,
        "attempt_started": NOW - 40 if sess.ran else None,
        "environment": LOCK if sess.lock else "",
        "builds": sess.builds,
    }
    body = {
        "command": ["run"],
        "resources": {"gpus": SIZES[i], "cpu": "1", "memory": "1Gi"},
        **({"packages": {"requirements": ["einops"]}} if packages else {}),
    }
    return make_session(
        f"s{i}",
        gpus=SIZES[i],
        phase=sess.phase,
        desired=sess.desired,
        spec={
            "priority": PRIORITIES[i],
            "retry_limit": 1,
            "backoff_seconds": 0,
            "packages": packages,
            "json": orjson.dumps(body),
        },
        status=status,
        version=i,
    )


def _pod(session: Any, attempt: int, phase: str) -> Any:
    real = {"P": "Pending", "R": "Running", "T": "Running", "S": "Succeeded"}.get(phase, "Failed")
    code = int(phase[1:].rstrip("G")) if phase.startswith("F") else 0 if phase == "S" else None
    return make_pod(
        make_job(session, attempt),
        session,
        real,
        uid=f"pod-{session.name}-{attempt}",
        deleting=phase == "T",
        exit_code=code,
        termination_message='{"reason": "EnvironmentGone"}' if phase.endswith("G") else "",
    )


def _encode(write: Write, view: tuple[One, ...]) -> tuple[int, tuple[Any, ...]] | None:
    """A write as the model keeps it; None for one that changes nothing here (a place in the queue, a sentence)."""
    i = int(write.uid.removeprefix("uid-s")) if write.uid.startswith("uid-s") else -1
    match write:
        case CreateJob():
            return i, ("create", write.attempt)
        case CreateBuilder():
            return i, ("build", int(write.name.rpartition("-e")[2]))
        case DeleteJobs() if "-e" in write.jobs[0][0]:
            return i, ("unbuild", int(write.jobs[0][0].rpartition("-e")[2]))
        case DeleteJobs():
            return i, ("delete", tuple(int(name.rpartition("-")[2]) for name, _ in write.jobs))
        case PatchStatus():
            changes = _changes(write.patch["status"])
            sess = view[i].sess
            if sess._replace(**changes) == sess:
                return None
            return i, ("patch", tuple(sorted(changes.items())))
        case _:
            return None


def _changes(status: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "phase" in status:
        changes["phase"] = Phase(status["phase"])
        admitted = next(c for c in status["conditions"] if c["type"] == "Admitted")
        changes["preempting"] = (
            changes["phase"] == Phase.SUSPENDING and admitted["reason"] == "Preempted"
        )
    for name in ("attempt", "failures"):
        if status.get(name) is not None:
            changes[name] = status[name]
    if "queuedTime" in status:
        changes["queued"] = status["queuedTime"] is not None
    if "attemptStartTime" in status:
        changes["ran"] = status["attemptStartTime"] is not None
    if "failure" in status:
        failure = status["failure"] or {}
        changes["failed_attempt"] = failure.get("attempt", 0)
        changes["failure_class"] = failure.get("class", "")
    return changes | _changes_of_packages(status)


def _changes_of_packages(status: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "environment" in status:
        changes["lock"] = status["environment"] is not None
    if "environmentBuild" in status:
        changes["builds"] = status["environmentBuild"]["number"]
    return changes


def _put(items: tuple[Any, ...], i: int, item: Any) -> tuple[Any, ...]:
    return (*items[:i], item, *items[i + 1 :])


def _set(
    pairs: tuple[tuple[int, str], ...], attempt: int, value: str
) -> tuple[tuple[int, str], ...]:
    return tuple(sorted({**dict(pairs), attempt: value}.items()))


__all__ = ["HOLDING_GPUS", "START", "Explorer", "ModelError", "State"]
