"""The rows of the table follow the events of the stream."""

from __future__ import annotations

from typing import Any

import pytest
from web_functions import WebFunctions

ONE = {"uid": "1", "phase": "Running", "metrics": []}
TWO = {"uid": "2", "phase": "Queued", "metrics": []}
VALUES = {"uid": "1", "progress": {"percent": 7}, "metrics": [{"name": "loss", "value": "1"}]}


def event(**given: Any) -> dict[str, Any]:
    return {"sessions": [], "values": [], "gone": [], "reset": False, **given}


@pytest.mark.parametrize(
    ("told", "rows"),
    [
        (event(), [["1", ONE], ["2", TWO]]),
        (event(gone=["1"]), [["2", TWO]]),
        (event(reset=True, sessions=[TWO]), [["2", TWO]]),
        (event(sessions=[{**TWO, "phase": "Running"}]), [["1", ONE], ["2", {**TWO, "phase": "Running"}]]),
        (event(values=[VALUES]), [["1", {**ONE, **VALUES}], ["2", TWO]]),
        (event(values=[{**VALUES, "uid": "3"}]), [["1", ONE], ["2", TWO]]),
        ({"sessions": [], "gone": [], "reset": False}, [["1", ONE], ["2", TWO]]),
    ],
    ids=["nothing", "gone", "reset", "a row", "values", "values of no row", "an older gateway"],
)  # fmt: skip
def test_rows_after_an_event(web: WebFunctions, told: dict[str, Any], rows: list[Any]) -> None:
    before = web.call("text/rows", "applied", [], event(reset=True, sessions=[ONE, TWO]))
    assert web.call("text/rows", "applied", before, told) == rows
