"""The curves of a session as a picture: what is in it, by its texts, its lines and its pixels."""

from __future__ import annotations

import io
import struct
import sys
import threading
from types import FrameType

import matplotlib.image
import numpy as np
import numpy.typing as npt
import pytest
from bot_objects import series
from matplotlib.text import Text

from trainyard.models import Series
from trainyard_bot.text import chart
from trainyard_bot.text.chart import ChartRenderer, draw

LOSS = series("train/loss", *(1 / n for n in range(1, 201)))
MATHEMATICS = "$\\broken{$"
"""Matplotlib refuses this as a formula."""


def pixels(png: bytes) -> npt.NDArray[np.float32]:
    """Rows of pixels from the top, as red, green and blue from 0 to 1."""
    image: npt.NDArray[np.float32] = matplotlib.image.imread(io.BytesIO(png))
    return image[:, :, :3]


def rows_of_title(png: bytes) -> npt.NDArray[np.float32]:
    """The band above the panels, where only the session's name stands."""
    return pixels(png)[:45]


def blue(png: bytes) -> npt.NDArray[np.bool_]:
    """Where the first curve is, by its colour (#0072B2)."""
    found: npt.NDArray[np.bool_] = (np.abs(pixels(png) - (0, 0x72 / 255, 0xB2 / 255)) < 0.02).all(2)
    return found


def test_a_chart_is_a_picture_for_a_phone() -> None:
    png = draw("iris-1", [LOSS, series("val/loss", 0.5, 0.2), series("val/accuracy", 0.5)])

    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (1080, 1080)
    assert blue(png).any()


def test_names_are_shown_as_they_are_written() -> None:
    names = [MATHEMATICS, f"train/{MATHEMATICS}", "val/$x^2$"]
    drawn = chart.figure(
        "$x^2$", [series(name, 1.0, 2.0) for name in names] + [series("b/$x^2$", 1.0)]
    )
    texts = {text.get_text(): text for text in drawn.findobj(Text)}

    assert {"$x^2$", MATHEMATICS, f"train/{MATHEMATICS}", "val/$x^2$", "step"} <= set(texts)
    assert not any(text.get_parse_math() for name, text in texts.items() if "$" in name)


def test_the_name_of_the_session_is_in_the_picture_letter_by_letter() -> None:
    def ink(title: str) -> int:
        """Columns of the title's band that are not white."""
        return int((rows_of_title(draw(title, [LOSS])) < 0.5).any((0, 2)).sum())

    assert ink(" ") == 0
    # As a formula, two dollars would be no letters at all.
    assert ink("$x$") > ink("x") > 0
    assert ink(MATHEMATICS) > ink("broken") > 0


def test_gaps_are_left_out() -> None:
    gapped = series("loss", 1.0, "NaN", "Infinity", "-Infinity", "lost", 2.0)
    (curve,) = chart.panels([gapped])[0][1]
    assert curve.points == ((1, 1.0), (6, 2.0))

    here = blue(draw("a", [gapped]))
    # Only the two measured values have a marker; between them the line is thin.
    heights = here.sum(0)
    marked = np.flatnonzero(heights > 12)
    groups = np.split(marked, np.flatnonzero(np.diff(marked) > 5) + 1)
    assert len(groups) == 2
    middle = slice(groups[0][-1] + 20, groups[1][0] - 20)
    assert 0 < heights[middle].min() <= heights[middle].max() <= 12
    # And the line runs up from the first value to the last, in a panel that is not stretched by an
    # infinity.
    rows = [int(np.flatnonzero(here[:, group].any(1)).mean()) for group in groups]
    assert rows[0] - rows[1] > 500


def test_without_gaps_each_value_has_its_marker() -> None:
    marked = np.flatnonzero(
        blue(draw("a", [series("loss", 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)])).sum(0) > 12
    )

    assert len(np.flatnonzero(np.diff(marked) > 5)) + 1 == 6


@pytest.mark.parametrize(
    "given",
    [[], [series("a")], [series("a", "NaN", "Infinity")], [series("a", 1.0, first_step=2**60)], [series("a", 1e308)]],
    ids=["no metric", "no value", "no finite value", "a step beyond all counting", "a value beyond an axis"],
)  # fmt: skip
def test_nothing_to_draw(given: list[Series]) -> None:
    with pytest.raises(ValueError, match="no point"):
        draw("x", given)


def test_values_that_an_axis_cannot_hold_do_not_spoil_the_others() -> None:
    (curve,) = chart.panels([series("a", 1.0, 1e305, -1e308, 2.0)])[0][1]

    assert curve.points == ((1, 1.0), (4, 2.0))
    assert draw("a\n\u202eb\x00", [series("x\ny\u2028z\x07" + "w" * 99, 1e300, -1e300, 1.0)])


def test_panels_are_few_and_the_loss_comes_first() -> None:
    names = ["lr", "f1", "val/accuracy", "train/loss", "val/loss", "alpha"]
    panels = chart.panels([series(name, 1.0) for name in names])

    assert [(kind, [curve.name for curve in curves]) for kind, curves in panels] == [
        ("loss", ["train/loss", "val/loss"]),
        ("accuracy", ["val/accuracy"]),
        ("alpha", ["alpha"]),
    ]
    many = chart.panels([series(f"{n}/loss", 1.0) for n in range(9)])
    assert len(many[0][1]) == 4


async def test_drawing_happens_in_another_thread() -> None:
    renderer = ChartRenderer()
    seen: list[str] = []

    def note(frame: FrameType, *_: object) -> None:
        if frame.f_code is draw.__code__:
            seen.append(threading.current_thread().name)

    threading.setprofile(note)
    try:
        await renderer.draw("x", [LOSS])
    finally:
        threading.setprofile(None)
        sys.setprofile(None)
        renderer.close()
    assert seen
    assert all(name.startswith("chart") for name in seen)
