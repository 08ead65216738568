"""Searches for runs."""

from __future__ import annotations

from typing import Any

from asking import EXPERIMENT, MARK, case, client, refused
from mlflow.entities import Metric, Param, RunTag


def _searched() -> str:
    made = client.create_experiment(f"search-{MARK}")
    for n in range(6):
        id = client.create_run(
            made, start_time=1000 + n, run_name=f"r{n}", tags={"n": str(n)}
        ).info.run_id
        client.log_batch(
            id, [Metric("loss", n / 10, 1, 1), Metric("a b", float(n), 1, 1)] if n else [],
            [Param("lr", str(n % 2)), Param("with.dot", str(n))], [RunTag("team", ("Vision", "speech")[n % 2])],
        )  # fmt: skip
        if n % 3 == 0:
            client.set_terminated(id, "FINISHED", end_time=9000 + n)
    return str(made)


FILTERS = [
    "", "metrics.loss < 0.3", "metrics.loss >= 0.3 and params.lr = '1'", "metrics.`a b` = 2", 'metrics."a b" != 2',
    "params.lr != '1'", "params.`with.dot` IN ('1', '2')", "params.lr LIKE '%'", "tags.team ILIKE 'VIS%'", "tags.team LIKE 'vis%'",
    "tags.team = 'speech' and attributes.status = 'RUNNING'", "attributes.run_name = 'r1'", "run_name LIKE 'r%'",
    "attribute.start_time > 1002",
    "attributes.end_time > 0", "status != 'RUNNING'", "tags.missing IS NULL", "tags.team IS NOT NULL", "params.lr IS NULL",
    "attributes.run_id IN ('0')", "run_name NOT IN ('r1')", "metrics.missing > 0", "metrics.loss = 0.1 AND metrics.loss = 0.2",
]  # fmt: skip
ORDERS = [
    ["metrics.loss ASC"], ["metrics.loss DESC"], ["params.lr DESC", "metrics.loss"], ["tags.n DESC"], ["attributes.start_time ASC"],
    ["end_time DESC"], ["run_name DESC"], ["metrics.`a b` DESC"], ["attributes.status", "start_time DESC"],
]  # fmt: skip
WRONG = [
    "loss < 1", "metrics.loss", "metrics.loss < 'x'", "params.lr < '1'", "params.lr = 1", "metrics.loss < 1 or metrics.loss > 2",
    "attributes.size > 1", "tags.a = 'b", "run_name IN ('a', 1)", "metrics.loss LIKE '1'", "attributes.start_time = 'x'", "; DROP",
]  # fmt: skip


@case("runs/search", "filters that users write")
def _() -> Any:
    made = _searched()
    return {f: _names(made, f) for f in FILTERS}


@case("runs/search", "orders that users write")
def _() -> Any:
    made = client.get_experiment_by_name(f"search-{MARK}").experiment_id
    return {
        ", ".join(o): [r.info.run_name for r in client.search_runs([made], order_by=o)]
        for o in ORDERS
    }


def _names(experiment: str, condition: str) -> Any:
    try:
        return sorted(r.info.run_name for r in client.search_runs([experiment], condition))
    except Exception as error:
        return getattr(error, "error_code", type(error).__name__)


@case("runs/search", "filters that are wrong")
def _() -> Any:
    return {f: refused(client.search_runs, [EXPERIMENT], f) for f in WRONG}


@case("runs/search", "orders that are wrong")
def _() -> Any:
    return [
        refused(client.search_runs, [EXPERIMENT], order_by=[o])
        for o in ("loss", "metrics.loss UP", "", "attributes.size")
    ]


@case("runs/search", "pages")
def _() -> Any:
    made, token, pages = _searched_again(), None, []
    while True:
        page = client.search_runs(
            [made], order_by=["start_time ASC"], max_results=2, page_token=token
        )
        pages.append([r.info.run_name for r in page])
        token = page.token
        if not token:
            return pages


def _searched_again() -> str:
    made = client.create_experiment(f"pages-{MARK}")
    for n in range(5):
        client.create_run(made, start_time=n, run_name=f"p{n}")
    return str(made)


@case(
    "runs/search",
    "no experiment, one that is not there, a token of another server, 0 or too many runs",
)
def _() -> Any:
    return [
        len(client.search_runs([])), len(client.search_runs(["987654321"])), refused(client.search_runs, [EXPERIMENT], page_token="x"),
        refused(client.search_runs, [EXPERIMENT], max_results=0), refused(client.search_runs, [EXPERIMENT], max_results=1_000_000),
    ]  # fmt: skip


@case("runs/search", "a whole run")
def _() -> Any:
    made = client.create_experiment(f"whole-{MARK}")
    id = client.create_run(made, start_time=5, run_name="w", tags={"a": "1"}).info.run_id
    client.log_batch(id, [Metric("m", 1.5, 2, 3)], [Param("p", "q")])
    [found] = client.search_runs([made])
    return found.info, found.data.to_dictionary(), [dict(m) for m in found.data._metric_objs]
