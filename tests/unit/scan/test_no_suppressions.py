"""No scanner is told to look away: neither by a comment, nor by a file."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# In parts, or this file would be found.
COMMENTS = ("# no" + "sec", "no" + "semgrep", "gitleaks:" + "allow", "checkov:" + "skip", "kube-score/" + "ignore")  # fmt: skip
FILES = (".bandit", ".checkov.yaml", ".checkov.yml", ".gitleaks.toml", ".gitleaksignore", ".semgrepignore")  # fmt: skip
PROGRAMS = (".py", ".yaml", ".yml", ".tpl", ".toml", "Dockerfile", "Makefile")


def tracked() -> list[str]:
    shown = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in shown.stdout.splitlines() if (ROOT / name).is_file()]


def test_there_is_no_comment_for_a_scanner() -> None:
    found = [
        f"{name}: {comment}"
        for name in tracked()
        if name.endswith(PROGRAMS)
        for comment in COMMENTS
        if comment in (ROOT / name).read_text()
    ]

    assert found == []


def test_there_is_no_file_for_a_scanner() -> None:
    assert [name for name in tracked() if name.rpartition("/")[2] in FILES] == []
