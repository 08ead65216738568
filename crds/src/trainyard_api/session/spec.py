"""The wanted session. `kubectl explain` shows the docstrings of the fields."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from trainyard_api import names
from trainyard_api.command import template
from trainyard_api.environment import (
    RESERVED,
    RESERVED_MESSAGE,
    Environment,
    SecretNames,
    is_reserved,
)
from trainyard_api.model import Rule, RuledModel
from trainyard_api.phase import DesiredState, ResumeMode
from trainyard_api.program.code import Code
from trainyard_api.program.packages import Packages
from trainyard_api.session.names import ArtifactName, DatasetNames
from trainyard_api.session.outputs import Outputs
from trainyard_api.session.reporting import Reporting
from trainyard_api.session.resources import Resources
from trainyard_api.session.resume import ResumeFrom
from trainyard_api.session.retry import Retry
from trainyard_api.training import TrainingConfig

PRIORITY_MIN, PRIORITY_MAX = -1000, 1000
"""Bounds of a session's priority."""


class TrainingSessionSpec(RuledModel):
    """The wanted session.

    Fixed at creation, except desiredState, priority and ttlSecondsAfterFinished.
    """

    training: TrainingConfig | None = None
    """Configuration of the built-in trainer. Give either this or command. Immutable."""
    command: list[Annotated[str, Field(max_length=4096)]] | None = Field(
        default=None, min_length=1, max_length=64
    )
    """Your own program and its arguments, run without a shell in the runtime's image (`$` means `$`).
    `{latest-checkpoint}` or `{latest-checkpoint:GLOB}` between `{if-checkpoint}` and `{end}` is the
    newest whole checkpoint in the run folder. Without one the part is left out, or what follows its
    `{else}` stands. Immutable."""
    env: Environment | None = None
    """Environment variables of the program. Values are visible to everybody who may see the session. Immutable."""
    secrets: SecretNames | None = None
    """Secrets that the administrator released to sessions: each key becomes an environment variable, unless env sets it. Immutable."""
    code: Code | None = None
    """The folder with your program, for command. Immutable."""
    packages: Packages | None = None
    """Packages that the program needs beside those of the runtime; installed without a GPU, before it waits for GPUs. Immutable."""
    dataset: ArtifactName | None = None
    """Name of a registered dataset, mounted read-only. Required with training. Immutable."""
    datasets: DatasetNames | None = None
    """Names of several registered datasets for command, at most 16, each mounted read-only. Instead of dataset. Immutable."""
    output_model: ArtifactName | None = None
    """Name of the registered model. Default: the session's name. Immutable."""
    outputs: Outputs | None = None
    """Files and folders that become versions of models when the program has ended well, at most 16.
    One that is missing then is named in the log. Immutable."""
    resume: ResumeMode | None = None
    """auto gives a known program (transformers, trl, LightningCLI, ultralytics, accelerate) the option
    with the newest whole checkpoint in its run folder, and says so in the log. Default: none, the
    command stays as it is. Immutable."""
    resume_from: ResumeFrom | None = None
    """Start from another session's checkpoint instead of from scratch. Immutable."""
    reporting: Reporting | None = None
    """How the program's own reports are taken, beside those by trainyard. Default: in every way. Immutable."""
    resources: Resources = Field(default=Resources())
    """Resources of each worker. Immutable."""
    workers: int = Field(default=1, ge=1, le=64)
    """Number of workers. All start together or none; torch.distributed joins them. Immutable."""
    runtime: str = Field(
        default=names.DEFAULT_RUNTIME,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    )
    """Entry of the administrator's list of runtimes: image, GPU resource, node selector, tolerations. Immutable."""
    queue: str = Field(
        default=names.DEFAULT_QUEUE,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    )
    """TrainingQueue in which the session waits. Immutable."""
    priority: int = Field(default=0, ge=PRIORITY_MIN, le=PRIORITY_MAX)
    """A session of higher priority starts first and may preempt lower ones. May change while the session waits or runs."""
    desired_state: DesiredState = DesiredState.RUNNING
    """Running; Suspended (save a checkpoint, free the GPUs, can be resumed); Stopped (final). May change."""
    retry: Retry = Field(default=Retry())
    """Retries after failures. Immutable."""
    max_runtime_seconds: int | None = Field(default=None, ge=1, le=31_536_000)
    """Seconds of running, summed over all attempts, after which the session fails with DeadlineExceeded. Default: none. Immutable."""
    grace_period_seconds: int = Field(default=60, ge=1, le=86_400)
    """Seconds from SIGTERM to SIGKILL, in which the program can save; the maximum is the administrator's. Immutable."""
    stall_timeout_seconds: int | None = Field(default=None, ge=30, le=86_400)
    """Seconds without a new step after which the attempt counts as hung and is retried. Default: none. Immutable."""
    ttl_seconds_after_finished: int | None = Field(default=None, ge=0, le=31_536_000)
    """Seconds after its end until this object is deleted; the gateway keeps history, logs and models. Default: never. May change."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.training) != has(self.command)",
            message="give exactly one of training (built-in trainer) and command (your own program)",
            holds=lambda s: (s.training is None) != (s.command is None),
        ),
        Rule(
            cel="!has(self.training) || has(self.dataset)",
            message="training needs a dataset",
            holds=lambda s: s.training is None or s.dataset is not None,
        ),
        Rule(
            cel="!has(self.dataset) || !has(self.datasets)",
            message="give dataset for one and datasets for several, not both",
            holds=lambda s: s.dataset is None or s.datasets is None,
        ),
        Rule(
            cel=f"!has(self.env) || self.env.all(e, !e.name.matches('^({RESERVED})$'))",
            message=RESERVED_MESSAGE,
            holds=lambda s: not any(is_reserved(e.name) for e in s.env or ()),
        ),
        Rule(
            cel="!has(self.code) || has(self.command)",
            message="code needs a command: the program that starts in it",
            holds=lambda s: s.code is None or s.command is not None,
        ),
        Rule(
            cel="!has(self.packages) || has(self.command)",
            message="packages needs a command: the built-in trainer has all that it needs",
            holds=lambda s: s.packages is None or s.command is not None,
        ),
        Rule(
            cel="!has(self.packages) || !has(self.packages.file) || has(self.code)",
            message="packages.file is a file of the code bundle: give code, or packages.requirements",
            holds=lambda s: s.packages is None or s.packages.file is None or s.code is not None,
        ),
        Rule(
            cel="!has(self.resume) || self.resume == 'none' || has(self.command)",
            message="resume needs a command: the built-in trainer resumes by itself",
            holds=lambda s: s.resume in (None, ResumeMode.NONE) or s.command is not None,
        ),
        Rule(
            cel=f"!has(self.command) || {template.SPELLING_CEL}",
            message=template.SPELLING_MESSAGE,
            holds=lambda s: template.is_spelled(s.command or ()),
        ),
        Rule(
            cel=f"!has(self.command) || {template.STRUCTURE_CEL}",
            message=template.STRUCTURE_MESSAGE,
            holds=lambda s: template.is_structured(s.command or ()),
        ),
        Rule(
            cel="oldSelf.desiredState != 'Stopped' || self.desiredState == 'Stopped'",
            message="desiredState Stopped is final; create a new session with resumeFrom to continue",
        ),
    )


IMMUTABLE_FIELDS = (
    "training",
    "command",
    "code",
    "packages",
    "env",
    "secrets",
    "dataset",
    "datasets",
    "output_model",
    "outputs",
    "resume",
    "resume_from",
    "reporting",
    "resources",
    "workers",
    "runtime",
    "queue",
    "retry",
    "max_runtime_seconds",
    "grace_period_seconds",
    "stall_timeout_seconds",
)
"""Fields of the spec that cannot change after creation; the CRD enforces it."""
