"""Which sessions changed since a cursor: never one too few, and none that is known."""

from __future__ import annotations

import pytest

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.events.hub import Hub
from trainyard_gateway.events.session_changes import SessionChanges


def changes_of(*uids: str, most: int = 100) -> SessionChanges:
    changes = SessionChanges(Hub(), most)
    for uid in uids:
        changes.changed(uid)
    return changes


def test_each_session_comes_once_with_its_last_change() -> None:
    changes = changes_of("a", "b", "a", "c", "a")

    assert changes.since(f"{changes.cursor().partition('.')[0]}.2") == (["a", "c"], [])
    assert changes.since(changes.cursor()) == ([], [])


def test_what_was_only_measured_is_told_from_what_changed() -> None:
    changes = changes_of("a", "b", "c")
    own = changes.cursor().partition(".")[0]
    for uid in ("a", "c", "a"):
        changes.measured(uid)
    changes.changed("c")

    assert changes.since(f"{own}.3") == (["c"], ["a"])
    assert changes.since(f"{own}.0") == (["c", "a", "b"], [])
    assert changes.since(f"{own}.7") == ([], [])


@pytest.mark.parametrize(
    "cursor",
    [None, "0" * 16 + ".1", "{own}.99", "{own}.1"],
    ids=["none", "another process", "not reached", "forgotten"],
)
def test_where_it_is_not_known_all_are_read(cursor: str | None) -> None:
    changes = changes_of("a", "b", "c", "d", most=2)
    own = changes.cursor().partition(".")[0]

    assert changes.since(cursor and cursor.replace("{own}", own)) is None


def test_what_is_remembered_is_enough_from_the_last_forgotten_change_on() -> None:
    changes = changes_of("a", "b", "c", "d", most=2)
    own = changes.cursor().partition(".")[0]

    assert changes.since(f"{own}.2") == (["d", "c"], [])


@pytest.mark.parametrize("text", ["", "7.12", "x" * 16 + ".1", "0" * 16 + "." + "9" * 16])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="leave it out"):
        changes_of("a").since(text)
