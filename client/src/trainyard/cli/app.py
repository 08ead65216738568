"""All commands in one place, and the edge where errors become a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trainyard.cli import output
from trainyard.cli.commands import (
    datasets,
    doctor,
    estimate,
    keys,
    login,
    logs,
    metrics,
    models,
    queue,
    sessions,
    submit,
    system,
    watch,
)
from trainyard.cli.errors import MEANINGS, Exit, explain
from trainyard.cli.text import formats

EPILOG = "Exit codes: " + "; ".join(f"{code.value} {MEANINGS[code]}" for code in Exit) + "."


class Explained(TyperGroup):
    """Runs a command; what goes wrong is said in one sentence, and never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """As TyperGroup does, ending with the exit code of the error."""
        try:
            result = super().invoke(ctx)
            # A reader that went away is noticed here rather than at the interpreter's end.
            sys.stdout.flush()
        except BrokenPipeError:
            # Whatever is still buffered has no reader (Python's documentation of SIGPIPE).
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            output.remark("interrupted")
            raise typer.Exit(Exit.INTERRUPTED) from None
        except Exception as error:
            if isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code"):
                raise
            said, code = explain(error)
            output.remark(f"error: {formats.sentence(said)}", "red")
            raise typer.Exit(code) from error
        return result


def build() -> typer.Typer:
    """The application."""
    app = typer.Typer(
        cls=Explained,
        name="trainyard",
        help="Submit, watch and steer training on a shared cluster.",
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    app.command("login", rich_help_panel="Set up")(login.login)
    app.command("logout", rich_help_panel="Set up")(login.logout)
    app.command("doctor", rich_help_panel="Set up")(doctor.doctor)
    app.command("system", rich_help_panel="Set up")(system.system)
    app.command("submit", rich_help_panel="Train")(submit.submit)
    app.command("ls", rich_help_panel="Train")(sessions.ls)
    app.command("status", rich_help_panel="Train")(sessions.status)
    app.command("watch", rich_help_panel="Train")(watch.watch)
    app.command("logs", rich_help_panel="Train")(logs.logs)
    app.command("metrics", rich_help_panel="Train")(metrics.metrics)
    app.command("queue", rich_help_panel="Train")(queue.queue)
    app.command("estimate", rich_help_panel="Train")(estimate.estimate)
    app.command("stop", rich_help_panel="Steer")(sessions.stop)
    app.command("suspend", rich_help_panel="Steer")(sessions.suspend)
    app.command("resume", rich_help_panel="Steer")(sessions.resume)
    app.command(
        "priority",
        rich_help_panel="Steer",
        # A negative priority is no option.
        context_settings={"ignore_unknown_options": True},
    )(sessions.priority)
    app.command("cancel", rich_help_panel="Steer")(sessions.cancel)
    app.add_typer(models.app, name="models", rich_help_panel="Keep")
    app.add_typer(datasets.app, name="datasets", rich_help_panel="Keep")
    app.add_typer(keys.app, name="keys", rich_help_panel="Set up")
    return app


def _version(wanted: bool) -> None:
    if wanted:
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
