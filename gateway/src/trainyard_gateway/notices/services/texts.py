"""A message as people read it in a chat or a mail: title and text, plain and bounded. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import orjson

from trainyard_api.model import clip

MOST_OF_TITLE: Final = 150
MOST_OF_TEXT: Final = 1500
_MOST_OF_LINE: Final = 200
_MOST_OF_LINES: Final = 20
_SPENT: Final = "Budget of the {kind} {name}: {spentGpuHours} of {gpuHours} GPU-hours are spent"
_TITLES: Final = {
    "session.failure": "{name}: attempt {attempt} failed, {class}",
    "session.phase": "{name}: {phase}",
    "session.metric": "{name}: {metric} is {value}",
    "session.stalled": "{name}: no step for {secondsWithoutStep} s",
    "session.starts-soon": "{name}: starts soon",
    "budget.warning": _SPENT,
    "budget.spent": _SPENT,
    "notice.digest": "{count} notices",
    "notice.test": "A trial of the receiver {receiver}",
}
_FACTS: Final = ("message", "user", "queue", "attempt", "phase", "metric", "value", "renews")


def title_and_text(body: str) -> tuple[str, str]:
    """What a service gets for a message."""
    whole = orjson.loads(body)
    kind, data = str(whole.get("type")), whole.get("data") or {}
    lines = _digest(data) if kind == "notice.digest" else _facts(data, str(whole["timestamp"]))
    return clip(_title(kind, data), MOST_OF_TITLE), clip("\n".join(lines), MOST_OF_TEXT)


def _title(kind: str, data: Mapping[str, Any]) -> str:
    name = data.get("session") or data.get("name")
    form = _TITLES.get(kind)
    if form is not None:
        return form.format_map(defaultdict(str, {**data, "name": name}))
    return f"{kind} {name or ''}".strip()


def _facts(data: Mapping[str, Any], time: str) -> list[str]:
    found = [f"{name}: {data[name]}" for name in _FACTS if data.get(name) not in (None, "")]
    return [clip(line, MOST_OF_TEXT // 2) for line in found] + [f"at {time}"]


def _digest(data: Mapping[str, Any]) -> list[str]:
    shown = list(data.get("notices") or ())
    lines = [
        clip(f"{one.get('timestamp')} {_title(str(one.get('type')), one['data'])}", _MOST_OF_LINE)
        for one in shown[:_MOST_OF_LINES]
    ]
    size = 0
    kept = [line for line in lines if (size := size + len(line) + 1) < MOST_OF_TEXT - 200]
    if left := int(data.get("count") or 0) - len(kept):
        kept.append(f"and {left} more; `trainyard notices sent` lists them")
    if dropped := data.get("dropped"):
        kept.append(f"{dropped} further ones were dropped, since too many waited")
    return kept
