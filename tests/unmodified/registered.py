"""What of a session's working folder became a version of a model, beside the volume itself."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from files_left import on_the_volume
from installation import Installation

from trainyard.client import Client
from trainyard.errors import TrainyardError


def registered(
    release: Installation, people: Client, session: str, path: str
) -> tuple[int, list[str]]:
    """How many files the registry has of `path`, and what is wrong with them.

    The version is restored as people do it. Each file in it has the hash of what lies on the volume.
    """
    left = below(on_the_volume(release, people, session), path)
    found = people.status(session).status.outputs or []
    if len(found) != 1 or found[0].version is None:
        return 0, [f"{path}: the session has registered {len(found)} outputs"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            fetched = people.trees.fetch(found[0].name, found[0].version, Path(folder))
        except TrainyardError as error:
            return 0, [f"{path} from the registry: {error}"]
        got = _hashes(Path(folder))
    return len(got), [*fetched.not_whole, *differences(left, got)]


def below(hashes: Mapping[str, str], path: str) -> dict[str, str]:
    """The files of a folder by their path in it, or the file of that path by its name. Pure."""
    if path in hashes:
        return {PurePosixPath(path).name: hashes[path]}
    top = f"{path}/"
    return {name.removeprefix(top): found for name, found in hashes.items() if name.startswith(top)}


def differences(left: Mapping[str, str], got: Mapping[str, str]) -> list[str]:
    """Files that the registry lacks, has too much, or has with another content. Pure."""
    return [
        f"{name} in the registry: {got.get(name)} is not {left.get(name)}"
        for name in sorted({*left, *got})
        if left.get(name) != got.get(name)
    ]


def _hashes(top: Path) -> dict[str, str]:
    files = (file for file in top.rglob("*") if file.is_file() and not file.is_symlink())
    return {
        file.relative_to(top).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }
