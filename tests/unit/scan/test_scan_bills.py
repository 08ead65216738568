"""Bills of materials of images."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from bills import of_archive

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: python3.14
Status: install ok installed
Architecture: amd64
Version: 3.14.0~rc1-1
Description: language
 Version: of the description
"""
PYDANTIC = b"Metadata-Version: 2.4\nName: Pydantic_Core\nVersion: 2.1\n\nLong words.\n"


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_an_image_lists_the_packages_of_all_its_layers(tmp_path: Path) -> None:
    metadata = "opt/x/lib/python3.14/site-packages/pydantic_core-2.1.dist-info/METADATA"
    manifest = [{"Layers": ["base.tar", "own.tar"], "RepoTags": ["example/gateway:1"]}]
    archive = tmp_path / "gateway.tar"
    archive.write_bytes(
        packed(
            **{
                "base.tar": packed(**{"./var/lib/dpkg/status": STATUS.encode()}),
                "own.tar": packed(**{metadata: PYDANTIC, "etc/METADATA": b"no package"}),
                "manifest.json": json.dumps(manifest).encode(),
            }
        )
    )

    bill = of_archive(archive)

    assert bill["metadata"]["component"]["name"] == "example/gateway:1"
    assert [c["purl"] for c in bill["components"]] == [
        "pkg:deb/debian/libc6@2.41-12?arch=amd64",
        "pkg:deb/debian/python3.14@3.14.0~rc1-1?arch=amd64",
        "pkg:pypi/pydantic-core@2.1",
    ]
