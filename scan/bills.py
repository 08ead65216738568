"""Bills of materials of built images: the distribution's and Python's packages that their layers hold, as CycloneDX 1.6."""

from __future__ import annotations

import email
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

_STATUS: Final = "var/lib/dpkg/status"
_METADATA: Final = re.compile(r"(?:^|/)(?:site|dist)-packages/[^/]+\.(?:dist|egg)-info/(?:METADATA|PKG-INFO)$")  # fmt: skip
Component = dict[str, str]


def of_archive(archive: Path) -> dict[str, Any]:
    """The bill of an image in the form of `docker save`."""
    found: dict[str, Component] = {}
    debian: dict[str, Component] = {}
    with tarfile.open(archive) as image:
        manifest = json.load(_file(image, "manifest.json"))[0]
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=_file(image, name)) as layer:
                for member in layer:
                    if member.name.removeprefix("./") == _STATUS:
                        # Each layer that installs packages has the whole list again.
                        text = _file(layer, member.name).read().decode(errors="replace")
                        debian = {c["purl"]: c for c in of_debian(text)}
                    elif member.isfile() and _METADATA.search(member.name):
                        component = of_python(_file(layer, member.name).read())
                        found[component["purl"]] = component
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": manifest["RepoTags"][0]}},
        "components": sorted([*debian.values(), *found.values()], key=lambda c: c["purl"]),
    }


def of_debian(status: str) -> Iterator[Component]:
    """The packages of dpkg's status file that are installed. Pure."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{quote(version)}?arch={fields['Architecture']}"
            yield {"type": "library", "name": name, "version": version, "purl": purl}


def of_python(metadata: bytes) -> Component:
    """A Python distribution by its METADATA. Pure."""
    fields = email.message_from_bytes(metadata)
    name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
    version = fields["Version"]
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{quote(version)}",
    }


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    handle = archive.extractfile(name)
    if handle is None:
        raise ValueError(f"{name} in the archive is no file")
    return handle
