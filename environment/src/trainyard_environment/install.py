"""Writes the builder as one file, and beside it the program `uv` that it runs.

`FOLDER/environment.pyz` runs by any Python from 3.9 on, with nothing but its standard library.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import tomllib
from uv import find_uv_bin

import trainyard_api
import trainyard_environment
import trainyard_supervisor
from trainyard_api import contract
from trainyard_supervisor.install import folder_of, modules, write_archive

NOT_ARCHIVED = "install.py"
SUPERVISOR = ("__init__.py", "errors.py", "code/__init__.py", "code/manifest.py")
"""What the builder takes from the supervisor: to read a bundle."""
API = ("__init__.py", "contract.py", "files/__init__.py", "files/hashing.py", "phase.py")
MAIN = """\
import sys

if sys.version_info < (3, 9):
    sys.stderr.write(
        "trainyard: the image's python3 is %s; the builder needs Python 3.9 or newer\\n"
        % sys.version.split()[0]
    )
    sys.exit(64)
from trainyard_environment.__main__ import main

sys.exit(main(sys.argv[1:]))
"""
"""Old versions of Python, too, can read this."""


def install(folder: Path) -> None:
    """Write archive and program into `folder`, replacing what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_archive(folder / contract.BUILDER_FILE, MAIN, _archived())
    beside = folder / ".uv.new"
    shutil.copyfile(find_uv_bin(), beside)
    beside.chmod(0o755)
    beside.replace(folder / "uv")


def _archived() -> dict[str, Path]:
    """The builder's own files, and those that it imports."""
    api, supervisor = folder_of(trainyard_api.__file__), folder_of(trainyard_supervisor.__file__)
    package, toml = folder_of(trainyard_environment.__file__), folder_of(tomllib.__file__)
    found = {f"trainyard_api/{name}": api / name for name in API}
    found |= {f"trainyard_supervisor/{name}": supervisor / name for name in SUPERVISOR}
    # Python has it from 3.11 on.
    found |= dict(modules(toml, toml))
    own = {n: f for n, f in modules(package, package) if f.name != NOT_ARCHIVED}
    return {**found, **own}
