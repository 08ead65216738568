"""Folders as people have them, with what of each goes into a bundle: a corpus for tests."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Special:
    """Anything else that a path may be; made by a function."""

    make: Callable[[Path], object]


Tree = Mapping[str, str | bytes | Link | Special | None]
"""Files by path; `None` is a folder."""


@dataclass(frozen=True)
class Folder:
    """One case: the tree, what is expected of it, and whether Git lists the same files."""

    id: str
    tree: Tree
    files: tuple[str, ...] = ()
    """Paths of files that go in."""
    links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """Words of the sentences on what is left out, in any order."""
    refused: str = ""
    """Words of the refusal; empty if the folder is taken."""
    start: str = "."
    """Folder that is bundled, below the tree's top."""
    as_git: bool = True
    """Whether `git ls-files` lists the same files and links."""


def make(tree: Tree, top: Path) -> None:
    """Write a tree below `top`."""
    for path, content in tree.items():
        place = top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        match content:
            case None:
                place.mkdir(parents=True, exist_ok=True)
            case Link(target):
                place.symlink_to(target)
            case Special(maker):
                maker(place)
            case bytes():
                place.write_bytes(content)
            case str():
                place.write_text(content)


def _socket(path: Path) -> None:
    # A socket's path has at most 107 bytes; a test's folder is longer.
    with tempfile.TemporaryDirectory() as short:
        own = socket.socket(socket.AF_UNIX)
        own.bind(f"{short}/s")
        os.rename(f"{short}/s", path)  # noqa: PTH104  within /tmp, both are paths of this test
        own.close()


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


def _bytes_name(name: bytes) -> Callable[[Path], None]:
    def make_it(path: Path) -> None:
        with open(os.fsencode(path.parent) + b"/" + name, "w") as file:  # noqa: PTH123  a name of bytes
            file.write("x")

    return make_it


def _unreadable(path: Path) -> None:
    path.write_text("secret")
    path.chmod(0)


def _closed_folder(path: Path) -> None:
    path.mkdir()
    (path / "x.py").write_text("x")
    path.chmod(0)


GIT: Tree = {
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/config": "[core]\n",
    ".git/info/exclude": "",
}
"""Enough of a repository for the rules; `git init` makes the rest where Git is asked."""

