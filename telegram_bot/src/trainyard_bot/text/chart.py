"""The curves of a session's metrics as a PNG for a phone: square, large type, few lines."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainyard.models import Series
from trainyard_bot.text.formats import one_line

SIZE_INCHES: Final = (6.0, 6.0)
DOTS_PER_INCH: Final = 180
"""1080 × 1080 pixels: the width of a phone's screen."""

PANELS: Final = 3
"""Metrics that are drawn below one another; more are too small to read."""

POINTS: Final = 500
"""Points of a curve that are asked of the gateway: more than a phone's screen can show apart."""

NAME_LIMIT: Final = 60
"""UTF-16 code units of a name that fit above a panel."""

_LARGEST_STEP: Final = 2**53
_LARGEST_VALUE: Final = 1e300
"""Axes need space above the largest value. NaN and infinities are no number below it."""

# The colours of Okabe and Ito, which any colour vision can distinguish.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric as (step, value) with finite numbers only, in the order of the steps."""

    name: str
    points: tuple[tuple[int, float], ...]


def draw(title: str, series: Sequence[Series]) -> bytes:
    """A PNG with one panel for each kind of metric (the part of the name after the last `/`).

    `train/loss` and `val/loss` share a panel. Values that are no finite numbers are left out.
    Raises ValueError if no value is left.
    """
    out = io.BytesIO()
    figure(title, series).savefig(out, format="png")
    return out.getvalue()


def figure(title: str, series: Sequence[Series]) -> Figure:
    """What `draw` writes to a file."""
    grouped = panels(series)
    if not grouped:
        raise ValueError("there is no point to draw")
    drawn = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(drawn)
    # The name of a session or metric is no formula: $ must not start mathematics.
    drawn.suptitle(one_line(title, NAME_LIMIT), fontsize=16, fontweight="bold", parse_math=False)
    axes = drawn.subplots(len(grouped), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (kind, curves) in zip(axes, grouped, strict=True):
        _draw_panel(axis, kind, curves)
    axes[-1].set_xlabel("step", fontsize=13)
    return drawn


def _draw_panel(axis: Axes, kind: str, curves: Sequence[Curve]) -> None:
    for colour, curve in zip(COLOURS, curves, strict=False):
        steps, values = zip(*curve.points, strict=True)
        marker = "o" if len(curve.points) < 30 else ""
        axis.plot(steps, values, color=colour, linewidth=2.2, marker=marker, label=curve.name)
    axis.set_title(kind, fontsize=13, loc="left", parse_math=False)
    axis.tick_params(labelsize=12)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        for text in axis.legend(fontsize=11, frameon=False).get_texts():
            text.set_parse_math(False)


def panels(series: Sequence[Series]) -> list[tuple[str, list[Curve]]]:
    """The panels from top to bottom: the kind of metric, and its curves."""
    grouped: dict[str, list[Curve]] = {}
    for one in series:
        points = tuple(
            (point.step, point.value)
            for point in one.points
            if abs(point.step) <= _LARGEST_STEP
            and isinstance(point.value, float)
            and abs(point.value) <= _LARGEST_VALUE
        )
        if points:
            name = one_line(one.name, NAME_LIMIT)
            grouped.setdefault(name.rpartition("/")[2], []).append(Curve(name, points))
    ordered = sorted(grouped.items(), key=lambda item: (_rank(item[0]), item[0]))
    return [(kind, curves[: len(COLOURS)]) for kind, curves in ordered[:PANELS]]


def _rank(kind: str) -> int:
    """Loss first, then accuracy, then the others; the learning rate last."""
    if "loss" in kind:
        return 0
    if "acc" in kind:
        return 1
    return 3 if kind in ("lr", "learning_rate", "learningRate") else 2


class ChartRenderer:
    """Draws in one thread: the event loop stays free, and Matplotlib runs once at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chart")

    async def draw(self, title: str, series: Sequence[Series]) -> bytes:
        """As the function `draw`, off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, draw, title, series)

    def close(self) -> None:
        """End the thread after the current drawing; waiting ones are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
