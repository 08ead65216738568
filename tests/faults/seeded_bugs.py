"""Bugs that are put into a copy of the operator on purpose; the suite has to catch each of them.

A bug is a change of the source's text. The copy comes before the installed packages in the path of the process that is tested.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fault_plan import CRASHES, Call, Fault, Kind, points
from lane import Lane, Outcome, lane
from operator_process import OPERATOR

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = {
    "trainyard_operator": ROOT / "operator" / "src",
    "trainyard_scheduler": ROOT / "scheduler" / "src",
    "trainyard_kube": ROOT / "kube" / "src",
}
PATIENCE: Final = 45.0
"""Seconds after which a session that does not come on counts as stuck."""

Edit = tuple[str, str, str]
"""Module below its package's folder, the text, and what replaces it."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, and where it shows."""

    name: str
    what: str
    edits: tuple[Edit, ...]
    scenarios: tuple[str, ...]
    """Where it may show; played without a fault first."""
    kinds: tuple[Kind, ...] = CRASHES
    """Faults at each write that are tried next."""


def _bug(
    name: str,
    what: str,
    file: str,
    old: str,
    new: str,
    *scenarios: str,
    kinds: tuple[Kind, ...] = CRASHES,
) -> Bug:
    return Bug(name, what, ((file, old, new),), scenarios, kinds)


_CORE: Final = "trainyard_operator/core"
_JOB: Final = f"{_CORE}/manifests.py"
_ATTEMPT: Final = f"{_CORE}/attempts/attempt_state.py"
_RESULT: Final = f"{_CORE}/attempts/result.py"
_LIFE: Final = f"{_CORE}/lifecycle.py"
_STATUS: Final = f"{_CORE}/status.py"
_WRITER: Final = "trainyard_operator/writer.py"
_INFORMER: Final = "trainyard_operator/informer.py"
_READY: Final = "trainyard_scheduler/readiness.py"
_USAGE: Final = "trainyard_scheduler/usage.py"
_RANK: Final = "trainyard_scheduler/waiting_queue.py"
_BUILD: Final = f"{_CORE}/environments/preparation.py"
_WATCH: Final = "trainyard_kube/list_watch.py"

