"""The documents: links lead somewhere, manifests and values are valid, programs compile, command lines are understood."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from trainyard.cli.app import build
from trainyard_api import contract
from trainyard_api.datasets.choices import MAX_COLUMNS
from trainyard_api.queue import TrainingQueueSpec
from trainyard_api.report import MAX_BATCH_BYTES
from trainyard_api.session.resources import Resources
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_data.archives.limits import Limits
from trainyard_gateway import paging, request_slots
from trainyard_gateway.auth import audit_log
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.events import hub
from trainyard_gateway.http import connections, policy, protocol, unread_answers
from trainyard_gateway.registry import uploads
from trainyard_gateway.store.logs import lines as log_lines
from trainyard_gateway.store.metrics import cardinality, charts
from trainyard_gateway.store.registry import models

ROOT = Path(__file__).resolve().parents[3]
LISTED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
PAGES = [ROOT / name for name in LISTED]
GUIDES = [page for page in PAGES if page.parent.name == "guides"]
ADMINISTRATOR = ROOT / "docs" / "guides" / "administrator.md"
ABOUT_THE_CHART = [
    ADMINISTRATOR,
    ROOT / "docs" / "troubleshooting.md",
    ROOT / "docs" / "capacity.md",
]
CAPACITY = ROOT / "docs" / "capacity.md"
KINDS = {"TrainingSession": TrainingSessionSpec, "TrainingQueue": TrainingQueueSpec}
CHART = ROOT / "charts" / "trainyard"
SHELL = ("bash", "sh", "console")
NOT_THERE = {"operator/__init__.py", "bench/results"}
"""What is named because it must not be there, and what measurements leave."""
ACTING = {"--help", "--install-completion", "--show-completion"}


def blocks(page: Path, *languages: str) -> list[str]:
    """Code of these languages, also within lists."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, language, text in found if language in languages]


def prose(page: Path) -> str:
    """All but the blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def inline(page: Path) -> list[str]:
    """Code within sentences."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def anchors(page: Path) -> set[str]:
    """As they are made of headings: lower case, no punctuation, dashes for blanks."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_every_page_can_be_found_from_the_map() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", (ROOT / "docs" / "README.md").read_text()))
    pages = {p.name for p in (ROOT / "docs").glob("*.md")} - {"README.md"}
    pages |= {f"guides/{p.name}" for p in GUIDES}

    assert pages <= linked


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_manifests_and_programs_are_valid(page: Path) -> None:
    for text in blocks(page, "yaml"):
        for manifest in yaml.safe_load_all(text):
            if isinstance(manifest, dict) and manifest.get("kind") in KINDS:
                assert KINDS[manifest["kind"]].model_validate(manifest["spec"])
    for text in blocks(page, "python"):
        compile(text, str(page), "exec")
    for text in blocks(page, "json"):
        json.loads(text)


def test_the_own_program_of_the_guide_runs_and_goes_on(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "guides" / "researcher.md", "python")
    assert "/data/run/" in text
    program = tmp_path / "train.py"
    program.write_text(text.replace("/data/run/", f"{tmp_path}/"))
    (tmp_path / "checkpoint.json").write_text('{"step": 990, "weight": 0.5}')

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "checkpoint.json").read_text())["step"] == 1000
    assert (tmp_path / "weights.safetensors").stat().st_size > 0


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_shell_blocks_can_be_parsed(page: Path) -> None:
    # What a program printed stands in blocks of text, so these hold commands alone.
    text = "\n".join(blocks(page, *SHELL)).replace("<your API key>", "key")
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)

    assert done.stderr == ""


@cache
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def test_the_chart_accepts_the_values_of_the_guide() -> None:
    schema = jsonschema_rs.validator_for(json.loads((CHART / "values.schema.json").read_text()))
    examples = [yaml.safe_load(text) for text in blocks(ADMINISTRATOR, "yaml")]
    given = [example for example in examples if not {"kind", "volumes"} & set(example)]

    assert len(given) >= 2
    for example in given:
        schema.validate(example)


@pytest.mark.parametrize("page", ABOUT_THE_CHART, ids=lambda page: page.name)
def test_values_of_the_chart_are_called_right(page: Path) -> None:
    for word in inline(page):
        parts = word.split(".")
        if len(parts) < 2 or parts[0] not in values() or not re.fullmatch(r"[\w.]+", word):
            continue
        if parts[-1] in ("py", "yaml", "tar"):
            continue
        place: Any = values()
        for part in parts:
            assert isinstance(place, dict), word
            assert part in place, word
            place = place[part]


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_targets_of_make_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for text in blocks(page, *SHELL) for line in text.splitlines()]
    named = {
        m[1] for text in (*inline(page), *lines) if (m := re.match(r"make ([a-z][\w-]*)", text))
    }

    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_paths_of_the_house_are_there(page: Path) -> None:
    rooms = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")} - {
        "build"
    }
    for word in inline(page):
        path = word.rstrip("/")
        if path in NOT_THERE:
            continue
        if re.fullmatch(r"[\w./-]+", path) and "/" in path and path.split("/")[0] in rooms:
            assert (ROOT / path).exists() or (page.parent / path).exists(), word


def command_lines(page: Path) -> list[list[str]]:
    """What follows `trainyard` in shell blocks and in sentences, up to a pipe or redirection."""
    found = []
    lines = [
        line for text in blocks(page, *SHELL, "") for line in text.replace("\\\n", " ").splitlines()
    ]
    for line in (*lines, *(word for word in inline(page) if word.startswith("trainyard "))):
        for part in parts_of(line):
            if part[0].removeprefix(".venv/bin/") == "trainyard" and "…" not in " ".join(part):
                found.append(part[1:])
    return found


def parts_of(line: str) -> list[list[str]]:
    """The commands of a line, without what they are redirected to."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|<>;&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return []  # a line of an answer, or of a text in quotes
    parts: list[list[str]] = [[]]
    for word in words:
        if re.fullmatch(r"[|;&]+", word):
            parts.append([])
        elif re.fullmatch(r"[<>]+", word):
            parts.append(["(redirected)"])
        else:
            parts[-1].append(word)
    # `xargs trainyard …` gives the command its names.
    return [p[1:] + ["NAME"] if p[0] == "xargs" else p for p in parts if p]


