"""Packages of the runtime that are compiled for its torch stay as they are, like torch itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_lab import BuilderLab
from package_index import PackageIndex, package_index
from plain_runtime import plain_runtime

from trainyard_environment.linked import linked_to_torch

LINKED = "\x7fELF…\0libc.so.6\0libtorch_cpu.so.2.14\0"
VERSIONS = {
    "torch": "2.14.1+debian",
    "torchvision": "0.27.0",
    "xformers": "0.0.35",
    "torchmetrics": "1.0",
    "safetensors": "0.8.0",
    "numpy": "2.4.0",
}
NEEDS = {"xformers": "torch>=2", "torchmetrics": "torch", "safetensors": "torch; extra == 'torch'"}


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index() as index:
        for name in (*VERSIONS, "leaf", "tensorboard"):
            index.add(name, "9.0")
        index.add("torch", "2.14.1")
        index.add("any-vision", "1.0", ["torchvision"])
        index.add("old-vision", "1.0", ["torchvision>=0.9"])
        index.add("new-vision", "1.0", ["torch", "torchvision>=9"])
        files = {"sparse/_C.so": LINKED}
        index.add("sparse", "1.0", ["torch"], files=files)
        yield index


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> BuilderLab:
    python = plain_runtime(tmp_path / "runtime", VERSIONS)
    site = site_of(tmp_path)
    for name in ("torchvision", "xformers", "safetensors", "numpy"):
        (site / name / "lib").mkdir()
        (site / name / "lib" / f"_C.cpython-{name}.so").write_text(LINKED)
    for name, needs in NEEDS.items():
        (info,) = site.glob(f"{name}-*.dist-info")
        with (info / "METADATA").open("a") as metadata:
            metadata.write(f"Requires-Dist: {needs}\n")
    lab = BuilderLab(tmp_path, index)
    lab.by = (python, "-m", "trainyard_environment")
    sources = [p for p in sys.path if p.endswith("/src")]
    lab.variables["PYTHONPATH"] = ":".join(sources)
    return lab


def site_of(tmp_path: Path) -> Path:
    (site,) = (tmp_path / "runtime").glob("lib/python*/site-packages")
    return site


def test_they_are_known_by_their_compiled_files(lab: BuilderLab, tmp_path: Path) -> None:
    assert linked_to_torch([str(site_of(tmp_path))]) == {
        "torchvision": "0.27.0",
        "xformers": "0.0.35",
    }


@pytest.mark.parametrize(
    "asked", ["torchvision", "torchvision==0.27.0", "any-vision", "old-vision", "xformers>=0.0.1"]
)
def test_the_runtimes_own_is_used(lab: BuilderLab, index: PackageIndex, asked: str) -> None:
    built = lab.build(asked, "leaf")

    assert built.code == 0, built.log
    source = "import torchvision, xformers; print(torchvision.VERSION, xformers.VERSION)"
    assert lab.python(built, source) == "0.27.0 0.0.35"
    fetched = [path for path in index.requests if path.endswith(".whl")]
    assert not [path for path in fetched if "torchvision-" in path or "xformers-" in path]


@pytest.mark.parametrize(
    ("asked", "has", "wants"),
    [
        ("torchvision==9.0", "has torchvision 0.27.0", "wants torchvision 9.0"),
        ("new-vision", "has torchvision 0.27.0", "wants torchvision 9.0"),
        ("xformers<0.0.30", "has xformers 0.0.35", "wants xformers"),
    ],
)
def test_another_version_is_refused_with_both(
    lab: BuilderLab, asked: str, has: str, wants: str
) -> None:
    ended = lab.build(asked, "leaf")

    assert (ended.code, ended.message["reason"]) == (65, "TorchWouldBeReplaced"), ended.log
    assert has in ended.message["message"]
    assert wants in ended.message["message"]
    assert "use a runtime that has" in ended.message["hint"]


def test_what_only_names_torch_may_be_shadowed(lab: BuilderLab) -> None:
    built = lab.build("torchmetrics==9.0", "safetensors==9.0", "numpy==9.0")

    assert built.code == 0, built.log
    source = "import numpy, safetensors, torchmetrics as t; print(numpy.VERSION, safetensors.VERSION, t.VERSION)"
    assert lab.python(built, source) == "9.0 9.0 9.0"


def test_a_lock_of_another_version_is_refused_with_both(
    lab: BuilderLab, index: PackageIndex
) -> None:
    hashes = {
        "torch==2.14.1": index.add("torch", "2.14.1"),
        "torchvision==9.0": index.add("torchvision", "9.0"),
    }
    text = "".join(f"{line} --hash=sha256:{value}\n" for line, value in hashes.items())

    ended = lab.build_file("requirements.txt", {"requirements.txt": text})

    assert (ended.code, ended.message["reason"]) == (65, "TorchWouldBeReplaced"), ended.log
    assert (
        "has torchvision 0.27.0, and what is asked for wants torchvision 9.0"
        in (ended.message["message"])
    )


def test_the_log_says_what_the_index_compiled_for_another_torch(lab: BuilderLab) -> None:
    built = lab.build("sparse", "leaf")

    assert built.code == 0, built.log
    assert "sparse 1.0 is compiled for the index's build of torch" in built.log
    assert "leaf 9.0 is compiled" not in built.log
