"""Records of event files, whatever their bytes are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from event_file_bytes import crc32c, record
from hypothesis import given
from hypothesis import strategies as st

from trainyard_supervisor.event_files.records import MOST_CONTENT, Records, masked_crc, read_records

FIRST, SECOND = record(b"first"), record(b"second " * 20)


def of(data: bytes) -> Callable[[int, int], bytes]:
    return lambda at, count: data[at : at + count]


def read(data: bytes, start: int = 0, most: int = 1 << 30, passes_over: bool = False) -> Records:
    return read_records(of(data), start, len(data), most, passes_over=passes_over)


def test_the_checksum_is_the_one_of_its_standard() -> None:
    """RFC 3720, appendix B.4: CRC-32C of 32 bytes of zeros."""
    crc = 0x8A9136AA

    assert crc32c(bytes(32)) == crc
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@given(contents=st.lists(st.binary(max_size=300), max_size=8), data=st.data())
def test_a_file_that_ends_anywhere_gives_the_records_before(
    contents: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(record, contents))
    cut = data.draw(st.integers(0, len(whole)))
    passes_over = data.draw(st.booleans(), label="passes over")

    before = read(whole[:cut], passes_over=passes_over)
    after = read(whole, before.end, passes_over=passes_over)

    assert before.contents + after.contents == contents
    assert (before.damaged, after.damaged, after.end) == (0, 0, len(whole))


@given(data=st.binary(max_size=500), passes_over=st.booleans(), most=st.integers(1, 600))
def test_bytes_of_any_kind_raise_nothing_and_come_to_an_end(
    data: bytes, passes_over: bool, most: int
) -> None:
    at = 0
    while True:
        found = read(data, at, most, passes_over)
        assert at <= found.end <= len(data)
        if found.end == at:
            break
        at = found.end

    assert passes_over is False or at >= len(data) - 11


@given(garbage=st.binary(min_size=1, max_size=200))
def test_what_is_no_record_is_passed_over_up_to_the_next_one(garbage: bytes) -> None:
    data = FIRST + garbage + SECOND

    waits = read(data)
    goes_on = read(data, passes_over=True)

    assert waits.contents[0] == b"first"
    assert goes_on.contents[0] == b"first"
    assert goes_on.contents[-1:] == [b"second " * 20] or goes_on.end < len(data)


@pytest.mark.parametrize("at", [0, 3, 8, 11, 14, len(FIRST) - 1])
def test_a_changed_byte_costs_its_record_alone(at: int) -> None:
    data = bytearray(FIRST + SECOND)
    data[at] ^= 0x40

    waits, goes_on = read(bytes(data)), read(bytes(data), passes_over=True)

    assert (waits.contents, waits.stuck, waits.end) == ([], True, 0)
    assert (goes_on.contents, goes_on.damaged) == ([b"second " * 20], len(FIRST))


def test_a_long_record_is_passed_over_and_not_read() -> None:
    long = record(bytes(MOST_CONTENT + 1))
    data = FIRST + long + SECOND
    looked: list[int] = []

    def looks(at: int, count: int) -> bytes:
        looked.append(count)
        return data[at : at + count]

    found = read_records(looks, 0, len(data), 1 << 30, passes_over=False)

    assert found.contents == [b"first", b"second " * 20]
    assert sum(looked) < MOST_CONTENT // 2
    assert (found.damaged, found.stuck) == (0, False)


def test_a_look_ends_soon_after_the_bytes_that_it_may_read() -> None:
    data = FIRST * 100

    found = read(data, most=10 * len(FIRST))

    assert len(found.contents) == 10
    assert found.end == found.taken == 10 * len(FIRST)


def test_zeros_where_a_record_will_be_are_waited_for() -> None:
    """A network volume may show the new size before the new bytes."""
    found = read(FIRST + bytes(len(SECOND)))

    assert (found.contents, found.end, found.stuck) == ([b"first"], len(FIRST), True)
