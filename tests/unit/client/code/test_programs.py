"""Which file a command line starts, and what the program will not find: said before anything is sent."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from nasty_folders import Tree, make

from trainyard.code.bundle import Bundle, Limits, bundle
from trainyard.code.needs.program import program_of
from trainyard.code.needs.references import unmet
from trainyard.code.refusals import CannotBundle

TREE: Tree = {
    ".gitignore": "data/\nsecret.py\n*.ckpt\nold/\n",
    "train.py": (
        "import torch, model\nfrom pkg import part\nfrom pkg.sub import deep\nimport secret\n"
        "open('data/train.csv')\nx = 'start.ckpt'\ny = 'nothing.txt'\nz = 'train.py'\n"
    ),
    "model.py": "import old.thing\n",
    "pkg/__init__.py": "",
    "pkg/part.py": "from . import sub\nfrom .missing import x\nPATH = 'out'\n",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "",
    "pkg/__main__.py": "import secret\n",
    "broken.py": "def (:\n",
    "run.sh": "python train.py\n",
    "secret.py": "",
    "data/train.csv": "1",
    "start.ckpt": "1",
    "old/thing.py": "",
    "out": None,
}


@pytest.fixture
def sent(tmp_path: Path) -> Bundle:
    make(TREE, tmp_path / "folder")
    return bundle(tmp_path / "folder", Limits(1 << 20, 1000))


@pytest.mark.parametrize(
    ("command", "working_dir", "started"),
    [
        ("python train.py --lr 1", "", "train.py"),
        ("python3.11 -u ./train.py", "", "train.py"),
        ("python ../train.py", "pkg", "train.py"),
        ("python -m pkg.part", "", "pkg/part.py"),
        ("python -m pkg", "", "pkg/__main__.py pkg/__init__.py"),
        ("torchrun --nproc-per-node 2 train.py", "", "train.py"),
        ("accelerate launch train.py", "", "train.py"),
        ("python -m torch.distributed.run train.py", "", ""),
        ("python -c 'print(1)'", "", ""),
        ("./run.sh", "", ""),
        ("trl sft --output_dir out", "", ""),
        ("python /opt/there.py", "", ""),
        ("bash run.sh", "", ""),
    ],
)
def test_the_file_that_is_started(
    sent: Bundle, command: str, working_dir: str, started: str
) -> None:
    assert " ".join(program_of(sent, shlex.split(command), working_dir).files) == started


@pytest.mark.parametrize(
    ("command", "working_dir", "sentence"),
    [
        ("python trian.py", "", "the program trian.py is not in the folder"),
        ("python secret.py", "", ".gitignore:2 leaves it out"),
        ("python -m secret", "", ".gitignore:2 leaves it out"),
        ("./nothing", "", "the program ./nothing is not in the folder"),
        ("train.py", "", "write `-- python train.py …`"),
        ("run.sh", "", "write `-- bash run.sh …`"),
        ("python ../other.py", "", "lies outside of the folder"),
        (r"python 'src\train.py'", "", "is a path of Windows"),
        (r"'C:\train.exe'", "", "is a path of Windows"),
        ("python train.py", "src", "the working folder src is not in the bundle"),
        ("python train.py", "old", "the working folder old is not in the bundle"),
    ],
)
def test_a_program_that_is_not_there_is_named(
    sent: Bundle, command: str, working_dir: str, sentence: str
) -> None:
    with pytest.raises(CannotBundle) as refusal:
        program_of(sent, shlex.split(command), working_dir)

    assert sentence in str(refusal.value)


def test_a_program_by_its_place_on_this_machine_is_named(sent: Bundle) -> None:
    with pytest.raises(CannotBundle, match=r"write train\.py"):
        program_of(sent, ["python", str(sent.contents.top / "train.py")], "")


def test_what_the_program_will_not_find_is_named_with_the_line_that_leaves_it_out(
    sent: Bundle,
) -> None:
    command = ["python", "train.py", "--init=start.ckpt", "--data", "data"]

    said = unmet(sent, ["train.py"], command, "")

    assert said == [
        "the command line names start.ckpt, which .gitignore:3 leaves out",
        "the command line names data/, which .gitignore:1 leaves out",
        "train.py:4 imports secret.py, which .gitignore:2 leaves out",
        "train.py:5 names data/train.csv, which .gitignore:1 leaves out",
        "model.py:1 imports old/, which .gitignore:4 leaves out",
    ]


def test_a_file_that_is_no_python_is_passed_over(sent: Bundle) -> None:
    assert unmet(sent, ["broken.py"], ["python", "broken.py"], "") == []
