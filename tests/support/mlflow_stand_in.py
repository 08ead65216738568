"""A gateway's MLflow door in memory, as far as an import calls it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from trainyard.cli.trackers.gateway_protocol import API, FILES
from trainyard_api.mlflow import MAX_ENTITIES

ENTITIES = ("metrics", "params", "tags")
Value = tuple[str, int, int]
"""Value, time and step: the same one counts once."""


@dataclass
class HeldRun:
    """What is there of a run."""

    experiment: str
    status: str = "RUNNING"
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    values: dict[str, set[Value]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    lifecycle: str = "active"


@dataclass
class HeldRuns(httpx.BaseTransport):
    """Answers the calls of an import."""

    experiments: dict[str, str] = field(default_factory=dict)
    """Ids by name."""
    runs: dict[str, HeldRun] = field(default_factory=dict)
    sent: int = 0
    """Values that came, those that were there too."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Do what a call asks."""
        content = request.read()
        path = request.url.path
        if path.startswith(FILES):
            _, run, _, name = path.removeprefix(f"{FILES}/").split("/", 3)
            self.runs[run].files[name] = content
            return httpx.Response(200, json={})
        asked = json.loads(content) if content else dict(request.url.params)
        answer = getattr(self, path.removeprefix(f"{API}/").replace("/", "_").replace("-", "_"))
        found = answer(asked)
        return httpx.Response(404 if found is None else 200, json=found or {})

    def experiments_get_by_name(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """The experiment of a name."""
        id = self.experiments.get(asked["experiment_name"])
        return None if id is None else {"experiment": {"experiment_id": id}}

    def experiments_create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A new experiment."""
        id = str(len(self.experiments) + 1)
        self.experiments[asked["name"]] = id
        return {"experiment_id": id}

    def runs_create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A new run; one that is there stays as it is."""
        self.runs.setdefault(asked["run_id"], HeldRun(asked["experiment_id"]))
        return {}

    def runs_get(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """A run."""
        run = self.runs.get(asked["run_id"])
        if run is None:
            return None
        tags = [{"key": key, "value": value} for key, value in run.tags.items()]
        return {"run": {"info": {"lifecycle_stage": run.lifecycle}, "data": {"tags": tags}}}

    def runs_update(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Its state."""
        self.runs[asked["run_id"]].status = asked["status"]
        return {}

    def runs_log_batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tags first, then values, as the gateway does."""
        assert sum(len(asked.get(kind, ())) for kind in ENTITIES) <= MAX_ENTITIES
        run = self.runs[asked["run_id"]]
        run.params |= {one["key"]: one["value"] for one in asked.get("params", ())}
        run.tags |= {one["key"]: one["value"] for one in asked.get("tags", ())}
        for one in asked.get("metrics", ()):
            value = (one["value"], one["timestamp"], one["step"])
            run.values.setdefault(one["key"], set()).add(value)
            self.sent += 1
        return {}

    def artifacts_list(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Its files."""
        files = self.runs[asked["run_id"]].files
        return {"files": [{"path": path, "file_size": len(files[path])} for path in files]}
