"""A package index for the cluster, of wheels that this machine fetches.

Resolved on this machine for the Python of the runtime's image. What the image brings itself (torch
and what comes with it) is left out. The index answers within the node's network, as a registry would.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from poll import eventually

PYTHON: Final = "3.14"
LEFT_OUT: Final = re.compile(r"^(torch|triton|(nvidia|cuda)-[a-z0-9-]*)==")
"""What the runtime's image has."""
PORT: Final = 8089
PLATFORMS: Final = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@dataclass(frozen=True, slots=True)
class Node:
    """Where a cluster's node listens: its address, and the words that start a program there."""

    address: str
    enter: list[str]


def fetch(requirements: Sequence[str], folder: Path) -> None:
    """Fetch the wheels of these requirements and of what they need into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    uv = str(Path(sys.executable).with_name("uv"))
    resolve = [uv, "pip", "compile", "--quiet", "-", "--python-version", PYTHON, "--no-header"]
    resolve += [
        "--no-annotate",
        "--python-platform",
        "x86_64-manylinux_2_28",
        "--only-binary=:all:",
    ]
    text = "\n".join(requirements)
    said = subprocess.run(resolve, input=text, capture_output=True, text=True, check=True).stdout
    pins = [line for line in said.splitlines() if line and not LEFT_OUT.match(line)]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    abis = [word for abi in ("cp314", "abi3", "none") for word in ("--abi", abi)]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command += ["--python-version", PYTHON, "--implementation", "cp", *platforms, *abis]
    subprocess.run([*command, "--dest", str(folder), *pins], check=True)


def write_index(folder: Path) -> None:
    """The pages of the simple repository API below `folder`/simple, with the hash of every file."""
    names: dict[str, list[Path]] = {}
    for wheel in sorted(folder.glob("*.whl")):
        name = re.sub(r"[-_.]+", "-", wheel.name.partition("-")[0]).lower()
        names.setdefault(name, []).append(wheel)
    for name, wheels in names.items():
        page = folder / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        links = (f'<a href="../../{w.name}#sha256={_sha256(w)}">{w.name}</a><br>' for w in wheels)
        page.write_text("<!DOCTYPE html>\n" + "\n".join(links) + "\n")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def served(folder: Path, node: Node) -> Iterator[str]:
    """Serve the index within the network of a cluster's node, where pods reach it; its URL."""
    command = [*node.enter, sys.executable, "-m", "http.server", str(PORT)]
    command += ["--bind", node.address, "--directory", str(folder)]
    url = f"http://{node.address}:{PORT}/simple/"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: _answers(url), within=60, what=url)
            yield url
        finally:
            server.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
