"""The file in a request's body: the raw body, or the field `file` of a multipart form (for curl).

Guarantees:

- Both come as a stream of pieces. Nothing is kept on disk, and of a form no more than one piece of
  the body in memory.
- What a form holds besides its file (fields, headers of parts, boundaries) is bounded, so that its
  Content-Length says how large the file is at least.
- A form that ends early is refused: its last boundary was never read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.routes.deps import body_chunks, declared_size

MAX_AROUND = 64 * 1024
"""Bytes of a form besides its file."""
MAX_PARTS = 10
"""Fields of a form, its file included."""
MAX_PART_HEADERS = 16
"""Headers of one field."""
MAX_PART_HEADER_BYTES = 8 * 1024
"""Bytes of one header of a field."""


@dataclass(frozen=True, slots=True)
class FileBody:
    """The file that a request carries."""

    filename: str
    """As the query says, otherwise as the form does; "" if neither does."""
    chunks: AsyncIterator[bytes]
    """Its content. Raises BadRequest if a form ends early or holds too much beside it."""


def least_size(request: Request) -> int | None:
    """Bytes that the file in a body has at least, by Content-Length; None without one."""
    declared = declared_size(request)
    if declared is None or not _is_form(request):
        return declared
    return max(0, declared - MAX_AROUND)


async def file_body(request: Request, filename: str) -> FileBody:
    """The file of a request. Of a form, what precedes the file is read.

    Raises BadRequest without a file or a file name.
    """
    chunks = body_chunks(request)
    if not _is_form(request):
        if not filename:
            raise BadRequest(
                "filename is missing: POST /api/v1/datasets?name=digits&filename=digits.csv"
            )
        return FileBody(filename, chunks)
    form = _Form(request.headers["content-type"])
    first = await form.until_file(chunks)
    return FileBody(filename or form.filename, form.rest(first, chunks))


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


class _Form:
    """Finds the file in the pieces of a form."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise BadRequest("Content-Type names no boundary of the form: curl -F file=@digits.csv")
        self.filename = ""
        self._parts = self._around = 0
        self._found = self._in_file = self._over = False
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""
        self._file: list[bytes] = []
        """The file's bytes in the piece that is parsed."""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ends,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_end": self._form_ends,
                },
                max_header_count=MAX_PART_HEADERS,
                max_header_size=MAX_PART_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _broken(error) from error

    async def until_file(self, chunks: AsyncIterator[bytes]) -> bytes:
        """Read up to the file's begin. Returns the first of its bytes. Raises BadRequest."""
        async for chunk in chunks:
            first = self._parse(chunk)
            if self._found:
                return first
            if self._over:
                break
        raise BadRequest("the form has no field `file`: curl -F file=@digits.csv")

    async def rest(self, first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The file: its first bytes, and those in the chunks that follow. Raises BadRequest."""
        if first:
            yield first
        async for chunk in chunks:
            if piece := self._parse(chunk):
                yield piece
        if not self._over:
            raise BadRequest("the form ends before its last boundary; send it again")

    def _parse(self, chunk: bytes) -> bytes:
        """The file's bytes in a piece of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _broken(error) from error
        piece = b"".join(self._file)
        self._file.clear()
        self._around += len(chunk) - len(piece)
        if self._around > MAX_AROUND:
            raise BadRequest(
                f"the form has more than {MAX_AROUND} bytes besides its field `file`; send the file alone"
            )
        return piece

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequest(f"a form has at most {MAX_PARTS} fields; send the field `file` alone")
        self._disposition = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._file.append(data[start:end])

    def _part_ends(self) -> None:
        self._in_file = False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != b"file" or b"filename" not in options:
            return
        if self._found:
            raise BadRequest("the form has more than one field `file`; send one file at a time")
        self._found = self._in_file = True
        self.filename = options[b"filename"].decode("utf-8", "replace")

    def _form_ends(self) -> None:
        self._over = True


def _broken(error: FormParserError) -> BadRequest:
    return BadRequest(f"the form is not valid multipart/form-data: {str(error)[:200]}")
