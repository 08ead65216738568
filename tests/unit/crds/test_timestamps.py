"""RFC 3339 times are read and written in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api import timestamps

MOMENTS = st.datetimes(
    # Also east of Greenwich after the epoch.
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - hypothesis adds the zone
)


@given(MOMENTS)
def test_a_written_time_is_read_back(time: datetime) -> None:
    assert timestamps.parse(timestamps.datetime_to_text(time)) == time


@given(MOMENTS, MOMENTS)
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    texts = timestamps.datetime_to_text(one), timestamps.datetime_to_text(other)
    assert (texts[0] < texts[1]) == (one < other)


@given(st.floats(allow_nan=False))
def test_every_number_of_seconds_can_be_written(seconds: float) -> None:
    assert timestamps.parse(timestamps.to_seconds_text(seconds)) is not None
    assert timestamps.parse(timestamps.to_micros_text(seconds)) is not None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param(5, id="number"),
        pytest.param("", id="empty"),
        pytest.param("2026-11-28T01:02:03", id="no-zone"),
        pytest.param("2026-13-28T01:02:03Z", id="month-13"),
        pytest.param("1969-12-31T23:59:59Z", id="before-1970"),
        pytest.param("0001-01-01T00:00:00+23:59", id="before-year-1-in-utc"),
        pytest.param("9999-12-31T23:59:59-23:59", id="after-year-9999-in-utc"),
        pytest.param("soon", id="word"),
    ],
)
def test_what_is_no_time_reads_as_none(text: object) -> None:
    assert timestamps.parse(text) is None
    assert timestamps.parse_seconds(text) is None


def test_times_have_the_forms_of_kubernetes() -> None:
    assert timestamps.to_seconds_text(1_700_000_000.9) == "2023-11-14T22:13:20Z"
    assert timestamps.to_micros_text(1_700_000_000.25) == "2023-11-14T22:13:20.250000Z"


@given(st.integers(0, 999_999), st.sampled_from([1_000_000_000, 1_800_000_000, 2_200_000_000]))
def test_microseconds_come_back_as_they_were(micros: int, second: int) -> None:
    """The operator writes the queuedTime that it has read again and again: it must not drift."""
    text = timestamps.micros_to_text(second * 1_000_000 + micros)
    seconds = timestamps.parse_seconds(text)

    assert seconds is not None
    assert timestamps.to_micros_text(seconds) == text
