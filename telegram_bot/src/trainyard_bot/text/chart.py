"""The curve of a run as a PNG for a phone: portrait-friendly, large type, few lines."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainyard_bot.gateway.views import Series

SIZE_INCHES: Final = (6.0, 6.0)
DOTS_PER_INCH: Final = 180
"""1080 × 1080 pixels: the width of a phone's screen."""

PANELS: Final = 3
"""Metrics that are drawn below one another; more are too small to read."""

# Okabe and Ito's colours: distinguishable with any colour vision.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def draw(title: str, series: Sequence[Series]) -> bytes:
    """A PNG with one panel for each kind of metric (the part of the name after the last `/`).

    `train/loss` and `val/loss` share a panel. Points that are not finite are left out. ValueError without any point.
    """
    panels = _panels(series)
    if not panels:
        raise ValueError("there is no point to draw")
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    # A session's or metric's name is no formula: $ must not start mathematics.
    figure.suptitle(title, fontsize=16, fontweight="bold", parse_math=False)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (kind, group) in zip(axes, panels, strict=True):
        for colour, one in zip(_COLOURS, group, strict=False):
            steps, values = zip(*one.points, strict=True)
            marker = "o" if len(one.points) < 30 else ""
            axis.plot(steps, values, color=colour, linewidth=2.2, marker=marker, label=one.name)
        axis.set_title(kind, fontsize=13, loc="left", parse_math=False)
        axis.tick_params(labelsize=12)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        if len(group) > 1:
            for text in axis.legend(fontsize=11, frameon=False).get_texts():
                text.set_parse_math(False)
    axes[-1].set_xlabel("step", fontsize=13)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _panels(series: Sequence[Series]) -> list[tuple[str, list[Series]]]:
    panels: dict[str, list[Series]] = {}
    for one in series:
        points = tuple((x, y) for x, y in one.points if math.isfinite(x) and math.isfinite(y))
        if points:
            kind = one.name.rpartition("/")[2]
            panels.setdefault(kind, []).append(Series(one.name, points))
    ordered = sorted(panels.items(), key=lambda item: (_rank(item[0]), item[0]))
    return [(kind, group[: len(_COLOURS)]) for kind, group in ordered[:PANELS]]


def _rank(kind: str) -> int:
    """Loss first, then accuracy, then the rest; learning rate last."""
    if "loss" in kind:
        return 0
    if "acc" in kind:
        return 1
    return 3 if kind in ("lr", "learning_rate", "learningRate") else 2


class Artist:
    """Draws in one thread of its own: the event loop goes on, and Matplotlib is not entered twice at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="curve")

    async def draw(self, title: str, series: Sequence[Series]) -> bytes:
        """As `draw`, off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, draw, title, series)

    def close(self) -> None:
        """Let the thread go; drawings that wait are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
