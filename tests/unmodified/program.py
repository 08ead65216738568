"""A program of the list, and the folder that it is run from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from example_data import MAKERS

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """One entry of programs.yaml, which explains the fields."""

    name: str
    command: list[str]
    ready: str
    outputs: list[str]
    artifact: str
    shipped: bool = False
    files: list[str] = field(default_factory=list)
    data: str | None = None
    requirements: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    resumed: str | None = None
    progress: list[str] = field(default_factory=list)
    memory: str = "1Gi"
    resume: str | None = None

    def lay(self, folder: Path) -> None:
        """Write the folder: the files, their data and the requirements."""
        folder.mkdir(parents=True)
        for name in self.files:
            shutil.copy(HERE / "sources" / name, folder / name)
        if self.data:
            MAKERS[self.data](folder / "data")
        if self.requirements:
            (folder / "requirements.txt").write_text("\n".join(self.requirements) + "\n")


def programs(file: Path = HERE / "programs.yaml") -> list[Program]:
    """All entries."""
    entries: list[dict[str, Any]] = yaml.safe_load(file.read_text())
    return [Program(**entry) for entry in entries]
