"""Scalars of events, as each writer encodes them."""

from __future__ import annotations

import math
import struct
from contextlib import suppress

import pytest
from event_file_bytes import event, field, simple, tensor, version
from hypothesis import given
from hypothesis import strategies as st

from trainyard_supervisor.event_files.rows import ROW_VALUES, epoch_of, rows_of
from trainyard_supervisor.event_files.summaries import Event, event_of

FLOAT, DOUBLE, INT32, STRING, INT64, BOOL, BFLOAT16, HALF, UINT64 = 1, 2, 3, 7, 9, 10, 14, 19, 23
ONE_BY_ONE = field(2, field(2, field(1, 1)) + field(2, field(1, 1)))
PAIR = field(2, field(2, field(1, 2)))


def of(dtype: int, value: bytes) -> bytes:
    return field(1, dtype) + value


def values_of(content: bytes) -> int:
    """How many values an event has; 0 for none."""
    with suppress(ValueError):
        return len(event_of(content).values)
    return 0


NUMBERS = [
    pytest.param(of(FLOAT, field(5, struct.pack("<f", 0.5))), 0.5, id="packed float"),
    pytest.param(of(FLOAT, field(5, 0.5)), 0.5, id="float"),
    pytest.param(of(FLOAT, field(4, struct.pack("<f", -2.0))), -2.0, id="content of a float"),
    pytest.param(of(DOUBLE, field(6, struct.pack("<d", 0.1))), 0.1, id="double"),
    pytest.param(of(DOUBLE, field(4, struct.pack("<d", 1e300))), 1e300, id="content of a double"),
    pytest.param(of(INT32, field(7, -3)), -3.0, id="int"),
    pytest.param(of(INT64, field(10, b"\x07")), 7.0, id="packed long"),
    pytest.param(of(BOOL, field(11, 1)), 1.0, id="bool"),
    pytest.param(of(UINT64, field(17, 2**63)), 2.0**63, id="unsigned long"),
    pytest.param(of(HALF, field(13, 0x3C00)), 1.0, id="half"),
    pytest.param(of(BFLOAT16, field(13, 0x3F80)), 1.0, id="bfloat16"),
    pytest.param(of(BFLOAT16, field(4, b"\x80\x3f")), 1.0, id="content of a bfloat16"),
    pytest.param(of(FLOAT, b""), 0.0, id="a zero that is left out"),
]
NO_NUMBERS = [
    pytest.param(of(STRING, field(8, b"text")), id="text"),
    pytest.param(of(FLOAT, PAIR + field(4, bytes(8))), id="two numbers"),
    pytest.param(of(FLOAT, field(5, bytes(8))), id="two packed numbers"),
    pytest.param(of(FLOAT, field(4, bytes(3))), id="a part of a number"),
    pytest.param(of(99, field(5, 0.5)), id="a type that nobody knows"),
]


@pytest.mark.parametrize(("content", "number"), NUMBERS)
def test_each_type_of_number_is_read(content: bytes, number: float) -> None:
    expected = [("loss", number)]

    assert event_of(event(3, [tensor("loss", content, "scalars")])).values == expected
    assert event_of(event(3, [tensor("loss", content, data_class=1)])).values == expected
    assert event_of(event(3, [tensor("loss", content)])).values == expected


@pytest.mark.parametrize("content", NO_NUMBERS)
def test_what_is_no_number_is_left_out(content: bytes) -> None:
    assert event_of(event(3, [tensor("x", content, "scalars"), simple("y", 1)])).values == [
        ("y", 1)
    ]


def test_the_plugin_says_what_a_tensor_is() -> None:
    number = of(FLOAT, ONE_BY_ONE + field(5, 0.5))

    assert event_of(event(1, [tensor("a", number, "scalars")])).values == [("a", 0.5)]
    assert event_of(event(1, [tensor("a", number)])).values == []
    assert event_of(event(1, [tensor("a", of(FLOAT, field(5, 0.5)), "histograms")])).values == []


def test_step_and_time_are_those_of_the_writer() -> None:
    assert event_of(event(2**40, [simple("a", 1)], 1234.5)) == Event(1234.5, 2**40, [("a", 1.0)])
    assert event_of(event(-1, [simple("a", 1)])).step == -1
    assert event_of(version()[12:-4]).values == []


def test_nan_and_infinities_are_values() -> None:
    found = event_of(event(1, [simple("a", math.nan), simple("b", -math.inf)])).values

    assert math.isnan(found[0][1])
    assert found[1] == ("b", -math.inf)


@given(content=st.binary(max_size=200))
def test_bytes_of_any_kind_are_an_event_or_none(content: bytes) -> None:
    assert values_of(content) >= 0


@given(data=st.data())
def test_a_changed_event_is_an_event_or_none(data: st.DataObject) -> None:
    content = bytearray(event(7, [tensor("loss", of(FLOAT, field(5, 0.5)), "scalars")]))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert values_of(bytes(content)) <= 1


def test_an_event_of_many_values_becomes_rows_that_the_gateway_takes() -> None:
    values = [(f"v{n}", float(n)) for n in range(3 * ROW_VALUES)] + [("v0", 9.0)]

    rows = list(rows_of(Event(5.0, 2, values), lambda tag: None if tag == "v1" else tag))

    assert [len(row.values) for row in rows] == [ROW_VALUES, ROW_VALUES, ROW_VALUES]
    assert {row.step for row in rows} == {2}
    assert [row.when for row in rows] == [5.0] * 3
    assert rows[0].values["v0"] == 0.0
    assert rows[-1].values["v0"] == 9.0


@pytest.mark.parametrize("when", [0.0, -1.0, math.nan, math.inf, 1e300], ids=str)
def test_a_time_that_is_none_is_left_out(when: float) -> None:
    assert next(rows_of(Event(when, 1, [("a", 1.0)]), str)).when is None


@pytest.mark.parametrize(
    ("values", "epoch"),
    [
        pytest.param([("epoch", 3.0)], 3, id="Lightning"),
        pytest.param([("train/epoch", 2.75)], 2, id="transformers"),
        pytest.param([("epoch", math.nan)], None, id="no number"),
        pytest.param([("epoch", -1.0)], None, id="negative"),
        pytest.param([("epoch_loss", 3.0)], None, id="another name"),
    ],
)
def test_epochs_are_those_that_the_program_writes(
    values: list[tuple[str, float]], epoch: int | None
) -> None:
    assert epoch_of(Event(1.0, 1, values)) == epoch
