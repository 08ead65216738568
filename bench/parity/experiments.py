"""Experiments."""

from __future__ import annotations

from typing import Any

from asking import EXPERIMENT, MARK, case, client, refused


@case("experiments/create", "with tags")
def _() -> Any:
    made = client.create_experiment(f"tags-{MARK}", tags={"a": "1"})
    return client.get_experiment(made)


@case("experiments/create", "the same name again")
def _() -> Any:
    return refused(client.create_experiment, f"first-{MARK}")


@case("experiments/create", "an empty name")
def _() -> Any:
    return refused(client.create_experiment, "")


@case("experiments/create", "a name that was deleted")
def _() -> Any:
    made = client.create_experiment(f"gone-{MARK}")
    client.delete_experiment(made)
    again = refused(client.create_experiment, f"gone-{MARK}")
    client.restore_experiment(made)
    return again, client.get_experiment(made).lifecycle_stage


@case("experiments/get", "by id")
def _() -> Any:
    return client.get_experiment(EXPERIMENT)


@case("experiments/get", "none of that id")
def _() -> Any:
    return refused(client.get_experiment, "987654321")


@case("experiments/get-by-name", "there and not there")
def _() -> Any:
    return client.get_experiment_by_name(f"first-{MARK}"), client.get_experiment_by_name(
        "no" + MARK
    )


@case("experiments/get-by-name", "one that was deleted")
def _() -> Any:
    made = client.create_experiment(f"deleted-{MARK}")
    client.delete_experiment(made)
    return client.get_experiment_by_name(f"deleted-{MARK}").lifecycle_stage


@case("experiments/search", "filters and orders")
def _() -> Any:
    for n in range(3):
        client.create_experiment(f"s{n}-{MARK}", tags={"n": str(n), "mark": MARK})
    asked = [
        {"filter_string": f"tags.mark = '{MARK}'", "order_by": ["name DESC"]},
        {"filter_string": f"name LIKE 's%-{MARK}' AND tags.n != '1'", "order_by": ["name ASC"]},
        {"filter_string": f"name ILIKE 'S1-{MARK}'"},
    ]
    return [[e.name for e in client.search_experiments(**one)] for one in asked]


@case("experiments/search", "pages")
def _() -> Any:
    asked = {"filter_string": f"tags.mark = '{MARK}'", "order_by": ["name ASC"], "max_results": 2}
    first = client.search_experiments(**asked)
    rest = client.search_experiments(**asked, page_token=first.token)
    return [e.name for e in first], [e.name for e in rest], rest.token


@case("experiments/search", "a wrong filter")
def _() -> Any:
    return [
        refused(client.search_experiments, filter_string=f)
        for f in ("name", "size > 1", "name = x")
    ]
