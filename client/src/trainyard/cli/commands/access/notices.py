"""`notices ls|add|rm|test|sent|retry`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, make_table

if TYPE_CHECKING:
    from trainyard.notices.answers import Notice, NoticeReceiver

app = typer.Typer(
    help="Have notices about sessions sent to webhooks, and see what was sent.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_METRIC: Final = re.compile(r"metric=(.+)([<>])([^<>]+)")
_FORMS: Final = (
    "phase=Failed,Succeeded, failure, failure=OutOfMemory, 'metric=loss>10', stalled, stalled=600, "
    "starts-soon, starts-soon=600 or budget"
)
OnOption = Annotated[
    list[str],
    typer.Option("--on", metavar="RULE", help=f"What it gets notices about: {_FORMS}. Repeatable."),
]
NameArgument = Annotated[str, typer.Argument(help="The receiver's name.")]


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List your receivers by name."""
    with gateway() as (client, clock):
        found = client.notices.receivers()
    columns: list[Column[NoticeReceiver]] = [
        Column("NAME", lambda r: r.name),
        Column("URL", lambda r: r.url),
        Column("SESSIONS", lambda r: r.sessions),
        Column("RULES", lambda r: " ".join(map(rule_text, r.rules))),
        Column("AGE", lambda r: formats.since(r.created, clock.now()), right=True),
    ]
    table = make_table(columns, found, wide=form is Format.WIDE, empty="no receivers")
    output.show(form, {"receivers": [r.wire() for r in found]}, table)


@app.command("add")
def add(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="Where notices are sent: https://…")],
    on: OnOption,
    sessions: Annotated[
        Literal["own", "all"], typer.Option(help="Yours, or all that you may see.")
    ] = "own",
    form: FormatOption = Format.TABLE,
) -> None:
    """Make a receiver. Its secret, by which messages are signed, is shown this once."""
    rules = [rule_of(text) for text in on]
    with gateway() as (client, _):
        made = client.notices.create(name, url, rules, sessions=sessions)
    if not output.for_programs(form, made.wire()):
        output.remark(f"receiver {made.name} made; its secret is shown only now:")
        output.line(made.secret)


@app.command("rm")
def rm(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Delete receivers with their notices."""
    with gateway() as (client, _):
        for one in names:
            client.notices.remove(one)
            output.done(f"receiver {one} deleted")


@app.command("test")
def send_test(name: NameArgument, form: FormatOption = Format.TABLE) -> None:
    """Send a receiver a notice that only shows that it arrives."""
    with gateway() as (client, _):
        made = client.notices.test(name)
    if not output.for_programs(form, made.wire()):
        output.done(
            f"notice {made.id} is on its way; `trainyard notices sent` shows what came of it"
        )


@app.command("sent")
def sent(
    state: Annotated[
        Literal["Waiting", "Delivered", "Dead"] | None, typer.Option(help="Default: all.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List your notices, newest first, and why the last try failed."""
    with gateway() as (client, clock):
        page = client.notices.sent(state)
    output.remark_more(page.cursor, len(page.notices))
    columns: list[Column[Notice]] = [
        Column("ID", lambda n: n.id),
        Column("RECEIVER", lambda n: n.receiver),
        Column("WHAT", lambda n: str(n.message.get("type", ""))),
        Column("SESSION", _session),
        Column("STATE", lambda n: n.state),
        Column("TRIES", lambda n: str(n.tries), right=True),
        Column("AGE", lambda n: formats.since(n.created, clock.now()), right=True),
        Column("WHY", lambda n: n.words or ""),
    ]
    table = make_table(columns, page.notices, wide=form is Format.WIDE, empty="no notices")
    output.show(form, {"notices": [n.wire() for n in page.notices]}, table)


@app.command("retry")
def retry(notices: Annotated[list[str], typer.Argument(metavar="ID...")]) -> None:
    """Try dead notices again."""
    with gateway() as (client, _):
        for one in notices:
            client.notices.retry(one)
            output.done(f"notice {one} is tried again")


def _session(notice: Notice) -> str:
    data = notice.message.get("data")
    return str(data.get("session") or "") if isinstance(data, dict) else ""


def rule_of(text: str) -> dict[str, Any]:
    """The rule of an option `--on`. Raises UsageProblem. Pure."""
    if (found := _METRIC.fullmatch(text)) is not None:
        side = "above" if found[2] == ">" else "below"
        return {"on": "metric", "name": found[1], side: _number(text, found[3])}
    kind, sign, value = text.partition("=")
    values = value.split(",") if sign else []
    match kind:
        case "phase" if values:
            return {"on": kind, "phases": values}
        case "budget" if not sign:
            return {"on": kind}
        case "failure":
            return {"on": kind, **({"classes": values} if values else {})}
        case "stalled" | "starts-soon":
            return {"on": kind, **({"seconds": _number(text, value)} if values else {})}
    raise UsageProblem(f"--on {text!r}: write {_FORMS}")


def _number(text: str, value: str) -> float | int:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageProblem(f"--on {text!r}: {value!r} is not a number")
    return int(number) if number.is_integer() else number


def rule_text(rule: dict[str, Any]) -> str:
    """A rule as `--on` takes it. Pure."""
    kind = str(rule.get("on"))
    match kind:
        case "budget":
            return kind
        case "phase" | "failure":
            values = rule.get("phases") or rule.get("classes") or []
            return f"{kind}={','.join(map(str, values))}" if values else kind
        case "metric":
            sides = ((">", rule.get("above")), ("<", rule.get("below")))
            bounds = "".join(f"{sign}{value:g}" for sign, value in sides if value is not None)
            return f"metric={rule.get('name')}{bounds}"
    return f"{kind}={rule.get('seconds')}"
