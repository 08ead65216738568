"""What a person does with the bot, which calls the gateway gets for it, and what comes of it: one table for all tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

_LINE = "/train iris task=tabular-classification epochs=3 gpus=0"
_SPEC = {
    "dataset": "iris",
    "training": {"task": "tabular-classification", "epochs": 3},
    "resources": {"gpus": 0},
}
_LOOK = ["GET /training/{look}/status", "GET /training/{look}/metrics", "GET /training/{look}/history"]  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """`steps` are texts, or captions of buttons below the message before; the last one makes `calls`.

    `failed` is what the bot says that it could not do when the call number `at` fails ("" where the form says it).
    `{s}` stands for the letter of the suite, a run's name in braces for its UID.
    """

    steps: tuple[str, ...]
    calls: tuple[str, ...]
    failed: str
    good: str
    at: int = -1
    sent: Any = None
    """Body of the call `at`."""
    writes: bool = False
    once: bool = False
    """The last message cannot be used again: its question or form is over."""

    @property
    def struck(self) -> str:
        """The call that does what is asked for."""
        return self.calls[self.at]


def _read(text: str, calls: str | list[str], failed: str, good: str) -> Deed:
    made = [calls] if isinstance(calls, str) else calls
    return Deed((text,), tuple(made), failed, good)


def _tap(text: str, caption: str, calls: str | list[str], failed: str, good: str) -> Deed:
    made = [calls] if isinstance(calls, str) else calls
    return Deed((text, caption), tuple(made), failed, good)


def _steer(run: str, caption: str, call: str, failed: str, good: str, sent: Any = None) -> Deed:
    look = f"GET /training/{{{run}}}/status"
    return Deed(
        (f"/status {run}-{{s}}", caption), (look, call, look), failed, good, 1, sent, writes=True
    )


DEEDS: Final[dict[str, Deed]] = {
    "/sessions": _read("/sessions", "GET /training/sessions", "list the runs", "runs</b>"),
    "/sessions phase": _read(
        "/sessions suspended", "GET /training/sessions", "list the runs", "<code>shown-{s}</code> Suspended"
    ),
    "/status": _read("/status", "GET /training/sessions", "show the run", "Which run?"),
    "/status run": _read(
        "/status tapped-{s}", "GET /training/tapped-{s}/status", "show the run", "🏃 <b>tapped-{s}</b>\nRunning"
    ),
    "/queue": _read("/queue", "GET /training/queue", "show the queue", "waiting</b>"),
    "/metrics": _read(
        "/metrics look", ["GET /training/look/status", *_LOOK[1:]], "show the metrics", "<code>train/loss</code>"
    ),
    "/logs": _read(
        "/logs look 5", ["GET /training/look/status", "GET /training/{look}/logs"], "show the log lines",
        "last 5 lines",
    ),
    "/stop": _read("/stop tapped-{s}", "GET /training/tapped-{s}/status", "stop the run", "It saves a checkpoint first"),
    "/cancel": _read("/cancel", "GET /training/sessions", "take the run out of the queue", "Which run?"),
    "/cancel run": _read(
        "/cancel waits-{s}", "GET /training/waits-{s}/status", "take the run out of the queue", "out of the queue?"
    ),
    "/models": _read("/models", "GET /models", "show the models", "models</b>"),
    "/models name": _read("/models plain", "GET /models/plain/versions", "show the models", "📦 <b>plain</b>"),
    "/datasets": _read("/datasets", "GET /datasets", "show the datasets", "<code>iris</code> csv · 6 samples"),
    "/datasets name": _read("/datasets iris", "GET /datasets/iris", "show the datasets", "<code>sepal</code>"),
    "/system": _read("/system", "GET /system/info", "show the nodes and GPUs", "GPUs in use: "),
    "/train": _read("/train", "GET /datasets", "open the form", "Which dataset?"),
    "/train line": Deed(
        (f"{_LINE} name=lined-{{s}}",), ("POST /training/start",), "", "The gateway accepts this.",
        sent={"name": "lined-{s}", **_SPEC},
    ),
    "a run of the list": _tap(
        "/sessions suspended", "shown-{s}", "GET /training/{shown}/status", "show the run", "⏸ <b>shown-{s}</b>"
    ),
    "📈 Curve": _tap("/status look", "📈 Curve", _LOOK, "show the metrics", "<code>train/loss</code>"),
    "📜 Logs": _tap(
        "/status look", "📜 Logs", [_LOOK[0], "GET /training/{look}/logs"], "show the log lines", "last 30 lines"
    ),
    "⏹ Stop": _tap("/status stops-{s}", "⏹ Stop", "GET /training/{stops}/status", "stop the run", "Stop <b>stops-{s}</b>?"),
    "🚫 Cancel": _tap(
        "/status cancels-{s}", "🚫 Cancel", "GET /training/{cancels}/status", "take the run out of the queue",
        "Take <b>cancels-{s}</b> out",
    ),
    "⏸ Pause": _steer("pauses", "⏸ Pause", "POST /training/{pauses}/suspend", "pause the run", "saves a checkpoint and pauses"),
    "▶️ Resume": _steer("resumes", "▶️ Resume", "POST /training/{resumes}/resume", "let the run go on", "goes back to the queue"),
    "⏫ Raise": _steer(
        "raises", "⏫ Raise", "PATCH /training/{raises}", "raise the run's priority", "now goes before others", {"priority": 10}
    ),
    "⏹ Yes, stop": Deed(
        ("/stop stopped-{s}", "⏹ Yes, stop"), ("POST /training/{stopped}/stop",), "stop the run",
        "<b>stopped-{s}</b> is stopping", writes=True, once=True,
    ),
    "🚫 Yes, cancel": Deed(
        ("/cancel leaves-{s}", "🚫 Yes, cancel"), ("DELETE /training/queue/{leaves}",),
        "take the run out of the queue", "<b>leaves-{s}</b> is out of the queue", writes=True, once=True,
    ),
    "a model of the list": _tap(
        "/models", "plain", ["GET /models", "GET /models/plain/versions"], "show the models", "📦 <b>plain</b>"
    ),
    "⬇️ File": _tap(
        "/models filed", "⬇️ File", ["GET /models", "GET /models/filed/versions", "GET /models/filed"],
        "fetch the model's file", "📦 <b>filed</b>",
    ),
    "🗑 Delete": _tap(
        "/models plain", "🗑 Delete", ["GET /models", "GET /models/plain/versions"], "delete the model", "cannot be undone"
    ),
    "🗑 Yes, delete": Deed(
        ("/models gone-{s}", "🗑 Delete", "🗑 Yes, delete"), ("DELETE /models/gone-{s}",), "delete the model",
        "Model <b>gone-{s}</b> is deleted", writes=True, once=True,
    ),
    "a dataset of the list": _tap(
        "/datasets", "iris", ["GET /datasets", "GET /datasets/iris"], "show the datasets", "<code>sepal</code>"
    ),
    "🚀 Train with it": _tap("/datasets iris", "🚀 Train with it", "GET /datasets", "open the form", "What shall be learned?"),
    "the last answer": Deed(
        (_LINE, "name=written-{s}"), ("POST /training/start",), "", "The gateway accepts this.",
        sent={"name": "written-{s}", **_SPEC}, once=True,
    ),
    "🚀 Start": Deed(
        (f"{_LINE} name=started-{{s}}", "🚀 Start"), ("POST /training/start",), "start the run",
        "<b>started-{s}</b> is handed in", sent={"name": "started-{s}", **_SPEC}, writes=True, once=True,
    ),
}  # fmt: skip
"""Every command and every button that makes the bot call the gateway."""

PHASES: Final = {
    "tapped": "Running", "stops": "Running", "pauses": "Running", "stopped": "Running",
    "shown": "Suspended", "resumes": "Suspended",
    "waits": "Queued", "cancels": "Queued", "raises": "Queued", "leaves": "Queued",
}  # fmt: skip
"""The runs that the deeds are about; each suite has its own of each."""


def waves(names: Iterable[str]) -> list[list[str]]:
    """Deeds that may be done at the same time while their calls are struck: none needs a call that another has struck."""
    found: list[list[str]] = []
    for name in names:
        for wave in found:
            if not any(_meet(DEEDS[name], DEEDS[other]) for other in wave):
                wave.append(name)
                break
        else:
            found.append([name])
    return found


def _meet(one: Deed, two: Deed) -> bool:
    def hit(by: Deed, deed: Deed) -> bool:
        return by.struck in deed.calls and by.struck != deed.struck

    return hit(one, two) or hit(two, one)
