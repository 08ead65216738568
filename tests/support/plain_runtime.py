"""A Python with packages that are only named: no test needs the real torch to be held."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from uv import find_uv_bin


def plain_runtime(folder: Path, packages: Mapping[str, str], python: str = sys.executable) -> str:
    """A Python below `folder` that has these versions, each a module with `VERSION`."""
    command = [find_uv_bin(), "venv", "--quiet", "--no-config", "--python", python, str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name, version in packages.items():
        module = name.replace("-", "_")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        scripts = f"[console_scripts]\n{name}-of-runtime = {module}:main\n"
        (info / "entry_points.txt").write_text(scripts)
        (site / module).mkdir()
        source = f"VERSION = {version!r}\n\n\ndef main():\n    print({name!r}, VERSION)\n"
        (site / module / "__init__.py").write_text(source)
    return str(folder / "bin" / "python")
