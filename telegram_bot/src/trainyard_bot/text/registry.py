"""What the bot writes about models, datasets and nodes. Pure; `answers` lists the guarantees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trainyard.models import Dataset, DatasetEntry, Gpu, Model, Node, System, Usage
from trainyard_api import timestamps
from trainyard_bot.text import formats
from trainyard_bot.text.formats import (
    LIST_LIMIT,
    LocalTime,
    count,
    inline,
    integer,
    metric_lines,
    name_of,
    percent,
    with_rest,
)

GPUS_SHOWN: Final = 16
NOTES_SHOWN: Final = 5
LONGEST_NOTE: Final = 300


def models(listed: Sequence[Model], local: LocalTime) -> str:
    """The models, one line each."""
    if not listed:
        return "No models yet. A session that succeeds registers one."
    lines = [f"<b>{count(len(listed), 'model')}</b>"]
    lines += [
        f"📦 <code>{name_of(one.name)}</code> {_model_facts(one, local)}"
        for one in listed[:LIST_LIMIT]
    ]
    return with_rest(lines, len(listed) - LIST_LIMIT)


def model(newest: Model, versions: int, local: LocalTime) -> str:
    """One model: newest version, number of versions, hash, session and metrics."""
    lines = [f"📦 <b>{name_of(newest.name)}</b>", _model_facts(newest, local)]
    if versions > 1:
        lines.append(f"{integer(versions)} versions")
    session = _session_name(newest.card.get("session"))
    if session:
        lines.append(f"From session <code>{inline(session)}</code>")
    lines.append(f"SHA-256 <code>{inline(newest.sha256)}</code>")
    return "\n".join(lines + metric_lines(_card_metrics(newest.card)))


def _model_facts(one: Model, local: LocalTime) -> str:
    files = [] if one.kind == "file" else [count(one.files, "file")]
    flags = [f"⚠️ {inline(flag, 32)}" for flag in one.flags[:4]]
    facts = [f"version {integer(one.version)}", *files, formats.size(one.size_bytes), *flags]
    return " · ".join(facts + _created(one.created, local))


def _created(text: str, local: LocalTime) -> list[str]:
    time = timestamps.parse(text)
    return [] if time is None else [local.clock(time)]


def _session_name(session: Any) -> str | None:
    """A card names its session as text, or as an object with a name."""
    name = session.get("name") if isinstance(session, Mapping) else session
    return name if isinstance(name, str) else None


def _card_metrics(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    values = card.get("metrics")
    if not isinstance(values, Mapping):
        return []
    return [(str(name), str(value)) for name, value in values.items()]


def datasets(listed: Sequence[Dataset | DatasetEntry], local: LocalTime) -> str:
    """The datasets, one line each."""
    if not listed:
        return "No datasets yet. Upload one with the command line: trainyard datasets put FILE"
    lines = [f"<b>{count(len(listed), 'dataset')}</b>"]
    lines += [
        f"🗂 <code>{name_of(one.name)}</code> {_dataset_facts(one, local)}"
        for one in listed[:LIST_LIMIT]
    ]
    return with_rest(lines, len(listed) - LIST_LIMIT)


def dataset(shown: Dataset, local: LocalTime) -> str:
    """One dataset with its dimensions, its target, what was guessed, and its columns."""
    details = shown.details
    lines = [f"🗂 <b>{name_of(shown.name)}</b>", _dataset_facts(shown, local)]
    if details.dimensions:
        lines.append("Dimensions " + " × ".join(map(integer, details.dimensions[:LIST_LIMIT])))
    if details.target is not None:
        why = f" ({inline(details.target_reason, 100)})" if details.target_reason else ""
        lines.append(f"Target <code>{inline(details.target, 60)}</code>{why}")
    lines += [f"⚠️ {inline(note, LONGEST_NOTE)}" for note in details.notes[:NOTES_SHOWN]]
    if len(details.notes) > NOTES_SHOWN:
        lines.append(f"… and {count(len(details.notes) - NOTES_SHOWN, 'more note')}")
    lines += [
        f"<code>{inline(column.name, 60)}</code> {inline(column.type, 30)}"
        for column in details.columns[:LIST_LIMIT]
    ]
    return with_rest(lines, len(details.columns) - LIST_LIMIT)


def _dataset_facts(one: Dataset | DatasetEntry, local: LocalTime) -> str:
    facts = [inline(one.format, 32), count(one.details.samples, "sample")]
    return " · ".join([*facts, formats.size(one.size_bytes), *_created(one.created, local)])


def system(shown: System) -> str:
    """The GPUs of the cluster by node, then the machine of the gateway."""
    lines = [f"🖥 <b>GPUs in use: {integer(shown.gpus_used)} of {integer(shown.gpus_total)}</b>"]
    lines += [_node(node) for node in shown.nodes[:LIST_LIMIT]]
    if len(shown.nodes) > LIST_LIMIT:
        lines.append(f"… and {count(len(shown.nodes) - LIST_LIMIT, 'more node')}")
    lines.append("<b>Machine of the gateway</b>")
    memory, disk = _usage(shown.memory), _usage(shown.disk)
    lines.append(f"CPU {percent(shown.cpu_percent)} · memory {memory} · disk {disk}")
    lines += [_gpu(gpu) for gpu in shown.gpus[:GPUS_SHOWN]]
    return with_rest(lines, 0)


def _node(node: Node) -> str:
    name = inline(node.name, 100)
    if not node.ready:
        return f"⚠️ <code>{name}</code> is not ready"
    return f"<code>{name}</code> {integer(node.gpus_used)} of {count(node.gpus, 'GPU')}"


def _gpu(gpu: Gpu) -> str:
    memory = f"{formats.size(gpu.memory_used_bytes)} of {formats.size(gpu.memory_total_bytes)}"
    return f"{inline(gpu.name, 40)} {percent(gpu.utilization_percent)} · {memory}"


def _usage(usage: Usage) -> str:
    return f"{formats.size(usage.used_bytes)} of {formats.size(usage.total_bytes)}"
