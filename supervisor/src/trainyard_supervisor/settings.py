"""What the operator says to the supervisor, by the container's environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from trainyard_api import contract

MARGIN_SECONDS = 5.0
"""How long before the kubelet's SIGKILL the supervisor sends its own."""
MAX_WORKER = 2**31 - 1


class Attempt(NamedTuple):
    """Where to report, and as what."""

    session_uid: str
    number: int
    gateway_url: str
    token_file: Path
    stream: str | None = None
    """What its reports are called; None by the worker's number."""
    workers: int = 1
    session: str = ""
    """Name of the session."""


class Output(NamedTuple):
    """What is registered when the program has ended well."""

    path: str
    """Relative to the working directory, or absolute below the run folder."""
    name: str
    """Name in the registry."""


class Settings(NamedTuple):
    """The supervisor's settings; `attempt` is None outside of a session."""

    attempt: Attempt | None
    worker: int
    """The worker's number, from 0."""
    grace_seconds: float
    """From the stop signal to the kubelet's SIGKILL."""
    run_dir: Path
    termination_file: Path
    reads_progress: bool = True
    """Whether progress is read from what the program prints."""
    follows_event_files: bool = True
    """Whether scalars are taken from the event files that the program writes."""
    takes_status: bool = True
    """Whether programs may report their status by Kubeflow's protocol."""
    takes_mlflow: bool = True
    """Whether MLflow's clients may report."""
    environment_dir: Path | None = None
    """The session's packages over those of the runtime; None if it asks for none."""
    outputs: tuple[Output, ...] = ()
    """What worker 0 registers when the program has ended well."""

    @property
    def again(self) -> bool:
        """Whether an attempt of the session came before."""
        return self.attempt is not None and self.attempt.number > 1

    @property
    def own_grace_seconds(self) -> float:
        """From the stop signal to the supervisor's SIGKILL."""
        return self.grace_seconds - min(MARGIN_SECONDS, self.grace_seconds / 4)


def settings(environment: Mapping[str, str], run_dir: Path, termination_file: Path) -> Settings:
    """The settings in `environment`. Pure. Raises ValueError that names the variable."""
    return Settings(
        attempt=_attempt(environment),
        worker=_worker(environment.get(contract.ENV_COMPLETION_INDEX) or "0"),
        grace_seconds=_grace(environment.get(contract.ENV_GRACE_SECONDS)),
        run_dir=run_dir,
        termination_file=termination_file,
        reads_progress=_is_on(environment, contract.ENV_PROGRESS),
        follows_event_files=_is_on(environment, contract.ENV_EVENT_FILES),
        takes_status=_is_on(environment, contract.ENV_STATUS_SERVER),
        takes_mlflow=_is_on(environment, contract.ENV_MLFLOW),
        environment_dir=_environment_dir(environment.get(contract.ENV_ENVIRONMENT_DIR)),
        outputs=_outputs(environment),
    )


def _attempt(environment: Mapping[str, str]) -> Attempt | None:
    described = environment.get(contract.ENV_RUN)
    url = environment.get(contract.ENV_GATEWAY_URL)
    if not described or not url:
        return None
    try:
        found: Any = json.loads(described)
        uid, number = str(found["uid"]), int(found["attempt"])
        stream, workers = found.get("stream"), int(found.get("workers") or 1)
        session = str(found.get("session") or "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{contract.ENV_RUN} is no JSON object with uid and attempt ({error})"
        ) from error
    token_file = environment.get(contract.ENV_TOKEN_FILE) or contract.TOKEN_FILE
    stream = str(stream) if stream else None
    return Attempt(uid, number, url, Path(token_file), stream, workers, session)


def _outputs(environment: Mapping[str, str]) -> tuple[Output, ...]:
    try:
        listed = json.loads(environment.get(contract.ENV_RUN) or "{}").get("outputs") or ()
        return tuple(Output(str(one["path"]), str(one["name"])) for one in listed)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"outputs of {contract.ENV_RUN} cannot be read ({error})") from error


def _worker(given: str) -> int:
    if given.isascii() and given.isdigit() and int(given[:12]) <= MAX_WORKER:
        return int(given[:12])
    raise ValueError(f"{contract.ENV_COMPLETION_INDEX} is '{given[:40]}', not a worker's number")


def _grace(given: str | None) -> float:
    try:
        seconds = float(given) if given else float(contract.GRACE_SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 7 * 86_400:
        raise ValueError(
            f"{contract.ENV_GRACE_SECONDS} is '{(given or '')[:40]}', not seconds of at most a week"
        )
    return seconds


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    given = environment.get(name) or "on"
    if given in ("on", "off"):
        return given == "on"
    raise ValueError(f"{name} is '{given[:40]}', neither on nor off")


def _environment_dir(given: str | None) -> Path | None:
    return Path(given) if given else None
