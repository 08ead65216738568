"""`python -m trainyard_demo up | down`: from nothing to a verified model, step by step."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainyard.client import Client
from trainyard.errors import TrainyardError
from trainyard_demo import installation, plan, tour
from trainyard_demo.installation import DemoError

app = typer.Typer(help="The guided first run.", pretty_exceptions_enable=False)
Name = Annotated[str, typer.Option(help="Name of the cluster.")]


@app.command()
def up(name: Name = "trainyard", gpus: Annotated[int, typer.Option(min=2, max=64)] = 4) -> None:
    """Cluster, images, chart, six sessions, one verified model."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    started = time.monotonic()
    with _explained():
        tools = installation.cluster_up(name, gpus)
        tags = installation.images(name)
        console.print("[bold]trainyard[/bold]", highlight=False)
        with tour.step(console, f"install the chart into namespace {installation.NAMESPACE}"):
            installation.install(tools, tags)
        url, key = installation.gateway(tools)
        with Client(url, key) as gateway:
            _tour(console, gateway, tools, f"trainyard/trainer:{tags['trainer']}")
        console.print(f"[bold]done in {time.monotonic() - started:.0f} s[/bold]", highlight=False)
        _farewell(console, tools, url, key)


@app.command()
def down(name: Name = "trainyard") -> None:
    """Remove everything that `up` made."""
    with _explained():
        installation.cluster_down(name)
        shutil.rmtree(installation.ROOT / "build" / "images", ignore_errors=True)


def _tour(console: Console, gateway: Client, tools: installation.Tools, trainer: str) -> None:
    with tour.step(console, "upload two datasets"):
        tour.upload(gateway, console)
    with tour.step(console, "start five sessions by REST and one by kubectl apply"):
        names = tour.start(gateway, tools, secrets.token_hex(2))
    with tour.step(console, "train"):
        found = tour.watch(gateway, names, console)
    metrics = tour.metrics(gateway, found)
    console.print(plan.result_table(found, metrics))
    wrong = plan.complaints(found, metrics)
    if wrong:
        raise DemoError("; ".join(wrong))
    with (
        tempfile.TemporaryDirectory() as folder,
        tour.step(console, "download a model and predict"),
    ):
        said = tour.download_and_predict(gateway, tools, trainer, found[0], Path(folder))
        console.print(f"    {said}", highlight=False)


def _farewell(console: Console, tools: installation.Tools, url: str, key: str) -> None:
    kubectl = f"KUBECONFIG={tools.kubeconfig} {tools.kubectl} -n {installation.NAMESPACE}"
    program = os.path.relpath(Path(sys.executable).with_name("trainyard"))
    lines = [
        "",
        f"gateway  {url}",
        f"API key  {key}",
        "",
        "try next",
        f"  export TRAINYARD_URL={url} TRAINYARD_API_KEY={key}",
        f"  {program} submit --dataset digits --task tabular-classification --gpus 2 --watch",
        f"  {kubectl} get trainingsessions",
        "  make demo-down",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _explained() -> Iterator[None]:
    """Print errors as one sentence; after Ctrl-C, say how to continue."""
    try:
        yield
    except (DemoError, TrainyardError) as error:
        Console(stderr=True).print(
            f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        Console(stderr=True).print(
            "\ninterrupted; `make demo` continues, `make demo-down` removes everything",
            highlight=False,
        )
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app(prog_name="trainyard_demo")
