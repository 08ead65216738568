"""A page of a list as a response of at most `PAGE_BYTES` bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import orjson
from fastapi import Response

from trainyard_api.model import OpenModel
from trainyard_gateway.paging import MOST_ROWS, first_page

R = TypeVar("R", bound=OpenModel)


def page_response(
    field: str,
    rows: Iterable[R],
    place: Callable[[R], str],
    *,
    more: bool = False,
    most: int = MOST_ROWS,
    others: dict[str, Any] | None = None,
) -> Response:
    """The first of `rows` in `field`, and the `cursor` for the next page; null on the last.

    `place` is the cursor after a row; `more` says that there are rows after these. The rows are
    written once, so that the bound is that of the bytes that are sent.
    """
    written = ((row, row.model_dump_json(by_alias=True).encode()) for row in rows)
    shown, cut = first_page(written, lambda pair: len(pair[1]), most)
    cursor = place(shown[-1][0]) if shown and (cut or more) else None
    rest = orjson.dumps({**(others or {}), "cursor": cursor})
    lines = b",".join(line for _, line in shown)
    body = b"".join((b'{"', field.encode(), b'":[', lines, b"],", rest[1:]))
    return Response(body, media_type="application/json")
