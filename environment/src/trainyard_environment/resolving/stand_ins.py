"""Small wheels that stand in for packages of the runtime, while uv resolves.

uv does not see the packages of the runtime, and would fetch torch and all that it needs again. A
stand-in has the name and the version of such a package and needs nothing, and constraints let no
other version in. None is ever installed.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

LOCAL = "+runtime"
"""Marks a version of the runtime that has no such part: no file of an index has this one."""
PROJECT = "this-project"
"""Name of the stand-in that needs the versions of Python that are asked for."""
_VERSION = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
"""As PEP 440 defines it."""


def stood_in(held: Mapping[str, str]) -> dict[str, str]:
    """Name and version of the stand-ins for `held`. Pure."""
    return {
        name: version if "+" in version else f"{version}{LOCAL}"
        for name, version in held.items()
        if is_version(version)
    }


def is_version(text: str) -> bool:
    """Whether a text is a version of PEP 440. Pure."""
    return _VERSION.fullmatch(text) is not None


def public(version: str) -> str:
    """A version without its local part, to compare. Pure."""
    return version.partition("+")[0].lower()


def shown(version: str) -> str:
    """A version as the runtime says it. Pure."""
    return version[: -len(LOCAL)] if version.endswith(LOCAL) else version


def write(folder: Path, name: str, version: str, python: str = "") -> None:
    """Write the stand-in of a package."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if python:
        metadata += f"Requires-Python: {python}\n"
    info = f"{stem}.dist-info"
    files = {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: trainyard\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)
