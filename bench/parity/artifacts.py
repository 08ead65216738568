"""Files of runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import mlflow
from asking import case, client, files, refused, run


@case("artifacts", "a folder of files and back")
def _() -> Any:
    id = run()
    with tempfile.TemporaryDirectory() as folder:
        client.log_artifacts(id, files(folder), "dir")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(client.download_artifacts(id, "dir", folder))
        back = {
            str(p.relative_to(place)): p.stat().st_size for p in place.rglob("*") if p.is_file()
        }
    return sorted(back.items()), [dict(f) for f in client.list_artifacts(id, "dir")]


@case("artifacts", "listed: the run, a folder, a file, nothing")
def _() -> Any:
    id = run()
    client.log_text(id, "x", "a/b/c.txt")
    client.log_text(id, "y", "d.txt")
    places = (None, "a", "a/b", "d.txt", "missing")
    return [
        [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(id, place)]
        for place in places
    ]


@case("artifacts", "written again")
def _() -> Any:
    id = run()
    for text in ("one", "two"):
        client.log_text(id, text, "a.txt")
    return mlflow.artifacts.load_text(f"runs:/{id}/a.txt")


@case("artifacts", "a text, a dictionary, a table")
def _() -> Any:
    id = run()
    client.log_dict(id, {"a": [1, 2]}, "d.json")
    client.log_dict(id, {"a": 1}, "d.yaml")
    client.log_table(id, {"q": ["a", "b"], "n": [1, 2]}, "t.json")
    client.log_table(id, {"q": ["c"], "n": [3]}, "t.json")
    return [
        mlflow.artifacts.load_text(f"runs:/{id}/{name}") for name in ("d.json", "d.yaml", "t.json")
    ]


@case("artifacts", "one that is not there")
def _() -> Any:
    return "error" in refused(client.download_artifacts, run(), "missing.txt")


@case("artifacts", "paths that climb")
def _() -> Any:
    id = run()
    return [
        refused(client.list_artifacts, id, path)["error"] is not None
        for path in ("..", "../..", "/etc")
    ] + [
        refused(client.log_text, id, "x", path)["error"] is not None
        for path in ("../x", "a/../../x")
    ]
