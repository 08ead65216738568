"""`submit`: start a session from flags, from a manifest, or from a manifest with flags laid over it."""

from __future__ import annotations

import secrets
import sys
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import typer

from trainyard.cli import manifest, output
from trainyard.cli.commands.sessions import checked_priority
from trainyard.cli.commands.watch import follow
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.manifest import Submission
from trainyard.cli.output import Format, FormatOption
from trainyard.client import Client
from trainyard.errors import TrainyardError
from trainyard.models import Session
from trainyard_api.training import Architecture, Task

_TRAINING, _PLACE = "What to train", "Where and when"


def submit(  # noqa: PLR0913  one argument is one flag
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- PROGRAM...]", help="Your own program instead of --task."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", "-f", help="Manifest as for kubectl apply; - is standard input."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name. Default: made up.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Registered dataset.", rich_help_panel=_TRAINING)
    ] = None,
    task: Annotated[
        Task | None, typer.Option(help="What is learned.", rich_help_panel=_TRAINING)
    ] = None,
    model: Annotated[
        Architecture | None,
        typer.Option(help="Default: mlp, or transformer for text.", rich_help_panel=_TRAINING),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", rich_help_panel=_TRAINING)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Samples per step.", rich_help_panel=_TRAINING)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", rich_help_panel=_TRAINING)
    ] = None,
    seed: Annotated[int | None, typer.Option(rich_help_panel=_TRAINING)] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field, such as training.earlyStopping.patience=3. Repeatable.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="Per worker; 0 is the CPU.", rich_help_panel=_PLACE)
    ] = None,
    cpu: Annotated[
        str | None, typer.Option(help="Such as 2 or 500m.", rich_help_panel=_PLACE)
    ] = None,
    memory: Annotated[str | None, typer.Option(help="Such as 4Gi.", rich_help_panel=_PLACE)] = None,
    workers: Annotated[
        int | None, typer.Option(help="Started all or none.", rich_help_panel=_PLACE)
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="Queue to wait in.", rich_help_panel=_PLACE)
    ] = None,
    priority: Annotated[
        str | None, typer.Option(help="-1000 to 1000; higher first.", rich_help_panel=_PLACE)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, show the object and its queue, start nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow it to its end; Ctrl-C leaves it running.")
    ] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Start a training session.

    trainyard submit --dataset digits --task tabular-classification --epochs 20 --watch

    trainyard submit -f session.yaml --set training.seed=7

    trainyard submit --gpus 2 -- python train.py --depth 4
    """
    training = {
        "task": task and task.value,
        "model": model and {"architecture": model.value},
        "epochs": epochs,
        "batchSize": batch_size,
        "learningRate": learning_rate,
        "seed": seed,
    }
    resources = {"gpus": gpus, "cpu": cpu, "memory": memory}
    flags: dict[str, Any] = {
        "command": command or None,
        "dataset": dataset,
        "training": _given(training),
        "resources": _given(resources),
        "workers": workers,
        "queue": queue,
        "priority": None if priority is None else checked_priority(priority),
    }
    wanted = _wanted(file, name, flags, assignments or [])
    with gateway() as (client, clock):
        if dry_run:
            _show_dry_run(client, wanted, form)
            return
        if len(wanted) > 1:
            # All or none as far as one can see: what the gateway refuses is refused before the first start.
            for one in wanted:
                client.start_training(one.spec, one.name, dry_run=True)
        started = _started(client, wanted)
        _tell(started, form, quiet=watch)
        if watch:
            for session in started:
                follow(client, clock, session.uid)


def _wanted(
    file: str | None, name: str | None, flags: dict[str, Any], assignments: list[str]
) -> list[Submission]:
    """Everything that is asked for, checked before anything is started. Raises UsageProblem."""
    over = _given(flags) or {}
    over = reduce(manifest.merged, map(manifest.assignment, assignments), over)
    if file is None:
        if not over:
            raise UsageProblem(
                "there is nothing to train: give --dataset and --task, a manifest with -f, or a program after --"
            )
        return [manifest.submission(name, over)]
    found = manifest.parse(read(file), "standard input" if file == "-" else file)
    if name is not None and len(found) > 1:
        raise UsageProblem(f"{file} holds {len(found)} sessions; --name is for one")
    return [manifest.submission(name or own, manifest.merged(spec, over)) for own, spec in found]


def read(file: str) -> str:
    """A manifest's text; `-` is standard input. Raises UsageProblem."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{file} is no text; it must be a YAML manifest") from error


def _started(client: Client, wanted: list[Submission]) -> list[Session]:
    """All of them; when one cannot be started, what runs already is named before the error."""
    started: list[Session] = []
    try:
        for one in wanted:
            started.append(_start(client, one))
    except TrainyardError:
        if started:
            names = ", ".join(s.name for s in started)
            output.remark(f"note: started before that, and going on: {names}", "yellow")
        raise
    return started


def _start(client: Client, wanted: Submission) -> Session:
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
            f"dry run: nothing was started. {one.name} would enter the queue {found.queue}{place}. {found.message}"
        )


def _tell(started: list[Session], form: Format, *, quiet: bool) -> None:
    if output.for_programs(form, _data(started)):
        return
    for one in started:
        hint = "" if quiet else f"; watch it with `trainyard watch {one.name}`"
        output.done(f"session {one.name} started in queue {one.spec.queue}{hint}")


def _data(sessions: list[Session]) -> dict[str, Any]:
    return {"sessions": [s.wire() for s in sessions]}


def _given(fields: dict[str, Any]) -> dict[str, Any] | None:
    """What was given; None where nothing was."""
    return {k: v for k, v in fields.items() if v is not None} or None
