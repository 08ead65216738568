"""Programs in `bin/` for console scripts of the runtime's packages.

The runtime's own `torchrun` begins with the path of the runtime's Python, which does not see the
environment. A wrapper of the same name is run by the environment's Python, wherever that lies.
"""

from __future__ import annotations

import re
from pathlib import Path

from trainyard_environment.runtime import Runtime

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_OBJECT = re.compile(r"([A-Za-z_][\w.]*)\s*:\s*([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\s*(\[.*\])?")
_WRAPPER = """\
#!/bin/sh
\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"
\' \'\'\'
import sys

from {module} import {name}

if __name__ == "__main__":
    sys.exit({name}{rest}())
"""
"""To the shell the third line is the end of a text, to Python all before it is one."""


def write_wrappers(folder: Path, runtime: Runtime) -> list[str]:
    """Write those whose names are free in `folder`; their names."""
    written = []
    for package in runtime.packages.values():
        for name, target in package.scripts:
            text = wrapper(name, target)
            place = folder / name
            if text is None or place.is_symlink() or place.exists():
                continue
            place.write_text(text)
            place.chmod(0o755)
            written.append(name)
    return sorted(written)


def wrapper(name: str, target: str) -> str | None:
    """The text of a wrapper; None for what is no console script. Pure."""
    match = _OBJECT.fullmatch(target.strip())
    if match is None or not _NAME.fullmatch(name) or re.fullmatch(r"python[\d.]*", name):
        return None
    return _WRAPPER.format(module=match[1], name=match[2], rest=match[3])
