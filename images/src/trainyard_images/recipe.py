"""The sources of each image, and the tag that follows from their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "docker.io/trainyard"


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image: its target in the Dockerfile, and the files that determine its content."""

    target: str
    locks: tuple[str, ...]
    sources: tuple[str, ...]

    def tag(self, root: Path, base: str) -> str:
        """A hash of the inputs, so that an unchanged image restarts nothing. Reads the files."""
        digest = hashlib.sha256(base.encode())
        for path in self._inputs(root):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    def reference(self, tag: str) -> str:
        """Full name of the image."""
        return f"{REPOSITORY}/{self.target}:{tag}"

    def _inputs(self, root: Path) -> Iterator[Path]:
        yield root / "Dockerfile"
        for lock in self.locks:
            yield root / "requirements" / f"{lock}.lock"
        for source in self.sources:
            files = (root / source / "src").rglob("*")
            yield from sorted(p for p in files if p.is_file() and "__pycache__" not in p.parts)


RECIPES = (
    Recipe(
        "operator",
        ("operator",),
        ("crds", "kube", "scheduler", "operator", "client", "supervisor", "environment"),
    ),
    Recipe("gateway", ("gateway",), ("crds", "data", "kube", "scheduler", "gateway")),
    Recipe("bot", ("telegram_bot",), ("crds", "client", "telegram_bot")),
    Recipe(
        "trainer", ("trainer-image", "trainer-torch"), ("crds", "data", "client", "trainer-image")
    ),
)
