"""Rows of `model_aliases`: names of versions that can be given to another one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select, update

from trainyard_gateway.store.schema.run_tables import model_aliases
from trainyard_gateway.store.sql.dialect import upsert


def of_models(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Alias and version of each alias of models, by the name of the model."""
    query = select(model_aliases).where(model_aliases.c.name.in_(names))
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(query.order_by(model_aliases.c.alias)):
        found[row.name][row.alias] = row.version
    return found


def find(connection: Connection, name: str, alias: str) -> int | None:
    """The version that has an alias."""
    query = select(model_aliases.c.version).where(
        model_aliases.c.name == name, model_aliases.c.alias == alias
    )
    return connection.execute(query).scalar_one_or_none()


def count(connection: Connection, name: str) -> int:
    """Number of aliases of a model."""
    query = select(func.count()).select_from(model_aliases).where(model_aliases.c.name == name)
    return int(connection.execute(query).scalar_one())


def put(connection: Connection, name: str, alias: str, version: int) -> None:
    """Give an alias to a version; another one loses it."""
    statement = upsert(connection, model_aliases)
    new = {"version": statement.excluded.version}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name", "alias"], set_=new),
        [{"name": name, "alias": alias, "version": version}],
    )


def remove(connection: Connection, name: str, alias: str) -> None:
    """Remove an alias; fine without one."""
    one = (model_aliases.c.name == name) & (model_aliases.c.alias == alias)
    connection.execute(delete(model_aliases).where(one))


def remove_of_version(connection: Connection, name: str, version: int) -> None:
    """Remove the aliases of a version."""
    one = (model_aliases.c.name == name) & (model_aliases.c.version == version)
    connection.execute(delete(model_aliases).where(one))


def remove_all(connection: Connection, name: str) -> None:
    """Remove the aliases of a model."""
    connection.execute(delete(model_aliases).where(model_aliases.c.name == name))


def rename(connection: Connection, name: str, new: str) -> None:
    """Move the aliases of a model to another name."""
    statement = update(model_aliases).where(model_aliases.c.name == name)
    connection.execute(statement.values(name=new))
