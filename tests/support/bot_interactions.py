"""What a person does with the bot, which calls the gateway gets for it, and what comes of it: one
table for all tests."""

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
class Interaction:
    """What a person writes and taps, and the calls of the gateway that follow.

    `steps` are texts, or captions of buttons below the message before; the last one makes `calls`.
    `failed` is what the bot says that it could not do when call number `at` fails, "" if the form
    says it. `{s}` stands for the letter of the suite, a session's name in braces for its UID.
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
    def main_call(self) -> str:
        """The call that does what was asked for."""
        return self.calls[self.at]


def _read(text: str, calls: str | list[str], failed: str, good: str) -> Interaction:
    made = [calls] if isinstance(calls, str) else calls
    return Interaction((text,), tuple(made), failed, good)


def _tap(text: str, caption: str, calls: str | list[str], failed: str, good: str) -> Interaction:
    made = [calls] if isinstance(calls, str) else calls
    return Interaction((text, caption), tuple(made), failed, good)


def _steer(
    name: str, caption: str, call: str, failed: str, good: str, sent: Any = None
) -> Interaction:
    look = f"GET /training/{{{name}}}/status"
    return Interaction(
        (f"/status {name}-{{s}}", caption), (look, call, look), failed, good, 1, sent, writes=True
    )


INTERACTIONS: Final[dict[str, Interaction]] = {
    "/sessions": _read("/sessions", "GET /training/sessions", "list the sessions", "sessions</b>"),
    "/sessions phase": _read(
        "/sessions suspended", "GET /training/sessions", "list the sessions", "<code>shown-{s}</code> Suspended"
    ),
    "/status": _read("/status", "GET /training/sessions", "show the session", "Which session?"),
    "/status session": _read(
        "/status tapped-{s}", "GET /training/tapped-{s}/status", "show the session", "🏃 <b>tapped-{s}</b>\nRunning"
    ),
    "/queue": _read("/queue", "GET /training/queue", "show the queue", "waiting</b>"),
    "/metrics": _read(
        "/metrics look", ["GET /training/look/status", *_LOOK[1:]], "show the metrics", "<code>train/loss</code>"
    ),
    "/logs": _read(
        "/logs look 5", ["GET /training/look/status", "GET /training/{look}/logs"], "show the log lines",
        "last 5 lines",
    ),
    "/stop": _read("/stop tapped-{s}", "GET /training/tapped-{s}/status", "stop the session", "It saves a checkpoint first"),
    "/cancel": _read("/cancel", "GET /training/sessions", "cancel the session", "Which session?"),
    "/cancel session": _read(
        "/cancel waits-{s}", "GET /training/waits-{s}/status", "cancel the session", "It has not run yet."
    ),
    "/models": _read("/models", "GET /models", "show the models", "models</b>"),
    "/models name": _read("/models plain", "GET /models/plain/versions", "show the models", "📦 <b>plain</b>"),
    "/datasets": _read("/datasets", "GET /datasets", "show the datasets", "<code>iris</code> csv · 6 samples"),
    "/datasets name": _read("/datasets iris", "GET /datasets/iris", "show the datasets", "<code>sepal</code>"),
    "/system": _read("/system", "GET /system/info", "show the nodes and GPUs", "GPUs in use: "),
    "/train": _read("/train", "GET /datasets", "open the form", "Which dataset?"),
    "/train line": Interaction(
        (f"{_LINE} name=lined-{{s}}",), ("POST /training/start",), "", "The gateway accepts this.",
        sent={"name": "lined-{s}", **_SPEC},
    ),
    "a session of the list": _tap(
        "/sessions suspended", "shown-{s}", "GET /training/{shown}/status", "show the session", "⏸ <b>shown-{s}</b>"
    ),
    "📈 Curve": _tap("/status look", "📈 Curve", _LOOK, "show the metrics", "<code>train/loss</code>"),
    "📜 Logs": _tap(
        "/status look", "📜 Logs", [_LOOK[0], "GET /training/{look}/logs"], "show the log lines", "last 30 lines"
    ),
    "⏹ Stop": _tap("/status stops-{s}", "⏹ Stop", "GET /training/{stops}/status", "stop the session", "Stop <b>stops-{s}</b>?"),
    "🚫 Cancel": _tap(
        "/status cancels-{s}", "🚫 Cancel", "GET /training/{cancels}/status", "cancel the session",
        "Cancel <b>cancels-{s}</b>?",
    ),
    "⏸ Suspend": _steer("pauses", "⏸ Suspend", "POST /training/{pauses}/suspend", "suspend the session", "is being suspended"),
    "▶️ Resume": _steer("resumes", "▶️ Resume", "POST /training/{resumes}/resume", "resume the session", "is back in the queue"),
    "⏫ Raise": _steer(
        "raises", "⏫ Raise", "PATCH /training/{raises}", "raise the session's priority", "has a higher priority now", {"priority": 10}
    ),
    "⏹ Yes, stop": Interaction(
        ("/stop stopped-{s}", "⏹ Yes, stop"), ("POST /training/{stopped}/stop",), "stop the session",
        "<b>stopped-{s}</b> is stopping", writes=True, once=True,
    ),
    "🚫 Yes, cancel": Interaction(
        ("/cancel leaves-{s}", "🚫 Yes, cancel"), ("DELETE /training/queue/{leaves}",),
        "cancel the session", "<b>leaves-{s}</b> is cancelled", writes=True, once=True,
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
    "🗑 Yes, delete": Interaction(
        ("/models gone-{s}", "🗑 Delete", "🗑 Yes, delete"), ("DELETE /models/gone-{s}",), "delete the model",
        "Model <b>gone-{s}</b> is deleted", writes=True, once=True,
    ),
    "a dataset of the list": _tap(
        "/datasets", "iris", ["GET /datasets", "GET /datasets/iris"], "show the datasets", "<code>sepal</code>"
    ),
    "🚀 Train with it": _tap("/datasets iris", "🚀 Train with it", "GET /datasets", "open the form", "Which task?"),
    "the last answer": Interaction(
        (_LINE, "name=written-{s}"), ("POST /training/start",), "", "The gateway accepts this.",
        sent={"name": "written-{s}", **_SPEC}, once=True,
    ),
    "🚀 Start": Interaction(
        (f"{_LINE} name=started-{{s}}", "🚀 Start"), ("POST /training/start",), "start the session",
        "<b>started-{s}</b> is submitted", sent={"name": "started-{s}", **_SPEC}, writes=True, once=True,
    ),
}  # fmt: skip
"""Every command and every button that makes the bot call the gateway."""

PHASES: Final = {
    "tapped": "Running", "stops": "Running", "pauses": "Running", "stopped": "Running",
    "shown": "Suspended", "resumes": "Suspended",
    "waits": "Queued", "cancels": "Queued", "raises": "Queued", "leaves": "Queued",
}  # fmt: skip
"""The sessions that the interactions are about; each suite has its own of each."""


def waves(names: Iterable[str]) -> list[list[str]]:
    """Groups of interactions that can happen while the main call of each fails.

    Within a group, no interaction needs a call that fails for another one.
    """
    found: list[list[str]] = []
    for name in names:
        for wave in found:
            if not any(_meet(INTERACTIONS[name], INTERACTIONS[other]) for other in wave):
                wave.append(name)
                break
        else:
            found.append([name])
    return found


def _meet(one: Interaction, two: Interaction) -> bool:
    def hit(by: Interaction, interaction: Interaction) -> bool:
        return by.main_call in interaction.calls and by.main_call != interaction.main_call

    return hit(one, two) or hit(two, one)
