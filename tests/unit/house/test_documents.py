"""The documents: links lead somewhere, manifests are valid, programs compile, command lines are understood."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from trainyard.cli.app import build
from trainyard_api.queue import TrainingQueueSpec
from trainyard_api.session import TrainingSessionSpec

ROOT = Path(__file__).resolve().parents[3]
LISTED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
PAGES = [ROOT / name for name in LISTED]
KINDS = {"TrainingSession": TrainingSessionSpec, "TrainingQueue": TrainingQueueSpec}


def blocks(page: Path, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def anchors(page: Path) -> set[str]:
    """As they are made of headings: lower case, no punctuation, dashes for blanks."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_manifests_and_programs_are_valid(page: Path) -> None:
    for text in blocks(page, "yaml"):
        for manifest in yaml.safe_load_all(text):
            if isinstance(manifest, dict) and manifest.get("kind") in KINDS:
                KINDS[manifest["kind"]].model_validate(manifest["spec"])
    for text in blocks(page, "python"):
        compile(text, str(page), "exec")


def command_lines(page: Path) -> list[list[str]]:
    """What follows `trainyard` in shell blocks, up to a pipe or redirection."""
    found = []
    for text in blocks(page, "bash", "console", ""):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0].removeprefix(".venv/bin/") == "trainyard":
                cut = next((i for i, word in enumerate(words) if word in ("|", "<", ">")), None)
                found.append(words[1:cut])
    return found


def understood(command: Any, words: list[str], parent: Any = None) -> None:
    """Parse as the program would, without running anything."""
    context = command.make_context(command.name or "trainyard", list(words), parent=parent)
    if hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]  # what a group hands to the command below
        _, below, more = command.resolve_command(context, rest)
        understood(below, more, context)


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_command_lines_are_understood(page: Path) -> None:
    lines = command_lines(page)
    wrong = []
    for words in lines:
        try:
            understood(get_command(build()), words)
        except Exception as error:
            # Files of an example are not there.
            if "does not exist" not in str(error):
                wrong.append((words, repr(error)))
    assert wrong == []


def test_there_are_command_lines_to_look_at() -> None:
    assert sum(len(command_lines(page)) for page in PAGES) > 8
