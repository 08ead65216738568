"""Fills the database of an MLflow server, as a program that `tracking.py` starts with the interpreter of MLflow's environment.

By the tables of MLflow's own models: its server takes minutes for what is only to be there. It is given the database, what to do
(`runs` or `history`), the id of the experiment or of the run, and how many.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from typing import Any

from mlflow.store.tracking.dbmodels import models
from sqlalchemy import Connection, create_engine, insert

AT_ONCE = 5_000
PARAMS, METRICS = 5, 5
"""As in `tracking`."""


def runs(connection: Connection, experiment: str, numbers: range) -> None:
    """Runs as `tracking.filled` makes them at a server."""
    rows: dict[Any, list[dict[str, Any]]] = {}

    def add(table: Any, **values: Any) -> None:
        rows.setdefault(table, []).append(values)

    for number in numbers:
        id = uuid.uuid4().hex
        name = f"run-{id[:8]}"
        add(
            models.SqlRun, run_uuid=id, name=name, user_id="", status="RUNNING", start_time=number, lifecycle_stage="active",
            experiment_id=int(experiment), source_type="UNKNOWN", source_name="", entry_point_name="", source_version="",
            artifact_uri=f"mlflow-artifacts:/{experiment}/{id}/artifacts",
        )  # fmt: skip
        add(models.SqlTag, run_uuid=id, key="team", value=("vision", "speech")[number % 2])
        add(models.SqlTag, run_uuid=id, key="mlflow.runName", value=name)
        for k in range(PARAMS):
            add(models.SqlParam, run_uuid=id, key=f"p{k}", value=str((number + k) % 7))
        for k in range(METRICS):
            one = {
                "run_uuid": id,
                "key": f"m{k}",
                "value": (number * 7919 + k) % 1000 / 1000,
                "timestamp": 1,
                "step": 1,
                "is_nan": False,
            }
            add(models.SqlMetric, **one)
            add(models.SqlLatestMetric, **one)
    for table, many in rows.items():
        connection.execute(insert(table), many)


def history(connection: Connection, run: str, steps: range) -> None:
    """Values of `loss`."""
    rows = [
        {"run_uuid": run, "key": "loss", "value": s / 7, "timestamp": s, "step": s, "is_nan": False} for s in steps
    ]  # fmt: skip
    connection.execute(insert(models.SqlMetric), rows)


FILL: dict[str, Callable[[Connection, str, range], None]] = {"runs": runs, "history": history}


def main(store: str, do: str, id: str, count: int) -> None:
    """Fill in parts."""
    engine = create_engine(store)
    for first in range(0, count, AT_ONCE):
        with engine.begin() as connection:
            FILL[do](connection, id, range(first, min(first + AT_ONCE, count)))


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