def understood(command: Any, words: list[str], parent: Any = None) -> None:
    """Parse as the program would, without running anything."""
    context = command.make_context(command.name or "trainyard", list(words), parent=parent)
    if hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]  # what a group hands to the command below
        _, below, more = command.resolve_command(context, rest)
        understood(below, more, context)


@pytest.mark.parametrize("page", PAGES, ids=LISTED)
def test_command_lines_are_understood(page: Path) -> None:
    wrong = []
    for words in command_lines(page):
        # Options that act while they are parsed (one of them writes into the shell's profile), and names of groups.
        if ACTING & set(words) or words == ["keys"]:
            continue
        try:
            understood(build(), words)
        except Exception as error:
            # Files of an example are not there; a sentence may leave out what a command needs.
            if not re.search(
                "does not exist|MissingParameter|requires an argument", f"{error} {error!r}"
            ):
                wrong.append((words, repr(error)))
    assert wrong == []


def test_there_are_command_lines_to_look_at() -> None:
    assert sum(len(command_lines(page)) for page in PAGES) > 40


def test_what_is_wrong_is_noticed() -> None:
    with pytest.raises(Exception, match="No such"):
        understood(build(), ["submit", "--gpu", "1"])


def test_every_scope_is_explained() -> None:
    rows = re.findall(r"^\| (`[a-z]+:.*?) \|", ADMINISTRATOR.read_text(), re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"[a-z]+:[a-z]+", row)} == set(Scope)


def test_every_alert_of_the_chart_is_explained() -> None:
    rules = (
        (CHART / "templates" / "policy" / "alerts.yaml")
        .read_text()
        .replace("{{ title $component }}Down", "")
    )
    alerts = set(re.findall(r"- alert: (\w+)$", rules, re.MULTILINE)) - {"Trainyard"}
    alerts |= {"TrainyardGatewayDown", "TrainyardOperatorDown"}

    assert set(re.findall(r"`(Trainyard[A-Z]\w+)`", ADMINISTRATOR.read_text())) == alerts


def most(model: Any, field: str) -> int:
    """The largest value that a field of a model takes."""
    bounds = [
        found for m in model.model_fields[field].metadata if (found := getattr(m, "le", None))
    ]
    return int(bounds[0])


def test_the_bounds_are_those_of_the_programs() -> None:
    bounds = {
        "GPUs per worker": most(Resources, "gpus"),
        "Workers of a session": most(TrainingSessionSpec, "workers"),
        "Body of a request that is no upload, bytes": policy.MAX_BODY,
        "One report of a trainer, bytes": MAX_BATCH_BYTES,
        "Parts of an upload": uploads.MOST_PARTS,
        "Uploads of datasets, and of models, that are not complete": uploads.MOST_BEGUN,
        "Of these, those that keys of one name began": uploads.MOST_OF_OWNER,
        "A response that lists something, bytes": paging.PAGE_BYTES,
        "Rows of a response that lists something": paging.MOST_ROWS,
        "Card of a model in a list, characters": models.LONGEST_LISTED_CARD,
        "Connections of one gateway": connections.MOST_CONNECTIONS,
        "Connections of one address": connections.MOST_OF_ADDRESS,
        "Requests of one connection that wait for an earlier one": protocol.MOST_PIPELINED,
        "Requests of one API key that are worked on at once": request_slots.MOST_AT_ONCE,
        "Answers to one API key that are not read, bytes": unread_answers.MOST_BYTES,
        "Event streams of one gateway": hub.MOST_FOLLOWERS,
        "Event streams of one address": hub.MOST_OF_ADDRESS,
        "Event streams of one API key": hub.MOST_OF_KEY,
        "Different metrics of a session": cardinality.MAX_METRIC_NAMES,
        "Log lines that one request reads, bytes": log_lines.MAX_PAGE_BYTES,
        "Points that one request reads": charts.MAX_POINTS_IN_ALL,
        "Columns of a table": MAX_COLUMNS,
        "Members of an archive of images": Limits().members,
        "Attempts to authenticate that are kept": audit_log.MOST_KEPT,
    }
    written = re.findall(r"^\| ([^|]+) \| ([\d,]+) \|$", CAPACITY.read_text(), re.MULTILINE)

    assert {name: int(value.replace(",", "")) for name, value in written} == bounds


def test_every_variable_of_a_trainers_pod_is_explained() -> None:
    names = [value for name, value in vars(contract).items() if name.startswith("ENV_")]
    text = (ROOT / "docs" / "configuration.md").read_text()

    assert [name for name in names if f"| `{name}` |" not in text] == []
