"""Logged models: folders of artifacts that a run made, with params and tags."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from trainyard_api.rights.decision import OwnedObject, Verb, sees
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest, NotFound
from trainyard_gateway.mlflow import filters, matching, texts
from trainyard_gateway.mlflow.finding import active_experiment, active_run, changeable_run, run_of
from trainyard_gateway.mlflow.logged.shown_values import shown as shown_values
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import answers, places, tokens
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.mlflow.wire.model_requests import (
    CreateLoggedModel,
    FinalizeLoggedModel,
    LogModelParams,
    OrderBy,
    SearchLoggedModels,
    SetModelTags,
)
from trainyard_gateway.rights.asking import new_owner, require
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind as Owned
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.runs import logged_models, model_values
from trainyard_gateway.store.runs.conditions import Condition, Order
from trainyard_gateway.store.runs.conditions import Field as Kind
from trainyard_gateway.store.runs.logged_models import LoggedModelRow, Wanted
from trainyard_gateway.store.runs.model_values import Dataset, ModelValue

MOST_SEARCHED = 10_000
"""Logged models that a search finds: the newest ones."""
MOST_LOOKED_AT = 10
"""Pages of that many models which a search looks at."""
MOST_SHOWN = 100_000
"""Values of metrics in one answer to a search, which has fewer logged models then."""
MOST_COMPARED = 100
"""Comparisons of metrics, times datasets, in a search: each is made with every value of a model."""
MOST_PARAMS = 10_000
MOST_TAGS = 1_000


Found = tuple[LoggedModelRow, tuple[float | None, ...]]
"""A logged model, and what it is ordered by."""


class LoggedModels:
    """Logged models."""

    def __init__(self, database: Database, most_searched: int = MOST_SEARCHED) -> None:
        self._database, self._most = database, most_searched

    async def create(self, asked: CreateLoggedModel, visitor: Visitor) -> Json:
        """Make a logged model, which is pending until it is finalized."""
        now = int(time.time() * 1000)

        def change(connection: Connection) -> LoggedModelRow:
            experiment = active_experiment(connection, asked.experiment_id)
            if asked.source_run_id or visitor.session_uid is not None:
                active_run(connection, asked.source_run_id, visitor)
            id = f"m-{uuid.uuid4().hex}"
            row = LoggedModelRow(
                id=id,
                experiment_id=experiment.id,
                run_id=asked.source_run_id,
                name=asked.name.replace("\0", "\\0") or f"model-{id[2:10]}",
                model_type=asked.model_type.replace("\0", "\\0"),
                status="LOGGED_MODEL_PENDING",
                created=now,
                updated=now,
                params=texts.packed({param.key: param.value for param in asked.params}),
                tags=texts.packed({tag.key: tag.value for tag in asked.tags}),
            )
            logged_models.add(connection, row)
            if not row.run_id:
                owners.save(connection, Owned.RUN, {row.id: new_owner(visitor.user, Owned.RUN)})
            return row

        return {"model": shown(await self._database.write(change), ())}

    async def get(self, id: str, visitor: Visitor) -> Json:
        """A logged model. Raises NotFound."""

        def read(connection: Connection) -> Json:
            row = model_of(connection, id, visitor)
            values = model_values.of_models(connection, [row.id])
            return {"model": shown(row, values.get(row.id, ()))}

        return await self._database.read(read)

    async def finalize(self, id: str, asked: FinalizeLoggedModel, visitor: Visitor) -> Json:
        """Say whether a logged model is complete."""
        await self._change(id, visitor, lambda _: {"status": asked.status})
        return await self.get(id, visitor)

    async def log_params(self, id: str, asked: LogModelParams, visitor: Visitor) -> Json:
        """Add params."""
        new = {param.key: param.value for param in asked.params}
        await self._change(
            id, visitor, lambda row: {"params": texts.merged(row.params, new, MOST_PARAMS)}
        )
        return {}

    async def set_tags(self, id: str, asked: SetModelTags, visitor: Visitor) -> Json:
        """Set tags."""
        new = {tag.key: tag.value for tag in asked.tags}
        await self._change(
            id, visitor, lambda row: {"tags": texts.merged(row.tags, new, MOST_TAGS)}
        )
        return {}

    async def delete_tag(self, id: str, key: str, visitor: Visitor) -> Json:
        """Remove a tag. Raises NotFound."""

        def without(row: LoggedModelRow) -> dict[str, str]:
            tags = orjson.loads(row.tags)
            if tags.pop(key, None) is None:
                raise answers.no_tag(key, f"logged model with id {id}")
            return {"tags": texts.packed(tags)}

        await self._change(id, visitor, without)
        return {}

    async def search(self, asked: SearchLoggedModels, visitor: Visitor) -> Json:
        """A page of the newest logged models of experiments. Raises BadRequest."""
        conditions = filters.parse_filter(asked.filter, filters.LOGGED_MODELS)
        metrics = [c for c in conditions if c.field is Kind.METRIC]
        if len(metrics) * len(asked.datasets) > MOST_COMPARED:
            raise BadRequest(
                f"{len(metrics)} comparisons of metrics with {len(asked.datasets)} datasets are more "
                f"than {MOST_COMPARED}; name fewer of them"
            )
        orders, newest = _orders(asked.order_by)
        offset = tokens.offset_of(asked.page_token)

        wanted = Wanted(
            asked.experiment_ids,
            self._most,
            visitor.session_uid,
            visitor.user,
            metrics,
            [each.dataset for each in asked.datasets],
            newest,
        )
        others = [c for c in conditions if c.field is not Kind.METRIC]
        ordered = matching.ordered(await self._found(wanted, others), _facts, orders)
        rows = [row for row, _ in ordered[offset : offset + asked.max_results]]
        page = await self._database.read(lambda c: _page(c, rows), applied=False)
        answer: Json = {"models": page} if page else {}
        if len(ordered) > offset + len(page):
            answer["next_page_token"] = tokens.of_offset(offset + len(page))
        return answer

    async def _found(self, wanted: Wanted, conditions: Sequence[Condition]) -> list[Found]:
        """The newest models that meet all conditions; those of other names take no place."""
        found: list[Found] = []
        for _ in range(MOST_LOOKED_AT):
            page = await self._database.read(partial(logged_models.search, wanted=wanted))
            found += [each for each in page if matching.matches(_facts(each), conditions)]
            if len(page) < wanted.limit or len(found) >= self._most:
                break
            last = page[-1][0]
            wanted = wanted._replace(after=(last.created, last.id))
        return found[: self._most]

    async def _change(
        self, id: str, visitor: Visitor, change: Callable[[LoggedModelRow], Mapping[str, str]]
    ) -> LoggedModelRow:
        now = int(time.time() * 1000)

        def carry_out(connection: Connection) -> LoggedModelRow:
            row = changeable_model(connection, id, visitor)
            values: dict[str, Any] = {**change(row), "updated": now}
            logged_models.change(connection, row.id, **values)
            return row._replace(**values)

        return await self._database.write(carry_out)


def changeable_model(connection: Connection, id: str, visitor: Visitor) -> LoggedModelRow:
    """A logged model that the caller may change. Raises NotFound and NotPermitted."""
    row = model_of(connection, id, visitor)
    if row.run_id:
        changeable_run(connection, row.run_id, visitor)
    else:
        owner = owners.find(connection, Owned.RUN, row.id)
        require(visitor.user, Verb.UPDATE, OwnedObject("logged model", row.name, owner))
    return row


def model_of(connection: Connection, id: str, visitor: Visitor) -> LoggedModelRow:
    """A logged model. Raises NotFound; one of another session is not there for a pod."""
    row = logged_models.find(connection, id) if places.is_logged_model_id(id) else None
    if row is None or not _is_visible(connection, row, visitor):
        raise NotFound(f"Logged model with ID '{visible(id[:64])}' not found.")
    return row


def artifact_uri(row: LoggedModelRow) -> str:
    """Where its files are."""
    return f"{answers.artifact_root(row.experiment_id)}/models/{row.id}/artifacts"


def shown(row: LoggedModelRow, values: Sequence[ModelValue]) -> Json:
    """A logged model with its values as the protocol writes it. Pure."""
    tags, params = orjson.loads(row.tags), orjson.loads(row.params)
    info: Json = {
        "model_id": row.id,
        "experiment_id": row.experiment_id,
        "name": row.name,
        "creation_timestamp_ms": row.created,
        "last_updated_timestamp_ms": row.updated,
        "artifact_uri": artifact_uri(row),
        "status": row.status,
        "model_type": row.model_type,
        "source_run_id": row.run_id,
    }
    data: Json = {"params": answers.pairs(params.items())} if params else {}
    if values:
        data["metrics"] = shown_values(values)
    return {"info": info | ({"tags": answers.pairs(tags.items())} if tags else {}), "data": data}


def _is_visible(connection: Connection, row: LoggedModelRow, visitor: Visitor) -> bool:
    if visitor.session_uid is None and not row.run_id:
        return sees(visitor.user, owners.find(connection, Owned.RUN, row.id))
    try:
        run_of(connection, row.run_id, visitor)
    except NotFound:
        return False
    return True


def _page(connection: Connection, rows: Sequence[LoggedModelRow]) -> list[Json]:
    """Logged models with their values; fewer of them if they have many."""
    ids = [row.id for row in rows]
    counts = model_values.counts(connection, ids)
    total = itertools.accumulate(counts.get(id, 0) for id in ids)
    fitting = max(1, sum(sum_so_far <= MOST_SHOWN for sum_so_far in total))
    values = model_values.of_models(connection, ids[:fitting])
    return [shown(row, values.get(row.id, ())) for row in rows[:fitting]]


def _facts(found: Found) -> matching.Facts:
    row, values = found
    metrics = {str(n): value for n, value in enumerate(values) if value is not None}
    return matching.Facts(
        {
            "name": row.name,
            "model_id": row.id,
            "model_type": row.model_type,
            "status": row.status.removeprefix("LOGGED_MODEL_"),
            "source_run_id": row.run_id,
            "creation_timestamp": row.created,
            "last_updated_timestamp": row.updated,
        },
        {
            Kind.TAG: orjson.loads(row.tags),
            Kind.PARAM: orjson.loads(row.params),
            Kind.METRIC: metrics,
        },
    )


def _orders(
    asked: Sequence[OrderBy],
) -> tuple[list[Order], list[tuple[str, Dataset | None]]]:
    """Orders, those by a metric by the number of its value; and these metrics."""
    orders: list[Order] = []
    metrics: list[tuple[str, Dataset | None]] = []
    for each in asked:
        [order] = filters.parse_orders([each.field_name], filters.LOGGED_MODELS)
        key = order.key
        if order.field is Kind.METRIC:
            key = str(len(metrics))
            named = Dataset(each.dataset_name, each.dataset_digest) if each.dataset_name else None
            metrics.append((order.key, named))
        orders.append(Order(order.field, key, each.ascending))
    return orders, metrics
