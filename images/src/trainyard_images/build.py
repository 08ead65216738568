"""Build what changed: one archive and one record per image in the output folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from trainyard_images.builders import Builder
from trainyard_images.errors import NotPossible
from trainyard_images.recipe import RECIPES, REPOSITORY, Recipe

DISK_GIB = 10


@dataclass(frozen=True, slots=True)
class Built:
    """One image in the output folder."""

    target: str
    repository: str
    tag: str
    archive: str
    size_bytes: int


def build(
    builder: Builder, targets: list[str], root: Path, out: Path, console: Console
) -> list[Built]:
    """Build the archives of `targets` whose inputs have changed."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = [r for r in RECIPES if r.target in targets]
    tags = {r.target: r.tag(root, builder.base_key()) for r in chosen}
    stale = [r for r in chosen if read(out, r.target, tags[r.target]) is None]
    if stale:
        _require_disk(out)
        with _step(console, "base image"):
            builder.prepare(out / "logs" / "base.log")
    for recipe in stale:
        with _step(console, f"image {recipe.target}"):
            _build_one(builder, recipe, tags[recipe.target], out)
    built = [read(out, r.target, tags[r.target]) for r in chosen]
    return [b for b in built if b is not None]


def read(out: Path, target: str, tag: str | None = None) -> Built | None:
    """The record of an existing archive; with `tag`, only if it is up to date."""
    try:
        record = Built(**json.loads((out / f"{target}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    archive = out / record.archive
    whole = archive.exists() and archive.stat().st_size == record.size_bytes
    return record if whole and tag in (None, record.tag) else None


def _build_one(builder: Builder, recipe: Recipe, tag: str, out: Path) -> None:
    archive = out / f"{recipe.target}.tar"
    record = out / f"{recipe.target}.json"
    # The record is written last: an archive without a record is built again.
    record.unlink(missing_ok=True)
    builder.build(recipe, recipe.reference(tag), archive, out / "logs" / f"{recipe.target}.log")
    built = Built(
        recipe.target, f"{REPOSITORY}/{recipe.target}", tag, archive.name, archive.stat().st_size
    )
    record.write_text(json.dumps(asdict(built), indent=2))


def _require_disk(out: Path) -> None:
    free = shutil.disk_usage(out).free / 2**30
    if free < DISK_GIB:
        raise NotPossible(
            f"building images needs {DISK_GIB} GiB of free disk at {out}; there are {free:.1f}"
        )


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    started = time.monotonic()
    if console.is_terminal:
        with console.status(escape(what)):
            yield
    else:
        console.print(f"  … {what}", highlight=False, markup=False, soft_wrap=True)
        yield
    took = time.monotonic() - started
    console.print(f"  [green]✓[/green] {escape(what)} [dim]({took:.1f} s)[/dim]", highlight=False)
