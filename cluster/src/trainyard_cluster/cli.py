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
from trainyard_cluster.embedded import cluster, faults, images
from trainyard_cluster.errors import ClusterError, NotPossible, StepFailed
from trainyard_cluster.plan import MAX_NODES, Wanted, node_layout
from trainyard_cluster.programs import parts
from trainyard_cluster.progress import Progress
from trainyard_cluster.shell import tail

app = typer.Typer(
    help="A real Kubernetes for one machine.", no_args_is_help=True, pretty_exceptions_enable=False
)

node = typer.Typer(
    help="Take a node away and give it back.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(node, name="node")

Name = Annotated[str, typer.Option(help="Name of the cluster.")]


NodeArgument = Annotated[
    str, typer.Argument(metavar="NODE", help="Number or name of the node; 1 has the control plane.")
]


class Provider(StrEnum):
    """The program that runs the node."""

    KIND = "kind"
    EMBEDDED = "embedded"


class Tool(StrEnum):
    """A program that people and tests call."""

    KUBECTL = "kubectl"
    HELM = "helm"
    HELM_3 = "helm3"
    KWOK = "kwok"
    KIND = "kind"


class Output(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


@app.command()
def up(  # noqa: PLR0913  one argument is one option
    name: Name = "trainyard",
    gpus: Annotated[int, typer.Option(min=0, max=64, help="Simulated GPUs of each node.")] = 4,
    kwok_nodes: Annotated[int, typer.Option(min=0, max=1000, help="Simulated nodes.")] = 0,
    kwok_gpus: Annotated[int, typer.Option(min=0, max=64, help="GPUs per simulated node.")] = 8,
    provider: Annotated[
        Provider | None,
        typer.Option(
            help="Default: kind where Docker answers and no KWOK nodes are asked for, else embedded."
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_NODES,
            help="Real nodes, each with a kubelet and a container runtime. Default: as many as there are, else 1.",
        ),
    ] = None,
    kind_image: Annotated[str | None, typer.Option(help="Node image for kind.")] = None,
    kind_config: Annotated[
        Path | None, typer.Option(help="File with a cluster configuration for kind.")
    ] = None,
) -> None:
    """Start the cluster, or repair it."""
    progress = Progress(Console())
    with _explained():
        options = kind.Options(kind_image, kind_config)
        record = registry.read(name)
        count = nodes or (record.nodes if record else 1)
        wanted = Wanted(name, gpus, kwok_nodes, kwok_gpus, count)
        progress.console.print(f"[bold]cluster {name}[/bold]", highlight=False)
        kubeconfig = _bring_up(wanted, options, provider, record, progress)
        progress.console.print(
            f"  export KUBECONFIG={kubeconfig}", highlight=False, markup=False, soft_wrap=True
        )


@app.command()
def down(name: Name = "trainyard") -> None:
    """Remove the cluster and everything that it created."""
    progress = Progress(Console())
    with _explained():
        record = registry.read(name)
        # Without a record both may have left something.
        if record.provider == Provider.KIND if record else kind.available():
            kind.down(name, progress)
        if record is None or record.provider == Provider.EMBEDDED:
            cluster.down(name, progress)


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
    """Load an image archive (docker or OCI) into every node."""
    progress = Progress(Console())
    with _explained():
        record = registry.existing(name)
        with progress.step(f"load {archive.name}"):
            if record.provider == Provider.KIND:
                kind.load(name, archive)
            else:
                layout = registry.layout(name)
                for number in range(1, record.nodes + 1):
                    images.load(node_layout(layout, number), archive)


@app.command()
def kubeconfig(name: Name = "trainyard") -> None:
    """Print the path of the kubeconfig."""
    with _explained():
        registry.existing(name)
        typer.echo(registry.layout(name).kubeconfig)


@app.command()
def tools(
    names: Annotated[
        list[Tool] | None, typer.Argument(help="Default: kubectl and helm.", show_default=False)
    ] = None,
) -> None:
    """Print the paths of programs; build them if needed."""
    progress = Progress(Console(stderr=True))
    with _explained():
        wanted = list(names or (Tool.KUBECTL, Tool.HELM))
        folder = parts.obtain(set(wanted), progress)
        typer.echo(json.dumps({tool: str(folder / tool) for tool in wanted}))


@app.command()
def footprint() -> None:
    """Print the processes, mounts, namespaces, links and cgroups of all clusters."""
    typer.echo(json.dumps(footprints.read(), indent=2))


@node.command()
def kill(
    target: NodeArgument,
    name: Name = "trainyard",
    whole: Annotated[
        bool, typer.Option("--whole", help="Pods and network, too: the machine loses its power.")
    ] = False,
) -> None:
    """SIGKILL kubelet and containerd of a node. Its pods run on unless --whole."""
    progress = Progress(Console())
    with _explained():
        faults.kill(faults.find(name, target, progress), whole=whole, progress=progress)


@node.command()
def revive(target: NodeArgument, name: Name = "trainyard") -> None:
    """Start what is missing on a node, mend its cuts, and uncordon it."""
    progress = Progress(Console())
    with _explained():
        faults.revive(faults.find(name, target, progress), progress)


@node.command()
def drain(
    target: NodeArgument,
    name: Name = "trainyard",
    seconds: Annotated[int, typer.Option(min=1, help="How long to wait for its pods.")] = 300,
) -> None:
    """Cordon a node and evict its pods, as before maintenance."""
    progress = Progress(Console())
    with _explained():
        faults.drain(faults.find(name, target, progress), progress, seconds=seconds)


@node.command()
def cut(target: NodeArgument, other: NodeArgument, name: Name = "trainyard") -> None:
    """Drop everything between two nodes. A node cut from node 1 has no control plane."""
    progress = Progress(Console())
    with _explained():
        one, second = (faults.find(name, text, progress) for text in (target, other))
        faults.cut(one, second, progress)


@node.command()
def mend(target: NodeArgument, other: NodeArgument, name: Name = "trainyard") -> None:
    """Undo `cut`."""
    progress = Progress(Console())
    with _explained():
        one, second = (faults.find(name, text, progress) for text in (target, other))
        faults.mend(one, second, progress)


def _bring_up(
    wanted: Wanted,
    options: kind.Options,
    provider: Provider | None,
    record: registry.Record | None,
    progress: Progress,
) -> Path:
    # kind has no simulated nodes. Tests and benchmarks need them and the embedded node.
    simple = not wanted.kwok_nodes and wanted.nodes == 1
    chosen = provider or _provider_of(record, prefers_kind=simple)
    if chosen is Provider.KIND:
        return kind.up(wanted, options, progress)
    if options != kind.Options():
        raise NotPossible("--kind-image and --kind-config are for PROVIDER=kind")
    return cluster.up(wanted, progress)


def _provider_of(record: registry.Record | None, *, prefers_kind: bool) -> Provider:
    if record is not None:
        return Provider(record.provider)
    return Provider.KIND if prefers_kind and kind.available() else Provider.EMBEDDED


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
