"""Packages with parts that are compiled for torch's libraries: they fit one build of torch."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from trainyard_environment.request.asked import normalised

TORCH = "torch"
_NEEDS = re.compile(r"torch(?![\w.-])(?!.*\bextra *==)")
"""A requirement of torch that is not for an extra."""
_LIBRARY = re.compile(rb"lib(?:torch|c10)(?:_\w+)?\.so")
"""Stands in a compiled file that needs one of torch's libraries."""


def linked_to_torch(paths: Sequence[str]) -> dict[str, str]:
    """Version by name of such packages in folders of packages; of two the first one counts.

    No code of the packages is run.
    """
    found: dict[str, str] = {}
    seen = {TORCH}
    for one in metadata.distributions(path=list(paths)):
        with suppress(Exception):  # What is no package may raise anything.
            name, version = normalised(one.metadata["Name"]), one.version
            if name not in seen and any(map(_names_torch, _compiled(one, name))):
                found[name] = version
            seen.add(name)
    return found


def _compiled(one: metadata.Distribution, name: str) -> Iterator[Path]:
    """The compiled files of a package that has to do with torch."""
    needs = any(_NEEDS.match(requirement) for requirement in one.requires or ())
    if not needs and not name.startswith(TORCH):
        return
    listed = [Path(str(one.locate_file(f))) for f in one.files or () if _is_compiled(str(f))]
    yield from listed
    if not listed:
        # The packages of a distribution do not list their files.
        modules = (one.read_text("top_level.txt") or name.replace("-", "_")).split()
        for module in modules:
            for folder, _, names in os.walk(str(one.locate_file(module))):
                yield from (Path(folder, file) for file in names if _is_compiled(file))


def _is_compiled(file: str) -> bool:
    return file.endswith(".so")


def _names_torch(file: Path) -> bool:
    try:
        with (
            file.open("rb") as content,
            mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            return _LIBRARY.search(text) is not None
    except (OSError, ValueError):
        return False
