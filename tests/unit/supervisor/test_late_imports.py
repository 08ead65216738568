"""What a supervisor leaves for later: modules of the standard library that cost memory and are seldom used."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from trainyard_supervisor.install import ARCHIVE, install

COSTLY = {
    "argparse",
    "dataclasses",  # with `inspect`, `ast`, `dis` and `tokenize`
    "datetime",
    "hashlib",
    "inspect",
    "logging",
    "ssl",
    "tempfile",
    "uuid",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainyard")
    install(folder)
    return folder / ARCHIVE


def test_no_module_of_the_archive_imports_a_costly_one_at_its_start(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        texts = {n: packed.read(n).decode() for n in packed.namelist() if n.endswith(".py")}
    found = {
        (name, module)
        for name, text in texts.items()
        for node in ast.parse(text).body
        for module in imported(node)
        if module in COSTLY
    }

    assert found == set()


def imported(node: ast.stmt) -> list[str]:
    """Modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


USES = """
import sys
sys.path.insert(0, sys.argv[1])
from trainyard_supervisor.archive_main import Later
later = sys.modules["ipaddress"] = Later("ipaddress")
from urllib.parse import urlsplit
print(urlsplit("http://gateway:80/a").hostname, sys.modules["ipaddress"] is later)
print(urlsplit("http://[::1]:80/a").hostname)
try:
    urlsplit("http://[none]:80/a")
except ValueError as error:
    print("refused")
import ipaddress
print(later.ip_address is ipaddress.ip_address, ipaddress.ip_address("127.0.0.1"))
"""


def test_addresses_in_brackets_are_read_by_the_module_that_comes_later(archive: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", USES, str(archive)], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == "gateway True"
    assert rest[0] == "::1"
    assert rest[-1] == "True 127.0.0.1"
