"""The application: lists the commands, and ends with a sentence and an exit code on errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from trainyard.cli import output
from trainyard.cli.command_table import LazyCommand, commands
from trainyard.cli.errors import MEANINGS, Exit, explain
from trainyard.cli.text import formats

EPILOG = "Exit codes: " + "; ".join(f"{code.value} {MEANINGS[code]}" for code in Exit) + "."


class Application(TyperGroup):
    """Imports a command when it is used; an error ends it with one sentence, never a traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Without arguments print the help and end with the code of a wrong usage."""
        if not args and not ctx.resilient_parsing:
            output.line(ctx.get_help())
            raise typer.Exit(Exit.USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command of the first argument, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; ends the process with the exit code of an error."""
        try:
            result = super().invoke(ctx)
            # A reader that went away is noticed here rather than at the interpreter's end.
            sys.stdout.flush()
        except BrokenPipeError:
            # What is still buffered has no reader (Python's documentation of SIGPIPE).
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            output.remark("interrupted")
            raise typer.Exit(Exit.INTERRUPTED) from None
        except Exception as error:
            if isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code"):
                raise
            message, code = explain(error)
            output.remark(f"error: {formats.sentence(message)}", "red")
            raise typer.Exit(code) from error
        return result

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of commands as plain text: importing rich takes longer than all the rest."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  typer's signature
        """The commands below the heading of their panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            row = (name, command.help or "")
            panels.setdefault(str(getattr(command, "rich_help_panel", "")), []).append(row)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)

    def load_all(self) -> dict[str, Any]:
        """Every command by name, imported; for the reference and for tests."""
        found = self.commands.items()
        return {n: c.load() if isinstance(c, LazyCommand) else c for n, c in found}


def build() -> Application:
    """The application."""
    app = typer.Typer(
        cls=Application,
        name="trainyard",
        help="Submit, watch and steer training on a shared cluster.",
        epilog=EPILOG,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    group = get_command(app)
    if not isinstance(group, Application):
        raise TypeError("typer builds a group of the class that it is given")
    group.commands.update(commands())
    return group


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        output.line(metadata.version("trainyard"))
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass


def run(arguments: list[str] | None = None) -> None:
    """Run one command line (default: the process's own) and end the process with its exit code."""
    name = "kubectl trainyard" if "kubectl-" in sys.argv[0] else "trainyard"
    build()(args=arguments, prog_name=name)
