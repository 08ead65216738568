"""What sessions live through; each is played once without a fault, and again with a fault at each write.

A scenario waits for states that last, never for time, so that it plays alike on fast and slow machines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stage import MADE, Stage

Scenario = Callable[[Stage], None]
SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(play: Scenario) -> Scenario:
    """Register a scenario under its name."""
    SCENARIOS[play.__name__.replace("_", "-")] = play
    return play


# ── the usual way ─────────────────────────────────────────────────────────────────────────────────


@scenario
def submit(s: Stage) -> None:
    """One session runs to its end."""
    name = s.create("one", "sleep", "0.2")
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def queue(s: Stage) -> None:
    """Three that fill the node, one after the other."""
    names = [s.create(prefix, "sleep", "0.2", gpus=4) for prefix in ("first", "second", "third")]
    for earlier, later in zip(names, names[1:], strict=False):
        s.before(earlier, later)
    for name in names:
        s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def burst(s: Stage) -> None:
    """Six at once, of one and two GPUs."""
    names = [s.create(f"b{i}", "sleep", "0.2", gpus=1 + i % 2) for i in range(6)]
    for name in names:
        s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def priority(s: Stage) -> None:
    """The higher priority goes first."""
    blocker = s.create("blocker", gpus=4, priority=1000)
    s.wait(blocker, "Running")
    low = s.create("low", "sleep", "0.2", gpus=4)
    s.wait(low, "Queued")
    high = s.create("high", "sleep", "0.2", gpus=4, priority=10)
    s.wait(high, "Queued")
    s.before(high, low)
    s.stop(blocker)
    for name in (high, low):
        s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def raised_priority(s: Stage) -> None:
    """A priority that its owner raises while it waits."""
    blocker = s.create("blocker", gpus=4, priority=1000)
    s.wait(blocker, "Running")
    early, late = (s.create(p, "sleep", "0.2", gpus=4) for p in ("early", "late"))
    for name in (early, late):
        s.wait(name, "Queued")
    s.lab.patch(late, priority=50)
    s.until(
        lambda: (s.lab.status(late).get("queue") or {}).get("position") == 1, "late is in front"
    )
    s.before(late, early)
    s.stop(blocker)
    for name in (late, early):
        s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def preemption(s: Stage) -> None:
    """A session of low priority leaves for an urgent one and continues later."""
    low = s.create("low", gpus=4)
    s.wait(low, "Running")
    urgent = s.create("urgent", gpus=4, priority=100)
    s.expect(low, "Queued", attempt=1, failures=0, preemptions=1)
    s.wait(urgent, "Running")
    s.stop(urgent)
    s.expect(low, "Running", attempt=2, failures=0, preemptions=1)
    s.stop(low)


@scenario
def paused_queue(s: Stage) -> None:
    """A queue is paused and released."""
    paused = s.queue("paused", paused=True)
    name = s.create("held", "sleep", "0.2", queue=paused)
    s.wait(name, "Queued")
    s.lab.patch_queue(paused, paused=False)
    s.expect(name, "Succeeded", attempt=1, failures=0)


# ── what owners do ────────────────────────────────────────────────────────────────────────────────


@scenario
def suspend_and_resume(s: Stage) -> None:
    """A running session is suspended and resumed."""
    name = s.create("paused")
    s.wait(name, "Running")
    s.lab.patch(name, desiredState="Suspended")
    s.expect(name, "Suspended", attempt=1, failures=0)
    s.lab.patch(name, desiredState="Running")
    s.expect(name, "Running", attempt=2, failures=0)
    s.stop(name)


@scenario
def suspend_in_queue(s: Stage) -> None:
    """A waiting session is suspended and resumed."""
    blocker = s.create("blocker", gpus=4)
    s.wait(blocker, "Running")
    name = s.create("waits", "sleep", "0.2", gpus=4)
    s.wait(name, "Queued")
    s.lab.patch(name, desiredState="Suspended")
    s.expect(name, "Suspended", attempt=0)
    s.lab.patch(name, desiredState="Running")
    s.wait(name, "Queued")
    s.stop(blocker)
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def cancel(s: Stage) -> None:
    """A waiting session is stopped."""
    blocker = s.create("blocker", gpus=4)
    s.wait(blocker, "Running")
    name = s.create("waits", gpus=4)
    s.wait(name, "Queued")
    s.lab.patch(name, desiredState="Stopped")
    s.expect(name, "Cancelled", attempt=0)
    s.stop(blocker)


@scenario
def stop_running(s: Stage) -> None:
    """A running session is stopped; the next one takes its place."""
    name = s.create("stopped", gpus=4)
    s.wait(name, "Running")
    heir = s.create("heir", "sleep", "0.2", gpus=4)
    s.wait(heir, "Queued")
    s.lab.patch(name, desiredState="Stopped")
    s.expect(name, "Stopped", attempt=1, failures=0)
    s.expect(heir, "Succeeded", attempt=1, failures=0)


@scenario
def delete_starting(s: Stage) -> None:
    """A session is deleted while its pods are refused; the next one takes its place."""
    name = s.create("gone", gpus=4, runtime="stuck")
    s.until(lambda: [j for j in s.lab.jobs() if j.metadata.name.startswith(name)], "its Job")
    heir = s.create("heir", "sleep", "0.2", gpus=4)
    s.delete(name)
    s.expect(heir, "Succeeded", attempt=1, failures=0)


@scenario
def delete_running(s: Stage) -> None:
    """A running session is deleted; the next one takes its place."""
    name = s.create("gone", gpus=4)
    s.wait(name, "Running")
    heir = s.create("heir", "sleep", "0.2", gpus=4)
    s.delete(name)
    s.expect(heir, "Succeeded", attempt=1, failures=0)


@scenario
def same_name_again(s: Stage) -> None:
    """A session is deleted and created again under its name, twice."""
    for _ in range(2):
        name = s.create("again", gpus=4)
        s.wait(name, "Running")
        s.delete(name)
    name = s.create("again", "sleep", "0.2", gpus=4)
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def time_to_live(s: Stage) -> None:
    """A finished session is removed when its time is over."""
    name = s.create("short", "sleep", "0.2", ttlSecondsAfterFinished=1)
    s.removed |= set(s.sessions)
    s.until(lambda: name not in s.lab.sessions(), "the session is removed")


@scenario
def resume_from_later(s: Stage) -> None:
    """A session continues from another one that comes later."""
    name = s.create("fork", "sleep", "0.2", resumeFrom={"session": s.name("source")})
    s.wait(name, "Pending")
    source = s.create("source", "sleep", "0.2")
    for each in (source, name):
        s.expect(each, "Succeeded", attempt=1, failures=0)


# ── failures and disruptions ──────────────────────────────────────────────────────────────────────


@scenario
def retry(s: Stage) -> None:
    """A failure that may be tried again, until the limit."""
    name = s.create("crashes", "exit", "71", retry={"limit": 1, "backoffSeconds": 1})
    s.expect(name, "Failed", "WorkerLost", attempt=2, failures=2)


@scenario
def final_failure(s: Stage) -> None:
    """A failure that no further attempt can survive."""
    name = s.create("wrong", "exit", "64", retry={"limit": 3, "backoffSeconds": 0})
    s.expect(name, "Failed", "BadConfiguration", attempt=1, failures=1)


@scenario
def deadline(s: Stage) -> None:
    """A session runs longer than it may."""
    name = s.create("late", maxRuntimeSeconds=1)
    s.expect(name, "Failed", "DeadlineExceeded", attempt=1, failures=1)


@scenario
def gang(s: Stage) -> None:
    """Two workers with their Service."""
    name = s.create("gang", "sleep", "0.2", gpus=2, workers=2)
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def gang_loses_a_worker(s: Stage) -> None:
    """One worker of two breaks; both start again."""
    name = s.create("gang", gpus=2, workers=2)
    s.wait(name, "Running")
    s.end(s.pod(name), 71, {})
    s.expect(name, "Running", "WorkerLost", attempt=2, failures=1)
    s.stop(name)


@scenario
def eviction(s: Stage) -> None:
    """A stop signal from outside ends the program; the attempt counts as no failure."""
    name = s.create("evicted", retry={"limit": 0, "backoffSeconds": 1})
    s.wait(name, "Running")
    s.end(s.pod(name), 75, {"interrupted": True})
    s.expect(name, "Running", attempt=2, failures=0)
    s.stop(name)


@scenario
def job_deleted(s: Stage) -> None:
    """Somebody deletes the Job of a running session."""
    name = s.create("robbed")
    job = s.wait(name, "Running")["jobName"]
    s.lab.batch.delete_namespaced_job(job, s.lab.namespace, propagation_policy="Background")
    s.expect(name, "Running", attempt=2)
    s.stop(name)


@scenario
def node_removed(s: Stage) -> None:
    """The only node that is large enough goes away and comes back."""
    s.node(8)
    name = s.create("large", gpus=8)
    s.wait(name, "Running")
    pod = s.pod(name)
    s.lab.core.delete_node(pod.spec.node_name)
    s.collect(pod)
    s.wait(name, "Pending")
    s.node(8)
    s.expect(name, "Running", attempt=2, failures=0)
    s.stop(name)


@scenario
def quota_of_pods(s: Stage) -> None:
    """The namespace's quota of pods is used up for a while."""
    remove = s.quota(pods="0")
    name = s.create("waits", "sleep", "0.2")
    s.wait(name, "Starting")
    remove()
    s.expect(name, "Succeeded", attempt=1, failures=0)


