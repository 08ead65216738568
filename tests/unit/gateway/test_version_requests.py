"""Ids in requests for versions: MLflow's clients leave them out, or send them empty."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainyard_gateway.mlflow.registry.requests import CreateVersion

RUN, MODEL = "a" * 32, "m-" + "b" * 32


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({}, (None, None), id="left out"),
        pytest.param({"run_id": None, "model_id": None}, (None, None), id="null"),
        pytest.param({"run_id": "", "model_id": ""}, (None, None), id="empty"),
        pytest.param({"run_id": RUN, "model_id": MODEL}, (RUN, MODEL), id="both"),
        pytest.param({"run_id": "", "model_id": MODEL}, (None, MODEL), id="one"),
    ],
)
def test_ids_of_a_version(given: dict[str, str | None], wanted: tuple[str | None, ...]) -> None:
    asked = CreateVersion.model_validate({"name": "iris", "source": "runs:/x/net", **given})

    assert (asked.run_id, asked.model_id) == wanted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("run_id", MODEL, id="a logged model as run"),
        pytest.param("run_id", "A" * 32, id="capital letters"),
        pytest.param("model_id", RUN, id="a run as logged model"),
        pytest.param("model_id", 7, id="a number"),
    ],
)
def test_what_is_no_id(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        CreateVersion.model_validate({"name": "iris", "source": "runs:/x/net", field: value})
