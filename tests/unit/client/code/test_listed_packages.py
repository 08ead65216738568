"""Which file of a folder lists the packages of its program, and what is said of a wrong choice."""

from __future__ import annotations

from pathlib import Path

import pytest
from nasty_folders import Tree, make

from trainyard.code.bundle import Bundle, Limits, bundle
from trainyard.code.needs.packages import Listed, chosen_file, listed_packages
from trainyard.code.refusals import CannotBundle

SCRIPT = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "einops",\n# ]\n# ///\nimport einops\n'
EMPTY_SCRIPT = "# /// script\n# dependencies = []\n# ///\n"
OTHER_BLOCK = '# /// other\n# dependencies = ["einops"]\n# ///\n'
PROJECT = '[project]\nname = "x"\nversion = "1"\ndependencies = ["einops"]\n'
TOOLS_ONLY = "[tool.ruff]\nline-length = 90\n"
DYNAMIC = '[project]\nname = "x"\ndynamic = ["version", "dependencies"]\n'


def sent(tree: Tree, folder: Path) -> Bundle:
    make({"train.py": "", **tree}, folder)
    return bundle(folder, Limits(1 << 20, 1000))


FOUND: dict[str, tuple[Tree, str, str | None]] = {
    "nothing": ({}, "", None),
    "requirements": ({"requirements.txt": "einops\n"}, "", "requirements.txt"),
    "requirements that are all comments": ({"requirements.txt": "# none\n\n"}, "", None),
    "a header comes first": (
        {"train.py": SCRIPT, "requirements.txt": "a", "uv.lock": "version = 1"},
        "",
        "train.py",
    ),
    "a header with Windows line ends": (
        {"train.py": SCRIPT.replace("\n", "\r\n")},
        "",
        "train.py",
    ),
    "a header that asks for nothing": (
        {"train.py": EMPTY_SCRIPT, "requirements.txt": "einops"},
        "",
        "requirements.txt",
    ),
    "a block of another kind": ({"train.py": OTHER_BLOCK}, "", None),
    "a broken header": ({"train.py": "# /// script\n# dependencies = [\n# ///\n"}, "", None),
    "a lock before requirements": (
        {"uv.lock": "version = 1", "requirements.txt": "a", "pyproject.toml": PROJECT},
        "",
        "uv.lock",
    ),
    "requirements before a project": (
        {"requirements.txt": "a", "pyproject.toml": PROJECT},
        "",
        "requirements.txt",
    ),
    "a project": ({"pyproject.toml": PROJECT}, "", "pyproject.toml"),
    "a project that reads them from a file": ({"pyproject.toml": DYNAMIC}, "", "pyproject.toml"),
    "a project for tools only": ({"pyproject.toml": TOOLS_ONLY}, "", None),
    "a project that is no TOML": ({"pyproject.toml": "["}, "", None),
    "the working folder first": (
        {"app/requirements.txt": "a", "app/x": "", "uv.lock": "version = 1"},
        "app",
        "app/requirements.txt",
    ),
    "the top, from a working folder": (
        {"app/x": "", "requirements.txt": "a"},
        "app",
        "requirements.txt",
    ),
    "requirements with a mark at the beginning": (
        {"requirements.txt": "\ufeffeinops\n"},
        "",
        "requirements.txt",
    ),
}


@pytest.mark.parametrize(("tree", "working_dir", "file"), FOUND.values(), ids=FOUND)
def test_what_is_found(tmp_path: Path, tree: Tree, working_dir: str, file: str | None) -> None:
    found = listed_packages(sent(tree, tmp_path / "folder"), ["train.py"], working_dir)

    assert found == Listed(file)


def test_a_list_that_stays_behind_is_named_and_the_next_one_taken(tmp_path: Path) -> None:
    ignored: Tree = {".gitignore": "*.txt\n", "requirements.txt": "einops"}
    alone = listed_packages(sent(ignored, tmp_path / "a"), [], "")
    beside = listed_packages(sent({**ignored, "pyproject.toml": PROJECT}, tmp_path / "b"), [], "")

    assert alone == Listed(None, "requirements.txt")
    assert beside == Listed("pyproject.toml")


CHOSEN = {"plain": "gpu.txt", "with a dot": "./gpu.txt", "around": "x/../gpu.txt"}


@pytest.mark.parametrize("given", CHOSEN.values(), ids=CHOSEN)
def test_a_chosen_file(tmp_path: Path, given: str) -> None:
    assert chosen_file(sent({"gpu.txt": "a"}, tmp_path / "folder"), given) == "gpu.txt"


def test_a_path_of_this_machine_in_the_folder_is_one_of_the_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "folder"

    assert chosen_file(sent({"gpu.txt": "a"}, folder), str(folder / "gpu.txt")) == "gpu.txt"


WRONG = {
    "misspelt": ("gup.txt", "is not in the folder"),
    "left out": ("left.txt", ".gitignore:1 leaves it out"),
    "outside": ("../r.txt", "outside of the folder"),
    "elsewhere": ("/etc/requirements.txt", "outside of the folder"),
    "Windows": ("a\\r.txt", "path of Windows"),
    "another kind": ("setup.cfg", "names no list of packages"),
    "a folder": ("some", "is not in the folder"),
}


@pytest.mark.parametrize(("given", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_choice_is_a_sentence(tmp_path: Path, given: str, sentence: str) -> None:
    tree: Tree = {".gitignore": "left.txt\n", "left.txt": "a", "setup.cfg": "", "some/x": ""}

    with pytest.raises(CannotBundle, match=sentence):
        chosen_file(sent(tree, tmp_path / "folder"), given)
