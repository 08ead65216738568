"""A stand-in for the gateway's report endpoints, for trainings that run without a cluster; real HTTP, nothing else."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from trainyard_api import contract
from trainyard_api.code import CodeManifest, bundle_name, problem
from trainyard_api.runs.lines import merge

FILES = "/api/2.0/mlflow-artifacts/artifacts/"


@dataclass
class ReportStandIn:
    """Keeps every batch once, as the gateway does; `answers` are given first, one per request, those of models and trees to these only."""

    answers: list[int] = field(default_factory=list)
    model_answers: list[int] = field(default_factory=list)
    batches: dict[tuple[str, int, str, int], dict[str, Any]] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    tree_answers: list[int] = field(default_factory=list)
    trees: list[dict[str, Any]] = field(default_factory=list)
    """Reports of trees that were accepted; the same again is not added."""
    run_dir: Path | None = None
    """Where the trees of reports lie; their files are then kept in `files`."""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Contents by path by tree."""
    wrong: Any = field(default_factory=list)
    """The `errors` of an answer that refuses."""
    mlflow: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """Answers of the door `/mlflow` by method and path, such as `POST /api/2.0/mlflow/runs/search`; 404 for others."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each call of that door, in order."""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """Files that were put there, by path."""
    url: str = ""
    hangs_up: bool = False
    """Closes each connection after its answer without a word, as a server does with one that is idle for long."""

    def rows(self) -> list[tuple[int, str, Any]]:
        """(step, metric, value) of everything, a later attempt replacing an earlier one."""
        found: dict[tuple[int, str], Any] = {}
        for _, batch in sorted(self.batches.items(), key=lambda item: (item[0][1], item[0][3])):
            for row in batch.get("metrics", ()):
                for name, value in row["values"].items():
                    found[(row["step"], name)] = value
        return sorted((step, name, value) for (step, name), value in found.items())

    def lines(self) -> list[str]:
        """Printed lines in order."""
        ordered = sorted(self.batches.items(), key=lambda item: (item[0][1], item[0][3]))
        return [entry["message"] for _, batch in ordered for entry in batch.get("logs", ())]

    def runs(self) -> dict[str, dict[str, Any]]:
        """What the batches say of each run, all together, in the order of their streams."""
        found: dict[str, dict[str, Any]] = {}
        for _, batch in sorted(self.batches.items(), key=lambda item: (item[0][1], item[0][3])):
            for report in batch.get("runs", ()):
                merge(found.setdefault(report["run"], {}), report)
        return found

    def points(self, run: str) -> list[tuple[str, int, Any]]:
        """(metric, step, value) of a run, in the order in which they came."""
        return [
            (p["key"], p["step"], p["value"]) for p in self.runs().get(run, {}).get("metrics", ())
        ]

    def door(self, method: str, path: str, body: bytes, token: str) -> tuple[int, bytes]:
        """One call of MLflow's protocol that the relay has passed on."""
        path = path.removeprefix("/mlflow")
        self.asked.append(f"{method} {path}")
        if token != "Bearer token":
            return 401, b'{"error_code": "UNAUTHENTICATED", "message": "told so"}'
        if method == "PUT" and f"PUT {path}" not in self.mlflow:
            self.artifacts[unquote(path).removeprefix(FILES)] = body
            return 200, b"{}"
        if method == "GET" and (kept := self.artifacts.get(unquote(path).removeprefix(FILES))):
            return 200, kept
        status, answer = self.mlflow.get(
            f"{method} {path.partition('?')[0]}", (404, {"error_code": "ENDPOINT_NOT_FOUND"})
        )
        return status, json.dumps(answer).encode()

    def handle(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One request."""
        given: list[int] = []
        if path.endswith("/report/model"):
            given = self.model_answers
        elif path.endswith("/report/tree"):
            given = self.tree_answers
        for answers in (self.answers, given):
            if not answers:
                continue
            status = answers.pop(0)
            if status >= 400:
                return status, {"detail": f"told to answer {status}", "errors": self.wrong}
        if path.endswith("/report/model"):
            self.models.append(body)
            return 201, {"name": body["name"], "version": 1, "sha256": body["sha256"]}
        if path.endswith("/report/tree"):
            return 201, self._tree(body)
        key = (body["sessionUid"], body["attempt"], body["stream"], body["sequence"])
        duplicate = key in self.batches
        self.batches.setdefault(key, body)
        return 200, {"sequence": body["sequence"], "duplicate": duplicate}

    def _tree(self, body: dict[str, Any]) -> dict[str, Any]:
        """Keep a tree once, with its files, whose hashes must be those of the manifest."""
        if body not in self.trees:
            if self.run_dir is not None:
                self.files[body["tree"]] = staged(self.run_dir, body)
            self.trees.append(body)
        of_name = [one["tree"] for one in self.trees if one["name"] == body["name"]]
        version = of_name.index(body["tree"]) + 1
        return {"name": body["name"], "version": version, "tree": body["tree"]}


def staged(run_dir: Path, report: dict[str, Any]) -> dict[str, bytes]:
    """The files of a tree as they lie in a run folder, checked as the gateway does."""
    place = run_dir / contract.ARTIFACTS / report["tree"]
    text = (place / contract.TREE_MANIFEST).read_bytes()
    manifest = CodeManifest.model_validate_json(text)
    assert (bundle_name(text), manifest.text(), problem(manifest)) == (report["tree"], text, None)
    found = {e.path: (place / contract.TREE_FILES / e.path).read_bytes() for e in manifest.files}
    for entry in manifest.files:
        content = found[entry.path]
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.size)
    assert (len(manifest.files), manifest.size_bytes) == (report["files"], report["sizeBytes"])
    return found


@contextmanager
def report_stand_in() -> Iterator[ReportStandIn]:
    """Run it on a port of its own."""
    state = ReportStandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # As the gateway: else each answer waits 40 ms for the acknowledgement of its head.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if self.path.startswith("/mlflow/"):
                token = self.headers["Authorization"]
                status, content = state.door(self.command, self.path, given, token)
            else:
                status, answer = state.handle(self.path, json.loads(given))
                content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = state.hangs_up

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815  # as http.server calls them

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
