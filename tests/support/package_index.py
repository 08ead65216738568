"""A package index on loopback with tiny wheels: PEP 503 pages, files with hashes, faults on demand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import ssl
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    *,
    python: str = "",
    scripts: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> bytes:
    """A wheel with one module of the package's name that holds `VERSION`."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Python: {python}\n" if python else ""
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    points = "".join(f"{n} = {target}\n" for n, target in (scripts or {}).items())
    content = {
        f"{module}/__init__.py": f"VERSION = {version!r}\n\n\ndef main():\n    print({name!r}, VERSION)\n",
        **(files or {}),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": f"[console_scripts]\n{points}"} if points else {}),
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text.encode())}\n"
        for path, text in content.items()
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path), text)
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), f"{record}{info}/RECORD,,\n")
    return out.getvalue()


class PackageIndex:
    """Files by name; `requests` has the paths that were asked for."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, tuple[bytes, str]]] = {}
        self.requests: list[str] = []
        self.asked: Callable[[], object] = lambda: None
        """Called at each request before its answer, while whoever asks waits."""
        self.credentials: tuple[str, str] | None = None
        """User and password that every request needs."""
        self.status = 200
        """Anything else is the answer to every request."""
        self.spoilt: set[str] = set()
        """Files that are sent with another content than their hash says."""
        self.url = ""

    def add(self, name: str, version: str, requires: Sequence[str] = (), *, tag: str = "py3-none-any", **more: object) -> str:  # fmt: skip
        """Offer a wheel; its sha256. `tag` is that of its name."""
        content = wheel(name, version, requires, **more)  # type: ignore[arg-type]  # as given
        file = f"{name.replace('-', '_')}-{version}-{tag}.whl"
        self.files.setdefault(name, {})[file] = (content, str(more.get("python") or ""))
        return hashlib.sha256(content).hexdigest()

    def add_source(self, name: str, version: str) -> None:
        """Offer a package that has no wheel."""
        self.files.setdefault(name, {})[f"{name}-{version}.tar.gz"] = (b"source", "")

    def page(self, name: str) -> str | None:
        """The page of a package."""
        if name not in self.files:
            return None
        links = ""
        for file, (content, python) in self.files[name].items():
            needs = f' data-requires-python="{python}"'.replace("<", "&lt;").replace(">=", "&gt;=")
            digest = hashlib.sha256(content).hexdigest()
            more = (needs if python else "") + ' data-core-metadata="true"'
            links += f'<a href="/files/{file}#sha256={digest}"{more}>{file}</a><br>'
        return f"<!DOCTYPE html><html><body>{links}</body></html>"

    def file(self, name: str) -> bytes | None:
        """The content of a file, or the metadata of a wheel (PEP 658)."""
        if name.endswith(".whl.metadata"):
            with zipfile.ZipFile(io.BytesIO(self._contents()[name.removesuffix(".metadata")])) as w:
                return w.read(next(n for n in w.namelist() if n.endswith("/METADATA")))
        found = self._contents()
        return b"spoilt" + found[name] if name in self.spoilt else found.get(name)

    def _contents(self) -> dict[str, bytes]:
        return {f: content for files in self.files.values() for f, (content, _) in files.items()}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that refuse its certificate go."""


@contextlib.contextmanager
def package_index(
    tls: ssl.SSLContext | None = None,
) -> Iterator[PackageIndex]:  # a handler and its server
    """Serve an index until the end, over HTTPS if `tls` is given."""
    index = PackageIndex()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.requests.append(self.path)
            index.asked()
            status, content = index.status, b""
            if index.credentials is not None:
                given = base64.b64encode(":".join(index.credentials).encode()).decode()
                if self.headers.get("Authorization") != f"Basic {given}":
                    status = 401
            if status == 200:
                parts = self.path.strip("/").split("/")
                page = index.page(parts[1]) if parts[0] == "simple" and len(parts) == 2 else None
                found = page.encode() if page else index.file(parts[-1])
                status, content = (200, found) if found is not None else (404, b"")
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            is_page = self.path.startswith("/simple/")
            self.send_header("Content-Type", "text/html" if is_page else "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        # The handshake is made by the thread of each request.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    index.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/simple"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
