"""The sessions of the demo, the expected results, and the tables shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from trainyard.models import Session

ACCURACY_GOAL = 0.95
"""Digits models must reach this on the held-out split."""
_RESOURCES = {"gpus": 2, "cpu": "400m", "memory": "768Mi"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session to start: its name without the suffix, and its spec."""

    name: str
    spec: Mapping[str, Any]


def _digits(name: str, **training: Any) -> Wanted:
    config = {
        "task": "tabular-classification",
        "epochs": 12,
        "batchSize": 64,
        "learningRate": 0.002,
    }
    return Wanted(
        name, {"dataset": "digits", "training": {**config, **training}, "resources": _RESOURCES}
    )


def sessions() -> list[Wanted]:
    """Five sessions of two GPUs; on four GPUs two run and the others wait."""
    layers = {"architecture": "mlp", "parameters": {"hiddenSizes": [64], "activation": "tanh"}}
    return [
        _digits("digits-adam"),
        _digits("digits-small", model=layers, epochs=16),
        _digits("digits-sgd", optimizer="sgd", learningRate=0.02),
        _digits(
            "digits-cosine", optimizer="adamw", scheduler={"name": "cosine", "warmupSteps": 20}
        ),
        Wanted(
            "diabetes-mlp",
            {
                "dataset": "diabetes",
                "training": {
                    "task": "tabular-regression",
                    "epochs": 40,
                    "learningRate": 0.002,
                    "weightDecay": 0.01,
                    "earlyStopping": {"patience": 10},
                    "model": {
                        "architecture": "mlp",
                        "parameters": {"hiddenSizes": [32], "dropout": 0.1},
                    },
                },
                "resources": _RESOURCES,
            },
        ),
    ]


def live_table(found: Sequence[Session]) -> Table:
    """A table of the state of every session."""
    table = Table(box=None, pad_edge=False)
    for column in ("session", "phase", "progress", "ETA", "position", "attempt"):
        table.add_column(column, justify="left" if column in ("session", "phase") else "right")
    for session in found:
        table.add_row(*row(session))
    return table


def row(session: Session) -> tuple[str, ...]:
    """One row of the live table; '-' stands for an unknown value."""
    status = session.status
    progress, queue = status.progress, status.queue
    return (
        session.name,
        session.phase,
        (progress.percent_display if progress else None) or "-",
        (progress.eta_display if progress and not session.finished else None) or "-",
        str(queue.position) if queue and queue.position else "-",
        str(status.attempt) if status.attempt else "-",
    )


def result_table(found: Sequence[Session], metrics: Mapping[str, Mapping[str, float]]) -> Table:
    """A table of metrics on the held-out split, and of the models."""
    table = Table(box=None, pad_edge=False)
    for column in ("session", "phase", "metric", "value", "model"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for session in found:
        name, value = headline(metrics.get(session.name, {}))
        model = session.status.model
        shown = f"{model.name} v{model.version} {model.sha256[:12]}" if model else "-"
        table.add_row(session.name, session.phase, name, value, shown)
    return table


def headline(metrics: Mapping[str, float]) -> tuple[str, str]:
    """The main metric of a session."""
    for name in ("val/accuracy", "val/r2", "val/loss"):
        if name in metrics:
            return name, f"{metrics[name]:.4f}"
    return "-", "-"


def complaints(found: Sequence[Session], metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    """One sentence for each failed expectation; empty if there is none."""
    out = []
    for session in found:
        if not session.succeeded:
            failure = session.status.failure
            why = (
                f"{failure.failure_class}: {failure.message} {failure.hint or ''}"
                if failure
                else session.status.message
            )
            out.append(f"{session.name} is {session.phase}: {why}")
            continue
        accuracy = metrics.get(session.name, {}).get("val/accuracy")
        if session.spec.dataset == "digits" and (accuracy is None or accuracy < ACCURACY_GOAL):
            out.append(f"{session.name} reached an accuracy of {accuracy}, below {ACCURACY_GOAL}")
        if session.status.model is None:
            out.append(f"{session.name} left no model")
    return out