BUGS: Final = (
    _bug(
        "random-job-name",
        "The Job's name has a random end.",
        _JOB,
        '"name": names.job_name(session.name, session.uid, attempt),',
        '"name": names.job_name(session.name, session.uid, attempt) + __import__("secrets").token_hex(2),',
        "submit",
    ),
    _bug(
        "no-owner-of-job",
        "The Job has no ownerReference.",
        _JOB,
        '            "annotations": annotations,\n            "ownerReferences": [owner(session)],',
        '            "annotations": annotations,',
        "delete-running",
    ),
    _bug(
        "no-owner-of-service",
        "The Service of a gang has no ownerReference.",
        _JOB,
        '            "labels": _own_labels(session),\n            "ownerReferences": [owner(session)],',
        '            "labels": _own_labels(session),',
        "gang",
    ),
    _bug(
        "gang-of-one",
        "A Job starts one worker, however many there are.",
        _JOB,
        '"parallelism": workers,',
        '"parallelism": 1,',
        "gang-loses-a-worker",
    ),
    _bug(
        "status-before-job",
        "The status names an attempt before its Job is there.",
        _WRITER,
        "        await self._create_owned(write)\n        self._metrics.admissions.inc()",
        "        session = self._informer.state.sessions[write.uid]\n"
        "        await self._kube.merge_patch(\n"
        "            paths.status(paths.sessions(self._namespace, session.name)),\n"
        '            {"status": {"attempt": write.attempt}},\n        )\n'
        "        await self._create_owned(write)\n        self._metrics.admissions.inc()",
        "submit",
    ),
    _bug(
        "no-adoption",
        "A Job that is there already is an error.",
        _WRITER,
        "            if not _owned_by(job, write.uid):",
        "            if True:",
        "submit",
        kinds=(Kind.TWICE, Kind.STALE),
    ),
    _bug(
        "pending-workers-are-free",
        "GPUs of pods that are not bound yet count as free.",
        _USAGE,
        "    _subtract_pending(free, state)\n    for",
        "    for",
        "queue",
        "burst",
    ),
    _bug(
        "assumed-is-free",
        "GPUs of a Job that is being created count as free.",
        _USAGE,
        "            _subtract(free, assumed.nodes, assumed.shape.worker)",
        "            pass",
        "queue",
        "burst",
        kinds=(Kind.DELAY, Kind.LOST),
    ),
    _bug(
        "used-by-status",
        "GPUs of pods whose session is gone count as free.",
        "trainyard_scheduler/objects/store.py",
        "            self.used[item.node] = plus(held, item.requests) if held else item.requests",
        "            self.used[item.node] = held or minus(item.requests, item.requests)",
        "queue",
        "burst",
        "stop-running",
    ),
    _bug(
        "terminal-is-not-final",
        "A session that has ended is judged again.",
        _LIFE,
        "    if session.status.phase in TERMINAL:\n        return _finished",
        "    if session.status.phase in TERMINAL and attempt.job is None:\n        return _finished",
        "final-failure",
        "submit",
    ),
    _bug(
        "attempt-of-status-only",
        "The number of an attempt ignores the Jobs that exist.",
        "trainyard_scheduler/objects/model.py",
        "    return max(session.status.attempt, max(jobs, default=0))",
        "    return session.status.attempt",
        "submit",
        "queue",
    ),
    _bug(
        "failures-in-memory",
        "The operator counts failures in memory.",
        _RESULT,
        "    failures = status.failures + 1\n",
        "    _COUNT[attempt.session.uid] = _COUNT.get(attempt.session.uid, 0) + 1\n"
        "    failures = _COUNT[attempt.session.uid]\n",
        "retry",
    ),
    _bug(
        "retries-without-limit",
        "The limit of retries does not count.",
        _RESULT,
        "kind in RETRYABLE and failures <= limit and",
        "kind in RETRYABLE and",
        "retry",
    ),
    _bug(
        "retries-what-is-final",
        "Every failure is tried again.",
        _RESULT,
        "    if kind in RETRYABLE and failures",
        "    if failures",
        "final-failure",
    ),
    _bug(
        "interruption-is-failure",
        "A program that was interrupted counts as failed.",
        _RESULT,
        "    if attempt.suspending or disruption or (cause is not None and cause.preempted):",
        "    if attempt.suspending or disruption:",
        "eviction",
    ),
    _bug(
        "preemption-is-forgotten",
        "A preemption is not counted.",
        _RESULT,
        '    changes["preemptions"] = status.preemptions + 1',
        "    pass",
        "preemption",
    ),
    _bug(
        "job-before-word",
        "A Job is deleted before the status says why.",
        _ATTEMPT,
        "        if cause is not None:\n            return self._failing(cause)\n        if started is None:",
        "        if cause is not None:\n"
        "            return replace(self._failing(cause), delete_jobs=(job,))\n        if started is None:",
        "deadline",
    ),
    Bug(
        "does-not-wait-for-pods",
        "An attempt starts while pods of the last one live.",
        (
            (
                _ATTEMPT,
                "            if self.attempt.live:\n                return self._ending(cause)",
                "            pass",
            ),
            (_LIFE, "live_pods=bool(attempt.live)", "live_pods=False"),
        ),
        ("gang-loses-a-worker", "suspend-and-resume"),
    ),
    _bug(
        "generation-not-observed",
        "observedGeneration does not follow.",
        _STATUS,
        '    wanted["observedGeneration"] = session.generation\n',
        "",
        "suspended",
    ),
    _bug(
        "generation-of-ended",
        "observedGeneration does not follow after the end.",
        _STATUS,
        '    return {**current, "observedGeneration": generation}',
        "    return current",
        "edit-after-end",
    ),
    _bug(
        "always-something-new",
        "The message changes all the time.",
        _STATUS,
        '    wanted["message"] = found.message[:MESSAGE_LENGTH]',
        '    wanted["message"] = f"{now} {found.message}"[:MESSAGE_LENGTH]',
        "stop-running",
        "suspended",
    ),
    _bug(
        "deleted-at-once",
        "A finished session without a time to live is deleted.",
        _LIFE,
        "    ttl = attempt.config.retention_seconds if",
        "    ttl = 0 if",
        "submit",
        "queue",
    ),
    _bug(
        "last-come-first-served",
        "The newest session goes first.",
        _RANK,
        "    return (since - request.priority * policy.ageing_seconds, request.name)",
        "    return (-since - request.priority * policy.ageing_seconds, request.name[::-1])",
        "arrivals",
    ),
    _bug(
        "priority-does-not-count",
        "Priority does not count in the queue.",
        _RANK,
        "since - request.priority * policy.ageing_seconds",
        "since",
        "priority",
    ),
    _bug(
        "installation-runs-on",
        "The installation of packages outlives the stop.",
        _LIFE,
        "(*own, *preparation.unended())",
        "(*own,)",
        "packages-stopped",
    ),
    _bug(
        "dataset-does-not-gate",
        "A session starts without its dataset.",
        _READY,
        '    if spec.code and status.code_state != "Found":',
        "    if spec.code and False:",
        "code",
    ),
    _bug(
        "source-does-not-gate",
        "A session starts without the one that it resumes from.",
        _READY,
        "    if spec.resume_session and not resume_ready:",
        "    if False:",
        "resume-from-later",
    ),
    _bug(
        "expired-watch-is-kept",
        "A watch whose version has expired is not listed again.",
        _WATCH,
        "            except Gone:\n                self._version = None",
        "            except Gone:\n                pass",
        "stop-running",
        kinds=(Kind.UNSEEN,),
    ),
    _bug(
        "list-drops-nothing",
        "What is missing in a new list is kept.",
        _INFORMER,
        "            self.kinds[kind].drop(uid)\n\n    def _pass",
        "            pass\n\n    def _pass",
        "same-name-again",
        "job-deleted",
        kinds=(Kind.UNSEEN,),
    ),
    _bug(
        "suspending-is-forgotten",
        "After a restart it is forgotten that a session leaves.",
        f"{_CORE}/attempts/attempt.py",
        "        return self.status.phase == Phase.SUSPENDING and self.is_current",
        "        return False",
        "preemption",
    ),
)


