"""The chosen checkpoint is whole, and no whole one is newer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainyard_supervisor.resume.candidates import Candidate, Entry, Role
from trainyard_supervisor.resume.choice import choose

GROUPS = ("out", "runs/train", "runs/train2")
NAMES = {
    "checkpoint-1": Role.STATE,
    "checkpoint-2": Role.STATE,
    "last.pt": Role.STATE,
    "best.pt": Role.BEST,
    "model.pt": Role.PLAIN,
}


@st.composite
def folders(draw: st.DrawFn) -> tuple[list[Candidate], set[str]]:
    """Checkpoints of several runs, and which of them are torn."""
    found = []
    places = st.tuples(st.sampled_from(GROUPS), st.sampled_from(sorted(NAMES)))
    for group, name in draw(st.sets(places, max_size=12)):
        path, changed = f"{group}/{name}", draw(st.integers(0, 6))
        temporary = draw(st.integers(0, 9)) == 0
        file = Entry(path, 1, changed)
        found.append(Candidate(path, NAMES[name], changed, (file,), temporary=temporary))
    torn = {one.path for one in found if draw(st.booleans())}
    return found, torn


@given(folders())
def test_never_a_torn_one_and_never_an_older_one(made: tuple[list[Candidate], set[str]]) -> None:
    found, torn = made
    chosen = choose(found, lambda one: "torn" if one.path in torn else None).chosen
    whole = [one for one in found if one.path not in torn and not one.temporary]
    if not whole:
        assert chosen is None
        return
    assert chosen in whole
    for one in whole:
        if one.role is Role.PLAIN and chosen.role is not Role.PLAIN:
            continue
        replaced = one.role is Role.BEST and any(
            other.role is Role.STATE and other.group == one.group for other in whole
        )
        assert one.changed <= chosen.changed or replaced
    if chosen.role is Role.PLAIN:
        assert all(one.role is Role.PLAIN for one in whole)


@given(folders())
def test_what_is_set_aside_is_torn_and_each_only_once(
    made: tuple[list[Candidate], set[str]],
) -> None:
    found, torn = made
    aside = [s.path for s in choose(found, lambda o: "torn" if o.path in torn else None).aside]
    assert len(aside) == len(set(aside))
    assert all(p in torn or next(o for o in found if o.path == p).temporary for p in aside)
