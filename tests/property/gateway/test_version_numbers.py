"""Numbers of a model's versions, whatever is registered and deleted in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, func, select

from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.store.schema.tables import metadata, model_numbers

OTHER = "another"
ADD = 0
STEPS = st.lists(st.one_of(st.just(ADD), st.integers(1, 6)), max_size=20)
"""Register a version, or delete the one with this number."""


def add(connection: Connection, name: str, id: int) -> int:
    row = ModelRow(
        id=str(id), name=name, version=0, file="f", sha256="0", size_bytes=1, created="2026",
        session_uid=None, kind=models.FILE, files=1, flags="", card="{}",
    )  # fmt: skip
    return models.add_next_version(connection, row).version


@given(steps=STEPS)
def test_no_number_comes_again_as_long_as_the_model_has_versions(steps: list[int]) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    there: dict[int, str] = {}
    given_away = 0
    with engine.begin() as connection:
        add(connection, OTHER, 0)
        for id, step in enumerate(steps, 1):
            if step == ADD:
                given_away += 1
                assert add(connection, "m", id) == given_away
                there[given_away] = str(id)
            else:
                assert models.remove_version(connection, "m", step) == there.pop(step, None)
                given_away = given_away if there else 0
            found = models.read_versions(connection, "m")[0]
            assert {row.version: row.id for row in found} == there
        assert models.find(connection, OTHER, 1) is not None
        models.remove(connection, "m")
        kept = connection.execute(select(func.count()).select_from(model_numbers)).scalar_one()
        assert kept == 0, "nothing is left of a model that is gone"
    engine.dispose()
