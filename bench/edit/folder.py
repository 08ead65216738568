"""A project of an ordinary size whose program is edited again and again."""

from __future__ import annotations

import time
from pathlib import Path

MODULES = 40
"""Files beside the program, some of them large."""
PROGRAM = """\
from package import module_0

print("{mark}", module_0.VALUE, flush=True)
for step in range(1, 4):
    print(f"step {{step}}/3", flush=True)
"""


class Folder:
    """The folder, and its edits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._edits = 0
        package = path / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        for number in range(MODULES):
            lines = (f"def function_{n}(x): return x + {n}\n" for n in range(50 * number))
            (package / f"module_{number}.py").write_text(f"VALUE = {number}\n" + "".join(lines))
        (path / "README.md").write_text("A project.\n")

    def edit(self) -> tuple[str, float]:
        """Save an edit of the program.

        Returns the mark that its first line begins with, and the moment in seconds since the epoch.
        """
        self._edits += 1
        mark = f"edit-{self._edits:04d}"
        (self.path / "train.py").write_text(PROGRAM.format(mark=mark))
        return mark, time.time()
