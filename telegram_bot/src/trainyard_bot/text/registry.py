"""What the bot says about models, datasets and the system. Pure; see `messages` for the guarantees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trainyard_bot.gateway.views import Dataset, Model, Node, System
from trainyard_bot.text import formats
from trainyard_bot.text.formats import (
    LIST_LIMIT,
    Moment,
    clip,
    count,
    escape,
    metric_lines,
    with_rest,
)

GPUS_SHOWN: Final = 16


def models(views: Sequence[Model], at: Moment) -> str:
    """The registry, one line per model."""
    if not views:
        return "No models yet: a run that succeeds leaves one here."
    lines = [f"<b>{count(len(views), 'model')}</b>"]
    lines += [
        f"📦 <code>{escape(clip(view.name, 128))}</code> {escape(' · '.join(_model_facts(view, at)))}".rstrip()
        for view in views[:LIST_LIMIT]
    ]
    return with_rest(lines, len(views) - LIST_LIMIT)


def _model_facts(view: Model, at: Moment) -> list[str]:
    facts = []
    if view.version is not None:
        facts.append(f"version {view.version}")
    if view.size_bytes is not None:
        facts.append(formats.size(view.size_bytes))
    if view.created is not None:
        facts.append(at.clock(view.created))
    return facts


def model(view: Model, at: Moment) -> str:
    """One model: newest version, size, hash, where it came from."""
    lines = [f"📦 <b>{escape(view.name)}</b>"]
    facts = _model_facts(view, at)
    if facts:
        lines.append(escape(" · ".join(facts)))
    if view.versions > 1:
        lines.append(f"{view.versions} versions")
    if view.session:
        lines.append(f"From run <code>{escape(view.session)}</code>")
    if view.sha256:
        lines.append(f"SHA-256 <code>{escape(view.sha256)}</code>")
    return "\n".join(lines + metric_lines(view.metrics))


def datasets(views: Sequence[Dataset], at: Moment) -> str:
    """The datasets, one line each."""
    if not views:
        return "No datasets yet. Upload one with the command line: trainyard datasets put FILE"
    lines = [f"<b>{count(len(views), 'dataset')}</b>"]
    lines += [
        f"🗂 <code>{escape(clip(view.name, 128))}</code> {escape(' · '.join(_dataset_facts(view, at)))}".rstrip()
        for view in views[:LIST_LIMIT]
    ]
    return with_rest(lines, len(views) - LIST_LIMIT)


def _dataset_facts(view: Dataset, at: Moment) -> list[str]:
    facts = [view.format] if view.format else []
    if view.samples is not None:
        facts.append(count(view.samples, "sample"))
    if view.size_bytes is not None:
        facts.append(formats.size(view.size_bytes))
    if view.created is not None:
        facts.append(at.clock(view.created))
    return facts


def dataset(view: Dataset, at: Moment) -> str:
    """One dataset with its dimensions and columns."""
    lines = [f"🗂 <b>{escape(view.name)}</b>"]
    facts = _dataset_facts(view, at)
    if facts:
        lines.append(escape(" · ".join(facts)))
    if view.dimensions:
        lines.append("Dimensions " + " × ".join(f"{n:,}" for n in view.dimensions))
    lines += [
        f"<code>{escape(clip(name, 60))}</code> {escape(clip(kind, 30))}"
        for name, kind in view.columns[:LIST_LIMIT]
    ]
    return with_rest(lines, len(view.columns) - LIST_LIMIT)


def system(view: System) -> str:
    """The cluster's GPUs node by node, then the gateway's machine."""
    lines = [f"🖥 <b>GPUs in use: {view.gpus_used} of {view.gpus_total}</b>"]
    lines += [_node(node) for node in view.nodes[:LIST_LIMIT]]
    if len(view.nodes) > LIST_LIMIT:
        lines.append(f"… and {count(len(view.nodes) - LIST_LIMIT, 'more node')}")
    lines.append("<b>Machine of the gateway</b>")
    lines.append(
        f"CPU {view.cpu_percent:.0f} % · memory {_share(view.memory)} · disk {_share(view.disk)}"
    )
    lines += [
        f"{escape(clip(gpu.name, 40))} {gpu.utilization:.0f} % · {_share((gpu.memory_used, gpu.memory_total))}"
        for gpu in view.gpus[:GPUS_SHOWN]
    ]
    return with_rest(lines, 0)


def _node(node: Node) -> str:
    name = escape(clip(node.name, 100))
    if not node.ready:
        return f"⚠️ <code>{name}</code> is not ready"
    return f"<code>{name}</code> {node.gpus_used} of {count(node.gpus, 'GPU')}"


def _share(used_and_total: tuple[int, int]) -> str:
    used, total = used_and_total
    return f"{formats.size(used)} of {formats.size(total)}"
