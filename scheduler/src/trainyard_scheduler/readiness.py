"""What must happen before the queue decides when a session starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trainyard_api import names, timestamps
from trainyard_api.phase import HOLDING_GPUS, TERMINAL, DesiredState, Reason
from trainyard_scheduler.admissibility import Admissibility, Validator
from trainyard_scheduler.held_up import held_up
from trainyard_scheduler.objects.model import Job, Session, current_attempt
from trainyard_scheduler.objects.store import ClusterState

LONGEST_WORDS: Final = 800
"""Most characters of a failure that a waiting session repeats."""
LONGEST_PAUSE_SECONDS: Final = 3600
"""Longest pause after a failure. A later time for the next attempt is wrong and does not count."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The first thing that a session waits for, with its sentence."""

    reason: Reason
    message: str

    @property
    def in_queue(self) -> bool:
        """Whether only the queue decides when it starts."""
        return self.reason == Reason.WAITING_FOR_TURN


IN_QUEUE = Readiness(Reason.WAITING_FOR_TURN, "Waits for its turn and for GPUs.")
PREPARING = Readiness(Reason.PREPARING_ENVIRONMENT, Reason.PREPARING_ENVIRONMENT.sentence)
NOT_WAITING = Readiness(Reason.ADMITTED, Reason.ADMITTED.sentence)
"""Of a session that has ended or has an open attempt."""


def desired_state(session: Session) -> DesiredState:
    """What its owner wants.

    A deleted session that a finalizer keeps is to stop, so that its GPUs come back.
    """
    return DesiredState.STOPPED if session.deleting else session.spec.desired


def has_open_attempt(session: Session, jobs: Mapping[int, Job]) -> bool:
    """Whether its last attempt runs, or has ended without the status saying so.

    `jobs` are its Jobs by attempt.
    """
    number = current_attempt(session, jobs)
    if number == 0:
        return False
    job = jobs.get(number)
    if job is not None and not job.finished:
        return True
    return session.status.attempt < number or session.status.phase in HOLDING_GPUS


def readiness(  # noqa: PLR0913  # the session and everything that it may wait for
    session: Session,
    admissibility: Admissibility,
    now: float,
    *,
    resume_ready: bool,
    live_pods: bool,
    holds: str = "",
    unreleased: tuple[str, ...] = (),
    prepared: bool = True,
) -> Readiness:
    """What a session without an open attempt waits for at `now`, in seconds since the epoch.

    `resume_ready` is whether the session that resumeFrom names exists; `live_pods` whether pods of
    an earlier attempt have not ended, and `holds` what keeps them from it; `unreleased` are the
    Secrets that it names and may not have; `prepared` is whether its packages are installed.
    """
    retry = session.status.retry
    if (stopped := _stopped_by_owner(session)) is not None:
        return stopped
    if not admissibility.ok:
        return Readiness(admissibility.reason, admissibility.message)
    if (missing := _missing(session, resume_ready, unreleased)) is not None:
        return missing
    if not prepared:
        return PREPARING
    if retry is not None and now < retry <= now + LONGEST_PAUSE_SECONDS:
        at = timestamps.to_seconds_text(retry)
        message = f"Pauses after its last attempt; the next one may start at {at}."
        return Readiness(Reason.WAITING_FOR_RETRY, f"{message}{_last_words(session)}")
    if live_pods:
        message = "Waits until the pods of its last attempt are gone."
        more = f" {holds}" if holds else ""
        return Readiness(Reason.WAITING_FOR_PREVIOUS_PODS, f"{message}{more}")
    return IN_QUEUE


def _last_words(session: Session) -> str:
    """Why its last attempt failed; empty if it did not."""
    status = session.status
    if not status.failed_attempt or status.failed_attempt != status.attempt:
        return ""
    words = status.failure_message[:LONGEST_WORDS]
    return f" Why it ended ({status.failure_class}): {words}"


