"""Paging tokens: MLflow's clients send back what they were given. Pure."""

from __future__ import annotations

import base64
import binascii
import re

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.store.metrics.points import FIRST, Place

_OFFSET = re.compile(rb"o(\d{1,15})")
_PLACE = re.compile(rb"p(-?\d{1,19})\.(\d{1,12})")


def of_offset(offset: int) -> str:
    """The token of the page that begins after so many rows."""
    return _encoded(f"o{offset}")


def offset_of(token: str | None) -> int:
    """The rows before a page. Raises BadRequest."""
    if not token:
        return 0
    found = _OFFSET.fullmatch(_decoded(token))
    if found is None:
        raise _unknown()
    return int(found[1])


def of_place(place: Place) -> str:
    """The token of a page of a metric's values."""
    return _encoded(f"p{place.step}.{place.given}")


def place_of(token: str | None) -> Place:
    """Where a page of a metric's values begins. Raises BadRequest."""
    if not token:
        return FIRST
    found = _PLACE.fullmatch(_decoded(token))
    if found is None or abs(int(found[1])) > 2**62:
        raise _unknown()
    return Place(int(found[1]), int(found[2]))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decoded(token: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(token[:200].encode("ascii"))
    except (ValueError, binascii.Error) as error:
        raise _unknown() from error


def _unknown() -> BadRequest:
    return BadRequest(
        "Invalid page token: give the next_page_token of the page before, or leave it out"
    )
