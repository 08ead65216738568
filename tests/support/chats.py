"""Chats with the bot about made-up sessions, as the pictures of the documentation.

The texts, buttons and the curve are the bot's own; only the phone around them is drawn here.
`python tests/support/chats.py docs/pictures` draws the pictures again.
"""

from __future__ import annotations

import base64
import html
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trainyard.models import Model, Series, Session
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.session.status import TrainingSessionStatus
from trainyard_bot.handlers import form, train_form
from trainyard_bot.handlers.form import Form
from trainyard_bot.text import answers, chart, keyboards, notices, registry, sessions
from trainyard_bot.text.formats import LocalTime
from trainyard_bot.text.notices import NoticeKind
from trainyard_bot.updates.callback_data import Keyboard
from trainyard_bot.updates.fields import Value

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
AT = LocalTime(NOW, UTC)
STARTED = NOW - timedelta(minutes=7)
FINISHED = NOW + timedelta(minutes=4)


def session(name: str, phase: str, gpus: int, **status: Any) -> Session:
    """A session as the gateway gives it."""
    spec = {"command": ["train"], "dataset": "digits", "resources": {"gpus": gpus}}
    return Session(
        name=name,
        uid="0b1c",
        phase=phase,
        created="",
        spec=TrainingSessionSpec.model_validate(spec),
        status=TrainingSessionStatus.model_validate(status),
    )


def metrics(**values: str) -> list[dict[str, str]]:
    """`train_loss="0.2"` → the metric train/loss."""
    return [{"name": name.replace("_", "/"), "value": value} for name, value in values.items()]


RUNNING = session(
    "digits-wide",
    "Running",
    gpus=2,
    attempt=1,
    start_time=STARTED,
    progress={
        "percent": 62.0,
        "epoch": 31,
        "epochs": 50,
        "step": 620,
        "total_steps": 1000,
        "steps_per_second": 1.5,
        "eta_seconds": 250,
        "last_checkpoint": {"step": 600},
        "last_step_time": NOW,
    },
    metrics=metrics(train_loss="0.2342", val_accuracy="0.934"),
)
QUEUED = session(
    "digits-wide",
    "Queued",
    gpus=2,
    message="2 GPUs are needed, none is free",
    queue={
        "position": 2,
        "ahead": {"sessions": 1, "gpus": 4},
        "estimated_start": {
            "earliest": NOW + timedelta(minutes=4),
            "latest": NOW + timedelta(minutes=9),
        },
    },
)
DONE = session(
    "digits-wide",
    "Succeeded",
    gpus=2,
    attempt=1,
    start_time=STARTED,
    completion_time=FINISHED,
    metrics=metrics(train_loss="0.0871", val_accuracy="0.978"),
    model={"name": "digits-wide", "version": 1, "sha256": "9f2c"},
)
FAILED = session(
    "text-small",
    "Failed",
    gpus=1,
    attempt=3,
    start_time=STARTED,
    completion_time=NOW - timedelta(minutes=1),
    metrics=metrics(train_loss="2.31"),
    failure={
        "failure_class": "OutOfMemory",
        "attempt": 3,
        "message": "A worker was killed because it used more than 2Gi.",
        "hint": "Ask for more memory (resources.memory) or make batchSize smaller.",
        "exit_code": 137,
        "last_log_lines": ["epoch 1/10", "loss 2.31"],
    },
)
MODEL = Model(
    name="digits-wide",
    version=1,
    size_bytes=812_544,
    created="2026-07-01T12:04:00Z",
    sha256="9f2c4e0b7a6d5138c0ffee12ab34cd56ef7890a1b2c3d4e5f60718293a4b5c6d",
    card={"session": "digits-wide", "metrics": {"val/accuracy": "0.978"}},
)


@dataclass(frozen=True)
class Said:
    """A message: of the bot, or of the person."""

    text: str
    keyboard: Keyboard = ()
    by_person: bool = False
    picture: bytes = b""
    later: str = ""
    """What a line above it says: the bot edits one message per session."""


def series(name: str, steps: range, value: Callable[[int], float]) -> Series:
    """A metric with one value for each of the steps."""
    points = [{"step": step, "time": "", "value": value(step)} for step in steps]
    return Series.model_validate({"name": name, "total": len(points), "points": points})


def curves() -> list[Series]:
    """Loss and accuracy of a session that learns well."""
    steps = range(10, 1001, 10)
    return [
        series("train/loss", steps, lambda step: 2.0 * math.exp(-step / 250) + 0.08),
        series("val/loss", steps, lambda step: 2.2 * math.exp(-step / 250) + 0.11),
        series(
            "val/accuracy", range(50, 1001, 50), lambda step: 0.98 - 0.7 * math.exp(-step / 200)
        ),
    ]


def chats() -> dict[str, list[Said]]:
    """What is said in each picture."""
    values: dict[str, Value] = {"dataset": "digits", "task": "image-classification", "epochs": 50}
    asked = Form("3f9a", values=MappingProxyType(values))
    gpus = form.question(asked)
    return {
        "bot-train": [
            Said("/train digits", by_person=True),
            Said(answers.form(form.shown(asked), gpus.text), train_form.keyboard(asked, gpus)),
            Said(
                sessions.session(QUEUED, AT),
                keyboards.for_session(QUEUED),
                later="started by two more taps",
            ),
            Said(
                sessions.session(RUNNING, AT),
                keyboards.for_session(RUNNING),
                later="the same message, a while later",
            ),
        ],
        "bot-done": [
            Said(
                notices.notice(NoticeKind.SUCCEEDED, DONE, AT),
                keyboards.for_session(DONE),
                picture=chart.draw("digits-wide", curves()),
            ),
            Said("/models digits-wide", by_person=True),
            Said(registry.model(MODEL, 1, AT), keyboards.for_model(MODEL)),
            Said(
                notices.notice(NoticeKind.FAILED, FAILED, AT),
                keyboards.for_session(FAILED),
                later="another session",
            ),
        ],
    }