FOLDERS = [
    Folder("one-file", {"train.py": "x"}, ("train.py",)),
    Folder(
        "no-repository-rules-count-all-the-same",
        {".gitignore": "*.log\n", "a.log": "", "a.py": ""},
        (".gitignore", "a.py"),
    ),
    Folder("git-folder-never", {**GIT, "a.py": ""}, ("a.py",)),
    Folder(
        "untracked-files-are-in", {**GIT, "new.py": "", "data/x.csv": "1"}, ("data/x.csv", "new.py")
    ),
    Folder(
        "pattern-of-a-name-at-any-depth",
        {**GIT, ".gitignore": "x.log\n", "x.log": "", "d/x.log": "", "d/y.log": ""},
        (".gitignore", "d/y.log"),
    ),
    Folder(
        "anchored-pattern",
        {**GIT, ".gitignore": "/x.log\n", "x.log": "", "d/x.log": ""},
        (".gitignore", "d/x.log"),
    ),
    Folder(
        "pattern-with-a-slash-is-anchored",
        {**GIT, ".gitignore": "d/x\n", "d/x": "", "e/d/x": ""},
        (".gitignore", "e/d/x"),
        folders=("d",),
    ),
    Folder(
        "folder-pattern-leaves-a-file-of-that-name",
        {**GIT, ".gitignore": "out/\n", "out": "", "d/out/x": ""},
        (".gitignore", "out"),
        folders=("d",),
    ),
    Folder(
        "negation-after-a-pattern",
        {**GIT, ".gitignore": "*.csv\n!small.csv\n", "big.csv": "", "small.csv": ""},
        (".gitignore", "small.csv"),
    ),
    Folder(
        "negation-before-its-pattern-is-void",
        {**GIT, ".gitignore": "!small.csv\n*.csv\n", "small.csv": "", "a.py": ""},
        (".gitignore", "a.py"),
    ),
    Folder(
        "negation-below-a-folder-that-is-out-is-void",
        {**GIT, ".gitignore": "data/\n!data/small.csv\n", "data/small.csv": "", "a.py": ""},
        (".gitignore", "a.py"),
    ),
    Folder(
        "negation-below-data-star",
        {
            **GIT,
            ".gitignore": "data/*\n!data/small.csv\n",
            "data/small.csv": "",
            "data/big.csv": "",
        },
        (".gitignore", "data/small.csv"),
    ),
    Folder(
        "double-star-inside",
        {
            **GIT,
            ".gitignore": "data/**\n!data/keep/\n!data/keep/a\n",
            "data/keep/a": "",
            "data/keep/b": "",
            "data/c": "",
        },
        (".gitignore", "data/keep/a"),
    ),
    Folder(
        "double-star-before",
        {
            **GIT,
            ".gitignore": "**/cache\n",
            "cache/x": "",
            "a/cache": "",
            "a/b/cache/y": "",
            "a/b/z": "",
        },
        (".gitignore", "a/b/z"),
    ),
    Folder(
        "double-star-between",
        {**GIT, ".gitignore": "a/**/z\n", "a/z": "", "a/b/z": "", "a/b/c/z": "", "z": ""},
        (".gitignore", "z"),
        folders=("a/b/c",),
    ),
    Folder(
        "nested-ignore-file",
        {**GIT, "d/.gitignore": "*.bin\n", "a.bin": "", "d/a.bin": "", "d/e/a.bin": ""},
        ("a.bin", "d/.gitignore"),
        folders=("d/e",),
    ),
    Folder(
        "nested-file-brings-back",
        {**GIT, ".gitignore": "*.bin\n", "d/.gitignore": "!a.bin\n", "a.bin": "", "d/a.bin": ""},
        (".gitignore", "d/.gitignore", "d/a.bin"),
    ),
    Folder(
        "nested-file-below-a-folder-that-is-out-is-not-read",
        {**GIT, ".gitignore": "d/\n", "d/.gitignore": "!*\n", "d/a": "", "b": ""},
        (".gitignore", "b"),
    ),
    Folder(
        "a-folder-that-leaves-itself-out",
        {**GIT, "env/.gitignore": "*\n", "env/lib/x.py": "", "a.py": ""},
        ("a.py",),
        folders=("env",),
    ),
    Folder(
        "private-excludes-of-the-repository",
        {**GIT, ".git/info/exclude": "notes/\n", "notes/x": "", "a.py": ""},
        ("a.py",),
    ),
    Folder(
        "escaped-hash-and-exclamation",
        {**GIT, ".gitignore": "\\#x\n\\!y\n# note\n", "#x": "", "!y": "", "# note": ""},
        ("# note", ".gitignore"),
    ),
    Folder(
        "spaces-at-the-end",
        {**GIT, ".gitignore": "a   \nb\\ \n", "a": "", "b ": "", "b": ""},
        (".gitignore", "b"),
    ),
    Folder(
        "line-ends-of-windows",
        {**GIT, ".gitignore": "a\r\n*.log\r\n", "a": "", "x.log": "", "b": ""},
        (".gitignore", "b"),
        as_git=False,
    ),
    Folder(
        "byte-order-mark",
        {**GIT, ".gitignore": "\ufeffa\n".encode(), "a": "", "b": ""},
        (".gitignore", "b"),
    ),
    Folder(
        "classes-of-characters",
        {
            **GIT,
            ".gitignore": "*.py[co]\nx[!0-9]\n",
            "a.pyc": "",
            "a.pyo": "",
            "a.py": "",
            "x1": "",
            "xa": "",
        },
        (".gitignore", "a.py", "x1"),
    ),
    Folder(
        "lines-that-are-no-pattern",
        {**GIT, ".gitignore": "a\\\n[z\n\n/\n*.log\n", "a": "", "[z": "", "x.log": ""},
        (".gitignore", "[z", "a"),
        as_git=False,
    ),
    Folder(
        "an-ignore-file-that-is-a-folder",
        {**GIT, ".gitignore/x": "", "a.py": ""},
        (".gitignore/x", "a.py"),
    ),
    Folder(
        "an-ignore-file-that-is-a-link",
        {**GIT, "rules": "*.py\n", ".gitignore": Link("rules"), "a.py": ""},
        ("a.py", "rules"),
        links={".gitignore": "rules"},
    ),
    Folder(
        "own-file-decides-before-git",
        {
            **GIT,
            ".gitignore": "data/\n*.md\n",
            ".trainyardignore": "!data/\n!data/*.md\n*.py\n!train.py\n",
            "data/x.csv": "",
            "data/a.md": "",
            "b.md": "",
            "a.py": "",
            "train.py": "",
        },
        (".gitignore", ".trainyardignore", "data/a.md", "data/x.csv", "train.py"),
        as_git=False,
    ),
    Folder(
        "own-file-brings-a-folder-back-not-what-git-leaves-out-in-it",
        {
            **GIT,
            ".gitignore": "out/\n*.ckpt\n",
            ".trainyardignore": "!out/\n",
            "out/a.ckpt": "",
            "out/a.json": "",
        },
        (".gitignore", ".trainyardignore", "out/a.json"),
        as_git=False,
    ),
    Folder(
        "own-file-nested",
        {"d/.trainyardignore": "*\n!x\n", "d/x": "", "d/y": ""},
        ("d/x",),
        as_git=False,
    ),
    Folder(
        "rules-of-the-folders-above",
        {**GIT, ".gitignore": "*.log\n/p/out/\n", "p/out/x": "", "p/x.log": "", "p/a.py": ""},
        ("a.py",),
        start="p",
    ),
    Folder(
        "a-folder-that-its-repository-leaves-out",
        {**GIT, ".gitignore": "scratch/\n", "scratch/a.py": ""},
        ("a.py",),
        start="scratch",
        as_git=False,
    ),
    Folder(
        "submodule",
        {
            **GIT,
            "sub/.git": "gitdir: ../.git/modules/sub\n",
            "sub/a.py": "",
            "sub/.gitignore": "*.o\n",
            "sub/a.o": "",
        },
        ("sub/.gitignore", "sub/a.py"),
        as_git=False,
    ),
    Folder(
        "repository-in-a-repository",
        {**GIT, "sub/.git/HEAD": "ref: refs/heads/main", "sub/a.py": ""},
        ("sub/a.py",),
        as_git=False,
    ),
    Folder(
        "worktree",
        {".git": "gitdir: nowhere/.git/worktrees/w\n", "a.py": ""},
        ("a.py",),
        as_git=False,
    ),
    Folder(
        "every-folder",
        {**GIT, ".gitignore": "*/\n!keep/\n", "a/x": "", "keep/x": "", "keep/in/y": "", "z": ""},
        (".gitignore", "keep/x", "z"),
    ),
    Folder(
        "all-but-a-list",
        {
            **GIT,
            ".gitignore": "*\n!*/\n!*.py\n",
            "a.py": "",
            "a.txt": "",
            "d/b.py": "",
            "d/c.txt": "",
        },
        ("a.py", "d/b.py"),
    ),
    Folder(
        "folders-below-a-folder",
        {**GIT, ".gitignore": "a/**/\n", "a/x": "", "a/b/y": "", "c": ""},
        (".gitignore", "a/x", "c"),
    ),
    Folder(
        "below-any-folder-of-a-name",
        {
            **GIT,
            ".gitignore": "**/logs/**\n!**/logs/keep\n",
            "logs/x": "",
            "a/logs/keep": "",
            "a/logs/y": "",
        },
        (".gitignore", "a/logs/keep"),
        folders=("logs",),
    ),
    Folder(
        "empty-folders-go-in",
        {"a.py": "", "out": None, "logs/tb": None},
        ("a.py",),
        folders=("logs/tb", "out"),
    ),
    Folder(
        "folder-whose-files-are-left-out",
        {**GIT, ".gitignore": "*.ckpt\n", "ckpt/a.ckpt": "", "a.py": ""},
        (".gitignore", "a.py"),
        folders=("ckpt",),
    ),
    Folder(
        "link-inside",
        {"a.py": "", "d/b": Link("../a.py"), "c": Link("a.py")},
        ("a.py",),
        links={"c": "a.py", "d/b": "../a.py"},
    ),
    Folder(
        "link-to-a-folder-is-not-followed", {"d/x": "", "e": Link("d")}, ("d/x",), links={"e": "d"}
    ),
    Folder(
        "link-to-nothing", {"a.py": "", "b": Link("nothing")}, ("a.py",), links={"b": "nothing"}
    ),
    Folder(
        "link-out",
        {"a.py": "", "data": Link("../../elsewhere")},
        ("a.py",),
        said=("data is a link to ../../elsewhere",),
        as_git=False,
    ),
    Folder(
        "link-to-an-absolute-place",
        {"a.py": "", "data": Link("/usr/share")},
        ("a.py",),
        said=("data is a link to /usr/share",),
        as_git=False,
    ),
    Folder("link-to-itself", {"a.py": "", "b": Link("b")}, ("a.py",), links={"b": "b"}),
    Folder(
        "links-in-a-ring",
        {"a.py": "", "b": Link("c"), "c": Link("b")},
        ("a.py",),
        links={"b": "c", "c": "b"},
    ),
    Folder(
        "link-to-the-folder-above", {"d/x": "", "d/up": Link("..")}, ("d/x",), links={"d/up": ".."}
    ),
    Folder(
        "link-out-by-way-of-a-link",
        {"a/b/c/x": "", "s": Link("a/b/c"), "t": Link("s/../../../../out")},
        ("a/b/c/x",),
        links={"s": "a/b/c"},
        said=("t is a link to",),
        as_git=False,
    ),
    Folder(
        "link-into-git",
        {**GIT, "a.py": "", "h": Link(".git/HEAD")},
        ("a.py",),
        said=("h is a link to",),
        as_git=False,
    ),
    Folder("socket", {"a.py": "", "s": Special(_socket)}, ("a.py",), said=("s is a socket",)),
    Folder(
        "named-pipe", {"a.py": "", "p": Special(os.mkfifo)}, ("a.py",), said=("p is a named pipe",)
    ),
    Folder(
        "sparse-gigabytes",
        {"a.py": "", "d/disk.img": Special(_sparse)},
        refused="d/disk.img (3.0 GiB)",
        as_git=False,
    ),
    Folder(
        "unreadable-file",
        {"a.py": "", "k.pem": Special(_unreadable)},
        refused="the file k.pem cannot be read",
        as_git=False,
    ),
    Folder(
        "unreadable-folder",
        {"a.py": "", "d": Special(_closed_folder)},
        refused="the folder d cannot be read",
        as_git=False,
    ),
    Folder(
        "unreadable-file-that-is-left-out",
        {"a.py": "", ".trainyardignore": "*.pem\n", "k.pem": Special(_unreadable)},
        (".trainyardignore", "a.py"),
        as_git=False,
    ),
    Folder("case-twins", {"Model.py": "1", "model.py": "2"}, ("Model.py", "model.py")),
    Folder(
        "names-with-spaces-quotes-and-letters-of-all-scripts",
        {"a b.py": "", "it's.py": "", "größe.py": "", "数据/x=1.ckpt": ""},
        ("a b.py", "größe.py", "it's.py", "数据/x=1.ckpt"),
        as_git=False,
    ),
    Folder(
        "one-name-in-two-forms-of-unicode",
        {"\u00e9": "1", "e\u0301": "2"},
        ("\u00e9", "e\u0301"),
        as_git=False,
    ),
    Folder(
        "reserved-names-of-windows",
        {"CON": "", "a:b": "", "x.": "", "nul.txt": ""},
        ("CON", "a:b", "nul.txt", "x."),
    ),
    Folder(
        "backslash-in-a-name",
        {"data\\train.csv": ""},
        refused=r"data\train.csv: its name holds a backslash",
        as_git=False,
    ),
    Folder("line-break-in-a-name", {"a\nb": ""}, refused=r"a\nb: its name holds", as_git=False),
    Folder(
        "name-that-is-not-utf-8",
        {"a.py": "", "x": Special(_bytes_name(b"\xff\xfe.dat"))},
        refused="its name is not UTF-8",
        as_git=False,
    ),
    Folder(
        "git-in-capitals",
        {"a.py": "", ".GIT/config": ""},
        refused=".git is never part",
        as_git=False,
    ),
    Folder("empty-folder", {}, refused="the folder holds no file", as_git=False),
    Folder("only-empty-folders", {"a/b": None}, refused="the folder holds no file", as_git=False),
    Folder(
        "everything-is-left-out",
        {".gitignore": "*\n", "a.py": ""},
        refused="leave out every file",
        as_git=False,
    ),
    Folder("deep", {"/".join(["d"] * 200) + "/x": "1"}, ("/".join(["d"] * 200) + "/x",)),
    Folder(
        "too-deep",
        {"/".join(["deep"] * 210) + "/x": "1"},
        refused="longer than 1000 bytes",
        as_git=False,
    ),
]
