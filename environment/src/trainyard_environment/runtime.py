"""What the runtime's own Python has: version, folders of packages, packages, console scripts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard_environment.errors import bad_arguments
from trainyard_environment.linked import TORCH, linked_to_torch

DESCRIBE_SECONDS = 120
_DESCRIBE = r"""
import importlib.util, json, os, re, sys, sysconfig
from importlib import metadata
own = {os.path.realpath(sysconfig.get_path(n)) for n in ("stdlib", "platstdlib")}
own |= {os.path.join(p, "lib-dynload") for p in own}
own |= {os.path.realpath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p}
paths = [p for p in sys.path if p and os.path.isdir(p) and os.path.realpath(p) not in own]
found = {}
for one in metadata.distributions():
    try:
        name, version = one.metadata["Name"], one.version
        if not name or not version:
            continue
        points = [(e.name, e.value) for e in one.entry_points if e.group == "console_scripts"]
    except Exception:
        continue
    found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), (version, points))
if "torch" not in found:
    try:
        file = importlib.util.find_spec("torch").origin
        with open(os.path.join(os.path.dirname(file), "version.py")) as text:
            found["torch"] = (re.search(r"__version__ = ['\"]([^'\"]+)", text.read())[1], [])
    except Exception:
        pass
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "platform": sysconfig.get_platform(),
    "paths": paths,
    "packages": found,
}))
"""
"""Imports nothing of the packages; old versions of Python can read it."""
_HELD = re.compile(r"torch|(pytorch-)?triton|nvidia-.+")
"""What the runtime's build of torch consists of."""


@dataclass(frozen=True)
class Package:
    """A package of the runtime."""

    name: str
    """As PEP 503 normalises it."""
    version: str
    scripts: tuple[tuple[str, str], ...] = ()
    """Name and `module:function` of its console scripts."""


@dataclass(frozen=True)
class Runtime:
    """A Python and its packages."""

    executable: str
    version: str
    platform: str
    paths: tuple[str, ...]
    """Folders of packages, in the order of `sys.path`."""
    packages: Mapping[str, Package]
    linked: Mapping[str, str] = field(default_factory=dict)
    """Version by name of the packages that are compiled for its torch, such as torchvision."""

    @property
    def held(self) -> dict[str, str]:
        """Version by name of the packages that no environment replaces; {} without torch."""
        if TORCH not in self.packages:
            return {}
        own = {n: p.version for n, p in self.packages.items() if _HELD.fullmatch(n)}
        return dict(sorted({**self.linked, **own}.items()))

    def has(self, name: str, version: str) -> bool:
        """Whether the runtime has this very version."""
        return name in self.packages and self.packages[name].version == version


def described(executable: str = sys.executable) -> Runtime:
    """The runtime of a Python, as it is without the builder. Raises CannotBuild."""
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    try:
        done = subprocess.run(
            [executable, "-s", "-c", _DESCRIBE],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DESCRIBE_SECONDS,
            check=True,
        )
        found: Any = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        said = getattr(error, "stderr", None) or b""
        why = said.decode("utf-8", "replace").strip()[-500:] or str(error)
        raise bad_arguments(
            f"The runtime's Python does not say what packages it has: {why}",
            "Tell the administrator: its image cannot be used with packages.",
        ) from error
    return runtime_of(executable, found, linked_to_torch(found["paths"]))


def runtime_of(
    executable: str, found: Mapping[str, Any], linked: Mapping[str, str] | None = None
) -> Runtime:
    """What the description says. Pure."""
    packages = {
        name: Package(name, str(version), tuple((str(n), str(v)) for n, v in scripts))
        for name, (version, scripts) in found["packages"].items()
    }
    paths = tuple(found["paths"])
    return Runtime(executable, found["version"], found["platform"], paths, packages, linked or {})
