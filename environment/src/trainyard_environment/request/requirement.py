"""The check of one requirement: a name, extras, versions and a marker, and nothing else. Pure."""

from __future__ import annotations

import re

from trainyard_environment.errors import CannotBuild
from trainyard_environment.request.asked import Requirement, normalised

MAX_CHARACTERS = 1000
_ONE = r"(?:===|[=!~<>]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"""(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*
        (?P<extras>\[[A-Za-z0-9._,\s-]*\])?\s*
        (?P<versions>\(?\s*(?:{_ONE}(?:\s*,\s*{_ONE})*\s*,?)?\s*\)?)\s*
        (?P<marker>;[\w\s"'.<>=!~()*,+-]*)?""",
    re.VERBOSE | re.ASCII,
)
_HASH = re.compile(r"\s--hash[=\s]\s*([a-z0-9]+:[0-9A-Fa-f]+)(?=\s|$)")
_FROM_GIT = re.compile(r"(^|\s|@)\s*(git|hg|svn|bzr)\+|^git@")
_LOCAL = re.compile(r"^(\.|/|~|[A-Za-z]:[\\/])|file:|\\")
_ARCHIVE = re.compile(r"\.(whl|zip|tar|tar\.gz|tgz|tar\.bz2)$")
_CONDA = re.compile(r"[A-Za-z0-9._-]+=[^=]+(=[^=]+)?")


def requirement(line: str, where: str) -> Requirement:
    """The requirement of a line, which may hold hashes. Raises CannotBuild."""
    if len(line) > MAX_CHARACTERS and not _HASH.search(line):
        raise refused(line, where, f"is longer than {MAX_CHARACTERS} characters")
    hashes = tuple(found.lower() for found in _HASH.findall(f" {line}"))
    text = _HASH.sub("", f" {line}").strip()
    match = _REQUIREMENT.fullmatch(text)
    if match is None or _ARCHIVE.search(text):
        raise refused(line, where, *_why(text))
    return Requirement(normalised(match["name"]), " ".join(text.split()), hashes)


def _why(text: str) -> tuple[str, str]:
    if _FROM_GIT.search(text):
        return (
            "names a repository, and packages come from the index only",
            "Name a released version of it, or put its folder into your code.",
        )
    if "://" in text and "file:" not in text:
        return (
            "names a URL, and packages come from the index only",
            "Name a released version of it, such as name==1.0.",
        )
    if _LOCAL.search(text) or _ARCHIVE.search(text):
        return (
            "names a file or folder, and packages come from the index only",
            "Name a released version of it, such as name==1.0; modules of your code need no line.",
        )
    if "$" in text:
        return ("holds a variable, and none is put in", "Write its value.")
    if _CONDA.fullmatch(text):
        return (
            "is a line of conda's, not of pip's",
            "Write name==version; `conda list --export` and environment.yml are not understood.",
        )
    return ("is no requirement", "Write such as name, name==1.0 or name[extra]>=1.0,<2.")


def refused(line: str, where: str, why: str, hint: str = "") -> CannotBuild:
    """The refusal of a line."""
    shown = line if len(line) <= 200 else f"{line[:200]}…"
    return CannotBuild(
        "RequirementRefused",
        f"{where}: {shown!r} {why}.",
        hint or "Correct the line.",
    )
