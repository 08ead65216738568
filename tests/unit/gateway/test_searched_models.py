"""What a search of models finds: of what its caller sees, however much there is that is hidden."""

from __future__ import annotations

import math

import pytest

from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.registry import registered
from trainyard_gateway.store.registry.registered import RegisteredRow
from trainyard_gateway.store.runs import logged_models, model_values
from trainyard_gateway.store.runs.conditions import Condition, Field
from trainyard_gateway.store.runs.logged_models import LoggedModelRow, Wanted
from trainyard_gateway.store.runs.model_values import Dataset, ModelValue
from trainyard_gateway.store.store import Store

ADA = User("ada", Role.MEMBER, ("vision",))
OWN, OTHERS = Owner("ada", "vision"), Owner("bob", "speech", Visibility.PRIVATE)
RUN = "0" * 32


def model(number: int) -> str:
    return f"m-{number:032x}"


def logged(number: int, created: int) -> LoggedModelRow:
    return LoggedModelRow(model(number), "0", "", f"n{number}", "", "READY", created, 0, "{}", "{}")


async def test_hidden_models_take_no_place_in_a_search(database: Store) -> None:
    def add(connection: Connection) -> None:
        for name, owner in (("a", OTHERS), ("b", OTHERS), ("c", OWN)):
            registered.add(connection, RegisteredRow(name, "", 1, 1, "{}", None))
            owners.save(connection, Kind.MODEL, {name: owner})
        for number, owner in ((1, OTHERS), (2, OTHERS), (3, OWN)):
            logged_models.add(connection, logged(number, 10 - number))
            owners.save(connection, Kind.RUN, {model(number): owner})

    await database.write(add)
    names = await database.read(lambda c: registered.named(c, None, 1, ADA))
    models = await database.read(lambda c: logged_models.search(c, Wanted(["0"], 1, None, ADA)))

    assert [each.name for each in names] == ["c"]
    assert [row.id for row, _ in models] == [model(3)]


VALUES = [
    ModelValue(model(1), "acc", 1, 0, RUN, 0.5, "iris", "a"),
    ModelValue(model(1), "acc", 2, 0, RUN, 0.1, "wine", "b"),
    ModelValue(model(2), "acc", 1, 0, RUN, 0.4, "iris", "c"),
    ModelValue(model(3), "acc", 1, 0, RUN, math.nan, "", ""),
    ModelValue(model(4), "f1", 1, 0, RUN, 0.5, "a\0b", "\0"),
]
ABOVE = Condition(Field.METRIC, "acc", ">", 0.2)
SEARCHES = {
    "one of the values is enough": ([ABOVE], [], {1, 2}),
    "of a dataset": ([ABOVE], [Dataset("wine")], set()),
    "of one of two datasets": ([ABOVE], [Dataset("wine"), Dataset("iris", "c")], {2}),
    "any value of a dataset": ([], [Dataset("iris", "a")], {1}),
    "a NUL in the name of a dataset": ([], [Dataset("a\0b", "\0")], {4}),
    "both at once": ([ABOVE, Condition(Field.METRIC, "acc", "<", 0.2)], [], {1}),
    "another metric": ([Condition(Field.METRIC, "loss", ">", 0)], [], set()),
    "no number is no value": ([Condition(Field.METRIC, "acc", "<", 9)], [], {1, 2}),
}


@pytest.mark.parametrize(("metrics", "datasets", "found"), SEARCHES.values(), ids=SEARCHES)
async def test_logged_models_are_found_by_their_values(
    database: Store, metrics: list[Condition], datasets: list[Dataset], found: set[int]
) -> None:
    def add(connection: Connection) -> None:
        for number in (1, 2, 3, 4):
            logged_models.add(connection, logged(number, number))
        model_values.add(connection, VALUES)
        # Once more, as a client does that got no answer.
        model_values.add(connection, VALUES)

    await database.write(add)
    admin = User("admin", Role.ADMINISTRATOR, ())
    newest = [("acc", None), ("acc", Dataset("iris"))]
    wanted = Wanted(["0"], 10, None, admin, metrics, datasets, newest)
    rows = await database.read(lambda c: logged_models.search(c, wanted))
    kept = await database.read(lambda c: model_values.of_models(c, [model(1), model(3)]))

    newest_of = {1: (0.1, 0.5), 2: (0.4, 0.4), 3: (None, None), 4: (None, None)}
    assert {row.id: values for row, values in rows} == {model(n): newest_of[n] for n in found}
    assert kept[model(1)] == VALUES[:2]
    assert [str(value.value) for value in kept[model(3)]] == ["nan"]


async def test_the_values_of_a_deleted_model_are_gone(database: Store) -> None:
    def change(connection: Connection) -> dict[str, int]:
        logged_models.add(connection, logged(1, 1))
        model_values.add(connection, VALUES)
        logged_models.remove(connection, model(1))
        return model_values.counts(connection, [model(1), model(2)])

    assert await database.write(change) == {model(2): 1}


OFTEN = [ModelValue(model(1), "loss", n, n, RUN, n / 8, "", "") for n in range(20)]
SELDOM = [ModelValue(model(1), "acc", n, n, RUN, n / 8, "", "") for n in range(3)]
OF_TWO = [ModelValue(model(1), "f1", n, n, RUN, 0.5, "iris", "ab"[n % 2]) for n in range(4)]


@pytest.mark.parametrize(
    ("added", "most", "kept"),
    [
        pytest.param(OFTEN, 20, OFTEN, id="as many as there may be"),
        pytest.param(OFTEN, 19, OFTEN[-17:], id="one more: the oldest are gone"),
        pytest.param(SELDOM + OFTEN, 20, SELDOM + OFTEN[-15:], id="a rare metric stays whole"),
        pytest.param(OF_TWO + OFTEN, 10, OF_TWO + OFTEN[-5:], id="of each dataset"),
    ],
)
async def test_a_full_model_keeps_the_newest_values(
    database: Store, added: list[ModelValue], most: int, kept: list[ModelValue]
) -> None:
    other = ModelValue(model(2), "loss", 0, 0, RUN, 0.5, "", "")

    def change(connection: Connection) -> dict[str, list[ModelValue]]:
        model_values.add(connection, [other, *added], most)
        # Once more, as a client does that got no answer.
        model_values.add(connection, added[-3:], most)
        return model_values.of_models(connection, [model(1), model(2)])

    found = await database.write(change)
    assert found == {model(1): kept, model(2): [other]}
