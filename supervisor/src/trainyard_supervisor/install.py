"""Writes the supervisor as one file, and beside it what a program imports to report.

`FOLDER/supervisor.pyz` runs by any Python from 3.9 on, with nothing but its standard library.
`FOLDER/lib` holds the part of `trainyard` and `trainyard_api` that reporting needs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import trainyard
import trainyard_api
import trainyard_supervisor

ARCHIVE = "supervisor.pyz"
HEADER_BYTES = 16
"""Of a file of bytecode (PEP 552)."""
UNCHECKED = (1).to_bytes(4, "little")
"""In this header: the bytecode counts without a look at the module."""
LIBRARY = "lib"
API_MODULES = (
    "__init__.py",
    "command/__init__.py",
    "command/template.py",
    "contract.py",
    "files/__init__.py",
    "files/durability.py",
    "files/hashing.py",
    "files/links.py",
    "files/names.py",
    "files/paths.py",
    "mlflow/__init__.py",
    "names.py",
    "phase.py",
    "runs/__init__.py",
    "runs/lines.py",
    "visible_text.py",
)
NOT_ARCHIVED = "install.py"
REPORTING = (
    "artifacts/",
    "json_numbers.py",
    "line_budget.py",
    "line_sender.py",
    "line_spool.py",
    "ordered_delivery.py",
    "secret_mask.py",
    "sender.py",
    "spool.py",
    "text_filter.py",
    "transport.py",
)
"""What the supervisor imports of `trainyard.reporting`; the rest would cost it memory."""
OPEN_PACKAGES = ("trainyard/__init__.py", "trainyard_api/__init__.py")
OPEN = b'\n__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'
"""A program that has the whole client installed finds the rest of it there."""
MAIN = """\
import sys

if sys.version_info < (3, 9):
    sys.stderr.write(
        "trainyard: the image's python3 is %s; the supervisor needs Python 3.9 or newer\\n"
        % sys.version.split()[0]
    )
    sys.exit(64)
# The kernel drops a stop signal that reaches process 1 before its handler is there; a blocked one
# waits. `signal` itself would be imported too late.
import _signal

_signal.pthread_sigmask(_signal.SIG_BLOCK, (1, 2, 3, 15))
from trainyard_supervisor.archive_main import main

sys.exit(main())
"""
"""Old versions of Python, too, can read this."""


def install(folder: Path) -> None:
    """Write archive and library into `folder`, replacing what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = {f"{name}/__init__.py": b"" for name in ("trainyard", "trainyard/reporting")}
    write_archive(folder / ARCHIVE, MAIN, _archived(), packages)
    shutil.rmtree(folder / LIBRARY, ignore_errors=True)
    for name, source in _library().items():
        place = folder / LIBRARY / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.read_bytes() + (OPEN if name in OPEN_PACKAGES else b""))
        place.chmod(0o644)
    for path, _, _ in os.walk(folder / LIBRARY):
        Path(path).chmod(0o755)


def write_archive(
    target: Path, main: str, files: Mapping[str, Path], texts: Mapping[str, bytes] | None = None
) -> None:
    """Write an archive that Python runs, of files and texts by their place; whole or not at all.

    A program starts sooner for what is not compressed, and for the bytecode beside its module.
    """
    beside = target.with_name(f".{target.name}.new")
    with zipfile.ZipFile(beside, "w") as archive:
        archive.writestr("__main__.py", main)
        for name, text in (texts or {}).items():
            archive.writestr(name, text)
        for name, source in sorted(files.items()):
            archive.writestr(name, source.read_bytes())
            if (compiled := bytecode(source)) is not None:
                archive.writestr(f"{name}c", compiled)
    beside.chmod(0o644)
    beside.replace(target)


def bytecode(source: Path) -> bytes | None:
    """What this Python keeps of a module in `__pycache__`; None without, or of another text.

    A Python of another version passes over it and compiles the module.
    """
    try:
        kept = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        found = source.stat()
    except (OSError, NotImplementedError):
        return None
    numbers = (0, int(found.st_mtime), found.st_size)
    header = b"".join((n & 0xFFFFFFFF).to_bytes(4, "little") for n in numbers)
    magic = importlib.util.MAGIC_NUMBER
    if kept[:HEADER_BYTES] != magic + header:
        return None
    digest = importlib.util.source_hash(source.read_bytes())
    return magic + UNCHECKED + digest + kept[HEADER_BYTES:]


def _library() -> dict[str, Path]:
    """The files of `trainyard.reporting` and of what it needs, by their place."""
    client, api = folder_of(trainyard.__file__), folder_of(trainyard_api.__file__)
    found = {"trainyard/__init__.py": client / "__init__.py"}
    found |= dict(modules(client, client / "reporting"))
    found |= {f"trainyard_api/{name}": api / name for name in API_MODULES}
    return found


def _archived() -> dict[str, Path]:
    """The supervisor's own files, and those that it imports."""
    reporting = tuple(f"trainyard/reporting/{name}" for name in REPORTING)
    needed = {n: f for n, f in _library().items() if n.startswith(("trainyard_api/", *reporting))}
    package = folder_of(trainyard_supervisor.__file__)
    own = {n: f for n, f in modules(package, package) if f.name != NOT_ARCHIVED}
    return {**needed, **own}


def modules(package: Path, below: Path) -> Iterator[tuple[str, Path]]:
    """Modules below a folder of a package, by their place in an archive."""
    for file in sorted(below.rglob("*.py")):
        yield str(file.relative_to(package.parent)), file


def folder_of(file: str | None) -> Path:
    """The folder of a package, by its `__file__`."""
    return Path(file or "").resolve().parent
