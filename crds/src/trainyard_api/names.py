"""Names that all packages share, and valid names of child objects.

Guarantees:

- `job_name` depends on (session name, UID, attempt) only. An attempt has the same name after every
  restart of the operator. Two attempts or two sessions never share a name. With the index of any of
  a thousand workers it is a DNS label of at most 63 characters; of a long session name as much is
  left out as the number of the attempt needs.
- `is_session_name` accepts exactly the names for which every child name and label value is valid.
"""

from __future__ import annotations

import re
from typing import Final

GROUP: Final = "trainyard.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

SESSION_KIND: Final = "TrainingSession"
SESSION_PLURAL: Final = "trainingsessions"
QUEUE_KIND: Final = "TrainingQueue"
QUEUE_PLURAL: Final = "trainingqueues"
DEFAULT_QUEUE: Final = "default"
DEFAULT_RUNTIME: Final = "default"

LABEL_SESSION: Final = f"{GROUP}/session"
LABEL_SESSION_UID: Final = f"{GROUP}/session-uid"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
LABEL_USER: Final = f"{GROUP}/user"
LABEL_TEAM: Final = f"{GROUP}/team"
LABEL_VISIBILITY: Final = f"{GROUP}/visibility"
"""On sessions: `private`, `team` or `all`; without it `team`."""
LABEL_KEY: Final = f"{GROUP}/key"
"""On sessions: public part of the API key that started it."""
LABEL_RELEASED: Final = f"{GROUP}/released-to-sessions"
"""On Secrets: `true` if sessions may name them in `spec.secrets`."""
LABEL_COMPONENT: Final = f"{GROUP}/component"
"""On Jobs and pods that are no attempt: what they are."""
ENVIRONMENT_BUILDER: Final = "environment-builder"
"""Component that installs the packages of a session."""
TRAINER_CONTAINER: Final = "trainer"
"""The container with the program of a session, in the pods of its attempts."""
BUILDER_CONTAINER: Final = "builder"
"""The container that installs packages."""
LABEL_PREPARES: Final = f"{GROUP}/prepares"
"""On the pods of such a Job: UID of the session whose packages it installs."""
LABEL_BUILD: Final = f"{GROUP}/build"
"""On such a Job: the number of the installation, from 1."""
LABEL_EGRESS: Final = f"{GROUP}/egress"
"""On pods of sessions: `internet` if their runtime may reach it."""
LABEL_COMPLETION_INDEX: Final = "batch.kubernetes.io/job-completion-index"
"""Set by Kubernetes on the pods of Indexed Jobs: the worker's index."""
LABEL_JOB: Final = "batch.kubernetes.io/job-name"
"""Set by Kubernetes on the pods of Jobs."""
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "trainyard"

ANNOTATION_NODES: Final = f"{GROUP}/nodes"
"""On Jobs: the node that was chosen for each worker, separated by commas."""
ANNOTATION_LIMITS: Final = f"{GROUP}/limits"
"""On the gateway's Lease: the limits of users, teams and keys, and what is spent, as JSON."""
ANNOTATION_CHANGED_BY: Final = f"{GROUP}/changed-by"
"""On sessions: the Kubernetes user who changed it last, where the API server says it."""
ANNOTATION_IMAGE: Final = f"{GROUP}/image"
"""On Jobs that install packages: the runtime's image."""
ANNOTATION_BACKFILLED: Final = f"{GROUP}/backfilled"
"""On Jobs: `true` if the attempt started past a session that had waited longer."""

OPERATOR_FIELD_MANAGER: Final = "trainyard-operator"
GATEWAY_FIELD_MANAGER: Final = "trainyard-gateway"

GPU_RESOURCE: Final = "nvidia.com/gpu"

SESSION_NAME_MAX: Final = 48
"""With the UID's hash and a number of one digit, a child's name has at most 60 characters."""
HOST_NAME_MAX: Final = 63
"""Longest DNS label: a worker's host name is its Job's name, `-` and its index."""
_INDEX_ROOM: Final = len("-999")

_SESSION_NAME = re.compile(rf"[a-z0-9](?:[-a-z0-9]{{0,{SESSION_NAME_MAX - 2}}}[a-z0-9])?")
_RESOURCE_NAME = re.compile(r"[A-Za-z0-9](?:[-._A-Za-z0-9]{0,126}[A-Za-z0-9])?")

SESSION_NAME_PATTERN: Final = f"^{_SESSION_NAME.pattern}$"
ARTIFACT_NAME_PATTERN: Final = f"^{_RESOURCE_NAME.pattern}$"
"""Datasets and models: 1 to 128 letters, digits, '-', '_', '.'; a letter or digit at both ends."""


def is_session_name(name: str) -> bool:
    """Whether `name` is a DNS label of at most `SESSION_NAME_MAX` characters."""
    return _SESSION_NAME.fullmatch(name) is not None


def is_artifact_name(name: str) -> bool:
    """Whether `name` is valid for a dataset or a model."""
    return _RESOURCE_NAME.fullmatch(name) is not None and ".." not in name


def job_name(session: str, uid: str, attempt: int) -> str:
    """The name of the Job of one attempt, `<session>-<8 hex of the UID>-<attempt>`."""
    return _numbered(session, uid, str(attempt), HOST_NAME_MAX - _INDEX_ROOM)


def builder_name(session: str, uid: str, number: int) -> str:
    """The name of a Job that installs packages, `<session>-<8 hex of the UID>-e<number>`."""
    return _numbered(session, uid, f"e{number}", HOST_NAME_MAX)


def builder_stream(pod_uid: str) -> str:
    """What the reports of a pod that installs packages are called."""
    return f"builder-{pod_uid}"


def rendezvous_name(session: str, uid: str) -> str:
    """The name of the headless Service for the rendezvous of a session's workers.

    It begins with a letter: Kubernetes before 1.34 takes no other name of a Service.
    """
    letter = "s" if session[:1].isdigit() else ""
    return f"{letter}{session[:SESSION_NAME_MAX]}-{_short(uid)}"


def _numbered(session: str, uid: str, number: str, longest: int) -> str:
    end = f"-{_short(uid)}-{number}"
    room = min(SESSION_NAME_MAX, longest - len(end))
    return f"{session[:room].rstrip('-')}{end}"


def _short(uid: str) -> str:
    import hashlib  # who only checks names need not have OpenSSL in memory

    return hashlib.sha256(uid.encode()).hexdigest()[:8]


def gateway_lease(release: str) -> str:
    """Name of the Lease that an installation's gateway renews while it takes in reports."""
    return f"{release}-gateway"


def cache_folder(user: str) -> str:
    """Name of the folder with a user's caches on the data volume: safe for any name. Pure."""
    import hashlib  # as above

    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:32]
