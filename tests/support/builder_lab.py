"""The builder of environments as a process of its own, with the real uv and an index of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasty_folders import make
from package_index import PackageIndex
from uv import find_uv_bin

from trainyard.code.bundle import Limits, bundle
from trainyard_api import contract


@dataclass
class Ended:
    """What a builder left."""

    code: int
    log: str
    message: dict[str, Any]
    """The termination message, {} for none."""

    @property
    def lock(self) -> str:
        """The name of the environment."""
        return str(self.message[contract.ENVIRONMENT_KEY]["lock"])

    @property
    def refusal(self) -> str:
        """Reason, message and hint in one text."""
        return "\n".join(str(self.message[key]) for key in ("reason", "message", "hint"))


class BuilderLab:
    """Builds below `folder` from `index`, over the Python that runs the tests."""

    def __init__(self, folder: Path, index: PackageIndex) -> None:
        self.folder = folder
        self.environments = folder / "environments"
        self.message_file = folder / "termination-log"
        self.image = "trainer:1"
        self.by: tuple[str, ...] = (sys.executable, "-m", "trainyard_environment")
        self.uv: tuple[str, ...] = ("--uv", find_uv_bin())
        home = folder / "home"
        home.mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PIP_"))}
        self.variables = {
            **kept,
            "HOME": str(home),
            contract.ENV_INDEX_URL: index.url,
        }

    def code(self, files: Mapping[str, str]) -> Path:
        """A bundle of these files, laid out as the gateway does."""
        place = self.folder / f"code-{len(list(self.folder.iterdir()))}"
        make(dict(files), place / "folder")
        found = bundle(place / "folder", Limits(1 << 20, 100))
        (place / "bundle" / "contents").mkdir(parents=True)
        (place / "bundle" / "manifest.json").write_bytes(found.text)
        for sha256, content in found.by_hash.items():
            (place / "bundle" / "contents" / sha256).write_bytes(content.path.read_bytes())
        return place / "bundle"

    def start(self, asked: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a builder in a process group of its own; `asked` are its options."""
        self.message_file.write_text("")
        return subprocess.Popen(
            [
                *self.by, "build", "--environments", str(self.environments),
                "--image", self.image, "--termination-message", str(self.message_file), *self.uv, *asked,
            ],
            env=self.variables,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[bytes], seconds: float = 120) -> Ended:
        """Wait for its end."""
        out, _ = process.communicate(timeout=seconds)
        written = self.message_file.read_text()
        return Ended(process.returncode, out.decode(), json.loads(written) if written else {})

    def build(self, *requirements: str) -> Ended:
        """Build a list of requirements."""
        return self.end(self.start(["--requirements-json", json.dumps(requirements)]))

    def build_file(self, file: str, files: Mapping[str, str]) -> Ended:
        """Build what a file of a bundle asks for."""
        return self.end(self.start(["--code", str(self.code(files)), "--file", file]))

    def python(self, ended: Ended, source: str) -> str:
        """What a program prints that runs in the environment."""
        program = self.environments / ended.lock / "bin" / "python"
        done = subprocess.run([program, "-c", source], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def left(self) -> list[str]:
        """Names in the folder of environments, but for those of whole ones."""
        names = {p.name for p in self.environments.iterdir() if len(p.name) != 64}
        building = self.environments / ".building"
        return sorted(names | {f".building/{p.name}" for p in building.iterdir()})
