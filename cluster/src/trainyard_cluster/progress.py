"""Show a long step and its duration: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


def seconds(value: float) -> str:
    """`3.2 s`, `1 min 05 s`."""
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60):02d} s"


class Progress:
    """Prints each step and its duration."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show `what` while the body runs, then its duration."""
        started = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(escape(what)):
                yield
        else:
            self.console.print(f"  … {what}", highlight=False, markup=False, soft_wrap=True)
            yield
        took = seconds(time.monotonic() - started)
        self.console.print(
            f"  [green]✓[/green] {escape(what)} [dim]({took})[/dim]",
            highlight=False,
            soft_wrap=True,
        )

    def note(self, text: str) -> None:
        """Print one line."""
        self.console.print(f"    {text}", highlight=False, markup=False, soft_wrap=True)
