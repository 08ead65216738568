"""What a uv.lock pins, by uv's own export."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path

from trainyard_environment.errors import CannotBuild, not_understood
from trainyard_environment.request.asked import Asked
from trainyard_environment.request.code_files import CodeFiles
from trainyard_environment.request.project import PYPROJECT, parsed, python_of
from trainyard_environment.request.requirements_file import RequirementsReader
from trainyard_environment.resolving.failures import failure
from trainyard_environment.resolving.uv import Uv
from trainyard_environment.runtime import Runtime


class UvLock:
    """Exports locks of a bundle in `folder`."""

    def __init__(self, uv: Uv, runtime: Runtime, folder: Path) -> None:
        self._uv = uv
        self._runtime = runtime
        self._folder = folder

    def __call__(self, code: CodeFiles, path: str) -> Asked:
        """What the uv.lock at `path` pins. Raises CannotBuild."""
        project = posixpath.join(posixpath.dirname(path), PYPROJECT)
        code.bytes(project)
        root = self._folder / "project"
        for name in {path, *code.named(PYPROJECT)}:
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(code.bytes(name))
        folder = root / posixpath.dirname(path)
        found = self._exported(folder, path, ())
        held = self._runtime.held
        names = sorted({one.name for one in found.requirements} & set(held))
        if "torch" in names:
            # What only torch needs is the runtime's own; the lines of torch itself stay to compare.
            own = tuple(one for one in found.requirements if one.name in held)
            rest = self._exported(folder, path, names)
            found = Asked(own + rest.requirements, whole=True)
        note = "the project itself is not installed, only what it needs: it runs from its folder"
        python = python_of(parsed(code.text(path), path), path)
        return found + Asked(python=python, notes=(note,))

    def _exported(self, folder: Path, path: str, pruned: Sequence[str]) -> Asked:
        target = self._folder / "exported.txt"
        options = [option for name in pruned for option in ("--prune", name)]
        done = self._uv.run(
            "export", "--frozen", "--project", str(folder), "--output-file", str(target),
            "--quiet", "--no-header", "--no-annotate", "--no-emit-workspace",
            "--no-default-groups", "--python", self._runtime.executable, *options, quiet=True,
        )  # fmt: skip
        if done.code != 0:
            found = failure(done.said, f"{path} cannot be read")
            hint = found.hint if "runtime's Python" in found.hint else "Make it again by `uv lock`."
            raise CannotBuild(found.reason, found.message, hint, found.exit_code)
        reader = RequirementsReader(_no_file, lambda _folder, _extras: Asked())
        return reader.text(target.read_text(), path) + Asked(whole=True)


def _no_file(path: str) -> str:
    raise not_understood(f"The lock names the file {path!r}.")
