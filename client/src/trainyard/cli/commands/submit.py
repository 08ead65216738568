"""`submit`: start a session from options, a manifest, or a manifest with options over it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainyard.cli import manifest, output
from trainyard.cli import spec_options as options
from trainyard.cli.commands.watch import follow
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.manifest import Submission
from trainyard.cli.options import read_manifest
from trainyard.cli.output import Format, SessionFormatOption
from trainyard.errors import TrainyardError

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import Session

CommandArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- PROGRAM...]", help="Your own program instead of --task."),
]
NameOption = Annotated[str | None, typer.Option(help="Name. Default: made up.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check, show the object and its queue, start nothing.")
]
WatchOption = Annotated[
    bool, typer.Option("--watch", "-w", help="Follow it to its end; Ctrl-C leaves it running.")
]


def submit(  # noqa: PLR0913  one argument is one option
    command: CommandArgument = None,
    file: options.ManifestOption = None,
    name: NameOption = None,
    dataset: options.DatasetOption = None,
    task: options.TaskOption = None,
    model: options.ModelOption = None,
    epochs: options.EpochsOption = None,
    batch_size: options.BatchSizeOption = None,
    learning_rate: options.LearningRateOption = None,
    seed: options.SeedOption = None,
    env: options.EnvOption = None,
    secret: options.SecretOption = None,
    artifact: options.ArtifactOption = None,
    resume: options.ResumeOption = None,
    assignments: options.SetOption = None,
    gpus: options.GpusOption = None,
    cpu: options.CpuOption = None,
    memory: options.MemoryOption = None,
    workers: options.WorkersOption = None,
    queue: options.QueueOption = None,
    priority: options.PriorityOption = None,
    dry_run: DryRunOption = False,
    watch: WatchOption = False,
    form: SessionFormatOption = Format.TABLE,
) -> None:
    """Start a training session.

    trainyard submit --dataset digits --task tabular-classification --epochs 20 --watch

    trainyard submit -f session.yaml --set training.seed=7

    trainyard submit --gpus 2 -- python train.py --depth 4
    """
    program = options.program_fields(command, dataset, env, secret, artifact, resume)
    training = options.training_fields(task, model, epochs, batch_size, learning_rate, seed)
    resources = {"gpus": gpus, "cpu": cpu, "memory": memory}
    program |= options.placement_fields(resources, workers, queue, priority)
    given = options.given({**program, "training": training or None})
    _submit(_wanted(file, name, given, assignments), form, dry_run, watch)


def _submit(wanted: list[Submission], form: Format, dry_run: bool, watch: bool) -> None:
    with gateway() as (client, clock):
        if dry_run:
            _show_dry_run(client, wanted, form)
            return
        if len(wanted) > 1:
            # What the gateway would refuse is refused before the first session starts.
            for one in wanted:
                client.start_training(one.spec, one.name, dry_run=True)
        started = _started(client, wanted)
        report(started, form, quiet=watch)
        if watch:
            for session in started:
                follow(client, clock, session.uid)


def _wanted(
    file: str | None, name: str | None, given: dict[str, Any], assignments: list[str] | None
) -> list[Submission]:
    """The sessions to start, checked before any is started. Raises UsageProblem."""
    fields = options.with_assignments(given, assignments)
    if file is None:
        if not fields:
            raise UsageProblem(
                "there is nothing to train: give --dataset and --task, a manifest with -f, "
                "or a program after --"
            )
        return [manifest.submission(name, fields)]
    found = manifest.parse(read_manifest(file), "standard input" if file == "-" else file)
    if name is not None and len(found) > 1:
        raise UsageProblem(f"{file} holds {len(found)} sessions; --name is for one")
    return [manifest.submission(name or own, manifest.merged(spec, fields)) for own, spec in found]


def _started(client: Client, wanted: list[Submission]) -> list[Session]:
    """Start all; if one cannot be started, name those that run before raising the error."""
    started: list[Session] = []
    try:
        for one in wanted:
            started.append(start(client, one))
    except TrainyardError:
        if started:
            names = ", ".join(s.name for s in started)
            output.remark(
                f"note: these sessions were started before and keep running: {names}", "yellow"
            )
        raise
    return started


def start(client: Client, wanted: Submission) -> Session:
    """Start one session; the request may be sent again without starting a second one."""
    # The key makes it safe to send again when the answer was lost.
    key = f"cli-{secrets.token_hex(16)}"
    return client.start_training(wanted.spec, wanted.name, idempotency_key=key)


def _show_dry_run(client: Client, wanted: list[Submission], form: Format) -> None:
    checked = [client.start_training(w.spec, w.name, dry_run=True) for w in wanted]
    if form is Format.JSON and output.for_programs(form, _data(checked)):
        return
    for n, one in enumerate(checked):
        if n:
            output.line("---")
        output.line(manifest.rendered(one.name, one.namespace, one.spec))
        found = client.estimate(one.spec)
        place = f", place {found.position}" if found.position and not found.starts_now else ""
        output.remark(
            f"dry run: nothing was started. {one.name} would enter the queue {found.queue}{place}. "
            f"{found.message}"
        )


def report(started: list[Session], form: Format, *, quiet: bool) -> None:
    """Say which sessions were started; `quiet` without the hint on how to watch them."""
    if output.for_programs(form, _data(started)):
        return
    for one in started:
        hint = "" if quiet else f"; watch it with `trainyard watch {one.name}`"
        output.done(f"session {one.name} started in queue {one.spec.queue}{hint}")


def _data(sessions: list[Session]) -> dict[str, Any]:
    return {"sessions": [s.wire() for s in sessions]}
