"""`python -m trainyard_images build [--target …] [--builder docker|buildah]`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_cache_path
from rich.console import Console

from trainyard_images.build import build as build_images
from trainyard_images.builders import Buildah, Builder, Docker, Options, docker_answers
from trainyard_images.errors import BuildError, NotPossible, StepFailed
from trainyard_images.recipe import RECIPES

app = typer.Typer(help="Build the container images.", pretty_exceptions_enable=False)
ROOT = Path(__file__).resolve().parents[3]
_TAIL_LINES = 20


class BuilderName(StrEnum):
    """Programs that can build."""

    DOCKER = "docker"
    BUILDAH = "buildah"


@app.callback()
def images() -> None:
    """Build the container images."""


BaseImage = Annotated[
    str | None, typer.Option(help="Base image instead of the default: name:tag@sha256:…")
]
TorchFrom = Annotated[str | None, typer.Option(help="distribution or index.")]
TorchIndex = Annotated[
    str | None, typer.Option(help="pip index with torch for your GPUs; needs --torch-lock.")
]
TorchLock = Annotated[
    str | None,
    typer.Option(
        help="Pins of torch with hashes, a path in the repository. "
        "Default: requirements/trainer-torch.lock."
    ),
]


@app.command()
def build(  # noqa: PLR0913 - the options of the command
    target: Annotated[list[str] | None, typer.Option(help="Only these images.")] = None,
    builder: Annotated[
        BuilderName | None, typer.Option(help="Default: docker where an engine answers.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the archives.")] = ROOT / "build" / "images",
    base_image: BaseImage = None,
    torch_from: TorchFrom = None,
    torch_index: TorchIndex = None,
    torch_lock: TorchLock = None,
) -> None:
    """Build what changed; one archive per image."""
    cache = user_cache_path("trainyard") / "images"
    options = Options(ROOT, cache, base_image, torch_from, torch_index, torch_lock)
    try:
        _build(builder, options, target or [r.target for r in RECIPES], out)
    except BuildError as error:
        _explain(error)
        raise typer.Exit(2 if isinstance(error, NotPossible) else 1) from error
    except KeyboardInterrupt:
        Console(stderr=True).print("\ninterrupted; what was built is kept", highlight=False)
        raise typer.Exit(130) from None


def _build(builder: BuilderName | None, options: Options, targets: list[str], out: Path) -> None:
    console = Console()
    known = [r.target for r in RECIPES]
    unknown = sorted(set(targets) - set(known))
    if unknown:
        raise NotPossible(f"no image is called {', '.join(unknown)}; there are {', '.join(known)}")
    options.check()
    console.print("[bold]images[/bold]", highlight=False)
    for built in build_images(_choose(builder, options), targets, ROOT, out, console):
        size = built.size_bytes / 2**20
        console.print(f"    {built.repository}:{built.tag}  {size:.0f} MiB", highlight=False)


def _choose(name: BuilderName | None, options: Options) -> Builder:
    if name is None:
        name = BuilderName.DOCKER if docker_answers() else BuilderName.BUILDAH
    if name is BuilderName.DOCKER and not docker_answers():
        raise NotPossible(
            "no Docker engine answers `docker info`; start it, or use --builder buildah"
        )
    return Docker(options) if name is BuilderName.DOCKER else Buildah(options)


def _explain(error: BuildError) -> None:
    console = Console(stderr=True)
    console.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
    if isinstance(error, StepFailed):
        lines = error.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        console.print(
            f"the log is {error.log}; its last lines:",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        console.print("\n".join(lines), style="dim", highlight=False, markup=False, soft_wrap=True)
