"""Stages trees in a session's folder as its supervisor does, for tests of the gateway."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainyard_api import contract
from trainyard_api.code import CodeEntry, CodeManifest, bundle_name


@dataclass(frozen=True)
class StagedTree:
    """A tree in a session's folder."""

    folder: Path
    manifest: CodeManifest
    tree: str

    def report(self, uid: str, name: str, attempt: int = 1) -> dict[str, Any]:
        """The report of it."""
        return {
            "sessionUid": uid,
            "attempt": attempt,
            "name": name,
            "tree": self.tree,
            "files": len(self.manifest.files),
            "sizeBytes": self.manifest.size_bytes,
        }

    def leave_report(self, uid: str, name: str) -> Path:
        """Write the report as a supervisor that could not deliver it."""
        path = self.folder / f"{contract.TREE_REPORT_PREFIX}{name}.json"
        path.write_text(json.dumps(self.report(uid, name)))
        return path


def manifest_of(
    files: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    folders: tuple[str, ...] = (),
    executable: tuple[str, ...] = (),
) -> CodeManifest:
    """The list of these files, links and empty folders."""
    listed = [
        CodeEntry(
            path=path,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            executable=path in executable,
        )
        for path, content in files.items()
    ]
    listed += [CodeEntry(path=path, target=target) for path, target in (links or {}).items()]
    listed += [CodeEntry(path=path, folder=True) for path in folders]
    return CodeManifest(entries=listed)


def stage(
    run: Path,
    files: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    folders: tuple[str, ...] = (),
    executable: tuple[str, ...] = (),
) -> StagedTree:
    """Stage a tree in the folder `run` of a session."""
    manifest = manifest_of(files, links, folders, executable)
    text = manifest.text()
    folder = run / contract.ARTIFACTS / bundle_name(text)
    for path, content in files.items():
        place = folder / contract.TREE_FILES / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / contract.TREE_MANIFEST).write_bytes(text)
    return StagedTree(folder, manifest, bundle_name(text))
