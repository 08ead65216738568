"""`notices ls|add|set|rm|test|sent|retry`."""

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
from trainyard.cli.text.notice_times import DIGESTS, times_of, times_text
from trainyard.cli.text.table import Column, make_table

if TYPE_CHECKING:
    from trainyard.notices.answers import Notice, NoticeReceiver

app = typer.Typer(
    help="Have notices about sessions sent to webhooks and services, and see what was sent.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_METRIC: Final = re.compile(r"metric=(.+)([<>])([^<>]+)")
_FORMS: Final = (
    "phase=Failed,Succeeded, failure, failure=OutOfMemory, 'metric=loss>10', stalled, stalled=600, "
    "starts-soon, starts-soon=600 or budget"
)
_ON_HELP: Final = f"What it gets notices about: {_FORMS}. Repeatable."
OnOption = Annotated[list[str], typer.Option("--on", metavar="RULE", help=_ON_HELP)]
NewOnOption = Annotated[list[str] | None, typer.Option("--on", metavar="RULE", help=_ON_HELP)]
NameArgument = Annotated[str, typer.Argument(help="The receiver's name.")]
TeamOption = Annotated[
    str | None, typer.Option(help="Of this team, not yours; its maintainers may change it.")
]
SessionsOption = Annotated[
    Literal["own", "all"],
    typer.Option(help="Yours or the team's, or all that you or the team may see."),
]
ZoneOption = Annotated[str | None, typer.Option(help="Time zone of the times here: Europe/Berlin.")]
QuietOption = Annotated[
    str | None,
    typer.Option(metavar="START-END", help="Hours in which notices wait: 22:00-07:00."),
]
QuietDaysOption = Annotated[
    str | None, typer.Option(help="Days on which they begin: Sat,Sun. Default: every day.")
]
DigestOption = Annotated[
    str | None, typer.Option(help=f"Notices come in one message, every {DIGESTS}.")
]
UrgentOption = Annotated[
    list[str] | None,
    typer.Option(help="Rules whose notices come at once nevertheless: failure,budget."),
]


@app.command("ls")
def ls(team: TeamOption = None, form: FormatOption = Format.TABLE) -> None:
    """List your receivers and those of your teams."""
    with gateway() as (client, clock):
        found = client.notices.receivers(team=team)
    columns: list[Column[NoticeReceiver]] = [
        Column("NAME", lambda r: r.name),
        Column("TEAM", lambda r: r.team or formats.UNKNOWN),
        Column("URL", lambda r: r.url),
        Column("SESSIONS", lambda r: r.sessions),
        Column("RULES", lambda r: " ".join(map(rule_text, r.rules))),
        Column("TIMES", lambda r: times_text(r.times)),
        Column("AGE", lambda r: formats.since(r.created, clock.now()), right=True),
    ]
    table = make_table(columns, found, wide=form is Format.WIDE, empty="no receivers")
    output.show(form, {"receivers": [r.wire() for r in found]}, table)


@app.command("add")
def add(  # noqa: PLR0913  # one parameter for each option
    name: NameArgument,
    url: Annotated[
        str,
        typer.Argument(
            help="Where notices are sent: https://…, or a service such as ntfys://TOPIC."
        ),
    ],
    on: OnOption,
    sessions: SessionsOption = "own",
    team: TeamOption = None,
    time_zone: ZoneOption = None,
    quiet: QuietOption = None,
    quiet_days: QuietDaysOption = None,
    digest: DigestOption = None,
    urgent: UrgentOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Make a receiver. A webhook's secret, by which messages are signed, is shown this once."""
    rules = [rule_of(text) for text in on]
    times = times_of(time_zone, quiet, quiet_days, digest, urgent or ())
    with gateway() as (client, _):
        made = client.notices.create(name, url, rules, sessions=sessions, times=times, team=team)
    if output.for_programs(form, made.wire()):
        return
    if made.kind == "service":
        output.done(f"receiver {made.name} made; `{trial_of(made.name, team)}` tries it")
    else:
        output.remark(f"receiver {made.name} made; its secret is shown only now:")
        output.line(made.secret)


@app.command("set")
def set_receiver(  # noqa: PLR0913  # one parameter for each option
    name: NameArgument,
    url: Annotated[str | None, typer.Option(help="Where notices are sent.")] = None,
    on: NewOnOption = None,
    sessions: Annotated[
        Literal["own", "all"] | None, typer.Option(help="As with `notices add`.")
    ] = None,
    team: TeamOption = None,
    time_zone: ZoneOption = None,
    quiet: QuietOption = None,
    quiet_days: QuietDaysOption = None,
    digest: DigestOption = None,
    urgent: UrgentOption = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Neither quiet hours nor a digest any more.")
    ] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Change a receiver. Rules, and times together, come in place of those of before."""
    times = times_of(time_zone, quiet, quiet_days, digest, urgent or ())
    if at_once and times is not None:
        raise UsageProblem("--at-once ends quiet hours and digests; give it without them")
    given = {"url": url, "rules": [rule_of(t) for t in on] if on else None, "sessions": sessions}
    changes: dict[str, Any] = {k: v for k, v in {**given, "times": times}.items() if v is not None}
    changes |= {"times": None} if at_once else {}
    if not changes:
        raise UsageProblem("give --url, --on, --sessions, --quiet, --digest or --at-once")
    with gateway() as (client, _):
        changed = client.notices.change(name, changes, team=team)
    if not output.for_programs(form, changed.wire()):
        output.done(f"receiver {name} changed")


@app.command("rm")
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME...")], team: TeamOption = None
) -> None:
    """Delete receivers with their notices."""
    with gateway() as (client, _):
        for one in names:
            client.notices.remove(one, team=team)
            output.done(f"receiver {one} deleted")


@app.command("test")
def send_test(
    name: NameArgument, team: TeamOption = None, form: FormatOption = Format.TABLE
) -> None:
    """Send a receiver a notice that only shows that it arrives."""
    with gateway() as (client, _):
        made = client.notices.test(name, team=team)
    if not output.for_programs(form, made.wire()):
        output.done(
            f"notice {made.id} is on its way; `trainyard notices sent` shows what came of it"
        )


@app.command("sent")
def sent(
    state: Annotated[
        Literal["Waiting", "Held", "Digested", "Delivered", "Dead", "Dropped"] | None,
        typer.Option(help="Default: all."),
    ] = None,
    team: TeamOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List notices of receivers that you may change, newest first, and why the last try failed."""
    with gateway() as (client, clock):
        page = client.notices.sent(state, team=team)
    output.remark_more(page.cursor, len(page.notices))
    columns: list[Column[Notice]] = [
        Column("ID", lambda n: n.id),
        Column("RECEIVER", lambda n: n.receiver),
        Column("TEAM", lambda n: n.team or formats.UNKNOWN, wide=True),
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
def retry(
    notices: Annotated[list[str], typer.Argument(metavar="ID...")], team: TeamOption = None
) -> None:
    """Try dead notices again."""
    with gateway() as (client, _):
        for one in notices:
            client.notices.retry(one, team=team)
            output.done(f"notice {one} is tried again")


def _session(notice: Notice) -> str:
    data = notice.message.get("data")
    return str(data.get("session") or "") if isinstance(data, dict) else ""


def trial_of(name: str, team: str | None) -> str:
    """The command that tries a receiver. Pure."""
    return f"trainyard notices test {name}" + (f" --team {team}" if team else "")


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
