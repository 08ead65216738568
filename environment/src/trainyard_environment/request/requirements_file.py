"""Reads a file of requirements as pip does, with the files that it names. Pure."""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from trainyard_environment.errors import not_understood
from trainyard_environment.request.asked import Asked
from trainyard_environment.request.requirement import refused, requirement

MAX_DEPTH = 10
MAX_LINES = 20_000
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|$)(.*)")
_OWN_PROJECT = re.compile(r"(?:file:)?\./?(\[[A-Za-z0-9._,\s-]*\])?")
_INDEX = {
    "-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host",
    "--pypi-url",
}  # fmt: skip
_WITHOUT_EFFECT = {"--prefer-binary", "--only-binary", "--require-hashes", "--use-feature"}
Read = Callable[[str], str]
"""The text of a file of the code by its path. Raises CannotBuild."""
Project = Callable[[str, Sequence[str]], Asked]
"""What the project of a folder asks for, with extras. Raises CannotBuild."""


class RequirementsReader:
    """Reads files of requirements and those that they name, each once."""

    def __init__(self, read: Read, project: Project) -> None:
        self._read = read
        self._project = project
        self._seen: set[tuple[str, bool]] = set()
        self._lines = 0

    def file(self, path: str, *, constraint: bool = False, depth: int = 0) -> Asked:
        """What a file asks for. Raises CannotBuild."""
        if depth > MAX_DEPTH:
            raise not_understood(f"{path}: files name each other {MAX_DEPTH} times deep.")
        if (path, constraint) in self._seen:
            return Asked()
        self._seen.add((path, constraint))
        return self.text(self._read(path), path, constraint=constraint, depth=depth)

    def text(self, text: str, path: str, *, constraint: bool = False, depth: int = 0) -> Asked:
        """What the text of a file asks for. Raises CannotBuild."""
        found = Asked()
        for number, line in logical_lines(text):
            self._lines += 1
            if self._lines > MAX_LINES:
                raise not_understood(f"{path}: more than {MAX_LINES} lines.")
            where = f"{path}, line {number}"
            if line.startswith("-"):
                found += self._option(line, where, path, depth)
            elif (own := _OWN_PROJECT.fullmatch(line)) is not None:
                found += self._own(path, own[1])
            elif constraint:
                found += Asked(constraints=(requirement(line, where),))
            else:
                found += Asked(requirements=(requirement(line, where),))
        return found

    def _option(self, line: str, where: str, path: str, depth: int) -> Asked:
        match = _OPTION.fullmatch(line)
        name, value = (match[1], match[2].strip()) if match else (line, "")
        if name in ("-r", "--requirement", "-c", "--constraint"):
            return self.file(
                _beside(path, value, line, where),
                constraint=name in ("-c", "--constraint"),
                depth=depth + 1,
            )
        if name in ("-e", "--editable"):
            if (own := _OWN_PROJECT.fullmatch(value)) is not None:
                return self._own(path, own[1])
            raise refused(
                line,
                where,
                "names a package to be built, and packages come from the index only",
                "Name a released version of it; modules of your code need no line.",
            )
        if name in _INDEX:
            return Asked(
                notes=(f"{where}: {name} is ignored: all packages come from the one index that the"
                       " administrator chose",)
            )  # fmt: skip
        if name == "--pre":
            return Asked(prereleases=True)
        if name == "--no-binary":
            return Asked(notes=(f"{where}: {name} is ignored: wheels only are installed",))
        if name in _WITHOUT_EFFECT:
            return Asked()
        raise refused(line, where, "is an option that is not understood", "Leave the line out.")

    def _own(self, path: str, extras: str | None) -> Asked:
        names = [one.strip() for one in (extras or "[]")[1:-1].split(",") if one.strip()]
        folder = posixpath.dirname(path)
        note = "the project itself is not installed, only what it needs: it runs from its folder"
        return self._project(folder, names) + Asked(notes=(note,))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1, without comments, continued ones as one. Pure."""
    parts: list[str] = []
    first = 1
    for number, raw in enumerate(text.splitlines(), 1):
        if not parts:
            first = number
        comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not comment:
            parts.append(raw[:-1])
            continue
        parts.append("" if comment else raw)
        line = _COMMENT.sub("", " ".join(parts)).strip()
        parts = []
        if line:
            yield first, line
    line = _COMMENT.sub("", " ".join(parts)).strip()
    if line:
        yield first, line


def decoded(content: bytes, path: str) -> str:
    """A text of UTF-8, or of UTF-16 where it begins with that mark. Raises CannotBuild. Pure."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_understood(f"{path} is not text of UTF-8.", "Save it as UTF-8.") from error


def _beside(path: str, value: str, line: str, where: str) -> str:
    """The path of a file that stands in another one, from the root of the code."""
    if "://" in value or value.startswith(("/", "~")) or "\\" in value or "$" in value:
        raise refused(line, where, "names no file of your code", "Put the file into your code.")
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), value))
    if not value or found.startswith("../") or found in ("..", "."):
        raise refused(line, where, "names no file of your code", "Put the file into your code.")
    return found
