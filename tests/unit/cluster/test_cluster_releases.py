"""Official releases: downloaded over HTTP, accepted only with the published checksum."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from trainyard_cluster.programs import parts
from trainyard_cluster.programs.download import Release, UnavailableError, fetch, releases
from trainyard_cluster.programs.versions import GO_TOOLS, HELM_3, KUBERNETES, NODE_PARTS

PROGRAM = b"\x7fELF a program"


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("linux-amd64/tool")
        info.size = len(PROGRAM)
        tar.addfile(info, io.BytesIO(PROGRAM))
    return buffer.getvalue()


ARCHIVE = archive()
FILES = {
    "/tool": PROGRAM,
    "/tool.sha256": hashlib.sha256(PROGRAM).hexdigest().encode(),
    "/tool.wrong": b"0" * 64,
    "/tool.tar.gz": ARCHIVE,
    "/SHA256SUMS": (
        f"{'1' * 64}  other.tar.gz\n{hashlib.sha256(ARCHIVE).hexdigest()}  tool.tar.gz\n"
    ).encode(),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = FILES.get(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_program_with_its_checksum(site: str, tmp_path: Path) -> None:
    fetch(Release("tool", f"{site}/tool", f"{site}/tool.sha256"), tmp_path)

    assert (tmp_path / "tool").read_bytes() == PROGRAM
    assert (tmp_path / "tool").stat().st_mode & 0o111


def test_a_program_in_an_archive_with_a_list_of_checksums(site: str, tmp_path: Path) -> None:
    release = Release("tool", f"{site}/tool.tar.gz", f"{site}/SHA256SUMS", "linux-amd64/tool")

    fetch(release, tmp_path)

    assert (tmp_path / "tool").read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("file", "checksum", "message"),
    [
        ("/tool", "/tool.wrong", "does not have the published checksum"),
        ("/tool", "/SHA256SUMS", "no checksum published for tool$"),
        ("/absent", "/tool.sha256", "404"),
        ("/tool", "/absent", "404"),
    ],
    ids=["another checksum", "not in the list", "no file", "no checksum file"],
)
def test_anything_else_is_no_release(
    site: str, tmp_path: Path, file: str, checksum: str, message: str
) -> None:
    with pytest.raises(UnavailableError, match=message):
        fetch(Release("tool", f"{site}{file}", f"{site}{checksum}"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_answers(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"

    with pytest.raises(UnavailableError):
        fetch(Release("tool", f"{nowhere}/tool", f"{nowhere}/sum"), tmp_path)


def test_every_part_of_the_node_has_a_release() -> None:
    assert {r.program for r in releases()} >= {*NODE_PARTS, *GO_TOOLS, "helm3"}
    assert all(r.url.startswith("https://") for r in releases())


def test_the_older_helm_is_built_with_the_nodes_versions() -> None:
    """Then Go compiles Kubernetes' client once for both."""

    def versions(module: str) -> dict[str, str]:
        lines = (parts.SOURCES / module / "go.mod").read_text().splitlines()
        words = [line.removeprefix("require").split() for line in lines]
        return {w[0]: w[1] for w in words if len(w) > 1 and w[1].startswith("v")}

    older, node = versions("helm3"), versions("node")
    assert older["helm.sh/helm/v3"] == HELM_3
    assert older["k8s.io/client-go"] == KUBERNETES.replace("v1.", "v0.")
    shared = {name for name in older.keys() & node.keys() if node[name] != "v0.0.0"}
    assert {name: older[name] for name in shared} == {name: node[name] for name in shared}