def source_of(bug: Bug, folder: Path) -> Path:
    """A copy of the packages with the bug in it. Raises ValueError if its text is not there exactly once."""
    target = folder / bug.name
    shutil.rmtree(target, ignore_errors=True)
    for file, old, new in bug.edits:
        package = file.partition("/")[0]
        if not (target / package).exists():
            shutil.copytree(
                PACKAGES[package] / package, target / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )  # fmt: skip
        path = target / file
        text = path.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{bug.name}: the text is {text.count(old)} times in {file}")
        path.write_text(text.replace(old, new))
    if bug.name == "failures-in-memory":
        path = target / _RESULT
        path.write_text(f"{path.read_text()}\n\n_COUNT: dict[str, int] = {{}}\n")
    return target


def trials(bug: Bug, own: Lane) -> Iterable[Outcome]:
    """Without a fault, then with each fault at each write, until someone stops asking."""
    usual = {}
    for name in bug.scenarios:
        outcome = own.run(name, patience=PATIENCE)
        usual[name] = outcome.counts
        yield outcome
    for name in bug.scenarios:
        for fault in points(usual[name], bug.kinds):
            yield own.run(name, fault, usual[name], PATIENCE)


def caught(bug: Bug, kubeconfig: Path, folder: Path) -> tuple[Outcome | None, int]:
    """The first trial that catches it, None if none does; and how many were made."""
    place = folder / "lane"
    place.mkdir(parents=True, exist_ok=True)
    made = 0
    with lane(kubeconfig, place, OPERATOR, (source_of(bug, folder),)) as own:
        for outcome in trials(bug, own):
            made += 1
            if outcome.violations:
                return outcome, made
    return None, made


def check_bugs(
    kubeconfig: Path, folder: Path, only: list[str], say: Callable[[str], None], lanes: int
) -> int:
    """Try every bug, some beside each other, and write the table; 1 if one is not caught."""
    bugs = [bug for bug in BUGS if not only or bug.name in only]
    folder.mkdir(parents=True, exist_ok=True)

    def tried(bug: Bug) -> tuple[bool, str]:
        outcome, made = caught(bug, kubeconfig, folder / "mutants" / bug.name)
        row = _row(bug, outcome, made)
        say(row)
        return outcome is not None, row

    with ThreadPoolExecutor(lanes) as pool:
        found = list(pool.map(tried, bugs))
    (folder / "mutants.md").write_text("\n".join([HEAD, *(row for _, row in found)]) + "\n")
    say(f"{sum(right for right, _ in found)} of {len(found)} caught")
    return int(not all(right for right, _ in found))


HEAD: Final = "| Bug | What it does | Caught by | In | After trials |\n|---|---|---|---|--:|"


def _row(bug: Bug, outcome: Outcome | None, made: int) -> str:
    if outcome is None:
        return f"| `{bug.name}` | {bug.what} | **not caught** | | {made} |"
    checks = ", ".join(dict.fromkeys(v.check for v in outcome.violations))
    where = f"`{outcome.scenario}`, {outcome.fault or 'no fault'}"
    return f"| `{bug.name}` | {bug.what} | {checks} | {where} | {made} |"


__all__ = ["BUGS", "Bug", "Call", "Fault", "check_bugs", "source_of"]
