"""Screens of the command line with made-up sessions: the golden texts and the pictures of the documentation.

`python tests/support/screens.py docs/pictures` draws the pictures again.
"""

from __future__ import annotations

import io
import math
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from trainyard import models
from trainyard.cli.commands import doctor, queue, sessions
from trainyard.cli.doctor import checks
from trainyard.cli.text import charts, progress, rich_table, session_fields
from trainyard.cli.text.progress import Trend

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
WIDTH = 100


def session(name: str, phase: str, **parts: Any) -> models.Session:
    """A session as the gateway gives it, created an hour and a bit before `NOW`."""
    spec = {
        "training": {"task": "image-classification", "epochs": 50},
        "dataset": "digits",
        **parts.get("spec", {}),
    }
    status = {"phase": phase, **parts.get("status", {})}
    created = (NOW - parts.get("age", timedelta(minutes=62))).isoformat()
    return models.Session.model_validate(
        {"name": name, "uid": f"uid-{name}", "phase": phase, "created": created, "spec": spec, "status": status}
    )  # fmt: skip


RUNNING = session(
    "digits-wide",
    "Running",
    spec={"resources": {"gpus": 2}},
    status={
        "startTime": (NOW - timedelta(minutes=7)).isoformat(),
        "attempt": 1,
        "progress": {
            "epoch": 30, "epochs": 50, "step": 620, "totalSteps": 1000, "percent": 62.0, "etaSeconds": 250,
            "lastCheckpoint": {"step": 600},
        },
        "metrics": [{"name": "train/loss", "value": "0.23417"}, {"name": "val/accuracy", "value": "0.934"}],
    },
)  # fmt: skip
QUEUED = session(
    "resnet-night",
    "Queued",
    spec={"resources": {"gpus": 4}, "workers": 2, "priority": 10},
    status={"queue": {"position": 1, "message": "8 GPUs are needed, 6 are free"}},
    age=timedelta(minutes=4, seconds=10),
)
FAILED = session(
    "text-small",
    "Failed",
    age=timedelta(days=1, hours=3),
    status={
        "attempt": 3,
        "startTime": (NOW - timedelta(minutes=30)).isoformat(),
        "completionTime": (NOW - timedelta(minutes=20)).isoformat(),
        "failure": {
            "class": "OutOfMemory",
            "message": "a worker was killed because it used more than 2Gi",
            "hint": "ask for more memory (resources.memory) or make batchSize smaller",
            "exitCode": 137,
            "lastLogLines": ["epoch 1/10", "loss 2.31"],
        },
    },
)
SUCCEEDED = session(
    "digits-mlp",
    "Succeeded",
    age=timedelta(hours=5),
    status={
        "startTime": (NOW - timedelta(hours=4)).isoformat(),
        "completionTime": (NOW - timedelta(hours=3, minutes=51)).isoformat(),
        "progress": {"epoch": 20, "epochs": 20, "percent": 100.0},
        "metrics": [{"name": "val/accuracy", "value": "0.972"}],
        "model": {"name": "digits-mlp", "version": 3, "sha256": "ab"},
    },
)
ALL = [RUNNING, QUEUED, SUCCEEDED, FAILED]
WAITING = [
    models.QueueEntry.model_validate(
        {
            "name": "resnet-night", "uid": "uid-resnet-night", "queue": "default", "priority": 10, "gpus": 8,
            "phase": "Queued", "position": 1, "reason": "WaitingForGPUs", "message": "8 GPUs are needed, 6 are free",
            "estimatedStart": {
                "earliest": (NOW + timedelta(minutes=4, seconds=10)).isoformat(),
                "latest": (NOW + timedelta(minutes=9)).isoformat(),
            },
        }
    ),
    models.QueueEntry.model_validate(
        {"name": "text-large", "uid": "u", "queue": "default", "priority": 0, "gpus": 1, "phase": "Queued", "position": 2}
    ),
]  # fmt: skip
TREND = Trend("train/loss", (0.41, 0.33, 0.23417))
FINDINGS = [
    checks.CheckResult("login", checks.CheckState.OK, "https://trainyard.example"),
    checks.CheckResult("gateway", checks.CheckState.OK, "ready"),
    checks.CheckResult("key", checks.CheckState.OK, "accepted"),
    checks.clock(timedelta(minutes=3)),
    checks.volume({"items": [{"metadata": {"name": "trainyard-data"}, "status": {}}]}, "trainyard"),
    checks.plugin({"items": []}),
]  # fmt: skip


def curve(name: str, start: float) -> models.Series:
    """A falling curve of 200 points."""
    points = [
        {"step": n * 5, "time": "2026-07-01T12:00:00Z", "value": start * math.exp(-n / 60) + 0.05}
        for n in range(200)
    ]
    return models.Series.model_validate({"name": name, "total": 200, "points": points})


CURVES = [curve("train/loss", 2.0), curve("val/loss", 2.3)]


def pictures() -> dict[str, str]:
    """File name to SVG."""
    head = Text("digits-wide ", "bold").append("Running  ", session_fields.colour("Running"))
    shown: dict[str, tuple[str, Any]] = {
        "cli-ls": (
            "trainyard ls",
            rich_table.coloured(sessions.listing(ALL, NOW, wide=False), WIDTH),
        ),
        "cli-watch": (
            "trainyard watch digits-wide",
            head.append(progress.current_line(RUNNING, TREND, None, NOW)),
        ),
        "cli-queue": (
            "trainyard queue",
            rich_table.coloured(queue.listing(WAITING, NOW, wide=False), WIDTH),
        ),
        "cli-doctor": ("trainyard doctor", rich_table.coloured(doctor.listing(FINDINGS), WIDTH)),
        "cli-plot": (
            "trainyard metrics digits-wide --plot",
            Text.from_ansi(charts.draw(CURVES, width=WIDTH, height=12, colours=True)),
        ),
    }
    return {f"{name}.svg": _svg(name, *what) for name, what in shown.items()}


def _svg(name: str, title: str, what: Any) -> str:
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor",
        highlight=False,
    )  # fmt: skip
    console.print(Text(f"$ {title}", "bold"))
    console.print(what)
    # A picture that fetches a font from elsewhere tells elsewhere who looks at it.
    layout = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title=title, unique_id=name, code_format=layout)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for file, svg in pictures().items():
        (folder / file).write_text(svg)
