"""`import mlflow`: brings runs of an MLflow server or folder to the gateway."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import config, output
from trainyard.cli.connection import CONNECTION_OPTIONS
from trainyard.cli.errors import ImportNotWhole, UsageProblem
from trainyard.cli.text import formats

if TYPE_CHECKING:
    from trainyard.cli.trackers.copying import Copied
    from trainyard.cli.trackers.gateway_runs import GatewayRuns
    from trainyard.cli.trackers.source import Source

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")

app = typer.Typer(
    help="Bring runs of other trackers here.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.callback()
def group() -> None:
    """Bring runs of other trackers here."""


@app.command("mlflow")
def mlflow(
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="http(s)://…, a folder mlruns, or sqlite:///….")
    ],
    experiment: Annotated[
        list[str] | None,
        typer.Option("--experiment", "-e", help="Only this one. Repeatable."),
    ] = None,
    artifacts: Annotated[bool, typer.Option(help="Whether files of runs are copied.")] = True,
) -> None:
    """Copy experiments, runs, metrics, params, tags, artifacts and models of MLflow.

    Registered models come with their versions and aliases, unless only some experiments are
    asked for, or no files. A run keeps its id. Again it copies what is new: an interrupted
    import is continued. Ends with 6 if something is not here as MLflow has it.
    """
    from trainyard.cli.trackers.copying import Import
    from trainyard.cli.trackers.gateway_runs import GatewayRuns
    from trainyard.cli.trackers.source import CannotRead, SourceAway

    login = config.load(os.environ)
    try:
        source = source_of(uri)
        gateway = GatewayRuns(login.url, login.key, CONNECTION_OPTIONS.get().transport())
        job = Import(source, gateway, with_files=artifacts, say=output.remark)
        try:
            copied = job.all(experiment or ())
            if artifacts and not experiment:
                copy_models(source, gateway, copied)
        finally:
            gateway.close()
            source.close()
    except SourceAway as error:
        job.copied.add(f"{error}; the same command continues the import")
        copied = job.copied
    except CannotRead as error:
        raise UsageProblem(str(error)) from error
    say_copied(copied)


def copy_models(source: Source, gateway: GatewayRuns, copied: Copied) -> None:
    """Copy registered models, if the source has any. Raises SourceAway."""
    from trainyard.cli.trackers.model_copying import ModelImport
    from trainyard.cli.trackers.source import CannotRead, SourceAway

    try:
        registry = source.registry()
    except SourceAway:
        raise
    except CannotRead as error:
        copied.add(f"registered models: {error}")
        return
    if registry is not None:
        ModelImport(registry, gateway, copied).all()


def source_of(uri: str) -> Source:
    """What reads `uri`. Raises CannotRead, and UsageProblem for what nothing reads."""
    scheme = uri.partition(":")[0] if "://" in uri or uri.startswith("file:") else ""
    if scheme in ("http", "https"):
        from trainyard.cli.trackers.mlflow_registry import MlflowRegistry

        return MlflowRegistry(uri, os.environ)
    if scheme.partition("+")[0] in DATABASES:
        from trainyard.cli.trackers.mlflow_library import MlflowLibrary

        return MlflowLibrary(uri)
    if scheme not in ("", "file"):
        raise UsageProblem(
            f"nothing reads {scheme}: give the address of a server (http or https), a folder mlruns, "
            "or a database (sqlite:///mlflow.db)"
        )
    from trainyard.cli.trackers.mlruns.folder import MlflowFolder

    return MlflowFolder(Path(uri.removeprefix("file://").removeprefix("file:")))


def say_copied(copied: Copied) -> None:
    """Say what was copied. Raises ImportNotWhole where something was not."""
    there = f", {copied.there:,} here already" if copied.there else ""
    versions = f", {formats.count(copied.versions, 'version')} of models" if copied.models else ""
    output.done(
        f"{formats.count(copied.runs, 'run')} copied{there}{versions}: "
        f"{formats.count(copied.values, 'value')} and {formats.count(copied.files, 'file')} "
        f"({formats.size(copied.size_bytes)})"
    )
    if copied.wrong:
        for problem in copied.problems:
            output.remark(problem, "yellow")
        if copied.wrong > len(copied.problems):
            output.remark(f"and {copied.wrong - len(copied.problems):,} more", "yellow")
        raise ImportNotWhole(
            f"not all is here as MLflow has it: {formats.count(copied.wrong, 'problem')}"
        )
