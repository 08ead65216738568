"""A text is searched in the whole log of a session, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from store_lab import START, batch, new_uid, opened

from trainyard_gateway.store.logs.lines import LogPage, read_lines
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

TEXTS = ["Loss 1", "loss 2", "100% done", "100x done", "a_b", "axb", "LOSS 3", "rest"]


@pytest.fixture
async def database(database_url: tuple[str, Path | None]) -> Any:
    async with opened(*database_url) as store:
        yield store


async def filled(database: Store) -> str:
    uid, other = new_uid(), new_uid()
    for whose in (other, uid):
        lines = [{"time": START, "message": text} for text in TEXTS]
        await database.ingest(batch(whose, 1, {}, logs=lines))
    return uid


async def found(database: Store, uid: str, **asked: Any) -> LogPage:
    options = {"after": 0, "most": 100, "tail": False, **asked}
    return await database.read(lambda c: read_lines(c, uid, **options))


def messages(page: LogPage) -> list[str]:
    return [line["message"] for line in page.lines]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("loss", ["Loss 1", "loss 2", "LOSS 3"]),
        ("100%", ["100% done"]),
        ("a_b", ["a_b"]),
        ("'; DROP TABLE logs; --", []),
        ("", TEXTS),
    ],
    ids=["either case", "a percent sign", "an underscore", "a statement", "nothing"],
)
async def test_lines_with_a_text_are_found(
    database: Store, search: str, expected: list[str]
) -> None:
    page = await found(database, await filled(database), search=search)

    assert (messages(page), page.more) == (expected, False)


async def test_a_search_of_many_lines_goes_on_from_its_cursor(database: Store) -> None:
    uid = await filled(database)
    read, after, pages = list[str](), 0, 0
    while pages < len(TEXTS):
        page = await found(database, uid, after=after, search="loss", searched_at_once=3, most=1)
        read, after, pages = read + messages(page), page.next, pages + 1
        if not page.more:
            break

    assert read == ["Loss 1", "loss 2", "LOSS 3"]
    assert not page.more


async def test_the_last_lines_with_a_text_are_found_from_the_end(database: Store) -> None:
    uid = await filled(database)
    near = await found(database, uid, search="loss", tail=True, searched_at_once=3)
    all_of_them = await found(database, uid, search="loss", tail=True, most=2)

    assert (messages(near), near.more) == (["LOSS 3"], True)
    assert (messages(all_of_them), all_of_them.more) == (["loss 2", "LOSS 3"], True)