def _stopped_by_owner(session: Session) -> Readiness | None:
    desired = desired_state(session)
    if desired == DesiredState.STOPPED:
        message = "Stopped by its owner before it ever ran."
        if session.status.attempt:
            message = "Stopped by its owner; checkpoints are kept."
        return Readiness(Reason.STOPPED_BY_OWNER, message)
    if desired == DesiredState.SUSPENDED:
        message = "Suspended by its owner; set desiredState to Running to continue."
        return Readiness(Reason.SUSPENDED_BY_OWNER, message)
    return None


def _missing(session: Session, resume_ready: bool, unreleased: tuple[str, ...]) -> Readiness | None:
    """The first thing that the session names and that is not there."""
    spec, status = session.spec, session.status
    if unreleased:
        return _without_secret(unreleased[0])
    if (dataset := missing_dataset(session)) is not None:
        return _without_dataset(*dataset)
    if spec.code and status.code_state != "Found":
        return _without_code(session)
    if spec.datasets and status.dataset_problem and not status.attempt:
        return _unfit(session)
    if spec.resume_session and not resume_ready:
        message = (
            f"There is no session {spec.resume_session!r}, which resumeFrom names, that its user"
            " may see. It starts when there is one."
        )
        return Readiness(Reason.RESUME_SOURCE_NOT_FOUND, message)
    return None


def _without_secret(name: str) -> Readiness:
    message = (
        f"No Secret {name!r} is released to sessions. If there is one of this name, an"
        f" administrator releases it: kubectl label secret {name} {names.LABEL_RELEASED}=true."
        " The session starts then."
    )
    return Readiness(Reason.SECRET_NOT_RELEASED, message)


def _without_code(session: Session) -> Readiness:
    name = f"{session.spec.code}"[:12]
    if session.status.code_state == "NotFound":
        message = (
            f"The bundle of code {name}… is not there. Send its folder with `trainyard code push`; "
            "the session starts then."
        )
        return Readiness(Reason.CODE_NOT_FOUND, message)
    message = f"Waiting for the gateway to look up the bundle of code {name}…."
    return Readiness(Reason.CODE_UNKNOWN_YET, message)


def _unfit(session: Session) -> Readiness:
    message = (
        f"The training does not fit the dataset {session.spec.datasets[0]!r}:"
        f" {session.status.dataset_problem}"
    )
    return Readiness(Reason.DATASET_DOES_NOT_FIT, message)


def missing_dataset(session: Session) -> tuple[str, str] | None:
    """The first dataset that it names and that is not found: its name and state."""
    states = dict(session.status.dataset_states)
    named = ((name, states.get(name, "")) for name in session.spec.datasets)
    return next((each for each in named if each[1] != "Found"), None)


def _without_dataset(name: str, state: str) -> Readiness:
    if state == "NotFound":
        message = (
            f"There is no dataset {name!r} that the session's user may see. Upload it, or ask its"
            " owner to share it; the session starts then."
        )
        return Readiness(Reason.DATASET_NOT_FOUND, message)
    message = f"Waiting for the gateway to look up the dataset {name!r}."
    return Readiness(Reason.DATASET_UNKNOWN_YET, message)


def readiness_in(
    state: ClusterState, session: Session, validator: Validator, now: float
) -> Readiness:
    """What a session of `state` waits for at `now`, in seconds since the epoch."""
    jobs = state.jobs_for(session.uid)
    if session.status.phase in TERMINAL or has_open_attempt(session, jobs):
        return NOT_WAITING
    if state.secrets is None and session.status.unreleased:
        # Only the operator sees which Secrets are released.
        return Readiness(Reason.SECRET_NOT_RELEASED, session.status.unreleased)
    live = [p for p in state.pods_for(session.uid).values() if p.live]
    return readiness(
        session,
        validator.answer(session.spec, state),
        now,
        resume_ready=state.resume_ready(session),
        live_pods=bool(live),
        holds=held_up(live, state.nodes, now, jobs.values()),
        unreleased=state.unreleased(session),
        prepared=not session.spec.packages or bool(session.status.environment),
    )