# ── drawing
# ───────────────────────────────────────────────────────────────────────────────────────────────

WIDTH, MARGIN, PADDING = 420, 12, 11
BUBBLE = 340
SIZE, LINE = 14, 20
ROW = 34


@dataclass(frozen=True)
class Piece:
    """Text of one style."""

    text: str
    style: str

    @property
    def width(self) -> float:
        """About as wide as in the widest of the usual fonts."""
        each = 8.5 if self.style in ("code", "pre") else 8.6 if self.style == "b" else 7.9
        return sum(19.0 if ord(c) > 0x2300 else each for c in self.text)


class _Pieces(HTMLParser):
    """A message → lines of words with their style."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[list[Piece]] = [[]]
        self._style = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  the base class's signature
        self._style = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  the base class's signature
        self._style = ""

    def handle_data(self, data: str) -> None:
        for number, line in enumerate(data.split("\n")):
            if number:
                self.lines.append([])
            for word in line.replace(" ", " \0").split("\0"):
                self._add(word)

    def _add(self, word: str) -> None:
        # A hash is longer than a line.
        for start in range(0, len(word), 34):
            self.lines[-1].append(Piece(word[start : start + 34], self._style))


def wrapped(text: str) -> list[list[Piece]]:
    """The message's lines as they fit into a bubble."""
    parser = _Pieces()
    parser.feed(text)
    parser.close()
    lines: list[list[Piece]] = []
    for whole in parser.lines:
        lines.append([])
        room: float = BUBBLE - 2 * PADDING
        for piece in whole:
            if lines[-1] and piece.width > room:
                lines.append([])
                room = BUBBLE - 2 * PADDING
            lines[-1].append(piece)
            room -= piece.width
    return lines


_STYLES = {
    "b": ' font-weight="600"',
    "i": ' font-style="italic" fill="#444"',
    "code": ' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" fill="#2b5278"',
}
_STYLES["pre"] = _STYLES["code"]


def draw(said: Sequence[Said]) -> str:
    """The chat as SVG."""
    parts: list[str] = []
    y = 58.0
    for one in said:
        y = _bubble(parts, one, y) + 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 6:g}" viewBox="0 0 {WIDTH} {y + 6:g}" '
        f'font-family="system-ui, Roboto, Helvetica, DejaVu Sans, sans-serif" font-size="{SIZE}">\n'
        f'<rect width="100%" height="100%" rx="18" fill="#d5e3ec"/>\n'
        f'<path d="M0 46V18a18 18 0 0 1 18-18h{WIDTH - 36}a18 18 0 0 1 18 18v28z" fill="#517da2"/>\n'
        '<circle cx="32" cy="23" r="15" fill="#fff"/><text x="32" y="28" text-anchor="middle">🚉</text>\n'
        '<text x="58" y="28" fill="#fff" font-weight="600" font-size="15">Trainyard</text>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def _bubble(parts: list[str], said: Said, y: float) -> float:
    if said.later:
        parts.append(
            f'<text x="{WIDTH / 2:g}" y="{y + 12:g}" text-anchor="middle" fill="#5b7486" '
            f'font-size="12">{html.escape(said.later)}</text>'
        )
        y += 24
    lines = wrapped(said.text)
    wide = max((sum(p.width for p in line) for line in lines), default=0.0)
    width = BUBBLE if said.keyboard or said.picture else min(BUBBLE, wide + 2 * PADDING)
    x = WIDTH - MARGIN - width if said.by_person else MARGIN
    shown = width if said.picture else 0.0
    height = len(lines) * LINE + 2 * PADDING - 4 + shown
    colour = "#e3f9c8" if said.by_person else "#fff"
    parts.append(
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="12" fill="{colour}"/>'
    )
    if said.picture:
        data = base64.b64encode(said.picture).decode()
        parts.append(
            f'<image x="{x + 6:g}" y="{y + 6:g}" width="{width - 12:g}" height="{shown - 12:g}" '
            f'href="data:image/png;base64,{data}"/>'
        )
    for number, line in enumerate(lines):
        base = y + shown + PADDING + 11 + number * LINE
        spans = "".join(
            f"<tspan{_STYLES.get(p.style, '')}>{html.escape(p.text)}</tspan>"
            for p in line
            if p.text
        )
        if spans:
            parts.append(
                f'<text x="{x + PADDING:g}" y="{base:g}" fill="#111" xml:space="preserve">{spans}</text>'
            )
    y += height
    for row in said.keyboard:
        each = (width - 4 * (len(row) - 1)) / len(row)
        for place, button in enumerate(row):
            left = x + place * (each + 4)
            parts.append(
                f'<rect x="{left:g}" y="{y + 4:g}" width="{each:g}" height="{ROW - 4}" rx="8" fill="#7c9db8"/>'
                f'<text x="{left + each / 2:g}" y="{y + 24:g}" text-anchor="middle" fill="#fff">'
                f"{html.escape(button.caption)}</text>"
            )
        y += ROW
    return y


def pictures() -> dict[str, str]:
    """File name to SVG."""
    return {f"{name}.svg": draw(said) for name, said in chats().items()}


if __name__ == "__main__":
    for file, svg in pictures().items():
        (Path(sys.argv[1]) / file).write_text(svg)
