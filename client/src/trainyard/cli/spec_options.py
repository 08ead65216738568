"""Options of `submit` and `estimate` that describe a session, and the spec's fields of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from pathlib import PurePosixPath
from typing import Annotated, Any, Final

import typer

from trainyard.cli import manifest, output
from trainyard.cli.errors import UsageProblem
from trainyard.cli.options import checked_priority
from trainyard_api.phase import ResumeMode
from trainyard_api.training import Architecture, Task

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]+|\.(?=\.)")
TRAINING: Final = "What to train"
PLACEMENT: Final = "Where and when"


def _option(help_text: str, panel: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=panel, **more)


ManifestOption = Annotated[
    str | None,
    typer.Option("--file", "-f", help="Manifest as for kubectl apply; - is standard input."),
]
_DATASET_HELP: Final = (
    "Registered dataset; your own program finds it at /data/datasets/NAME. Repeatable for several."
)
DatasetOption = Annotated[
    list[str] | None, _option(_DATASET_HELP, TRAINING, "--dataset", metavar="NAME")
]
TaskOption = Annotated[Task | None, _option("What is learned.", TRAINING)]
ModelOption = Annotated[
    Architecture | None, _option("Default: mlp, or transformer for text.", TRAINING)
]
EpochsOption = Annotated[int | None, _option("Passes over the data.", TRAINING)]
BatchSizeOption = Annotated[int | None, _option("Samples per step.", TRAINING)]
LearningRateOption = Annotated[
    float | None, _option("Step size of the optimizer.", TRAINING, "--learning-rate", "--lr")
]
SeedOption = Annotated[int | None, _option("Seed of the random numbers.", TRAINING)]
_SET_HELP: Final = "Any other field, such as training.earlyStopping.patience=3. Repeatable."
SetOption = Annotated[
    list[str] | None, _option(_SET_HELP, TRAINING, "--set", metavar="FIELD=VALUE")
]
EnvOption = Annotated[
    list[str] | None,
    _option(
        "Variable of the program; everybody can read it. Repeatable.",
        TRAINING,
        "--env",
        "-e",
        metavar="NAME=VALUE",
    ),
]
SecretOption = Annotated[
    list[str] | None,
    _option(
        "Secret whose keys become variables; an administrator releases it. Repeatable.",
        TRAINING,
        "--secret",
        metavar="SECRET",
    ),
]
_ARTIFACT_HELP: Final = (
    "File or folder that becomes a version of model NAME when the program has ended well. Default: "
    "its own name. Repeatable."
)
ArtifactOption = Annotated[
    list[str] | None, _option(_ARTIFACT_HELP, TRAINING, "--artifact", metavar="PATH[=NAME]")
]
ResumeOption = Annotated[
    ResumeMode | None,
    _option("auto: known programs get the path of their newest checkpoint.", TRAINING),
]
GpusOption = Annotated[int | None, _option("Per worker; 0 is the CPU.", PLACEMENT)]
CpuOption = Annotated[str | None, _option("Such as 2 or 500m.", PLACEMENT)]
MemoryOption = Annotated[str | None, _option("Such as 4Gi.", PLACEMENT)]
WorkersOption = Annotated[int | None, _option("Started all or none.", PLACEMENT)]
QueueOption = Annotated[str | None, _option("Queue to wait in.", PLACEMENT)]
PriorityOption = Annotated[str | None, _option("-1000 to 1000; higher goes first.", PLACEMENT)]


def training_fields(
    task: Task | None,
    model: Architecture | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int | None,
) -> dict[str, Any]:
    """`training` of the spec, of the options that were given."""
    return given(
        {
            "task": task and task.value,
            "model": model and {"architecture": model.value},
            "epochs": epochs,
            "batchSize": batch_size,
            "learningRate": learning_rate,
            "seed": seed,
        }
    )


def program_fields(
    command: list[str] | None,
    datasets: list[str] | None,
    variables: list[str] | None,
    secrets: list[str] | None,
    artifacts: list[str] | None,
    resume: ResumeMode | None,
) -> dict[str, Any]:
    """What the options say of the program: command, datasets, env, secrets, outputs and resume.

    Says which name was chosen for an artifact without one. Raises UsageProblem.
    """
    return given(
        {
            "command": command or None,
            **_named(datasets or []),
            "env": [_variable(v) for v in variables or []] or None,
            "secrets": secrets or None,
            "outputs": [_artifact(a) for a in artifacts or []] or None,
            "resume": resume and resume.value,
        }
    )


def _named(datasets: list[str]) -> dict[str, Any]:
    """`dataset` for one name, `datasets` for several, each in place of the other's default."""
    if not datasets:
        return {}
    one = len(datasets) == 1
    return {"dataset": datasets[0]} if one else {"datasets": datasets}


def _variable(text: str) -> dict[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageProblem(
            f"--env {name!r}: write it as NAME=VALUE; a password or token comes from a"
            " Secret (--secret)"
        )
    return {"name": name, "value": value}


def _artifact(text: str) -> dict[str, str]:
    path, sign, name = text.rpartition("=")
    if not sign or "/" in name:
        # No name of a model holds a slash: the sign belongs to the path.
        path, sign, name = text, "", ""
    if sign and path and name:
        return {"path": path, "name": name}
    chosen = _NOT_IN_NAMES.sub("-", PurePosixPath(path).name).strip("-_.")
    if sign or not chosen:
        raise UsageProblem(
            f"--artifact {text!r}: write it as PATH=NAME, such as out/best=detector; without =NAME "
            "the model is called as the file or folder"
        )
    output.remark(
        f"{path} becomes a version of model {chosen} (--artifact {path}=NAME chooses another)",
        "dim",
    )
    return {"path": path, "name": chosen}


def placement_fields(
    resources: Mapping[str, Any], workers: int | None, queue: str | None, priority: str | None
) -> dict[str, Any]:
    """Resources, workers, queue and priority of the spec. Raises UsageProblem."""
    return given(
        {
            "resources": given(resources) or None,
            "workers": workers,
            "queue": queue,
            "priority": None if priority is None else checked_priority(priority),
        }
    )


def with_assignments(fields: Mapping[str, Any], assignments: list[str] | None) -> dict[str, Any]:
    """`fields` with each `--set FIELD=VALUE` laid over them. Raises UsageProblem."""
    return reduce(manifest.merged, map(manifest.assignment, assignments or []), dict(fields))


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
