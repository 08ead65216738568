"""Environments that the real uv makes over the runtime's packages, and what runs in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_lab import BuilderLab
from package_index import PackageIndex, package_index

TORCH = "import importlib.util as u; print(u.find_spec('torch').origin)"


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """With a program that needs torch, and tensorboard."""
    with package_index() as index:
        index.add("torch", "99.0")
        index.add("leaf", "1.0")
        index.add("leaf", "2.0")
        index.add("trains", "1.0", ["torch>=2", "leaf"], scripts={"trains": "trains:main"})
        index.add("tensorboard", "2.0")
        yield index


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> BuilderLab:
    return BuilderLab(tmp_path, index)


def test_packages_lie_over_those_of_the_runtime_whose_torch_stays(
    lab: BuilderLab, index: PackageIndex
) -> None:
    built = lab.build("trains")

    assert built.code == 0, built.log
    assert built.message["environment"] | {"bytes": 0} == {
        "lock": built.lock,
        "packages": 3,
        "bytes": 0,
        "reused": False,
    }
    assert lab.python(built, "import trains, leaf; print(leaf.VERSION)") == "2.0"
    here = subprocess.run([sys.executable, "-c", TORCH], capture_output=True, text=True)
    assert lab.python(built, TORCH) == here.stdout.strip()
    assert not [path for path in index.requests if "files/torch" in path]
    assert lab.left() == [".building", ".gate", ".locks"]


def test_a_package_of_the_runtime_can_be_shadowed(lab: BuilderLab, index: PackageIndex) -> None:
    index.add("pydantic", "1.0")

    built = lab.build("pydantic<2")

    assert lab.python(built, "import pydantic; print(pydantic.VERSION)") == "1.0"


def test_what_the_runtime_has_in_a_version_that_fits_is_not_installed_again(
    lab: BuilderLab, index: PackageIndex
) -> None:
    import numpy

    index.add("numpy", numpy.__version__)
    index.add("numpy", "99.0")
    index.add("counts", "1.0", ["numpy"])

    built = lab.build("counts")

    assert "the runtime has 1 of them already: numpy" in built.log
    assert lab.python(built, "import counts, numpy; print(numpy.__version__)") == numpy.__version__


def test_the_folder_runs_wherever_it_is_mounted(lab: BuilderLab, tmp_path: Path) -> None:
    built = lab.build("trains")
    place = tmp_path / "somewhere else" / "environment"
    shutil.copytree(lab.environments / built.lock, place, symlinks=True)
    shutil.rmtree(lab.environments)

    def run(name: str, *arguments: str) -> str:
        done = subprocess.run([place / "bin" / name, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("trains") == "trains 1.0\n"
    assert "usage: torchrun" in run("torchrun", "--help")
    assert run("python", "-c", "import sys; print(sys.prefix)").strip() == str(place)
    assert not re.search(rb"environments/[0-9a-f]", b"".join(
        file.read_bytes() for file in place.rglob("*.pyc")
    ))  # fmt: skip
    assert list(place.rglob("trains/__pycache__/*.pyc"))


def test_the_same_request_finds_its_environment_again(lab: BuilderLab, index: PackageIndex) -> None:
    first, second = lab.build("trains"), lab.build("leaf", "trains")
    lab.image = "trainer:2"
    other = lab.build("trains")

    assert (second.lock, second.message["environment"]["reused"]) == (first.lock, True)
    assert other.lock != first.lock


def test_the_environment_says_what_is_in_it(lab: BuilderLab, index: PackageIndex) -> None:
    built = lab.build("leaf==1.0")

    said = json.loads((lab.environments / built.lock / "environment.json").read_text())
    assert said["lock"] == built.lock
    assert said["image"] == "trainer:1"
    assert [line.split()[0] for line in said["packages"]] == ["leaf==1.0", "tensorboard==2.0"]
    assert all("--hash=sha256:" in line for line in said["packages"])


def test_tensorboard_is_in_unless_it_cannot_be(lab: BuilderLab, index: PackageIndex) -> None:
    assert lab.python(lab.build("leaf"), "import tensorboard") == ""
    index.add("tensorboard", "3.0", ["leaf<2"])
    del index.files["tensorboard"]["tensorboard-2.0-py3-none-any.whl"]

    built = lab.build("leaf>=2")

    assert built.code == 0
    assert "tensorboard cannot be added, the rest can" in built.log
    assert built.message["environment"]["packages"] == 1


def test_a_package_runs_no_code_while_it_is_installed(
    lab: BuilderLab, index: PackageIndex, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    index.add("evil", "1.0", files={"evil.pth": f"import os; os.mkdir({str(mark)!r})\n"})

    built = lab.build("evil")

    assert built.code == 0, built.log
    assert not mark.exists()
    lab.python(built, "")
    assert mark.exists()
