"""One page of a list."""

from __future__ import annotations

from trainyard_api.model import OpenModel


class Page(OpenModel):
    """One page of a list; `cursor` asks for the next page, and is None after the last row."""

    cursor: str | None = None
