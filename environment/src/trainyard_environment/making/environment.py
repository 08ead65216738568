"""Makes an environment over a runtime: an interpreter's folder, packages, paths and programs.

No code of the packages is run: they are wheels, and the environment's own Python, which would run
their `.pth` files, is not started after they are there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from trainyard_api import contract
from trainyard_environment.errors import CannotBuild
from trainyard_environment.linked import TORCH, linked_to_torch
from trainyard_environment.making.wrappers import write_wrappers
from trainyard_environment.resolving.failures import failure
from trainyard_environment.resolving.locked import Pin
from trainyard_environment.resolving.uv import Done, Uv
from trainyard_environment.runtime import Runtime

PATHS_FILE = "zz_trainyard_runtime.pth"
"""Sorts behind those of packages: what it adds comes last."""
COMPILE_SECONDS = 1800
COMPILE_WORKERS = 4
"""A node has more cores than a container has memory for."""


def make(
    uv: Uv, runtime: Runtime, pins: Sequence[Pin], target: Path, say: Callable[[str], None]
) -> None:
    """Make the environment at `target`. Raises CannotBuild."""
    python = ("--python", runtime.executable)
    _ended(uv.run("venv", "--quiet", "--relocatable", "--no-project", *python, str(target)))
    if pins:
        lock = target.with_name("lock.txt")
        lock.write_text("".join(f"{pin.line}\n" for pin in pins))
        _ended(
            uv.run(
                "pip", "install", "--python", str(target / "bin" / "python"), "--requirements",
                str(lock), "--require-hashes", "--no-deps", "--only-binary", ":all:",
                "--link-mode", "hardlink", "--no-sources",
            )
        )  # fmt: skip
    site = site_packages(target, runtime)
    for name, version in linked_to_torch([str(site)]).items():
        if (
            doubt := made_for_another_torch(name, version, runtime.held.get(TORCH, ""))
        ) is not None:
            say(doubt)
    (site / PATHS_FILE).write_text(paths_file(runtime.paths))
    wrappers = write_wrappers(target / "bin", runtime)
    if wrappers:
        say(f"programs of the runtime: {', '.join(wrappers[:40])}")
    _compile(runtime.executable, target)


def made_for_another_torch(name: str, version: str, torch: str) -> str | None:
    """What to say of a package that is compiled for the index's torch; None if it fits. Pure.

    The index has no version of `torch` with a local part, such as `2.14.1+debian`.
    """
    if "+" not in torch:
        return None
    return (
        f"{name} {version} is compiled for the index's build of torch, and the runtime has {torch}: "
        f"if it cannot be loaded, a runtime is needed that has {name} itself"
    )


def site_packages(target: Path, runtime: Runtime) -> Path:
    """The folder of packages of an environment."""
    major, minor = runtime.version.split(".")[:2]
    found = target / "lib" / f"python{major}.{minor}" / "site-packages"
    if not found.is_dir():
        raise CannotBuild("EnvironmentNotMade", f"uv made no {found.relative_to(target)}.")
    return found


def paths_file(paths: Sequence[str]) -> str:
    """A `.pth` file that appends folders of packages, and what their own `.pth` files say. Pure."""
    return "".join(f"import site; site.addsitedir({path!r})\n" for path in paths)


def _ended(done: Done) -> None:
    if done.code != 0:
        raise failure(done.said, "The packages cannot be installed")


def _compile(python: str, target: Path) -> None:
    """Compile to bytecode, by a Python that knows nothing of the environment.

    Sessions cannot write it: without this each of their starts would compile everything again.
    """
    workers = min(COMPILE_WORKERS, len(os.sched_getaffinity(0)))
    command = [python, "-I", "-S", "-m", "compileall", "-q", "-q", "-j", str(workers)]
    command += ["-s", str(target), "-p", contract.ENVIRONMENT_DIR, str(target / "lib")]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMPILE_SECONDS,
            check=False,
        )
