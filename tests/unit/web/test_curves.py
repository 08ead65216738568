"""Points become what a chart draws; no spike is lost, and nothing is invented."""

from __future__ import annotations

from typing import Any

import pytest
from web_functions import WebFunctions

NONE = "undefined"


def points(*values: float | str, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"step": start + n, "time": f"2026-01-01T00:00:{n:02d}Z", "value": value}
        for n, value in enumerate(values)
    ]


def line(*values: float | str) -> dict[str, Any]:
    return {"label": "a", "points": points(*values), "thinned": False}


def test_a_spike_of_one_step_survives_the_grid(web: WebFunctions) -> None:
    x = list(range(20_000))
    raw = [1.0] * 20_000
    raw[12_345], raw[777] = 99.0, -5.0
    flat: dict[str, Any] = {"x": x, "raw": raw, "smooth": raw, "low": raw, "high": raw}
    other = {**flat, "raw": [2.0] * 20_000}
    grid = web.call("text/grid", "gridded", [flat, other], 100)
    drawn = [value for value in grid["lines"][0]["raw"] if value != NONE]

    assert (min(drawn), max(drawn)) == (-5.0, 99.0)
    assert len(grid["x"]) <= 200
    assert grid["x"] == sorted(grid["x"])
    assert {value for value in grid["lines"][1]["raw"] if value != NONE} == {2.0}


def test_a_grid_tells_a_gap_from_no_point(web: WebFunctions) -> None:
    one = {name: [1, None, 3] for name in ("raw", "smooth", "low", "high")}
    two = {name: [5] for name in ("raw", "smooth", "low", "high")}
    grid = web.call("text/grid", "gridded", [{"x": [0, 1, 2], **one}, {"x": [1], **two}], 3)

    assert [line["raw"] for line in grid["lines"]] == [[1, None, 3], [NONE, 5, NONE]]


def test_a_grid_of_nothing_is_empty(web: WebFunctions) -> None:
    nothing: dict[str, Any] = {"x": [], "raw": [], "smooth": [], "low": [], "high": []}

    assert web.call("text/grid", "gridded", [nothing, nothing], 10)["x"] == []


def test_times_that_jump_back_are_put_in_order(web: WebFunctions) -> None:
    found = line(1, 2, 3)
    found["points"][2]["time"] = "2025-12-31T23:59:59Z"
    columns = web.call("text/curves", "columns", found, "time", 0, False)

    assert columns["x"] == [0, 1, 2]
    assert columns["raw"] == [3, 1, 2]


@pytest.mark.parametrize(
    ("log", "raw"), [(False, [1, 0, -1, None]), (True, [1, None, None, None])], ids=["plain", "logarithmic"]
)  # fmt: skip
def test_what_has_no_place_on_an_axis_is_a_gap_that_is_counted(
    web: WebFunctions, log: bool, raw: list[float | None]
) -> None:
    given = line(1, 0, -1, "NaN")

    assert web.call("text/curves", "columns", given, "step", 0, log)["raw"] == raw
    assert web.call("text/curves", "gaps", [given]) == 1
    assert web.call("text/curves", "notPositive", [given]) == 2


def test_a_curve_of_lists_is_the_line_that_its_points_are(web: WebFunctions) -> None:
    curve = {
        "uid": "u", "total": 9, "steps": [0, 1, 2], "values": [0.5, "NaN", 2],
        "times": [1767225600000000, 1767225600000001, 1767225601250000], "epochs": [None, None, 1],
    }  # fmt: skip
    made = web.call("text/curves", "lineOfCurve", "a", curve)
    rows = web.call("text/curves", "csv", [made]).splitlines()[1:]

    assert made["thinned"] is True
    assert web.call("text/curves", "columns", made, "step", 0, False)["x"] == [0, 1, 2]
    assert web.call("text/curves", "columns", made, "step", 0, False)["raw"] == [0.5, None, 2]
    assert web.call("text/curves", "columns", made, "time", 0, False)["x"] == pytest.approx(
        [0, 1e-6, 1.25], abs=1e-6
    )
    assert web.call("text/curves", "columns", made, "clock", 0, False)["x"][0] == 1767225600
    assert web.call("text/curves", "columns", made, "epoch", 0, False)["x"] == [1]
    assert rows == [
        "a,0,,2026-01-01T00:00:00.000000Z,0.5",
        "a,1,,2026-01-01T00:00:00.000001Z,NaN",
        "a,2,1,2026-01-01T00:00:01.250000Z,2",
    ]


def test_points_that_came_twice_are_drawn_once(web: WebFunctions) -> None:
    joined = web.call("text/curves", "joined", points(1, 2), points(2, 3, start=1))

    assert [point["value"] for point in joined] == [1, 2, 3]


def test_a_summary_leaves_out_what_is_no_number(web: WebFunctions) -> None:
    assert web.call("text/curves", "summary", line("NaN", 3, 1, 2, "Infinity")) == {
        "lowest": 1, "highest": 3, "last": 2,
    }  # fmt: skip
    assert web.call("text/curves", "summary", line("NaN")) == {}


def test_a_picture_escapes_names_and_a_table_of_them_computes_nothing(web: WebFunctions) -> None:
    hostile = {**line(1, 2), "label": '=1+2"<script>\u202e'}
    picture = web.call("text/svg", "svgOf", "<b>&", [hostile], "step", False, ["#000"])
    table = web.call("text/curves", "csv", [hostile])

    assert "<script" not in picture
    assert "&lt;b&gt;&amp;" in picture
    assert "\\u{202e}" in picture
    assert table.splitlines()[1].startswith('"\'=1+2""')


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (["1", "2", "3"], [0, 0.5, 1]),
        (["0.0001", "0.01", "1"], [0, 0.5, 1]),
        (["adam", "sgd", ""], [0, 1, NONE]),
        (["5", "5"], [0.5, 0.5]),
        ([""], [NONE]),
    ],
    ids=["numbers", "orders of magnitude", "words and none", "all the same", "none"],
)
def test_values_have_their_places_on_an_axis(
    web: WebFunctions, values: list[str], places: list[float | str]
) -> None:
    found = web.call("text/scales", "places", values)

    assert found == pytest.approx(places) if NONE not in places else found == places
