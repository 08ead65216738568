"""Tags and params as rows have them: objects of texts as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from trainyard_gateway.mlflow import matching
from trainyard_gateway.store.sql.text import escape_nul


def packed(texts: Mapping[str, str]) -> str:
    """Texts as a row has them."""
    return orjson.dumps({key: escape_nul(value) for key, value in texts.items()}).decode()


def unpacked(text: str) -> dict[str, str]:
    """The texts of a row."""
    found: dict[str, str] = orjson.loads(text)
    return found


def merged(present: str, new: Mapping[str, str], most: int) -> str:
    """The texts of a row with others. Raises BadRequest where there would be more than `most`."""
    found = {**unpacked(present), **new}
    if len(found) > most:
        raise matching.too_many(most)
    return packed(found)


def without(present: str, key: str) -> str:
    """The texts of a row without one of them; fine where it is not there."""
    return packed({k: v for k, v in unpacked(present).items() if k != key})
