"""The Pythons of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def interpreter(version: tuple[int, int]) -> str:
    """A Python of this version; a machine that lacks it skips the test."""
    name = f"python{version[0]}.{version[1]}"
    folders = [f"{home}/bin" for home in Path.home().glob(f".pyenv/versions/{name[6:]}.*")]
    for program in [*(f"{folder}/{name}" for folder in folders), name]:
        try:
            done = subprocess.run([program, "--version"], capture_output=True, text=True)
        except OSError:
            continue
        if done.stdout.startswith(f"Python {name[6:]}."):
            return program
    pytest.skip(f"this machine has no {name}")
