"""Where pages end: by rows and bytes, each row once, and never without a row."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_api.model import OpenModel
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import PAGE_BYTES, ROWS_BYTES, first_page
from trainyard_gateway.sessions.queue import cursor_after, waiting_sessions


class Row(OpenModel):
    """A row of a list."""

    name: str
    text: str = ""


@pytest.mark.parametrize(
    ("sizes", "most", "shown", "more"),
    [
        ([], 3, 0, False),
        ([4], 3, 1, False),
        ([400], 3, 1, False),
        ([400, 1], 3, 1, True),
        ([4, 4], 3, 2, False),
        ([4, 5], 3, 1, True),
        ([1, 1, 1], 3, 3, False),
        ([1, 1, 1, 1], 3, 3, True),
        ([1, 400, 1], 3, 1, True),
    ],
    ids=["none", "one", "too-long", "too-long-first", "just-fits", "one-too-many-bytes",
         "all-rows", "one-too-many-rows", "too-long-second"],
)  # fmt: skip
def test_where_a_page_ends(sizes: list[int], most: int, shown: int, more: bool) -> None:
    assert first_page(sizes, lambda size: size, most, bound=10) == (sizes[:shown], more)


def test_no_more_is_read_than_the_page_and_one_row() -> None:
    read: list[int] = []

    def rows() -> object:
        for n in range(1000):
            read.append(n)
            yield n

    first_page(rows(), lambda _: 99, bound=500)  # type: ignore[arg-type,var-annotated]  # a generator

    assert read == list(range(6))


@settings(max_examples=100)
@given(st.lists(st.integers(0, ROWS_BYTES // 2), max_size=40), st.integers(1, 20))
def test_pages_are_bounded_and_hold_every_row_once(lengths: list[int], most: int) -> None:
    rows = [Row(name=f"{n}", text="x" * length) for n, length in enumerate(lengths)]
    seen: list[str] = []
    left, cursor = rows, "begin"
    while cursor is not None:
        body = page_response("rows", left, lambda row: row.name, most=most).body
        page = orjson.loads(body)
        assert len(body) <= PAGE_BYTES
        seen += [row["name"] for row in page["rows"]]
        cursor = page["cursor"]
        left = rows[int(cursor) + 1 :] if cursor is not None else []

    assert seen == [row.name for row in rows]


def test_a_page_before_rows_that_were_not_read_has_a_cursor() -> None:
    rows = [Row(name="a"), Row(name="b")]

    page = orjson.loads(page_response("rows", rows, lambda r: r.name, more=True).body)
    last = orjson.loads(page_response("rows", rows, lambda r: r.name, others={"total": 2}).body)

    assert page["cursor"] == "b"
    assert (last["cursor"], last["total"]) == (None, 2)


def waiting(name: str, position: int | None) -> dict[str, object]:
    metadata = {"name": name, "uid": f"u-{name}"}
    queue = {} if position is None else {"position": position}
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Queued", "queue": queue}}


def test_the_queue_goes_on_after_a_session_that_left_it() -> None:
    bodies = [waiting("b", 1), waiting("a", 2), waiting("c", 3), waiting("z", None)]
    first, second, *rest = waiting_sessions(bodies)

    left = waiting_sessions(
        [b for b in bodies if b["metadata"]["name"] != "a"], cursor_after(second)
    )  # type: ignore[index]  # an object

    assert [first.name, second.name] == ["b", "a"]
    assert [e.name for e in left] == [e.name for e in rest] == ["c", "z"]


@pytest.mark.parametrize("cursor", ["", "a", "a/b/c", "a/1/\0", "a/99999999999/b"],
                         ids=["empty", "one-part", "no-number", "null", "long-number"])  # fmt: skip
def test_a_made_up_cursor_of_the_queue_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        waiting_sessions([], cursor)
