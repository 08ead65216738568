"""Reads the curves that the gateway holds of a session, by MLflow's protocol."""

from __future__ import annotations

from typing import Any

import httpx
from curves import Curves, Point

from trainyard_api.mlflow import run_id_of

API = "/mlflow/api/2.0/mlflow"
_MOST = 20_000


def held(http: httpx.Client, uid: str) -> list[Curves]:
    """Every value of the session's run, and of each run below it."""
    own = run_id_of(uid)
    info = http.get(f"{API}/runs/get", params={"run_id": own}).raise_for_status().json()["run"]
    asked: dict[str, Any] = {
        "experiment_ids": [info["info"]["experiment_id"]],
        "filter": f"tags.mlflow.parentRunId = '{own}'",
        "max_results": 1000,
    }
    nested = http.post(f"{API}/runs/search", json=asked).raise_for_status().json().get("runs", [])
    return [_curves(http, run) for run in [info, *nested]]


def _curves(http: httpx.Client, run: dict[str, Any]) -> Curves:
    names = [metric["key"] for metric in run["data"].get("metrics", [])]
    return {name: _history(http, run["info"]["run_id"], name) for name in names}


def _history(http: httpx.Client, run: str, metric: str) -> list[Point]:
    query: dict[str, str | int] = {"run_id": run, "metric_key": metric, "max_results": _MOST}
    found: list[Point] = []
    while True:
        page = http.get(f"{API}/metrics/get-history", params=query).raise_for_status().json()
        found += [
            Point(p["step"], float(p["value"]), p["timestamp"]) for p in page.get("metrics", [])
        ]
        if not page.get("next_page_token"):
            return found
        query["page_token"] = page["next_page_token"]
