"""The blocking client is generated from the asynchronous one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


twins = load(ROOT / "client" / "blocking_twins.py")


@pytest.mark.parametrize(("origin", "twin"), twins.TWINS.items(), ids=twins.TWINS)
def test_the_committed_twin_is_what_the_source_renders(origin: str, twin: str) -> None:
    source = (twins.PACKAGE / origin).read_text()

    made = twins.blocking(source, origin)

    assert made == (twins.PACKAGE / twin).read_text()
    assert made.splitlines()[2] == f"Generated from {origin} by `make manifests`; do not edit."


SOURCE = """\
\"\"\"An asynchronous reader.\"\"\"

import httpx
from collections.abc import AsyncIterator


class AsyncReader:
    # The asynchronous reader awaits.
    async def read(self, http: httpx.AsyncClient) -> AsyncIterator[bytes]:
        async with http.stream("GET", "async await") as response:
            await (response.aread())
            async for piece in response.aiter_bytes():
                yield piece
        await http.aclose()
"""
TWIN = """\
\"\"\"A blocking reader.

Generated from reader.py by `make manifests`; do not edit.
\"\"\"

from collections.abc import Iterator

import httpx


class Reader:
    # The blocking reader awaits.
    def read(self, http: httpx.Client) -> Iterator[bytes]:
        with http.stream("GET", "async await") as response:
            (response.read())
            for piece in response.iter_bytes():
                yield piece
        http.close()
"""


def test_keywords_names_and_words_are_translated_and_nothing_else() -> None:
    assert twins.blocking(SOURCE, "reader.py") == TWIN
