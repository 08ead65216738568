"""The pure functions of the web page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web_functions import WebFunctions, web_functions


@pytest.fixture(scope="session")
def web() -> Iterator[WebFunctions]:
    with web_functions() as found:
        yield found
