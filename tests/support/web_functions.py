"""Calls of the web page's pure functions, by Node. Tables of truth stay in Python beside all others."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
_INSTALL_SECONDS = 600


def web_packages() -> Path:
    """The packages of the web page, which `make` installs where they are missing."""
    folder = WEB / "node_modules"
    if not (folder / ".package-lock.json").is_file():
        made = subprocess.run(
            ["make", "--no-print-directory", "web-packages"], cwd=ROOT, text=True,
            capture_output=True, timeout=_INSTALL_SECONDS, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            pytest.fail(f"make web-packages: {made.stderr[-2000:]}", pytrace=False)
    return folder


class WebFunctions:
    """A Node that waits for calls."""

    def __init__(self, node: subprocess.Popen[str]) -> None:
        self._node = node

    def call(self, module: str, name: str, *given: Any) -> Any:
        """What a function gives, as JSON; maps are lists of pairs."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps([module, name, given]) + "\n")
        self._node.stdin.flush()
        answer = self._node.stdout.readline()
        assert answer, "Node ended; its error output says why"
        return json.loads(answer)


@contextmanager
def web_functions() -> Iterator[WebFunctions]:
    """Node with the pure modules of the page."""
    web_packages()
    node = shutil.which("node")
    assert node is not None, "Node is not installed: apt-get install nodejs npm"
    script = Path(__file__).with_suffix(".mjs")
    with subprocess.Popen(
        [node, str(script), str(WEB)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield WebFunctions(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