# ── what sessions need first ──────────────────────────────────────────────────────────────────────


@scenario
def dataset(s: Stage) -> None:
    """A dataset is missing, then found."""
    training = {"task": "tabular-classification"}
    name = s.create("data", command=None, training=training, dataset="digits")
    s.report(name, dataset={"state": "NotFound", "name": "digits"})
    s.wait(name, "Pending")
    found = {"state": "Found", "name": "digits", "file": "1/digits.csv", "format": "csv"}
    s.report(name, dataset={**found, "sha256": "0" * 64})
    s.expect(name, "Running", attempt=1, failures=0)
    s.stop(name)


@scenario
def code(s: Stage) -> None:
    """A bundle of code is missing, then found."""
    bundle = "c" * 64
    name = s.create("code", "sleep", "0.2", code={"bundle": bundle})
    s.report(name, code={"state": "NotFound", "bundle": bundle})
    s.wait(name, "Pending")
    s.report(name, code={"state": "Found", "bundle": bundle})
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def secret(s: Stage) -> None:
    """A Secret is not released, then released."""
    kept = s.secret("token")
    name = s.create("private", "sleep", "0.2", secrets=[kept])
    s.wait(name, "Pending")
    labels = {"metadata": {"labels": {"trainyard.io/released-to-sessions": "true"}}}
    s.lab.core.patch_namespaced_secret(kept, s.lab.namespace, labels)
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def packages(s: Stage) -> None:
    """Packages are installed, then the session runs."""
    name = s.create("packs", "sleep", "0.2", packages={"requirements": ["einops"]})
    s.end(s.pod(name, builders=True), 0, MADE)
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def packages_stopped(s: Stage) -> None:
    """A session is stopped while its packages are installed."""
    name = s.create("packs", packages={"requirements": ["einops"]})
    s.pod(name, builders=True)
    s.lab.patch(name, desiredState="Stopped")
    s.expect(name, "Cancelled", attempt=0)


