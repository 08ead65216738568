"""Images: what their tags depend on, which archives count as there, where a base comes from, what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from trainyard_images import base
from trainyard_images.build import build, read
from trainyard_images.builders import name_and_tag
from trainyard_images.errors import NotPossible
from trainyard_images.recipe import RECIPES, Recipe

ROOT = Path(__file__).resolve().parents[3]


def tree(folder: Path) -> Path:
    """A repository with what one recipe reads."""
    for path, text in {
        "Dockerfile": "FROM x",
        "requirements/tool.lock": "a==1",
        "tool/src/tool/__init__.py": "",
        "tool/src/tool/main.py": "print(1)",
        "other/src/other/main.py": "print(2)",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


TOOL = Recipe("tool", "tool", ("tool",))


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("Dockerfile", True),
        ("requirements/tool.lock", True),
        ("tool/src/tool/main.py", True),
        ("tool/src/tool/new.py", True),
        ("tool/src/tool/__pycache__/main.pyc", False),
        ("other/src/other/main.py", False),
        ("README.md", False),
    ],
)
def test_the_tag_follows_what_is_in_the_image(tmp_path: Path, path: str, changes: bool) -> None:
    root = tree(tmp_path)
    before = TOOL.tag(root, "base-1")
    (root / path).parent.mkdir(parents=True, exist_ok=True)

    (root / path).write_text("changed")

    assert (TOOL.tag(root, "base-1") != before) is changes


def test_another_base_is_another_image(tmp_path: Path) -> None:
    root = tree(tmp_path)

    assert TOOL.tag(root, "base-1") != TOOL.tag(root, "base-2")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.target)
def test_every_recipe_has_its_target_lock_and_sources(recipe: Recipe) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert f" AS {recipe.target}\n" in dockerfile
    assert (ROOT / "requirements" / f"{recipe.lock}.lock").is_file()
    copied = re.findall(r"^COPY ((?:\S+/src )+)/opt/app/$", dockerfile, re.MULTILINE)
    assert {f"{source}/src" for source in recipe.sources} in [set(line.split()) for line in copied]
    for source in recipe.sources:
        assert (ROOT / source / "src").is_dir()


def test_every_image_runs_as_the_pods_user() -> None:
    """Whatever a final stage starts, it is 10001, which the chart and the volumes are made for."""
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    final = [
        s for s in stages if s.split("\n", 1)[0].split(" AS ")[-1] in {r.target for r in RECIPES}
    ]

    assert len(final) == len(RECIPES)
    for stage in final:
        assert "\nUSER 10001" in stage, stage.split("\n", 1)[0]


class Builder:
    """Writes an archive and counts."""

    def __init__(self, fails: bool = False) -> None:
        self.built: list[str] = []
        self._fails = fails

    def base_key(self) -> str:
        return "base"

    def prepare(self, log: Path) -> None:
        assert log.suffix == ".log"

    def build(self, recipe: Recipe, reference: str, archive: Path, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{recipe.target} built\n")
        archive.write_bytes(reference.encode())
        if self._fails:
            raise KeyboardInterrupt
        self.built.append(recipe.target)


def test_only_what_changed_is_built(tmp_path: Path) -> None:
    builder, console = Builder(), Console(quiet=True)

    first = build(builder, ["operator", "bot"], ROOT, tmp_path, console)
    again = build(builder, ["operator", "bot"], ROOT, tmp_path, console)

    assert builder.built == ["operator", "bot"]
    assert again == first
    assert {b.target for b in first} == {"operator", "bot"}


@pytest.mark.parametrize("damage", ["cut short", "gone", "torn record"])
def test_a_damaged_archive_is_built_again(tmp_path: Path, damage: str) -> None:
    builder, console = Builder(), Console(quiet=True)
    build(builder, ["operator"], ROOT, tmp_path, console)
    if damage == "cut short":
        (tmp_path / "operator.tar").write_bytes(b"x")
    elif damage == "gone":
        (tmp_path / "operator.tar").unlink()
    else:
        (tmp_path / "operator.json").write_text('{"target": "oper')

    build(builder, ["operator"], ROOT, tmp_path, console)

    assert builder.built == ["operator", "operator"]


def test_a_cut_build_leaves_no_record(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(Builder(fails=True), ["operator"], ROOT, tmp_path, Console(quiet=True))

    assert (tmp_path / "operator.tar").exists()
    assert read(tmp_path, "operator") is None


@pytest.mark.parametrize(
    ("sources", "uri"),
    [
        ("deb http://mirror.example/debian trixie main", "http://mirror.example/debian"),
        (
            "deb [signed-by=/x.gpg] https://mirror.example/debian/ forky main",
            "https://mirror.example/debian",
        ),
        (
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\n",
            "http://mirror.example/debian",
        ),
        (
            "deb http://mirror.example/debian-security x main\ndeb http://other.example/debian x main",
            "http://other.example/debian",
        ),
    ],
    ids=["one line", "options and slash", "deb822", "security archive first"],
)
def test_the_archive_that_this_machine_uses(sources: str, uri: str) -> None:
    assert base.mirror(sources) == uri


@pytest.mark.parametrize("sources", ["", "deb http://mirror.example/ubuntu noble main"])
def test_no_debian_archive(sources: str) -> None:
    with pytest.raises(NotPossible, match="name a base image by --base-image, or use a machine"):
        base.mirror(sources)


def run(*arguments: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "trainyard_images", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_an_unknown_image_names_those_that_there_are(tmp_path: Path) -> None:
    code, said = run("build", "--target=trayner", f"--out={tmp_path}")

    assert code == 2
    assert "no image is called trayner; there are operator, gateway, bot, trainer" in said


def test_no_builder_and_no_apt(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    code, said = run(
        "build",
        "--target=operator",
        f"--out={tmp_path / 'out'}",
        PATH=str(tmp_path / "bin"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )

    assert code == 2
    assert "neither a Docker engine nor buildah debootstrap is here" in said.replace(
        "debootstrap buildah", "buildah debootstrap"
    )
    assert "Traceback" not in said


def test_docker_without_an_engine(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    code, said = run(
        "build", "--builder=docker", f"--out={tmp_path / 'out'}", PATH=str(tmp_path / "bin")
    )

    assert code == 2
    assert "no Docker engine answers `docker info`; start it, or use --builder buildah" in said


def test_the_record_names_the_archive(tmp_path: Path) -> None:
    (built,) = build(Builder(), ["bot"], ROOT, tmp_path, Console(quiet=True))

    record = json.loads((tmp_path / "bot.json").read_text())
    assert record["tag"] == built.tag
    assert record["repository"] == "docker.io/trainyard/bot"
    assert (tmp_path / "bot.tar").read_text() == f"docker.io/trainyard/bot:{built.tag}"


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python:3.14-slim", ("python", "3.14-slim")),
        ("localhost:5000/a/base:1", ("localhost:5000/a/base", "1")),
        ("python:3.14@sha256:ab", ("python", "3.14@sha256:ab")),
    ],
    ids=["tag", "registry with a port", "digest"],
)
def test_a_base_image_has_a_name_and_a_tag(reference: str, parts: tuple[str, str]) -> None:
    assert name_and_tag(reference) == parts


@pytest.mark.parametrize("reference", ["python", "localhost:5000/base", "python@sha256:ab"])
def test_a_base_image_without_a_tag_is_refused(reference: str) -> None:
    with pytest.raises(NotPossible, match="needs a tag"):
        name_and_tag(reference)
