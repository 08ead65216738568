"""`run`: a folder becomes a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainyard.cli import folder_defaults, manifest, output
from trainyard.cli import spec_options as options
from trainyard.cli.commands.folders.code import describe, send
from trainyard.cli.commands.logs import log_lines, rendered
from trainyard.cli.commands.submit import DryRunOption, NameOption, report, start
from trainyard.cli.commands.watch import left_running, show_ending
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, SessionFormatOption

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.code.bundle import Bundle
    from trainyard.models import Session

ProgramArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- PROGRAM...]", help="The program and its arguments."),
]
FolderOption = Annotated[Path, typer.Option("--folder", help="Folder that is sent.")]
WorkingDirOption = Annotated[
    str | None, typer.Option(help="Folder in it in which the program starts. Default: its top.")
]
PackagesOption = Annotated[
    str | None,
    typer.Option(
        "--packages", metavar="FILE", help="List of packages in the folder. Default: looked for."
    ),
]
NoPackagesOption = Annotated[bool, typer.Option("--no-packages", help="Install no packages.")]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Do not follow the log.")]
SaveOption = Annotated[
    bool, typer.Option("--save", help="Write program and options to trainyard.yaml as defaults.")
]


def run(  # noqa: PLR0913  one argument is one option
    program: ProgramArgument = None,
    folder: FolderOption = Path(),
    working_dir: WorkingDirOption = None,
    packages: PackagesOption = None,
    no_packages: NoPackagesOption = False,
    name: NameOption = None,
    dataset: options.DatasetOption = None,
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
    save: SaveOption = False,
    dry_run: DryRunOption = False,
    detach: DetachOption = False,
    form: SessionFormatOption = Format.TABLE,
) -> None:
    """Send this folder and start the program in it, as it is.

    trainyard run -- python train.py --lr 3e-4

    What .gitignore and .trainyardignore leave out stays here. The program starts in a copy of the
    folder that is kept over attempts, and may write there. Packages that it lists are installed
    before it waits for GPUs. Defaults come from trainyard.yaml, or [tool.trainyard] in
    pyproject.toml. Ctrl-C stops following the log, never the session.
    """
    given = options.program_fields(program, dataset, env, secret, artifact, resume)
    given |= _folder_fields(working_dir, packages, no_packages=no_packages)
    resources = {"gpus": gpus, "cpu": cpu, "memory": memory}
    given |= options.placement_fields(resources, workers, queue, priority)
    fields = options.with_assignments(options.given(given), assignments)
    _run(folder, name, fields, _Mode(form, save, dry_run, detach))


def _folder_fields(
    working_dir: str | None, packages: str | None, *, no_packages: bool
) -> dict[str, Any]:
    """What the options say of the folder; None for what they leave open. Raises UsageProblem."""
    if packages is not None and no_packages:
        raise UsageProblem("give either --packages FILE or --no-packages")
    return {"workingDir": working_dir, "packages": False if no_packages else packages}


@dataclass(frozen=True, slots=True)
class _Mode:
    """What is done beside starting the session."""

    form: Format
    save: bool
    dry_run: bool
    detach: bool


def _run(folder: Path, name: str | None, fields: dict[str, Any], mode: _Mode) -> None:
    wanted = manifest.merged(folder_defaults.read(folder), fields)
    _require_own_program(wanted)
    spec = dict(wanted)
    working_dir = str(spec.pop("workingDir", "")).strip("/").removeprefix("./")
    packages = folder_defaults.packages_of(spec.pop("packages", None), "packages")
    # Wrong options are refused before the folder is read.
    manifest.submission(name, {**spec, **folder_defaults.fields_of_packages(packages)})
    if mode.save:
        output.remark(f"defaults written to {folder_defaults.save(folder, wanted)}")
    with gateway() as (client, _):
        bundle = client.code.read(folder)
        programs = _check(bundle, spec["command"], working_dir)
        code = {"code": _code(bundle, working_dir)}
        listed = _packages(bundle, packages, programs, working_dir)
        submission = manifest.submission(name, {**spec, **code, **listed})
        if mode.dry_run:
            output.line(manifest.rendered(name or "run", "", submission.spec))
            output.remark("dry run: nothing was sent and nothing was started")
            return
        send(client, bundle)
        session = start(client, submission)
        report([session], mode.form, quiet=not mode.detach)
        if not mode.detach:
            _follow(client, session)


def _require_own_program(wanted: dict[str, Any]) -> None:
    if "training" in wanted:
        raise UsageProblem("`trainyard run` starts a program; `trainyard submit` takes training")
    if "code" in wanted:
        raise UsageProblem(
            "`trainyard run` sends the folder: leave out `code`; `trainyard submit --set "
            "code.bundle=…` takes a bundle that was sent before"
        )
    if not wanted.get("command"):
        raise UsageProblem(
            "there is no program: give one after --, such as `trainyard run -- python train.py`; "
            "with --save the next run needs none"
        )


def _check(bundle: Bundle, command: Sequence[str], working_dir: str) -> Sequence[str]:
    """Say what is sent and what the program will not find, before anything is sent.

    Returns the files of the bundle that the program starts.
    """
    from trainyard.code.needs.program import program_of
    from trainyard.code.needs.references import unmet
    from trainyard_api.command.template import filled

    command = filled(command, {})
    program = program_of(bundle, command, working_dir)
    describe(bundle)
    for sentence in unmet(bundle, program.files, command, working_dir):
        output.remark(f"not in the bundle: {sentence}", "yellow")
    return program.files


def _packages(
    bundle: Bundle, wanted: Mapping[str, Any] | bool, programs: Sequence[str], working_dir: str
) -> dict[str, Any]:
    """`packages` of the spec, chosen or found in the folder; says which. Raises CannotBundle."""
    from trainyard.code.needs.packages import chosen_file, listed_packages

    if wanted is False:
        return {}
    if wanted is not True:
        file = wanted.get("file")
        given = dict(wanted) if file is None else {**wanted, "file": chosen_file(bundle, file)}
        if file is not None:
            output.remark(f"packages of {given['file']} are installed first, without a GPU", "dim")
        return {"packages": given}
    found = listed_packages(bundle, programs, working_dir)
    if found.file is not None:
        output.remark(
            f"packages of {found.file} are installed first, without a GPU (--packages FILE chooses "
            "another list, --no-packages none)"
        )
        return {"packages": {"file": found.file}}
    if found.left_out is not None:
        output.remark(
            f"no packages are installed: {found.left_out} lists some and is not in the bundle",
            "yellow",
        )
    return {}


def _code(bundle: Bundle, working_dir: str) -> dict[str, Any]:
    from trainyard.code.git import commit_of

    commit = commit_of(bundle.contents.top)
    lineage = {} if commit is None else {"commit": commit.hash, "dirty": commit.dirty}
    place = {"workingDir": working_dir} if working_dir else {}
    return {"bundle": bundle.name, **place, **lineage}


def _follow(client: Client, session: Session) -> None:
    """Print the log until the session ends, and what it waits for on standard error."""
    shown = [""]
    last = [session]

    def on_status(found: Session) -> None:
        last[0] = found
        line = f"{found.name} is {found.phase}: {found.status.message or ''}".rstrip(": ")
        if line != shown[0] and not found.finished:
            shown[0] = line
            output.remark(line, "dim")

    try:
        for line in log_lines(client, session.uid, follow=True, on_status=on_status):
            output.line(rendered(line, timestamps=False, wide=False))
    except KeyboardInterrupt:
        raise left_running(session.name) from None
    show_ending(last[0])
