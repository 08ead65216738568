"""The base image without a registry: Debian packages that debootstrap installs into a folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from trainyard_images.command import run
from trainyard_images.errors import NotPossible

SUITE = "forky"
"""The release with Python 3.14 and a PyTorch package."""
PACKAGES = ("python3", "python3-venv", "ca-certificates")
TOOLS = {"debootstrap": "debootstrap", "buildah": "buildah"}
_SCRIPT = "/usr/share/debootstrap/scripts/sid"
_URI = re.compile(r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s*)?)(?P<uri>https?://\S+)", re.MULTILINE)


def version() -> str:
    """Changes when the recipe of the base changes."""
    return f"{SUITE}-3"


def ensure_tools(log: Path) -> None:
    """Install buildah and debootstrap if they are missing."""
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise NotPossible(
            f"neither a Docker engine nor {names} is here, and there is no apt-get to install them"
        )
    if os.geteuid() != 0:
        raise NotPossible(
            f"no Docker engine answers, and {names} is missing: run `sudo apt-get install {names}`"
        )
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], log, env=env)
    run(["apt-get", "install", "-qy", "--no-install-recommends", *missing], log, env=env)


def mirror(sources: str) -> str:
    """The archive in the text of this machine's apt sources that also has the suite. Pure."""
    for match in _URI.finditer(sources):
        uri = match["uri"].rstrip("/")
        if uri.endswith("/debian"):
            return uri
    raise NotPossible(
        "no Debian package archive is configured on this machine: name a base image by --base-image, "
        "or use a machine with a Docker engine"
    )


def apt_sources() -> str:
    """The text of all apt sources of this machine."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return "\n".join(f.read_text(errors="replace") for f in files if f.is_file())


def root_tree(folder: Path, log: Path) -> None:
    """Install the base system into `folder`; an interrupted call leaves no partial tree."""
    if folder.exists():
        return
    temporary = folder.with_name(f"{folder.name}.making")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    run(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            SUITE,
            temporary,
            mirror(apt_sources()),
            _SCRIPT,
        ],
        log,
    )
    # A frozen archive has expired release files. The base accepts them if this machine does.
    frozen = run(["apt-config", "shell", "VALUE", "Acquire::Check-Valid-Until"], log)
    if "false" in frozen.lower():
        setting = temporary / "etc/apt/apt.conf.d/90-frozen-archive"
        setting.write_text('Acquire::Check-Valid-Until "false";\n')
    for waste in (
        "var/cache/apt",
        "var/lib/apt/lists",
        "usr/share/doc",
        "usr/share/man",
        "usr/share/locale",
    ):
        shutil.rmtree(temporary / waste, ignore_errors=True)
    for needed in ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial"):
        (temporary / needed).mkdir(parents=True, exist_ok=True)
    temporary.replace(folder)
