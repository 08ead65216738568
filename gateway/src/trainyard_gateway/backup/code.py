"""The bundles of code in a backup: every list, and every content once.

    code/manifests/<sha256>  the list of a bundle
    code/contents/<sha256>   a content

Guarantees:

- A bundle is in the archive with all of its contents, or not at all.
- What is restored is added to the code that is there; nothing is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from trainyard_api.code import CodeManifest, problem
from trainyard_gateway.backup.archive import CODE, Member
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.code.folders import CONTENTS, CodeFolders, is_name

_MANIFESTS: Final = f"{CODE}/manifests"
_CONTENTS: Final = f"{CODE}/{CONTENTS}"


def hold(data: Path, folder: Path, link: Callable[[Path, Path], None]) -> dict[str, str]:
    """Keep all bundles of the data folder in `folder`. Returns the hashes by path.

    `link` raises FileNotFoundError for a file that is gone: a bundle that is removed meanwhile is
    left out.
    """
    hashes: dict[str, str] = {}
    root = data / CODE / "bundles"
    for bundle in sorted(root.iterdir()) if root.is_dir() else ():
        if not is_name(bundle.name):
            continue
        try:
            for content in (bundle / CONTENTS).iterdir():
                path = f"{_CONTENTS}/{content.name}"
                if is_name(content.name) and path not in hashes:
                    link(content, folder / path)
                    hashes[path] = content.name
            path = f"{_MANIFESTS}/{bundle.name}"
            link(bundle / "manifest.json", folder / path)
            hashes[path] = bundle.name
        except FileNotFoundError:
            continue
    return hashes


def damaged(data: Path, name: str) -> str:
    """The sentence about a file whose hash is not its name."""
    sha256 = Path(name).name
    bundles = (data / CODE / "bundles").glob(f"*/{CONTENTS}/{sha256}")
    holders = sorted({path.parent.parent.name for path in bundles}) or [sha256]
    named = ", ".join(f"{CODE}/bundles/{bundle}" for bundle in holders[:5])
    return (
        f"{name} has another hash than its name says: the volume has lost it; move these folders "
        f"away and take the backup again: {named}"
    )


class Placement:
    """Gives the bundles of a checked archive their places; `withdraw` takes them away again."""

    def __init__(self, data: Path) -> None:
        self._folders = CodeFolders(data / CODE)
        self._contents: list[str] = []
        self._bundles: list[str] = []

    def place(self, folder: Path, members: Mapping[str, Member]) -> None:
        """Move contents and add bundles. Raises BackupError."""
        for name, member in members.items():
            if name.startswith(f"{CODE}/") and member.sha256 != Path(name).name:
                raise BackupError(f"{name} is not what its name says: the archive was changed")
        if not (folder / CODE).is_dir():
            return
        self._folders.open()
        contents = {p.name: p for p in sorted((folder / _CONTENTS).glob("*"))}
        for sha256, path in contents.items():
            size = path.stat().st_size
            if not self._folders.has(sha256, size):
                self._contents.append(sha256)
            self._folders.keep(path, sha256, size)
        self._folders.sync(set(contents))
        for path in sorted((folder / _MANIFESTS).glob("*")):
            self._add(path.name, path.read_bytes())

    def _add(self, bundle: str, text: bytes) -> None:
        try:
            manifest = CodeManifest.model_validate_json(text)
            wrong = problem(manifest)
        except ValidationError:
            wrong = "it is no list of a bundle"
        if wrong is not None:
            raise BackupError(f"{_MANIFESTS}/{bundle} makes no sense: {wrong}")
        if self._folders.has_bundle(bundle):
            return
        if not self._folders.add_bundle(bundle, text, manifest.sizes()):
            raise BackupError(
                f"{_MANIFESTS}/{bundle} lists contents that the archive does not hold"
            )
        self._bundles.append(bundle)

    def withdraw(self) -> None:
        """Remove what was added."""
        for bundle in self._bundles:
            self._folders.remove_bundle(bundle)
        for sha256 in self._contents:
            self._folders.remove_unused(sha256)
