"""What a session left in its working folder, by the API and by the volume itself."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installation import RELEASE, Installation

from trainyard.client import Client
from trainyard.errors import TrainyardError

LIST = """
import hashlib, json, pathlib, sys
top = pathlib.Path('/data/runs', sys.argv[1], 'work')
files = (p for p in top.rglob('*') if p.is_file() and not p.is_symlink())
print(json.dumps({str(p.relative_to(top)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}))
"""


@dataclass(frozen=True)
class FileLeft:
    """One file that has to be there."""

    path: str
    problem: str = ""


def files_left(
    release: Installation, people: Client, name: str, patterns: Sequence[str]
) -> list[FileLeft]:
    """For each pattern the files that match it, or the pattern itself with what is wrong.

    A file is right if what the API sends has the hash of what lies on the volume.
    """
    hashes = on_the_volume(release, people, name)
    found = []
    for pattern in patterns:
        paths = fnmatch.filter(hashes, pattern)
        found += [FileLeft(path, _compared(people, name, path, hashes[path])) for path in paths]
        if not paths:
            found.append(FileLeft(pattern, f"{pattern}: not there, among {sorted(hashes)[:20]}"))
    return found


def on_the_volume(release: Installation, people: Client, name: str) -> dict[str, str]:
    """The hash of each file in a session's working folder, by its path there."""
    uid = people.status(name).uid
    said = release.kubectl("exec", f"deploy/{RELEASE}-gateway", "--", "python3", "-c", LIST, uid)
    hashes: dict[str, str] = json.loads(said)
    return hashes


def _compared(people: Client, name: str, path: str, sha256: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "file"
        try:
            people.files.download(name, f"work/{path}", target)
        except TrainyardError as error:
            return f"{path}: {error}"
        got = hashlib.sha256(target.read_bytes()).hexdigest()
    return "" if got == sha256 else f"{path}: {got} is not {sha256}"
