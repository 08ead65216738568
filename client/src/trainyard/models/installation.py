"""The gateway's machine, nodes, GPUs, and API keys."""

from __future__ import annotations

from pydantic import Field

from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class Usage(OpenModel):
    """Used and total bytes of memory or of a disk."""

    total_bytes: int
    used_bytes: int
    percent: float


class Gpu(OpenModel):
    """A GPU of the gateway's machine."""

    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization_percent: float


class Node(OpenModel):
    """A node of the cluster."""

    name: str
    ready: bool
    gpus: int
    gpus_used: int


class System(OpenModel):
    """The gateway's own machine, the nodes with their load, and the GPUs of the cluster."""

    time: str
    cpu_percent: float
    cpu_count: int
    memory: Usage
    disk: Usage
    gpus: list[Gpu]
    nodes: list[Node]
    gpus_total: int
    gpus_used: int


class QueueInfo(OpenModel):
    """A queue: what its sessions may use, and what they use."""

    name: str
    gpu_quota: int | None = None
    """GPUs that it is guaranteed; None without a quota."""
    borrow: bool
    weight: int
    share: float
    """Its weight over the weights of all queues that are not paused, from 0 to 1."""
    max_sessions_per_user: int | None = None
    max_gpus_per_session: int | None = None
    paused: bool
    queueing_strategy: str = "BestEffortFIFO"
    """Or ShortestRemainingTime."""
    time_slice_seconds: int | None = None
    """How long an attempt runs before it may yield; None unless ShortestRemainingTime."""
    running: int | None = None
    """Sessions; None, like the next three, until the operator has counted."""
    waiting: int | None = None
    gpus_used: int | None = None
    gpus_total: int | None = None
    """GPUs of all nodes that sessions of any queue can use."""


class Queues(OpenModel):
    """All queues, by name."""

    queues: list[QueueInfo]


class Key(OpenModel):
    """An API key without its secret."""

    id: str
    """Public part."""
    name: str
    user: str | None = None
    """Whose key it is; absent from an earlier gateway."""
    scopes: list[str]
    created: str
    expires: str | None = None
    revoked: str | None = None


class CreatedKey(Key):
    """A new key; the secret comes this once."""

    key: str = Field(repr=False)
    """The whole key."""


class Keys(Page):
    """All API keys, without their secrets."""

    keys: list[Key]


class User(OpenModel):
    """A user: who a key belongs to."""

    name: str
    role: str
    """viewer, member, maintainer or administrator."""
    teams: list[str]
    """The first one gets what the user makes."""
    created: str


class Users(Page):
    """All users, by name."""

    users: list[User]


class Team(OpenModel):
    """A team with its users."""

    name: str
    users: list[str]


class Teams(OpenModel):
    """All teams, by name."""

    teams: list[Team]
