"""Many placements one after another are those that a look at all nodes finds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_scheduler.facts import Shape
from trainyard_scheduler.placement import Placements, place, take
from trainyard_scheduler.resources import ResourceVector

Vectors = st.tuples(st.integers(2, 5), *(st.integers(-1, 8) for _ in range(4)))
"""Pods, CPU, memory, and GPUs of two kinds; less than nothing where others overcommit."""
Workers = st.tuples(st.just(1), *(st.integers(0, 1) for _ in range(4)))
Shapes = st.builds(Shape, Workers, st.integers(1, 2), st.sampled_from(["left", "all"]))


@settings(max_examples=300, deadline=None)
@given(
    nodes=st.lists(Vectors, min_size=4, max_size=6),
    shapes=st.lists(Shapes, min_size=2, max_size=4),
    numbers=st.lists(st.integers(0, 3), min_size=6, max_size=30),
    most=st.integers(0, 4),
)
def test_placements_are_those_of_a_look_at_all_nodes(
    nodes: list[ResourceVector], shapes: list[Shape], numbers: list[int], most: int
) -> None:
    free = {f"n{i}": vector for i, vector in enumerate(nodes)}
    runtimes = {"all": tuple(free), "left": tuple(free)[: len(free) // 2]}
    looked, kept = dict(free), dict(free)
    placements = Placements(kept, runtimes.__getitem__, most)

    for number in numbers:
        shape = shapes[number % len(shapes)]
        wanted = place(looked, runtimes[shape.runtime], shape)
        assert placements.find(shape) == wanted
        if wanted is not None:
            take(looked, wanted, shape.worker)
            placements.take(wanted, shape.worker)
        assert kept == looked
