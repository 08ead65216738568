"""What the cases share: MLflow's client, things that they ask about, and answers without what differs from server to server."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

from mlflow.tracking import MlflowClient  # noqa: E402  # as above

MARK = os.urandom(4).hex()
"""In all names, so that the cases find their own things only."""
client = MlflowClient()
CASES: list[tuple[str, str, Callable[[], Any]]] = []
_ID = re.compile(r"m-[0-9a-f]{32}|[0-9a-f]{32}")
_TIME = 1_500_000_000_000


def case(operation: str, name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Adds a case."""

    def add(work: Callable[[], Any]) -> Callable[[], Any]:
        CASES.append((operation, name, work))
        return work

    return add


def shown(value: Any, key: str = "") -> Any:
    """An answer as JSON, without what differs from server to server."""
    if isinstance(value, dict):
        return {str(k): shown(v, str(k)) for k, v in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [shown(each, key) for each in value]
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return shown(dict(value), key)
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int):
        return "<time>" if value > _TIME else value
    return repr(value) if isinstance(value, float) else _text(str(value), key)


def _text(text: str, key: str) -> str:
    # Where a server keeps its files is its own choice, as the ids are.
    for name in ("experiment_id", "artifact_uri", "artifact_location", "source"):
        if key.removeprefix("_") == name:
            return f"<{name}>" if text else text
    return _ID.sub("<id>", text).replace(MARK, "<mark>")


def refused(work: Callable[..., Any], *given: Any, **more: Any) -> dict[str, Any]:
    """The code of the error that a call ends with; its sentence is each server's own."""
    try:
        work(*given, **more)
    except Exception as error:
        return {"error": getattr(error, "error_code", type(error).__name__)}
    return {"error": None}


EXPERIMENT = client.create_experiment(f"first-{MARK}", tags={"team": "vision"})


def run(**more: Any) -> str:
    """A new run of the experiment; its id."""
    named = {} if "tags" in more else {"run_name": "own"}
    return str(client.create_run(EXPERIMENT, start_time=1000, **named | more).info.run_id)


def data(id: str) -> Any:
    """Params, tags and newest values of a run."""
    return client.get_run(id).data.to_dictionary()


def files(folder: str) -> str:
    """Some files."""
    Path(folder, "sub").mkdir()
    Path(folder, "a.txt").write_text("hello")
    Path(folder, "sub", "ü b.bin").write_bytes(bytes(range(256)) * 8192)
    Path(folder, "empty").touch()
    return folder


def model(name: str, versions: int = 1) -> str:
    """A registered model with versions of one run's files; its whole name."""
    whole = f"{name}-{MARK}"
    id = run()
    client.log_text(id, "flavors: {}", "net/MLmodel")
    client.create_registered_model(whole, tags={"team": "vision"}, description="Iris")
    for n in range(versions):
        client.create_model_version(
            whole, f"runs:/{id}/net", id, tags={"n": str(n + 1)}, description=f"v{n + 1}"
        )
    return whole
