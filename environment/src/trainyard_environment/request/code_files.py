"""The files of a bundle of code, as the gateway lays them out on the volume."""

from __future__ import annotations

import hashlib
import posixpath
from pathlib import Path

from trainyard_environment.errors import CannotBuild, not_understood
from trainyard_environment.request.requirements_file import decoded
from trainyard_supervisor.code.manifest import CONTENTS, MANIFEST, MAX_MANIFEST_BYTES, entries
from trainyard_supervisor.errors import CannotStart

MAX_FILE_BYTES = 32 << 20


class CodeFiles:
    """Reads single files of the bundle that lies in `folder`. Raises CannotBuild if it is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            with (folder / MANIFEST).open("rb") as file:
                text = file.read(MAX_MANIFEST_BYTES)
            listed = entries(text, hashlib.sha256(text).hexdigest())
        except OSError as error:
            raise CannotBuild(
                "CodeMissing",
                f"The list of the code's files cannot be read: {error.strerror}.",
                "Start a new session from the folder with `trainyard run`.",
            ) from error
        except CannotStart as error:
            raise CannotBuild(error.reason, error.message, error.hint) from error
        self._files = {entry.path: entry for entry in listed if entry.sha256}
        self._links = {entry.path: entry.target for entry in listed if entry.target}

    def named(self, name: str) -> list[str]:
        """The paths of all files of this name."""
        return sorted(path for path in self._files if posixpath.basename(path) == name)

    def bytes(self, path: str) -> bytes:
        """The content of a file. Raises CannotBuild."""
        path = posixpath.normpath(path)
        if path in self._links:
            folder = posixpath.dirname(path)
            path = posixpath.normpath(posixpath.join(folder, self._links[path]))
        entry = self._files.get(path)
        if entry is None:
            raise CannotBuild(
                "RequirementsMissing",
                f"The code has no file {path!r}.",
                "Correct the path; a file that .gitignore or .trainyardignore leaves out is not"
                " sent.",
            )
        if entry.size > MAX_FILE_BYTES:
            raise not_understood(f"{path} has more than {MAX_FILE_BYTES} bytes.")
        try:
            content = (self._folder / CONTENTS / entry.sha256).read_bytes()
        except OSError as error:
            raise CannotBuild(
                "CodeMissing",
                f"The content of {path} cannot be read: {error.strerror}.",
                "Start a new session from the folder with `trainyard run`.",
            ) from error
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise CannotBuild("CodeDamaged", f"The content of {path} does not have its hash.")
        return content

    def text(self, path: str) -> str:
        """The text of a file. Raises CannotBuild."""
        return decoded(self.bytes(path), path)
