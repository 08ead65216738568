"""The steps of the demo: upload, start, watch, compare, download, predict."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from trainyard.client import Client
from trainyard.errors import Conflict
from trainyard.models import Session
from trainyard_demo import data, plan, prediction
from trainyard_demo.installation import NAMESPACE, ROOT, DemoError, Tools

PATIENCE_SECONDS = 600.0
REFRESH_SECONDS = 1.0


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Print a step and its duration."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    console.print(f"  [green]✓[/green] {escape(what)} [dim]({took:.1f} s)[/dim]", highlight=False)


def upload(gateway: Client, console: Console) -> None:
    """Upload both datasets, unless identical ones exist."""
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("digits", data.write_digits), ("diabetes", data.write_diabetes)):
            path = write(Path(folder))
            try:
                found = gateway.upload_dataset(name, path)
            except Conflict:
                gateway.delete_dataset(name)
                found = gateway.upload_dataset(name, path)
            console.print(
                f"    {name}: {found.details.samples:,} samples, {found.format}", highlight=False
            )


def start(gateway: Client, tools: Tools, suffix: str) -> list[str]:
    """Start five sessions by REST and one by kubectl. Returns their names."""
    names = []
    for wanted in plan.sessions():
        names.append(gateway.start_training(wanted.spec, f"{wanted.name}-{suffix}").name)
    manifest = yaml.safe_load((ROOT / "examples" / "session.yaml").read_text())
    manifest["metadata"]["name"] += f"-{suffix}"
    tools.run("kubectl", "-n", NAMESPACE, "apply", "-f", "-", input_text=json.dumps(manifest))
    return [*names, str(manifest["metadata"]["name"])]


def watch(gateway: Client, names: list[str], console: Console) -> list[Session]:
    """Show the sessions until all are finished. Raises DemoError after the time limit."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    shown: dict[str, tuple[str, ...]] = {}
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while True:
            found = [gateway.status(name) for name in names]
            if console.is_terminal:
                live.update(plan.live_table(found))
            else:
                _print_changes(console, found, shown)
            if all(session.finished for session in found):
                return found
            if time.monotonic() > deadline:
                raise DemoError(f"the sessions did not finish within {PATIENCE_SECONDS:.0f} s")
            time.sleep(REFRESH_SECONDS)


def _print_changes(
    console: Console, found: list[Session], shown: dict[str, tuple[str, ...]]
) -> None:
    """Without a terminal: a line for every session whose phase or position changed."""
    for session in found:
        cells = plan.row(session)
        mark = (cells[1], cells[4])
        if shown.get(session.name) != mark:
            shown[session.name] = mark
            place = f", position {cells[4]}" if cells[4] != "-" else ""
            console.print(f"    {cells[0]}: {cells[1]}{place}", highlight=False)


def metrics(gateway: Client, found: list[Session]) -> dict[str, dict[str, float]]:
    """The latest metrics of every session."""
    out = {}
    for session in found:
        values = gateway.metrics(session.name).metrics
        out[session.name] = {v.name: v.value for v in values if isinstance(v.value, float)}
    return out


def download_and_predict(
    gateway: Client, tools: Tools, image: str, session: Session, folder: Path
) -> str:
    """Download a session's model, check its hash, predict with it in a pod of the trainer's image.

    Returns one sentence. Raises DemoError when the model does not predict, or
    predicts fewer digits correctly than plan.ACCURACY_GOAL.
    """
    model = session.status.model
    assert model is not None
    path = gateway.download_model(model.name, folder / "model.safetensors", model.version)
    digits = data.write_digits(folder)
    scored = prediction.predict(tools, NAMESPACE, image, path, digits)
    if scored.accuracy < plan.ACCURACY_GOAL:
        raise DemoError(f"the downloaded model's accuracy is {scored.accuracy:.4f}")
    return (
        f"{model.name} v{model.version}: SHA-256 {model.sha256[:16]}… is right, "
        f"{scored.accuracy:.4f} of {scored.samples:,} digits predicted correctly"
    )
