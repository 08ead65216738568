"""Registered models."""

from __future__ import annotations

from typing import Any

from asking import MARK, case, client, model, refused


@case("registered-models/create", "with tags, again, an empty name")
def _() -> Any:
    made = client.create_registered_model(f"made-{MARK}", tags={"a": "1"}, description="x")
    return (
        made,
        refused(client.create_registered_model, f"made-{MARK}"),
        refused(client.create_registered_model, ""),
    )


@case("registered-models/get", "with versions, aliases and tags; none")
def _() -> Any:
    name = model("get", 2)
    client.set_registered_model_alias(name, "champion", "1")
    return client.get_registered_model(name), refused(client.get_registered_model, f"none-{MARK}")


@case("registered-models/search", "filters, orders, pages")
def _() -> Any:
    for n in range(3):
        client.create_registered_model(f"find{n}-{MARK}", tags={"n": str(n)})
    asked = [
        f"name LIKE 'find%-{MARK}'",
        f"name = 'find1-{MARK}'",
        f"name ILIKE 'FIND%-{MARK}' AND tags.n != '1'",
    ]
    found = [
        [m.name for m in client.search_registered_models(f, order_by=["name DESC"])] for f in asked
    ]
    page = client.search_registered_models(asked[0], max_results=2)
    rest = client.search_registered_models(asked[0], max_results=2, page_token=page.token)
    return (
        found,
        [m.name for m in page],
        [m.name for m in rest],
        refused(client.search_registered_models, "size = 1"),
    )


@case("registered-models/rename", "and delete")
def _() -> Any:
    name = model("old")
    client.rename_registered_model(name, f"new-{MARK}")
    renamed = client.get_registered_model(f"new-{MARK}")
    client.delete_registered_model(f"new-{MARK}")
    return (
        renamed.name,
        refused(client.get_registered_model, name),
        refused(client.get_registered_model, f"new-{MARK}"),
    )


@case("registered-models/update", "description and tags")
def _() -> Any:
    name = model("update", 0)
    client.update_registered_model(name, "other")
    client.set_registered_model_tag(name, "b", "2")
    client.delete_registered_model_tag(name, "team")
    return client.get_registered_model(name)


@case("registered-models/alias", "set, moved, read, deleted")
def _() -> Any:
    name, seen = model("alias", 2), []
    for version in ("1", "2"):
        client.set_registered_model_alias(name, "champion", version)
        seen.append(client.get_model_version_by_alias(name, "champion").version)
    client.delete_registered_model_alias(name, "champion")
    return (
        seen,
        refused(client.get_model_version_by_alias, name, "champion"),
        refused(client.set_registered_model_alias, name, "a", "9"),
    )


@case("registered-models/alias", "names that are none")
def _() -> Any:
    name = model("odd", 1)
    return [
        refused(client.set_registered_model_alias, name, alias, "1")
        for alias in ("", "latest", "v1", "a b", "x" * 256)
    ]
