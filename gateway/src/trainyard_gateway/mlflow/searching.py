"""Searching runs, and the values of a metric, in pages."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from trainyard_gateway.errors import NotFound
from trainyard_gateway.mlflow import filters
from trainyard_gateway.mlflow.finding import records_of, run_of
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import answers, tokens
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.mlflow.wire.requests import (
    LIFECYCLES,
    GetBulk,
    GetHistory,
    GetInterval,
    SearchRuns,
)
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.metrics import charts, points
from trainyard_gateway.store.runs import search
from trainyard_gateway.store.runs.conditions import Search
from trainyard_gateway.store.runs.rows import RunRow

PAGE_BYTES = 16 << 20
"""Bytes of runs after which a page ends early; its token leads to the rest."""
_RUNS_AT_ONCE = 200


class Searching:
    """Reads many runs or many values."""

    def __init__(self, database: Database, page_bytes: int = PAGE_BYTES) -> None:
        self._database, self._page_bytes = database, page_bytes

    async def runs(self, asked: SearchRuns, visitor: Visitor) -> bytes:
        """A page of runs as JSON. Raises BadRequest."""
        wanted = Search(
            filters.parse_filter(asked.filter, filters.RUNS),
            filters.parse_orders(asked.order_by, filters.RUNS),
            LIFECYCLES[asked.run_view_type],
            asked.max_results,
            tokens.offset_of(asked.page_token),
        )
        return await self._database.read(lambda c: self._page(c, asked, wanted, visitor))

    def _page(
        self, connection: Connection, asked: SearchRuns, wanted: Search, visitor: Visitor
    ) -> bytes:
        found = search.search(
            connection, asked.experiment_ids, wanted, visitor.session_uid, visitor.user
        )
        more = len(found) > wanted.limit
        written: list[bytes] = []
        left = self._page_bytes
        for line in _lines(connection, found[: wanted.limit]):
            if written and left < len(line):
                more = True
                break
            left -= len(line)
            written.append(line)
        end = b"]"
        if more:
            token = tokens.of_offset(wanted.offset + len(written))
            end = b'],"next_page_token":' + orjson.dumps(token)
        return b'{"runs":[' + b",".join(written) + end + b"}"

    async def history(self, asked: GetHistory, visitor: Visitor) -> bytes:
        """A page of the values of one metric of a run as JSON, in the order of steps."""
        place = tokens.place_of(asked.page_token)

        def read(connection: Connection) -> bytes:
            run = run_of(connection, asked.run_id, visitor)
            found, after = points.page(
                connection, run.series_key, asked.metric_key, place, asked.max_results
            )
            shown: Json = {"metrics": answers.logged_points(asked.metric_key, found)}
            if after is not None:
                shown["next_page_token"] = tokens.of_place(after)
            return orjson.dumps(shown)

        return await self._database.read(read)

    async def bulk(self, asked: GetBulk, visitor: Visitor) -> Json:
        """The first values of one metric of several runs; runs that are not there have none."""
        key = asked.metric_key

        def read(connection: Connection) -> Json:
            shown: list[Json] = []
            for id in sorted(set(asked.run_id)):
                try:
                    run = run_of(connection, id, visitor)
                except NotFound:
                    continue
                left = asked.max_results - len(shown)
                if left <= 0:
                    break
                found, _ = points.page(connection, run.series_key, key, points.FIRST, left)
                shown += [each | {"run_id": id} for each in answers.logged_points(key, found)]
            return {"metrics": shown}

        return await self._database.read(read)

    async def interval(self, asked: GetInterval, visitor: Visitor) -> Json:
        """Values of one metric of several runs within steps, thinned as charts are."""
        window = charts.Window(max(4, asked.max_results), asked.start_step, asked.end_step)

        def read(connection: Connection) -> Json:
            shown: list[Json] = []
            for id in sorted(set(asked.run_ids)):
                try:
                    run = run_of(connection, id, visitor)
                except NotFound:
                    continue
                found = charts.read_charts(connection, run.series_key, [asked.metric_key], window)
                for each in found:
                    shown += [answers.charted(each["name"], p, id) for p in each["points"]]
            return {"metrics": shown}

        return await self._database.read(read)


def _lines(connection: Connection, found: list[RunRow]) -> Iterable[bytes]:
    for start in range(0, len(found), _RUNS_AT_ONCE):
        some = found[start : start + _RUNS_AT_ONCE]
        for run, belongings in zip(some, records_of(connection, some), strict=True):
            yield orjson.dumps(answers.whole_run(run, belongings))
