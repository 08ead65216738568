"""A package index for the cluster, of wheels that this machine fetches.

They are for the Python of the runtime's image. What the image brings itself (torch and what comes with
it) is left out. The index answers within the node's network, as a registry would.
"""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import yaml
from poll import eventually

from trainyard_cluster.embedded.network import enter
from trainyard_cluster.plan import Layout

PYTHON: Final = "3.14"
LEFT_OUT: Final = re.compile(r"(torch(vision|audio)?|triton|(nvidia|cuda)-[a-z0-9-]*)==")
"""What the runtime's image has."""
NEWEST_GLIBC: Final = 40
"""Wheels for `manylinux_2_N` up to this one are fetched; the image's C library is newer."""

SIDE_BY_SIDE: Final = 4
"""Lists that are resolved at a time: each waits for the index most of the time."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where a cluster's node listens: its address, and the words that start a program there."""

    address: str
    enter: list[str]


def node_of(kubeconfig: Path) -> Node:
    """The node of a cluster that `trainyard_cluster up` made: its folder is named after it."""
    layout = Layout(kubeconfig.parent.name, kubeconfig.parent)
    server = urlsplit(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    return Node(str(server.hostname), enter(layout))


def fetch(each: Sequence[Sequence[str]], folder: Path) -> None:
    """Fetch the newest wheels of each list of requirements, and of what these need, into `folder`."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(_pins, each))
    for pins in found:
        complete = folder / f"complete-{hashlib.sha256(pins.encode()).hexdigest()[:16]}"
        if not complete.is_file():
            _download(pins, folder)
            complete.touch()


def _pins(requirements: Sequence[str]) -> str:
    """The newest versions that fit each other, without what the runtime has."""
    target = ["--python-version", PYTHON, "--only-binary=:all:"]
    target += ["--python-platform", f"{platform.machine()}-manylinux_2_{NEWEST_GLIBC}"]
    command = [_beside("uv"), "pip", "compile", "--quiet", "-", "--no-header", "--no-annotate"]
    done = subprocess.run(
        [*command, *target],
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{requirements} cannot be resolved: {done.stderr[-2000:]}")
    return without_runtime(done.stdout)


def fetch_locked(lock: Path, folder: Path) -> Path:
    """The folder below `folder` with the wheels of a lock, which are fetched once for each lock."""
    text = without_runtime(lock.read_text())
    place = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
    complete = place / "complete"
    if not complete.is_file():
        _download(text, place, "--require-hashes")
        complete.touch()
    return place


def without_runtime(lock: str) -> str:
    """A list of pins, each with its hashes, without what the runtime has. Pure."""
    kept, left_out = [], False
    for line in lock.splitlines():
        if not line.startswith((" ", "\t")):
            left_out = LEFT_OUT.match(line) is not None
        if not left_out:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _download(pins: str, folder: Path, *options: str) -> None:
    """Fetch wheels for the runtime's Python, on this machine's."""
    folder.mkdir(parents=True, exist_ok=True)
    glibc = (f"manylinux_2_{n}_{platform.machine()}" for n in range(NEWEST_GLIBC, 4, -1))
    names = [*glibc, f"manylinux2014_{platform.machine()}"]
    tags = ["--python-version", PYTHON, "--implementation", "cp"]
    tags += [word for name in names for word in ("--platform", name)]
    tags += [word for abi in ("cp314", "abi3", "none") for word in ("--abi", abi)]
    file = folder / "pins.txt"
    file.write_text(pins)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--retries", "10", "--timeout", "60", *options]
    done = subprocess.run(
        [*command, *tags, "--dest", str(folder), "-r", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise AssertionError(f"the wheels cannot be fetched: {done.stderr[-2000:]}")


def _beside(program: str) -> str:
    return str(Path(sys.executable).with_name(program))


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
    command = [*node.enter, sys.executable, "-u", "-m", "http.server", "0"]
    command += ["--bind", node.address, "--directory", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            port = re.search(r" port (\d+)", said)
            assert port is not None, f"no index on {node.address}: {said}"
            url = f"http://{node.address}:{port[1]}/simple/"
            eventually(lambda: _answers(url), within=60, what=url)
            yield url
        finally:
            server.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
