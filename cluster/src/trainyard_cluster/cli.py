"""The commands of `python -m trainyard_cluster`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainyard_cluster import footprint as footprints
from trainyard_cluster import kind, registry
from trainyard_cluster import status as states
from trainyard_cluster.embedded import images, node
from trainyard_cluster.errors import ClusterError, NotPossible, StepFailed
from trainyard_cluster.plan import Wanted
from trainyard_cluster.programs import parts
from trainyard_cluster.progress import Progress
from trainyard_cluster.shell import tail

app = typer.Typer(
    help="A real Kubernetes for one machine.", no_args_is_help=True, pretty_exceptions_enable=False
)

Name = Annotated[str, typer.Option(help="Name of the cluster.")]


class Provider(StrEnum):
    """The program that runs the node."""

    KIND = "kind"
    EMBEDDED = "embedded"


class Output(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


@app.command()
def up(
    name: Name = "trainyard",
    gpus: Annotated[int, typer.Option(min=0, max=64, help="Simulated GPUs of the node.")] = 4,
    kwok_nodes: Annotated[int, typer.Option(min=0, max=1000, help="Simulated nodes.")] = 0,
    kwok_gpus: Annotated[int, typer.Option(min=0, max=64, help="GPUs per simulated node.")] = 8,
    provider: Annotated[
        Provider | None,
        typer.Option(
            help="Default: kind where Docker answers and no KWOK nodes are asked for, else embedded."
        ),
    ] = None,
) -> None:
    """Start the cluster, or repair it."""
    wanted = Wanted(name, gpus, kwok_nodes, kwok_gpus)
    progress = Progress(Console())
    with _explained():
        progress.console.print(f"[bold]cluster {name}[/bold]", highlight=False)
        chosen = provider or _provider_of(name, kwok_nodes)
        bring_up = kind.up if chosen is Provider.KIND else node.up
        kubeconfig = bring_up(wanted, progress)
        progress.console.print(
            f"  export KUBECONFIG={kubeconfig}", highlight=False, markup=False, soft_wrap=True
        )


@app.command()
def down(name: Name = "trainyard") -> None:
    """Remove the cluster and everything that it created."""
    progress = Progress(Console())
    with _explained():
        take_down = kind.down if _provider_of(name) is Provider.KIND else node.down
        take_down(name, progress)


@app.command()
def status(
    name: Name = "trainyard",
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show processes, memory, GPUs and kubeconfig."""
    progress = Progress(Console())
    with _explained():
        state = states.read(name)
        if output is Output.JSON:
            typer.echo(json.dumps(state.as_dict(), indent=2))
        else:
            progress.console.print(states.heading(state), highlight=False, soft_wrap=True)
            progress.console.print(states.table(state))
            # Not wrapped, so that it can be copied.
            progress.console.print(
                f"export KUBECONFIG={state.kubeconfig}", highlight=False, soft_wrap=True
            )


@app.command()
def load_image(archive: Path, name: Name = "trainyard") -> None:
    """Load an image archive (docker or OCI) into the node."""
    progress = Progress(Console())
    with _explained():
        record = registry.existing(name)
        with progress.step(f"load {archive.name}"):
            if record.provider == Provider.KIND:
                kind.load(name, archive)
            else:
                images.load(registry.layout(name), archive)


@app.command()
def kubeconfig(name: Name = "trainyard") -> None:
    """Print the path of the kubeconfig."""
    with _explained():
        registry.existing(name)
        typer.echo(registry.layout(name).kubeconfig)


@app.command()
def tools() -> None:
    """Print the paths of kubectl and helm; build them if needed."""
    progress = Progress(Console(stderr=True))
    with _explained():
        folder = parts.obtain({"kubectl", "helm"}, progress)
        typer.echo(json.dumps({tool: str(folder / tool) for tool in ("kubectl", "helm")}))


@app.command()
def footprint() -> None:
    """Print the processes, mounts, namespaces, links and cgroups of all clusters."""
    typer.echo(json.dumps(footprints.read(), indent=2))


def _provider_of(name: str, kwok_nodes: int = 0) -> Provider:
    record = registry.read(name)
    if record is not None:
        return Provider(record.provider)
    # kind has no simulated nodes. Tests and benchmarks need them and the embedded node.
    return Provider.EMBEDDED if kwok_nodes or not kind.available() else Provider.KIND


@contextmanager
def _explained() -> Iterator[None]:
    """Print errors as one sentence with the path of the log; after Ctrl-C, say how to continue."""
    try:
        yield
    except ClusterError as error:
        console = Console(stderr=True)
        console.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        if isinstance(error, StepFailed) and error.log is not None:
            console.print(
                f"the log is {error.log}; its last lines:",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            console.print(
                tail(error.log), style="dim", highlight=False, markup=False, soft_wrap=True
            )
        raise typer.Exit(2 if isinstance(error, NotPossible) else 1) from error
    except KeyboardInterrupt:
        text = (
            "interrupted; run the same command again to continue, or `down` to remove what is there"
        )
        Console(stderr=True).print(f"\n{text}", highlight=False)
        raise typer.Exit(130) from None
