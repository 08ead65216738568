"""Bytecode in an archive: it saves the compilation, and is never of another text or version."""

from __future__ import annotations

import json
import py_compile
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from interpreters import interpreter

from trainyard_supervisor.install import write_archive

MAIN = """\
import json, sys
compiled = []
sys.addaudithook(lambda event, given: compiled.append(str(given[1])) if event == "compile" else None)
from part import VALUE
print(json.dumps([VALUE, bool(compiled)]))
"""


def ran(archive: Path, by: str = sys.executable) -> list[object]:
    """The value of the module, and whether anything was compiled for it."""
    done = subprocess.run([by, "-I", "-S", archive], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def compiled(source: Path) -> None:
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)


def nothing(source: Path) -> None:
    pass


def older(source: Path) -> None:
    compiled(source)
    source.write_text("VALUE = 1  # longer\n")


def damaged(source: Path) -> None:
    compiled(source)
    (kept,) = (source.parent / "__pycache__").iterdir()
    kept.write_bytes(b"other" + kept.read_bytes()[5:])


@pytest.mark.parametrize(
    ("keeps", "compiles"),
    [(compiled, False), (nothing, True), (older, True), (damaged, True)],
    ids=["kept", "none", "of another text", "damaged"],
)
def test_what_python_keeps_of_a_module_saves_its_compilation(
    tmp_path: Path, keeps: Callable[[Path], None], compiles: bool
) -> None:
    source = tmp_path / "part.py"
    source.write_text("VALUE = 1\n")
    keeps(source)

    write_archive(tmp_path / "made.pyz", MAIN, {"part.py": source})

    assert ran(tmp_path / "made.pyz") == [1, compiles]


@pytest.mark.parametrize("version", [(3, 9), (3, 11), (3, 12), (3, 14)], ids=lambda v: f"3.{v[1]}")
def test_another_version_of_python_compiles_the_module(
    tmp_path: Path, version: tuple[int, int]
) -> None:
    source = tmp_path / "part.py"
    source.write_text("VALUE = 1\n")
    compiled(source)

    write_archive(tmp_path / "made.pyz", MAIN, {"part.py": source})

    same = version == sys.version_info[:2]
    assert ran(tmp_path / "made.pyz", interpreter(version)) == [1, not same]
