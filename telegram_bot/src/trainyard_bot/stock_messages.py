"""What the bot says about models, datasets and the system. Pure; see `messages` for the guarantees."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_bot import formats
from trainyard_bot.formats import LIST_LIMIT, Moment, clip, count, escape, metric_lines, with_rest
from trainyard_bot.views import Dataset, Model, Node, System


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
    """Nodes and GPUs, and how busy they are."""
    lines = ["🖥 <b>System</b>"]
    if view.gpus_total is not None:
        used = f"{view.gpus_used} of " if view.gpus_used is not None else ""
        lines.append(
            f"GPUs in use: {used}{view.gpus_total}" if used else f"GPUs: {view.gpus_total}"
        )
    for node in view.nodes[:LIST_LIMIT]:
        lines += _node(node)
    return with_rest(lines, len(view.nodes) - LIST_LIMIT)


def _node(node: Node) -> list[str]:
    facts = []
    if node.cpu_percent is not None:
        facts.append(f"CPU {node.cpu_percent:.0f} %")
    if node.memory_used is not None and node.memory_total:
        facts.append(
            f"memory {formats.size(node.memory_used)} of {formats.size(node.memory_total)}"
        )
    if node.disk_used is not None and node.disk_total:
        facts.append(f"disk {formats.size(node.disk_used)} of {formats.size(node.disk_total)}")
    lines = [f"<b>{escape(clip(node.name, 100))}</b> {' · '.join(facts)}".rstrip()]
    for gpu in node.gpus[:8]:
        about = [escape(clip(gpu.name, 40))]
        if gpu.utilization is not None:
            about.append(f"{gpu.utilization:.0f} %")
        if gpu.memory_used is not None and gpu.memory_total:
            about.append(f"{formats.size(gpu.memory_used)} of {formats.size(gpu.memory_total)}")
        lines.append("  " + " · ".join(about))
    return lines
