"""Which file of a folder a command line starts, before anything is sent."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainyard.code.bundle import Bundle
from trainyard.code.refusals import CannotBundle
from trainyard_api.files.paths import parents, shown

_PYTHON: Final = ("python", "torchrun", "accelerate", "deepspeed", "uv", "sh", "bash")
"""Programs whose argument is a file to run."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is started."""

    files: tuple[str, ...]
    """The Python files of the bundle that it starts."""


def program_of(bundle: Bundle, command: Sequence[str], working_dir: str) -> Program:
    """The files of the bundle that a command starts.

    Raises CannotBundle if one is named that the bundle lacks.
    """
    if working_dir and working_dir not in _folders(bundle):
        raise CannotBundle(
            f"the working folder {shown(working_dir)} is not in the bundle; it is named relative "
            "to the folder that is sent"
        )
    named = command[0]
    if "\\" in named or named[1:3] in (":\\", ":/"):
        raise _windows(named)
    if "/" in named:
        _require(bundle, named, working_dir, must=not named.startswith("/"))
        return Program(_python(bundle, named, working_dir))
    if _is_here(bundle, named, working_dir) and named.endswith((".py", ".sh")):
        starter = "python" if named.endswith(".py") else "bash"
        raise CannotBundle(
            f"{shown(named)} is a file, not a program; write `-- {starter} {shown(named)} …`"
        )
    if not posixpath.basename(named).startswith(_PYTHON):
        return Program(())
    return Program(_argument(bundle, command, working_dir))


def _argument(bundle: Bundle, command: Sequence[str], working_dir: str) -> tuple[str, ...]:
    """The file that an interpreter or a launcher runs."""
    module = _after(command, "-m", "--module")
    if module is not None:
        return _module(bundle, module, working_dir)
    if "-c" in command[1:3]:
        return ()
    for word in command[1:]:
        if word.startswith("-") or not word.endswith((".py", ".sh")):
            continue
        if "\\" in word:
            raise _windows(word)
        _require(bundle, word, working_dir, must=not word.startswith("/"))
        return _python(bundle, word, working_dir)
    return ()


def _after(command: Sequence[str], *options: str) -> str | None:
    for number, word in enumerate(command[:-1]):
        if word in options:
            return command[number + 1]
        if number and not word.startswith("-"):
            return None
    return None


def _module(bundle: Bundle, module: str, working_dir: str) -> tuple[str, ...]:
    path = module.replace(".", "/")
    found: list[str] = []
    for candidate in (f"{path}.py", f"{path}/__main__.py", f"{path}/__init__.py"):
        here = posixpath.normpath(posixpath.join(working_dir, candidate))
        if here in _files(bundle):
            found.append(here)
        elif (bundle.contents.top / here).is_file():
            raise _left_out(bundle, here)
    return tuple(found)


def _require(bundle: Bundle, word: str, working_dir: str, *, must: bool) -> None:
    """Raises CannotBundle unless a path is in the bundle; one from the root may be the image's."""
    top = bundle.contents.top
    if not must:
        if Path(word).is_relative_to(top):
            inside = Path(word).relative_to(top).as_posix()
            raise CannotBundle(
                f"{shown(word)} is a path of this machine; write {shown(inside)}, relative to the "
                "folder that is sent"
            )
        return
    here = posixpath.normpath(posixpath.join(working_dir, word))
    if here.startswith("../") or here == "..":
        raise CannotBundle(
            f"{shown(word)} lies outside of the folder that is sent; run the command in a folder "
            "above it, or give one with --folder"
        )
    if here in _files(bundle) or here in _links(bundle):
        return
    if (top / here).is_file():
        raise _left_out(bundle, here)
    raise CannotBundle(
        f"the program {shown(word)} is not in the folder {shown(str(top))}; look at its spelling, "
        "or run the command in the folder of the program"
    )


def _left_out(bundle: Bundle, path: str) -> CannotBundle:
    pattern = bundle.contents.left_out_by(path)
    why = f"{shown(pattern.source)} leaves it out" if pattern else "it cannot travel"
    return CannotBundle(
        f"the program {shown(path)} is not in the bundle: {why}; bring it back with a line "
        f"!{shown(path)} in .trainyardignore"
    )


def _windows(word: str) -> CannotBundle:
    return CannotBundle(
        f"{shown(word)} is a path of Windows, and the program runs on Linux; write it with /, "
        "relative to the folder that is sent"
    )


def _python(bundle: Bundle, word: str, working_dir: str) -> tuple[str, ...]:
    here = posixpath.normpath(posixpath.join(working_dir, word))
    return (here,) if here.endswith(".py") and here in _files(bundle) else ()


def _is_here(bundle: Bundle, word: str, working_dir: str) -> bool:
    return (bundle.contents.top / working_dir / word).is_file()


def _files(bundle: Bundle) -> set[str]:
    return {entry.path for entry in bundle.manifest.files}


def _links(bundle: Bundle) -> set[str]:
    return set(bundle.contents.links)


def _folders(bundle: Bundle) -> set[str]:
    paths = [e.path for e in bundle.manifest.entries]
    return {above for p in paths for above in parents(p)} | set(bundle.contents.folders)
