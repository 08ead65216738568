"""Multipart forms: the field `file` as a stream, everything else bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.routes.forms import (
    MAX_AROUND,
    MAX_PART_HEADER_BYTES,
    MAX_PARTS,
    file_body,
    least_size,
)

BOUNDARY = b"----boundary"
FILE = b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
FIELD = b'Content-Disposition: form-data; name="x"\r\n\r\n'


def form(*parts: bytes, end: bytes = b"--\r\n") -> bytes:
    """A form of parts, each with its headers."""
    pieces = b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts)
    return pieces + b"--" + BOUNDARY + end


def request_of(body: bytes, piece: int = 1000, length: bool = True) -> Request:
    pieces = [body[n : n + piece] for n in range(0, len(body), piece)] or [b""]
    left = iter(range(len(pieces)))

    async def receive() -> Message:
        number = next(left)
        more = number < len(pieces) - 1
        return {"type": "http.request", "body": pieces[number], "more_body": more}

    headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
    if length:
        headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "method": "POST", "headers": headers, "state": {}}
    return Request(scope, receive)


async def read(request: Request, filename: str = "") -> tuple[str, bytes]:
    body = await file_body(request, filename)
    return body.filename, b"".join([chunk async for chunk in body.chunks])


@given(
    content=st.binary(max_size=300)
    | st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"\r\n--", BOUNDARY[:-1], b"a"]), max_size=30
    ).map(b"".join),
    piece=st.integers(1, 80),
    before=st.integers(0, MAX_PARTS - 1),
)
async def test_the_file_comes_whole_however_the_body_is_cut(
    content: bytes, piece: int, before: int
) -> None:
    whole = form(*[FIELD + b"value"] * before, FILE + content)

    assert await read(request_of(whole, piece)) == ("a.csv", content)


async def test_the_query_names_the_file_before_the_form_does() -> None:
    assert (await read(request_of(form(FILE + b"1")), "b.csv"))[0] == "b.csv"


LONG = b"v" * (MAX_AROUND + 1)
REFUSED = {
    "no file": (form(FIELD + b"1"), "no field `file`"),
    "a file of another name": (form(FILE.replace(b'"file"', b'"data"') + b"1"), "no field `file`"),
    "a field file without a file name": (
        form(b'Content-Disposition: form-data; name="file"\r\n\r\n1'),
        "no field `file`",
    ),
    "two files": (form(FILE + b"1", FILE + b"2"), "more than one field `file`"),
    "ended within the file": (form(FILE + b"1")[:-20], "ends before its last boundary"),
    "ended before its last boundary": (form(FILE + b"1", end=b""), "ends before its last boundary"),
    "empty": (b"", "no field `file`"),
    "a long field before": (form(FIELD + LONG, FILE + b"1"), "besides its field"),
    "a long field after": (form(FILE + b"1", FIELD + LONG), "besides its field"),
    "a long epilogue": (form(FILE + b"1") + LONG, "besides its field"),
    "many fields": (form(*[FIELD + b"1"] * MAX_PARTS, FILE + b"1"), f"at most {MAX_PARTS} fields"),
    "many fields after": (form(FILE + b"1", *[FIELD + b"1"] * MAX_PARTS), "at most"),
    "many headers": (form(b"X-A: 1\r\n" * 20 + FILE + b"1"), "not valid"),
    "a long header": (form(b"X-A: " + b"1" * MAX_PART_HEADER_BYTES + b"\r\n" + FILE), "not valid"),
    "no boundary of this form": (b"--other\r\n" + FILE + b"1\r\n--other--\r\n", "not valid"),
}


@pytest.mark.parametrize(("body", "sentence"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("piece", [7, 65_536], ids=["small pieces", "large pieces"])
async def test_what_is_refused(body: bytes, sentence: str, piece: int) -> None:
    with pytest.raises(BadRequest, match=sentence):
        await read(request_of(body, piece))


async def test_no_more_is_held_than_a_piece() -> None:
    content = b"x" * 100_000
    body = await file_body(request_of(form(FILE + content), piece=1000), "")

    assert max([len(chunk) async for chunk in body.chunks]) <= 1000


@pytest.mark.parametrize("size", [0, 1, MAX_AROUND, 10 * MAX_AROUND], ids=lambda n: f"{n} bytes")
def test_a_form_says_how_large_its_file_is_at_least(size: int) -> None:
    found = least_size(request_of(form(FILE + b"x" * size)))

    assert found is not None
    assert size - MAX_AROUND <= found <= size


def test_without_content_length_nothing_is_known() -> None:
    assert least_size(request_of(form(FILE + b"1"), length=False)) is None
