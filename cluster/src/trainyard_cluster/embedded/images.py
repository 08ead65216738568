"""Images in the node's container runtime: the pod sandbox, and loaded archives."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tempfile
from pathlib import Path

from trainyard_cluster.embedded.config import PAUSE_IMAGE
from trainyard_cluster.errors import NotPossible
from trainyard_cluster.plan import Layout
from trainyard_cluster.shell import run, succeeds


def ctr(layout: Layout, *arguments: str | Path) -> str:
    """Run containerd's client in the kubelet's namespace."""
    return run(["ctr", f"--address={layout.containerd_socket}", "--namespace=k8s.io", *arguments])


def answers(layout: Layout) -> bool:
    """Whether containerd answers a call."""
    return succeeds(["ctr", f"--address={layout.containerd_socket}", "--timeout=2s", "version"])


def present(layout: Layout) -> dict[str, str]:
    """Image reference → digest of the node's images."""
    lines = ctr(layout, "images", "list").splitlines()[1:]
    rows = [line.split() for line in lines]
    return {row[0]: row[2] for row in rows if len(row) > 2}


def load(layout: Layout, archive: Path) -> bool:
    """Import a docker or OCI archive. Returns False if the node has the same archive."""
    if not archive.is_file():
        raise NotPossible(
            f"there is no image archive {archive}; build the images with `make images`"
        )
    marker = layout.state / "images" / f"{archive.stem}.loaded"
    stat = archive.stat()
    version = f"{archive.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    if marker.exists():
        known, *names = marker.read_text().splitlines()
        # The kubelet removes images when its disk is full, and users can remove them.
        if known == version and set(names) <= set(present(layout)):
            return False
    said = ctr(layout, "images", "import", archive)
    imported = re.findall(r"unpacking (\S+) \(sha256:", said)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text("\n".join([version, *imported]))
    return True


def load_pause(layout: Layout, program: Path) -> None:
    """Build the sandbox image from one static program and import it."""
    if PAUSE_IMAGE in present(layout):
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "pause.tar"
        archive.write_bytes(docker_archive(PAUSE_IMAGE, program.read_bytes()))
        ctr(layout, "images", "import", archive)


def docker_archive(reference: str, program: bytes) -> bytes:
    """A docker-save archive of an image with one program at /pause. Pure."""
    layer = _tar({"pause": program}, mode=0o755)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
            },
            "history": [{"created_by": "trainyard"}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps(
        [{"Config": config_name, "RepoTags": [reference], "Layers": ["layer.tar"]}]
    ).encode()
    return _tar({config_name: config, "layer.tar": layer, "manifest.json": manifest})


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
