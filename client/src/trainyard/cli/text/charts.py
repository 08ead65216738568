"""Curves: in the terminal, as PNG and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trainyard.cli.errors import UsageProblem
from trainyard.cli.text import formats

if TYPE_CHECKING:
    from trainyard.models import Series

SMALLEST_SPAN: Final = 1e-300
"""Smaller spans of an axis are drawn as a single value."""
MAX_STEP: Final = (1 << 63) - 1
MAX_VALUE: Final = 1e300
"""Larger values are left out: differences between them are infinite."""
_COLOURS: Final = ("bright_blue", "bright_red", "bright_green", "bright_magenta")
# Okabe and Ito's colours: distinguishable with any colour vision.
_PNG_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def panels(series: Sequence[Series]) -> list[tuple[str, list[Series]]]:
    """Series by the last part of their name: `train/loss` and `val/loss` share a panel."""
    kinds: dict[str, list[Series]] = {}
    for one in series:
        if finite(one):
            kinds.setdefault(one.name.rpartition("/")[2], []).append(one)
    return sorted(kinds.items(), key=lambda item: ("loss" not in item[0], item[0]))


def finite(series: Series) -> list[tuple[int, float]]:
    """Steps and values that can be drawn."""
    pairs = [(p.step, _number(p.value)) for p in series.points]
    return [(s, v) for s, v in pairs if abs(s) <= MAX_STEP and abs(v) <= MAX_VALUE]


def draw(series: Sequence[Series], *, width: int, height: int, colours: bool) -> str:
    """Panels in braille dots, `width` columns wide. Raises UsageProblem without a point."""
    return "\n\n".join(
        _panel(kind, group, width, height, colours) for kind, group in _some(panels(series))
    )


def _panel(kind: str, group: list[Series], width: int, height: int, colours: bool) -> str:
    import plotille

    figure = plotille.Figure()
    # plotille adds the labels of values on the left and the axis' name on the right.
    figure.width, figure.height = max(20, width - 24), height
    figure.color_mode, figure.with_colors, figure.origin = "names", colours, False
    figure.x_label, figure.y_label = "step", formats.clean(kind)
    figure.register_label_formatter(float, _label)
    figure.register_label_formatter(int, _label)
    points = [p for one in group for p in finite(one)]
    figure.set_x_limits(*_span([float(step) for step, _ in points]))
    figure.set_y_limits(*_span([value for _, value in points]))
    for n, one in enumerate(group):
        steps, values = zip(*finite(one), strict=True)
        colour = _COLOURS[n % len(_COLOURS)] if colours else None
        figure.plot(steps, values, lc=colour, label=formats.clean(one.name))
    drawn = str(figure.show())
    ends = [f"{formats.clean(one.name)} {formats.number(finite(one)[-1][1])}" for one in group]
    return "\n".join([*(line.rstrip() for line in drawn.splitlines()), "  ".join(ends)])


def write_png(path: Path, title: str, series: Sequence[Series]) -> None:
    """Write a picture of 1200 × 500 pixels for each panel. Raises UsageProblem."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UsageProblem("PNG needs matplotlib: pip install 'trainyard[png]'") from error
    shown = _some(panels(series))
    figure = Figure(figsize=(8, 10 / 3 * len(shown)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    # A name is not a formula: $ must not start mathematics.
    figure.suptitle(formats.clean(title), fontweight="bold", parse_math=False)
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (kind, group) in zip(axes, shown, strict=True):
        for n, one in enumerate(group):
            steps, values = zip(*finite(one), strict=True)
            colour = _PNG_COLOURS[n % len(_PNG_COLOURS)]
            axis.plot(steps, values, color=colour, label=formats.clean(one.name))
        axis.set_title(formats.clean(kind), loc="left", parse_math=False)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        for label in axis.legend(frameon=False).get_texts():
            label.set_parse_math(False)
    axes[-1].set_xlabel("step")
    figure.savefig(path, format="png")


def write_csv(path: Path, series: Sequence[Series]) -> None:
    """Write all points with metric, step, epoch, time and value."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("metric", "step", "epoch", "time", "value"))
        for one in series:
            for p in one.points:
                epoch = "" if p.epoch is None else p.epoch
                writer.writerow((one.name, p.step, epoch, p.time, p.value))


def _some(found: list[tuple[str, list[Series]]]) -> list[tuple[str, list[Series]]]:
    if not found:
        raise UsageProblem("there is no point to draw yet")
    return found


def _number(value: float | str) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _span(values: list[float]) -> tuple[float, float]:
    """Limits of an axis; a single value gets a margin."""
    low, high = min(values), max(values)
    if high - low < SMALLEST_SPAN:
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    return low, high


# plotille calls it with these arguments.
def _label(value: float, chars: int, delta: float, left: bool = False) -> str:  # noqa: ARG001
    shown = f"{value:.4g}"
    return shown.ljust(chars) if left else shown.rjust(chars)
