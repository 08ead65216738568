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
from trainyard_images.builders import Options, name_and_tag, pinned
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


TOOL = Recipe("tool", ("tool",), ("tool",))


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
    assert all((ROOT / "requirements" / f"{lock}.lock").is_file() for lock in recipe.locks)
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
        ("localhost/a/base:1", ("localhost/a/base", "1")),
        ("localhost:5000/a/base:1@sha256:ab", ("localhost:5000/a/base", "1@sha256:ab")),
        ("python:3.14@sha256:ab", ("python", "3.14@sha256:ab")),
    ],
    ids=["local", "registry with a port", "digest"],
)
def test_a_base_image_has_a_name_and_a_tag(reference: str, parts: tuple[str, str]) -> None:
    assert name_and_tag(reference) == parts


@pytest.mark.parametrize("reference", ["python", "localhost:5000/base", "python@sha256:ab"])
def test_a_base_image_without_a_tag_is_refused(reference: str) -> None:
    with pytest.raises(NotPossible, match="needs a tag"):
        name_and_tag(reference)


@pytest.mark.parametrize("reference", ["python:3.14-slim", "localhost:5000/a/base:1"])
def test_a_base_image_of_a_registry_without_its_digest_is_refused(
    tmp_path: Path, reference: str
) -> None:
    with pytest.raises(NotPossible, match="needs its digest, such as"):
        Options(tmp_path, tmp_path, base_image=reference).check()


def test_the_engines_word_pins_the_default_base() -> None:
    assert pinned("x/python:3.14-slim", "python@sha256:ab\n") == "x/python:3.14-slim@sha256:ab"
    with pytest.raises(NotPossible, match="name one by --base-image"):
        pinned("x/python:3.14-slim", "\n")


def test_another_index_needs_its_own_hashes(tmp_path: Path) -> None:
    index = "https://wheels.example/cu126"
    with pytest.raises(NotPossible, match="--torch-index needs --torch-lock"):
        Options(tmp_path, tmp_path, torch_index=index).check()
    with pytest.raises(NotPossible, match="there is no lock requirements/mine.lock"):
        Options(tmp_path, tmp_path, torch_lock="requirements/mine.lock").check()
    lock = tmp_path / "mine.lock"
    keys = []
    for pins in ("torch==1", "torch==2"):
        lock.write_text(pins)
        options = Options(tmp_path, tmp_path, torch_index=index, torch_lock="mine.lock")
        options.check()
        keys.append(options.torch_key("index"))
    assert len({*keys, Options(tmp_path, tmp_path).torch_key("index")}) == 3
    assert "--build-arg=TORCH_LOCK=mine.lock" in options.arguments(None, "index")


def test_every_package_of_an_image_is_pinned_by_hash() -> None:
    """Every `pip install` of the Dockerfile, and every lock that it names."""
    text = (ROOT / "Dockerfile").read_text()
    installs = re.findall(r"pip install [^\n]*", text)
    assert installs
    assert [line for line in installs if "--require-hashes --no-deps -r" not in line] == []
    for recipe in RECIPES:
        for name in recipe.locks:
            lock = (ROOT / "requirements" / f"{name}.lock").read_text()
            pins = re.split(r"\n(?=\S)", lock.strip())
            assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_the_pins_of_torch_complete_those_of_the_trainer() -> None:
    """One package is in one lock only, and torch has the version that is tested."""
    locks = {
        name: re.findall(
            r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.M
        )
        for name in ("trainer-image.lock", "trainer-torch.lock", "dev.lock")
    }
    names = [{package for package, _ in pins} for pins in locks.values()]
    assert names[0] & names[1] == set()
    assert set(locks["trainer-torch.lock"]) <= set(locks["dev.lock"])
    assert "torch" in names[1]


def test_a_dockerfile_without_arguments_pulls_no_changing_tag() -> None:
    text = (ROOT / "Dockerfile").read_text()
    [tag] = re.findall(r"^ARG BASE_TAG=(\S*)", text, re.M)
    assert tag.endswith("needs-its-digest")
