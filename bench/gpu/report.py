"""The result as Markdown."""

from __future__ import annotations

import textwrap
from typing import Any

from steps import summary


def page(results: dict[str, Any]) -> str:
    """All parts that were measured."""
    machine = results["machine"]
    lines = [
        f"# GPU check: {machine['device']}",
        "",
        f"`{results['command']}`, {machine['date']}; {results['seconds']:.0f} s.",
        "",
        ", ".join(f"{name} {value}" for name, value in machine.items() if name != "date") + ".",
        "",
    ]
    for part, write in PARTS.items():
        if part in results:
            lines += [*write(results[part]), ""]
    return "\n".join(wrapped for line in lines for wrapped in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    """Prose in lines of at most 100 columns; rows of tables as they are."""
    if line.startswith("|") or not line:
        return [line]
    indent = "  " if line.startswith("- ") else ""
    return textwrap.wrap(
        line, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _steps(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Step times",
        "",
        "Milliseconds a step: median (minimum to maximum) over the rounds. Ratio: to the bare loop.",
        "",
        "| Model | Precision | Arm | Rounds | Step (ms) | Ratio |",
        "|---|---|---|---:|---:|---:|",
    ]
    for case, measured in found.items():
        model, precision = case.split()
        if "milliseconds" not in measured:
            lines.append(f"| {model} | {precision} | {next(iter(measured.values()))} | | | |")
            continue
        times = measured["milliseconds"]
        bare = summary(times["bare loop"])[0]
        for arm, values in times.items():
            median, low, high = summary(values)
            shown = f"{median:.3f} ({low:.3f} to {high:.3f})"
            lines.append(
                f"| {model} | {precision} | {arm} | {len(values)} | {shown} | {median / bare:.3f} |"
            )
    lines += [
        "",
        "Losses of one epoch, trainer beside bare loop from the same seed:",
        "",
        "| Model | Precision | First loss | Last loss | Largest difference |",
        "|---|---|---:|---:|---:|",
    ]
    for case, measured in found.items():
        if "first_loss" in measured:
            model, precision = case.split()
            lines.append(
                f"| {model} | {precision} | {measured['first_loss']:.4f} | "
                f"{measured['last_loss']:.4f} | {measured['largest_loss_difference']:.2g} |"
            )
    return lines


def _checkpoints(found: dict[str, Any]) -> list[str]:
    lines = ["## Cost of a checkpoint", ""]
    if "added" not in found:
        return [*lines, str(found)]
    return [
        *lines,
        f"A checkpoint of {found['checkpoint_bytes'] / 1e6:.0f} MB; time added to the epoch, median.",
        "",
        "| How | Added (ms) |",
        "|---|---:|",
        *(f"| {kind} | {value:.1f} |" for kind, value in found["added"].items()),
    ]


def _resume(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Checkpoint and resume",
        "",
        "A session killed by SIGKILL after a checkpoint and resumed, beside one that was not killed.",
        "The last column is the largest difference of a loss between two sessions without a kill.",
        "",
        "| Model | Precision | Exit codes | Losses equal | Largest difference | Weights | Without a kill |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    for case, one in found.items():
        model, precision = case.split()
        codes = ", ".join(map(str, one.get("exit_codes", ())))
        if "losses" not in one:
            lines.append(
                f"| {model} | {precision} | {codes} | {one.get('skipped', 'failed')} | | | |"
            )
            continue
        weights = (
            "equal bits" if one["weights_equal"] else f"±{one['largest_weight_difference']:.2g}"
        )
        lines.append(
            f"| {model} | {precision} | {codes} | {one['losses_equal']} of {one['losses']} | "
            f"{one['largest_loss_difference']:.2g} | {weights} | "
            f"{one['largest_loss_difference_without_kill']:.2g} |"
        )
    return lines


def _memory(found: dict[str, Any]) -> list[str]:
    return ["## A batch that does not fit", "", *_items(found)]


def _metrics(found: dict[str, Any]) -> list[str]:
    lines = ["## GPU metrics beside nvidia-smi", ""]
    if "pairs" not in found:
        return [*lines, *_items(found)]
    ours, theirs = found["last_pair"]
    return [
        *lines,
        f"{found['pairs']} pairs of readings while a session trains. "
        f"The session itself reported {found['session_reports']}; "
        f"exit code after SIGTERM: {found['exit_code_after_sigterm']}.",
        "",
        "| Metric | Ours (last pair) | nvidia-smi | Median difference |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {ours[name]:g} | {theirs.get(name, float('nan')):g} | {value:g} |"
            for name, value in found["largest_difference"].items()
        ),
    ]


def _processes(found: dict[str, Any]) -> list[str]:
    return ["## Two processes by nccl", "", *_items(found)]


def _items(found: dict[str, Any]) -> list[str]:
    return [f"- {name.replace('_', ' ')}: {value}" for name, value in found.items()]


PARTS = {
    "steps": _steps,
    "checkpoints": _checkpoints,
    "resume": _resume,
    "memory": _memory,
    "metrics": _metrics,
    "processes": _processes,
}
