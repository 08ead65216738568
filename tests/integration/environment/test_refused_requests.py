"""Every request that cannot be had is refused in a sentence that says what and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_lab import BuilderLab, Ended
from package_index import PackageIndex, package_index

PROJECT = '[project]\nname = "own"\nversion = "1"\n'
FROM_GIT = f"""{PROJECT}dependencies = ["leaf"]
[tool.uv.sources]
leaf = {{ git = "https://h/x" }}
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index() as index:
        index.add("torch", "1.0")
        index.add("torch", "99.0")
        index.add("leaf", "1.0")
        index.add("leaf", "2.0")
        index.add("wants-new-torch", "1.0", ["torch>=90"])
        index.add("wants-old-leaf", "1.0", ["leaf<2"])
        index.add("wants-nothing-there", "1.0", ["not-there"])
        index.add_source("only-source", "1.0")
        index.add("only-old-python", "1.0", tag="cp36-cp36m-manylinux2014_x86_64")
        index.add("only-windows", "1.0", tag="py3-none-win_amd64")
        index.add("needs-new-python", "1.0", python=">=3.99")
        yield index


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> BuilderLab:
    return BuilderLab(tmp_path, index)


def refused(ended: Ended, reason: str, *words: str) -> None:
    assert (ended.code, ended.message.get("reason")) == (65, reason), ended.log
    for word in words:
        assert word in ended.refusal
    assert ended.message["hint"]
    assert "\x1b" not in ended.log + ended.refusal
    assert ended.message["reason"] in ended.log


@pytest.mark.parametrize(
    ("requirements", "reason", "words"),
    [
        pytest.param(["torch==99.0"], "TorchWouldBeReplaced", ["has torch 2.", "wants torch 99.0"], id="torch itself"),
        pytest.param(["torch<2"], "TorchWouldBeReplaced", ["has torch 2.", "wants torch 1.0"], id="an old torch"),
        pytest.param(["torch==42"], "TorchWouldBeReplaced", ["has torch 2.", "wants torch ==42"], id="a torch that is nowhere"),
        pytest.param(["wants-new-torch"], "TorchWouldBeReplaced", ["wants torch 99.0", "wants-new-torch"], id="torch by another"),
        pytest.param(["triton<1"], "TorchWouldBeReplaced", ["has triton 3.", "wants triton"], id="triton"),
        pytest.param(["leaf<2", "leaf>=2"], "EnvironmentNotResolved", ["leaf<2 and leaf>=2"], id="conflict"),
        pytest.param(["leaf==2.0", "wants-old-leaf"], "EnvironmentNotResolved", ["wants-old-leaf", "leaf==2.0"], id="conflict of two"),
        pytest.param(["leaf==7"], "EnvironmentNotResolved", ["Name a version of leaf"], id="no such version"),
        pytest.param(["not-there"], "EnvironmentNotResolved", ["has no package not-there"], id="no such package"),
        pytest.param(["wants-nothing-there"], "EnvironmentNotResolved", ["has no package not-there"], id="of another"),
        pytest.param(["only-source"], "EnvironmentNotResolved", ["only-source has no wheel"], id="no wheel"),
        pytest.param(["only-old-python"], "EnvironmentNotResolved", ["runtime's Python", "cp36m"], id="wheels of another Python"),
        pytest.param(["only-windows"], "EnvironmentNotResolved", ["only-windows", "win_amd64"], id="wheels of another system"),
        pytest.param(["needs-new-python"], "EnvironmentNotResolved", ["Python>=3.99", "runtime's Python"], id="another Python"),
        pytest.param(["leaf", "git+https://me:secret@host/leaf"], "RequirementRefused", ["requirement 2", "****@host"], id="repository"),
        pytest.param(["leaf @ https://host/leaf-1.0-py3-none-any.whl"], "RequirementRefused", ["URL"], id="url"),
        pytest.param(["./leaf"], "RequirementRefused", ["folder"], id="folder"),
        pytest.param(["-e ."], "RequirementRefused", ["-e ."], id="editable in a list"),
        pytest.param(["leaf==${HOME}"], "RequirementRefused", ["variable"], id="variable"),
        pytest.param(["leaf=1.0=py39_0"], "RequirementRefused", ["conda"], id="conda"),
        pytest.param(["leaf ???"], "RequirementRefused", ["is no requirement"], id="nonsense"),
    ],
)  # fmt: skip
def test_a_list_is_refused(
    lab: BuilderLab, requirements: list[str], reason: str, words: list[str]
) -> None:
    refused(lab.build(*requirements), reason, *words)

    assert lab.left() == [".building", ".gate", ".locks"]


SCRIPT = (
    '# /// script\n# requires-python = "{python}"\n# dependencies = [{needs}]\n# ///\nprint(1)\n'
)


@pytest.mark.parametrize(
    ("file", "files", "words"),
    [
        pytest.param("r.txt", {"a": ""}, ["no file 'r.txt'"], id="not in the code"),
        pytest.param("r.txt", {"r.txt": "leaf\n-r more.txt"}, ["no file 'more.txt'"], id="names what is not there"),
        pytest.param("r.txt", {"r.txt": "-r r2.txt", "r2.txt": "\n-e git+https://h/x"}, ["r2.txt, line 2", "built"], id="editable"),
        pytest.param("r.txt", {"r.txt": "-r ../r.txt"}, ["names no file of your code"], id="leads out"),
        pytest.param("r.txt", {"r.txt": "--frobnicate"}, ["not understood"], id="option"),
        pytest.param("r.txt", {"r.txt": "-e ."}, ["no file 'pyproject.toml'"], id="no project"),
        pytest.param("pyproject.toml", {"pyproject.toml": "[project"}, ["is no TOML"], id="broken"),
        pytest.param("pyproject.toml", {"pyproject.toml": "[tool.poetry]"}, ["only Poetry's own", "poetry export"], id="poetry"),
        pytest.param("pyproject.toml", {"pyproject.toml": f'{PROJECT}dynamic = ["dependencies"]'}, ["dynamic"], id="dynamic"),
        pytest.param("pyproject.toml", {"pyproject.toml": FROM_GIT}, ["leaf from elsewhere"], id="source"),
        pytest.param("a.py", {"a.py": "print(1)"}, ["no header"], id="no header"),
        pytest.param("a.py", {"a.py": SCRIPT.format(python=">=3.99", needs='"leaf"')}, ["Python >=3.99"], id="another Python"),
        pytest.param("a.py", {"a.py": SCRIPT.format(python=">=3", needs='"x @ file:///etc/passwd"')}, ["folder"], id="script with a path"),
        pytest.param("environment.yml", {"environment.yml": "dependencies: []"}, ["no file that says"], id="conda"),
    ],
)  # fmt: skip
def test_a_file_is_refused(
    lab: BuilderLab, file: str, files: dict[str, str], words: list[str]
) -> None:
    ended = lab.build_file(file, files)

    assert ended.code == 65, ended.log
    refused(ended, str(ended.message.get("reason")), *words)


def test_arguments_without_meaning_are_refused(lab: BuilderLab) -> None:
    lab.variables["TRAINYARD_ENVIRONMENTS_MAX_BYTES"] = "much"

    ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (64, "BadArguments")
    assert "TRAINYARD_ENVIRONMENTS_MAX_BYTES is 'much'" in ended.message["message"]
