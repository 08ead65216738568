"""Files that say what to install: requirements, projects, scripts, and locks with their hashes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_lab import BuilderLab, Ended
from package_index import PackageIndex, package_index
from uv import find_uv_bin

from trainyard_environment.runtime import described

TORCH = described().held["torch"]


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index() as index:
        index.add("torch", TORCH, ["own-of-torch"])
        index.add("torch", "99.0")
        index.add("own-of-torch", "1.0")
        for version in ("1.0", "2.0", "3.0"):
            index.add("leaf", version)
        index.add("trains", "1.0", ["torch>=2", "leaf"])
        index.add("tensorboard", "2.0", ["leaf"])
        yield index


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> BuilderLab:
    return BuilderLab(tmp_path, index)


def packages(lab: BuilderLab, ended: Ended) -> list[str]:
    assert ended.code == 0, ended.log
    text = (lab.environments / ended.lock / "environment.json").read_text()
    return [line.split()[0].strip('"') for line in text.splitlines() if "--hash" in line]


def uv_lock(index: PackageIndex, folder: Path, project: str) -> dict[str, str]:
    """A project with the lock that uv makes of it."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project)
    command = [find_uv_bin(), "lock", "--no-config", "--default-index", index.url, "--no-cache"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return {name: (folder / name).read_text() for name in ("pyproject.toml", "uv.lock")}


def project(*needs: str) -> str:
    listed = ", ".join(f'"{one}"' for one in needs)
    return (
        '[project]\nname = "own"\nversion = "1"\nrequires-python = ">=3.9"\n'
        f"dependencies = [{listed}]\n"
    )


FILES = {
    "requirements as pip reads them": (
        "requirements.txt",
        {
            "requirements.txt": "\ufeff# a comment\n--extra-index-url https://me:canary@host/simple\n"
            "leaf \\\n  >=1.0  # another\n-r more/train.txt\n-c bounds.txt\n"
            "trains ; python_version < '3'\n",
            "more/train.txt": "-r same.txt\n",
            "more/same.txt": "trains\n",
            "bounds.txt": "leaf<3\n",
        },
        ["leaf==2.0", "tensorboard==2.0", "trains==1.0"],
    ),
    "the project's own": (
        "requirements.txt",
        {
            "requirements.txt": "-e .[extra]\n",
            "pyproject.toml": project("leaf<2")
            + '[project.optional-dependencies]\nextra = ["own[more]"]\nmore = ["trains"]\n',
        },
        ["leaf==1.0", "tensorboard==2.0", "trains==1.0"],
    ),
    "a project": (
        "pyproject.toml",
        {"pyproject.toml": project("trains") + '[tool.uv]\nconstraint-dependencies=["leaf<3"]'},
        ["leaf==2.0", "tensorboard==2.0", "trains==1.0"],
    ),
    "a project of setuptools": (
        "pyproject.toml",
        {
            "pyproject.toml": '[project]\nname = "own"\ndynamic = ["version", "dependencies"]\n'
            '[tool.setuptools.dynamic]\ndependencies = { file = ["r.txt"] }\n',
            "r.txt": "leaf==1.0\n",
        },
        ["leaf==1.0", "tensorboard==2.0"],
    ),
    "a script": (
        "train.py",
        {"train.py": '# /// script\n# dependencies = ["leaf<2", "trains"]\n# ///\nprint(1)\n'},
        ["leaf==1.0", "tensorboard==2.0", "trains==1.0"],
    ),
}


@pytest.mark.parametrize(("file", "files", "expected"), FILES.values(), ids=FILES.keys())
def test_a_file_is_read_as_its_tool_reads_it(
    lab: BuilderLab, file: str, files: dict[str, str], expected: list[str]
) -> None:
    ended = lab.build_file(file, files)

    assert packages(lab, ended) == expected
    assert "canary" not in ended.log


def test_an_index_of_the_file_is_ignored_with_a_word(lab: BuilderLab) -> None:
    text = "-i https://host/simple\nleaf\n"

    ended = lab.build_file("requirements.txt", {"requirements.txt": text})

    assert ended.code == 0
    assert "requirements.txt, line 1: -i is ignored" in ended.log


def test_a_uv_lock_is_installed_as_it_is(
    lab: BuilderLab, index: PackageIndex, tmp_path: Path
) -> None:
    files = uv_lock(index, tmp_path / "own", project(f"torch=={TORCH}", "trains", "leaf<3"))
    index.add("leaf", "2.5")

    ended = lab.build_file("uv.lock", files)

    assert packages(lab, ended) == ["leaf==2.0", "trains==1.0", "tensorboard==2.0"]
    assert not [path for path in index.requests if "own_of_torch" in path and ".metadata" not in path]  # fmt: skip


def test_a_uv_lock_with_another_torch_is_refused_with_both_versions(
    lab: BuilderLab, index: PackageIndex, tmp_path: Path
) -> None:
    files = uv_lock(index, tmp_path / "own", project("torch==99.0"))

    ended = lab.build_file("uv.lock", files)

    assert (ended.code, ended.message["reason"]) == (65, "TorchWouldBeReplaced")
    assert f"has torch {TORCH}" in ended.message["message"]
    assert "wants torch 99.0" in ended.message["message"]


def test_files_that_are_not_those_of_the_lock_are_refused(
    lab: BuilderLab, index: PackageIndex, tmp_path: Path
) -> None:
    files = uv_lock(index, tmp_path / "own", project("leaf<3"))
    index.add("leaf", "2.0", files={"leaf/more.py": "other"})

    ended = lab.build_file("uv.lock", files)

    assert (ended.code, ended.message["reason"]) == (65, "EnvironmentNotResolved"), ended.log
    assert "leaf" in ended.message["message"]
    assert "Make the lock again" in ended.message["hint"]


def test_a_uv_lock_for_another_python_is_refused(lab: BuilderLab) -> None:
    lock = 'version = 1\nrevision = 3\nrequires-python = ">=3.99"\n'
    lock += '[[package]]\nname = "own"\nversion = "1"\nsource = { virtual = "." }\n'
    files = {"uv.lock": lock, "pyproject.toml": project().replace(">=3.9", ">=3.99")}

    ended = lab.build_file("uv.lock", files)

    assert ended.code == 65, ended.log
    assert ">=3.99" in ended.message["message"]
    assert "runtime's Python" in ended.message["hint"]


def test_a_uv_lock_with_a_repository_is_refused(lab: BuilderLab) -> None:
    source = '{ git = "https://host/leaf?rev=1#0123456789012345678901234567890123456789" }'
    lock = 'version = 1\nrevision = 3\nrequires-python = ">=3.9"\n'
    lock += f'[[package]]\nname = "leaf"\nversion = "1.0"\nsource = {source}\n'
    lock += '[[package]]\nname = "own"\nversion = "1"\nsource = { virtual = "." }\n'
    lock += 'dependencies = [{ name = "leaf" }]\n'
    text = project("leaf") + '[tool.uv.sources]\nleaf = { git = "https://host/leaf", rev = "1" }\n'

    ended = lab.build_file("uv.lock", {"uv.lock": lock, "pyproject.toml": text})

    assert (ended.code, ended.message["reason"]) == (65, "RequirementRefused"), ended.log
    assert "repository" in ended.message["message"]


def test_a_broken_uv_lock_is_refused(lab: BuilderLab) -> None:
    ended = lab.build_file("uv.lock", {"uv.lock": "version = ?", "pyproject.toml": project()})

    assert ended.code == 65
    assert "uv.lock cannot be read" in ended.message["message"]
    assert "uv lock" in ended.message["hint"]


def test_requirements_with_hashes_are_a_lock(lab: BuilderLab, index: PackageIndex) -> None:
    leaf, trains = index.add("leaf", "2.0"), index.add("trains", "1.0", ["torch>=2", "leaf"])
    text = f"trains==1.0 --hash=sha256:{trains}\nleaf==2.0 \\\n    --hash=sha256:{leaf}\n"

    ended = lab.build_file("requirements.txt", {"requirements.txt": text})

    assert packages(lab, ended) == ["leaf==2.0", "trains==1.0", "tensorboard==2.0"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("leaf==2.0 --hash=sha256:{leaf}\ntrains==1.0\n", ["1 of 2 requirements have no hash: trains==1.0"], id="partly"),
        pytest.param("trains==1.0 --hash=sha256:{trains}\n", ["leaf 3.0 is needed"], id="not all that is needed"),
        pytest.param("leaf>=2 --hash=sha256:{leaf}\n", ["names no version by =="], id="no version"),
    ],
)  # fmt: skip
def test_a_lock_that_is_none_is_refused(
    lab: BuilderLab, index: PackageIndex, text: str, words: list[str]
) -> None:
    hashes = {
        "leaf": index.add("leaf", "2.0"),
        "trains": index.add("trains", "1.0", ["torch>=2", "leaf"]),
    }

    ended = lab.build_file("requirements.txt", {"requirements.txt": text.format(**hashes)})

    assert (ended.code, ended.message["reason"]) == (65, "LockWithoutHashes"), ended.log
    assert all(word in ended.message["message"] for word in words)
