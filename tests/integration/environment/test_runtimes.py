"""Runtimes of every kind: Pythons from 3.9 on, builds of torch, and none."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from builder_lab import BuilderLab
from interpreters import interpreter
from package_index import PackageIndex, package_index
from plain_runtime import plain_runtime

from trainyard_environment.install import install

VERSIONS = [(3, minor) for minor in range(9, 15)]


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("builder")
    install(place)
    return place


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index() as index:
        index.add("leaf", "1.0")
        index.add("tensorboard", "1.0")
        index.add("torch", "2.15.0", ["nvidia-own"])
        index.add("torch", "99.0")
        yield index


def archive_of(builder: Path, python: str) -> tuple[str, ...]:
    return (python, "-I", "-S", str(builder / "environment.pyz"))


def lab_of(tmp_path: Path, index: PackageIndex, by: Sequence[str]) -> BuilderLab:
    lab = BuilderLab(tmp_path, index)
    lab.by, lab.uv = tuple(by), ()
    return lab


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"{v[0]}.{v[1]}")
def test_any_python_from_3_9_on_builds(
    tmp_path: Path, builder: Path, index: PackageIndex, version: tuple[int, int]
) -> None:
    python = plain_runtime(tmp_path / "runtime", {"torch": "2.15.0"}, interpreter(version))
    lab = lab_of(tmp_path, index, archive_of(builder, python))

    built = lab.build_file(
        "pyproject.toml",
        {"pyproject.toml": '[project]\nname = "own"\ndependencies = ["leaf", "torch"]\n'},
    )

    assert built.code == 0, built.log
    source = "import leaf, torch; print(leaf.VERSION, torch.VERSION)"
    assert lab.python(built, source) == "1.0 2.15.0"
    program = lab.environments / built.lock / "bin" / "torch-of-runtime"
    assert subprocess.run([program], capture_output=True, text=True).stdout == "torch 2.15.0\n"


def test_an_older_python_is_refused_in_a_sentence(builder: Path) -> None:
    done = subprocess.run(
        [*archive_of(builder, interpreter((3, 8))), "build"], capture_output=True, text=True
    )

    assert done.returncode == 64
    assert "the builder needs Python 3.9 or newer" in done.stderr


def test_the_code_needs_no_more_than_the_floor(tmp_path: Path, builder: Path) -> None:
    """Also on a machine that has no such Python."""
    with zipfile.ZipFile(builder / "environment.pyz") as archive:
        archive.extractall(tmp_path)
    checked = subprocess.run(
        [Path(sys.executable).with_name("vermin"), "-t=3.9-", "--no-tips", "--violations",
         "--exclude", "tomllib", str(tmp_path)],
        capture_output=True,
        text=True,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("version", "asked", "fits"),
    [
        ("2.15.0", "torch", True),
        ("2.15.0", "torch==2.15.0", True),
        ("2.15.0+cu132", "torch==2.15.0", True),
        ("2.15.0+cu132", "torch==2.15.*", True),
        ("2.15.0+cu132", "torch==2.15.0+cu132", True),
        ("2.15.0+cu132", "torch==2.15.0+cu126", False),
        ("2.15.0+cu132", "torch>=2.16", False),
        ("2.6.0+debian", "torch>=2", True),
        ("2.9.0a0+145a3a7.nv26", "torch", True),
        ("2.9.0a0+145a3a7.nv26", "torch>=2.0", True),
        ("2.9.0a0+145a3a7.nv26", "torch>=2.9", False),
        ("2.17.0.dev20261101+cu132", "torch>=2.15", True),
    ],
)
def test_any_build_of_torch_is_held(
    tmp_path: Path, builder: Path, index: PackageIndex, version: str, asked: str, fits: bool
) -> None:
    python = plain_runtime(tmp_path / "runtime", {"torch": version})
    lab = lab_of(tmp_path, index, archive_of(builder, python))

    ended = lab.build(asked, "leaf")

    if fits:
        assert ended.code == 0, ended.log
        assert lab.python(ended, "import torch; print(torch.VERSION)") == version
    else:
        assert (ended.code, ended.message["reason"]) == (65, "TorchWouldBeReplaced"), ended.log
        assert f"has torch {version}" in ended.message["message"]
    assert not [path for path in index.requests if path.endswith(".whl") and "torch" in path]


def test_a_runtime_without_torch_may_get_one(
    tmp_path: Path, builder: Path, index: PackageIndex
) -> None:
    lab = lab_of(tmp_path, index, archive_of(builder, plain_runtime(tmp_path / "runtime", {})))

    built = lab.build("torch")

    assert lab.python(built, "import torch; print(torch.VERSION)") == "99.0"


def test_a_torch_without_metadata_is_found(
    tmp_path: Path, builder: Path, index: PackageIndex
) -> None:
    python = plain_runtime(tmp_path / "runtime", {"torch": "2.15.0"})
    (info,) = (tmp_path / "runtime").glob("lib/python*/site-packages/torch-*.dist-info")
    shutil.rmtree(info)
    (info.with_name("torch") / "version.py").write_text("__version__ = '2.15.0'\n")
    lab = lab_of(tmp_path, index, archive_of(builder, python))

    ended = lab.build("torch>=90")

    assert ended.message["reason"] == "TorchWouldBeReplaced"


def test_a_lock_of_hashes_with_torch_and_its_packages_leaves_them_to_the_runtime(
    tmp_path: Path, builder: Path, index: PackageIndex
) -> None:
    held = {"torch": "2.15.0+cu132", "nvidia-own": "7.0", "triton": "3.9.0"}
    lab = lab_of(tmp_path, index, archive_of(builder, plain_runtime(tmp_path / "runtime", held)))
    hashes = {
        "torch==2.15.0": index.add("torch", "2.15.0", ["nvidia-own"]),
        "nvidia-own==6.0": index.add("nvidia-own", "6.0"),
        "leaf==1.0": index.add("leaf", "1.0"),
    }
    text = "".join(f"{line} --hash=sha256:{value}\n" for line, value in hashes.items())

    built = lab.build_file("requirements.txt", {"requirements.txt": text})

    assert built.code == 0, built.log
    assert "nvidia-own 7.0 of the runtime stands for 6.0 of the lock" in built.log
    source = "import nvidia_own, torch; print(nvidia_own.VERSION, torch.VERSION)"
    assert lab.python(built, source) == "7.0 2.15.0+cu132"
