"""The defaults of a folder: `trainyard.yaml`, or `[tool.trainyard]` in `pyproject.toml`.

They are fields of a session's spec, as `kubectl explain trainingsession.spec` shows them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from trainyard.cli import manifest
from trainyard.cli.errors import UsageProblem

FILE: Final = "trainyard.yaml"
PROJECT: Final = "pyproject.toml"
_ANY_BUNDLE: Final = "0" * 64
_OWN: Final = ("workingDir",)
"""Fields beside those of the spec."""


def read(folder: Path) -> dict[str, Any]:
    """The defaults of a folder; none without a file. Raises UsageProblem."""
    own, project = folder / FILE, _project(folder)
    if not own.is_file():
        return _checked(project, f"[tool.trainyard] in {PROJECT}")
    if project:
        raise UsageProblem(
            f"{FILE} and [tool.trainyard] in {PROJECT} both hold defaults; remove one of them"
        )
    try:
        found = yaml.safe_load(own.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{FILE} is not YAML: {error}") from error
    return _checked(found if found is not None else {}, FILE)


def save(folder: Path, fields: Mapping[str, Any]) -> Path:
    """Write the defaults of a folder. Raises UsageProblem if they stand in pyproject.toml."""
    if _project(folder):
        raise UsageProblem(
            f"[tool.trainyard] in {PROJECT} holds the defaults of this folder; change it there, or "
            "remove it and save again"
        )
    path = folder / FILE
    path.write_text(yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True))
    return path


def packages_of(given: Any, source: str) -> dict[str, Any] | bool:
    """`packages` of the defaults: fields of the spec, False for none, True to look for a list.

    The name of a file stands for `{file: NAME}`. Raises UsageProblem.
    """
    match given:
        case None:
            return True
        case bool():
            return given
        case str():
            return {"file": given}
        case dict():
            return given
    raise UsageProblem(
        f"{source}: packages is the name of a file, `requirements: [...]`, or false for none"
    )


def fields_of_packages(packages: Mapping[str, Any] | bool) -> dict[str, Any]:
    """The spec's fields for `packages` of a folder that is not read yet, to check them. Pure."""
    if isinstance(packages, bool):
        return {}
    file = packages.get("file")
    # It is looked up in the folder when that is sent: here its name counts.
    named = {"file": PurePosixPath(file).name or file} if isinstance(file, str) else {}
    return {"packages": {**packages, **named}, "code": {"bundle": _ANY_BUNDLE}}


def _project(folder: Path) -> Any:
    path = folder / PROJECT
    if not path.is_file():
        return {}
    try:
        tools = tomllib.loads(path.read_text()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{PROJECT} is not TOML: {error}") from error
    return tools.get("trainyard", {}) if isinstance(tools, dict) else {}


def _checked(found: Any, source: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UsageProblem(f"{source} must hold fields, such as `resources: {{gpus: 1}}`")
    if "code" in found:
        raise UsageProblem(f"{source}: `trainyard run` sends the folder; remove `code`")
    working_dir = found.get("workingDir", "")
    if not isinstance(working_dir, str):
        raise UsageProblem(f"{source}: workingDir is the name of a folder")
    spec = {key: value for key, value in found.items() if key not in (*_OWN, "packages")}
    spec |= fields_of_packages(packages_of(found.get("packages"), source))
    # A program is given on the command line as well.
    wrong = manifest.check({"command": ["x"], **spec} if "training" not in spec else spec)[1]
    if wrong:
        raise UsageProblem(f"{source}: {'; '.join(manifest.said(problem) for problem in wrong)}")
    return dict(found)