@scenario
def packages_job_deleted(s: Stage) -> None:
    """Somebody deletes the Job that installs packages."""
    name = s.create("packs", "sleep", "0.2", packages={"requirements": ["einops"]})
    pod = s.pod(name, builders=True)
    job = pod.metadata.labels["batch.kubernetes.io/job-name"]
    s.lab.batch.delete_namespaced_job(job, s.lab.namespace, propagation_policy="Background")
    s.until(lambda: pod.metadata.uid not in {p.metadata.uid for p in s.lab.pods()}, "pod gone")
    s.end(s.pod(name, builders=True), 0, MADE)
    s.expect(name, "Succeeded", attempt=1, failures=0)


@scenario
def edit_after_end(s: Stage) -> None:
    """The owner changes a session that has ended."""
    name = s.create("done", "sleep", "0.2")
    s.expect(name, "Succeeded", attempt=1)
    s.lab.patch(name, ttlSecondsAfterFinished=3600)
    s.until(lambda: s.lab.status(name)["observedGeneration"] == 2, "observedGeneration follows")


@scenario
def suspended(s: Stage) -> None:
    """A session that is suspended from its first moment on."""
    name = s.create("rests", desiredState="Suspended")
    s.expect(name, "Suspended", attempt=0)


@scenario
def arrivals(s: Stage) -> None:
    """Sessions that come one after the other wait in that order."""
    blocker = s.create("blocker", gpus=4)
    s.wait(blocker, "Running")
    names = []
    for prefix in ("x", "y", "z"):
        names.append(s.create(prefix, "sleep", "0.2", gpus=4))
        s.wait(names[-1], "Queued")
    for earlier, later in zip(names, names[1:], strict=False):
        s.before(earlier, later)
    s.stop(blocker)
    for name in names:
        s.expect(name, "Succeeded", attempt=1, failures=0)
