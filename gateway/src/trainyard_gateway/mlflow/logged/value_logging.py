"""Logs values of metrics of logged models: what a program logs with `model_id`.

They are values of the run as well, which are logged apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_gateway.mlflow.logged.logged_models import changeable_model
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.fields import Metric
from trainyard_gateway.mlflow.wire.requests import LogMetric
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.runs import model_values
from trainyard_gateway.store.runs.model_values import ModelValue
from trainyard_gateway.store.runs.rows import RunRow


async def log(
    database: Database, run: RunRow, metrics: Sequence[Metric | LogMetric], visitor: Visitor
) -> None:
    """Keep those values that are of logged models. Raises NotFound and NotPermitted."""
    given = [each for each in metrics if each.model_id]
    if not given:
        return
    found = [
        ModelValue(
            each.model_id,
            each.key,
            each.timestamp,
            each.step,
            run.id,
            each.value,
            each.dataset_name,
            each.dataset_digest,
        )
        for each in given
    ]

    def add(connection: Connection) -> None:
        for id in sorted({each.model_id for each in found}):
            changeable_model(connection, id, visitor)
        model_values.add(connection, found)

    await database.write(add)
