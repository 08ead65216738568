"""Every command that talks to the gateway × everything that may come back instead of an answer.

In this process, with the transport replaced: what each command makes of an error does not depend on sockets. That real
programs on real sockets say the same is in tests/integration/client/test_command_line_in_trouble.py.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import Said

from trainyard.cli.app import build
from trainyard.cli.connection import CONNECTION_OPTIONS, ConnectionOptions
from trainyard.cli.errors import Exit
from trainyard.retry import Retries

NOW = "2026-07-01T12:00:00Z"
KEY = f"tyk_{secrets.token_hex(12)}"
HTML = "<html>\n<head><title>Welcome</title></head>\n<body>\x1b[31mIt works!</body>\n</html>\n"
MANIFEST = "apiVersion: trainyard.io/v1alpha1\nkind: TrainingSession\nspec: {command: [x]}\n"

COMMANDS = {
    "login": "login http://gateway.example --key-stdin",
    "login --sso": "login http://gateway.example --sso",
    "run": "run --detach -- python3",
    "submit": "submit --name s -- x",
    "submit --watch": "submit --watch --name s -- x",
    "submit --dry-run": "submit --dry-run -- x",
    "submit -f": "submit -f two.yaml -o json",
    "ls": "ls",
    "ls --history": "ls --history -o wide",
    "status": "status s -o yaml",
    "watch": "watch s",
    "logs": "logs s",
    "logs -f": "logs s -f -o json",
    "metrics": "metrics s",
    "metrics --plot": "metrics s --plot",
    "metrics --csv": "metrics s --csv points.csv --png curve.png",
    "runs": "runs --kind local -o json",
    "runs ID": "runs 0123456789abcdef0123456789abcdef",
    "queue": "queue -o json",
    "queues": "queues -o wide",
    "usage": "usage --by user --by month --month 2026-11",
    "estimate": "estimate --gpus 1",
    "stop": "stop s other",
    "suspend": "suspend s",
    "resume": "resume s",
    "priority": "priority s -7",
    "cancel": "cancel s",
    "system": "system",
    "models ls": "models ls",
    "models ls NAME": "models ls m",
    "models info": "models info m",
    "models get": "models get m",
    "models files": "models files m weights",
    "models put": "models put m.safetensors",
    "models verify": "models verify m",
    "models verify --dataset": "models verify m --dataset m.safetensors",
    "models rm": "models rm m --yes",
    "models rm VERSION": "models rm m@2 --yes",
    "datasets ls": "datasets ls -o json",
    "datasets info": "datasets info d",
    "datasets schema": "datasets schema d --target t",
    "datasets get": "datasets get d",
    "datasets put": "datasets put d.csv",
    "datasets rm": "datasets rm d",
    "uploads ls": "uploads ls datasets",
    "uploads rm": "uploads rm datasets 0",
    "code push": "code push",
    "code get": f"code get {'0' * 64}",
    "files ls": "files ls s work",
    "files get": "files get s work",
    "keys ls": "keys ls",
    "keys create": "keys create ci",
    "keys revoke": "keys revoke 1",
    "users ls": "users ls",
    "users create": "users create ada",
    "users set": "users set ada --role viewer",
    "users rm": "users rm ada",
    "teams ls": "teams ls",
    "teams create": "teams create vision",
    "teams rm": "teams rm vision",
    "share": "share session s",
    "share --visibility": "share dataset d --visibility all",
    "limits ls": "limits ls",
    "limits set": "limits set team vision --gpu-hours 100 --max-gpus 4",
    "limits rm": "limits rm team vision",
    "notices add": "notices add lab https://hooks.example.com/x --on failure",
    "notices ls": "notices ls",
    "notices set": "notices set lab --digest hour",
    "notices rm": "notices rm lab",
    "notices test": "notices test lab",
    "notices sent": "notices sent",
    "audit": "audit",
    "logins ls": "logins ls",
    "logins end": "logins end 6f1ed002ab559585",
    "notices retry": f"notices retry msg_{'0' * 32}",
}
ALONE = {"doctor", "logout", "import mlflow", "tensorboard"}
"""`doctor` makes a finding of every error, `logout` asks nobody. The others talk to more than the gateway, and have
their own tests: tests/integration/client/test_import_of_mlflow.py and test_tensorboard_command.py."""


Fault = Callable[[httpx.Request], httpx.Response]


def problem(status: int, detail: str, **headers: str) -> Fault:
    """An RFC 9457 answer."""
    body = {"type": "about:blank", "title": "…", "status": status, "detail": detail}
    head = {"Content-Type": "application/problem+json", **headers}
    return lambda _: httpx.Response(status, json=body, headers=head)


def text(status: int, body: str, **headers: str) -> Fault:
    """What somebody else than the gateway answers."""
    return lambda _: httpx.Response(status, text=body, headers=headers)


def raises(kind: type[httpx.TransportError], words: str) -> Fault:
    """No answer at all."""

    def fault(request: httpx.Request) -> httpx.Response:
        raise kind(words, request=request)

    return fault


AWAY = problem(503, "no database", **{"Retry-After": "1"})
SILENCE = "no answer from the gateway at gateway.example"
LOOK = (
    "check the URL (`trainyard login`), the network and that the gateway runs (`trainyard doctor`)"
)
ADDRESS = "check the URL with `trainyard login`"
FAULTS: dict[str, tuple[Fault, Exit, str]] = {
    "no network": (raises(httpx.ConnectError, "Network is unreachable"), Exit.UNREACHABLE, f"{SILENCE}: Network is unreachable; {LOOK}"),
    "time-out": (raises(httpx.ReadTimeout, "timed out"), Exit.UNREACHABLE, f"{SILENCE}: timed out; {LOOK}"),
    "cut off": (raises(httpx.RemoteProtocolError, ""), Exit.UNREACHABLE, f"{SILENCE}: RemoteProtocolError; {LOOK}"),
    "400": (problem(400, "limit: at least 1"), Exit.USAGE, "limit: at least 1"),
    "401": (problem(401, "unknown"), Exit.KEY, "the gateway does not accept the API key; get a new one and run `trainyard login`"),
    "403": (problem(403, "sessions:write is needed"), Exit.KEY, "sessions:write is needed; use a key with that right (`trainyard login`)"),
    "404": (problem(404, "no model 'm'; GET /api/v1/models lists them"), Exit.NOT_FOUND, "no model 'm'; `trainyard models ls` lists them"),
    "409": (problem(409, "it is Running; stop it instead"), Exit.CONFLICT, "it is Running; stop it instead"),
    "422": (problem(422, "priority: at most 1000"), Exit.USAGE, "priority: at most 1000"),
    "429": (problem(429, "slow", **{"Retry-After": "7"}), Exit.GATEWAY, "the gateway has too many requests of this key; try again in 7 s"),
    "500": (problem(500, "a bug"), Exit.GATEWAY, "the gateway failed (500: a bug); try again, then `trainyard doctor`"),
    "503": (AWAY, Exit.GATEWAY, "the gateway failed (503: no database); try again, then `trainyard doctor`"),
    "502 of a proxy": (text(502, HTML), Exit.GATEWAY, "the gateway failed (502:"),
    "404 of a web server": (text(404, HTML), Exit.GATEWAY, f"knows nothing of the path; {ADDRESS}"),
    "sent elsewhere": (text(301, HTML, Location="https://x/"), Exit.GATEWAY, f"leads on to https://x/; {ADDRESS}"),
}  # fmt: skip
NOT_JSON = text(200, HTML, **{"Content-Type": "text/html"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and the files that the commands name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TRAINYARD_URL", "http://gateway.example")
    monkeypatch.setenv("TRAINYARD_API_KEY", KEY)
    (tmp_path / "two.yaml").write_text(f"{MANIFEST}---\n{MANIFEST}")
    (tmp_path / "m.safetensors").write_bytes(b"m")
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    return tmp_path


@dataclass(frozen=True)
class Program:
    """The command line in this process."""

    command: Any
    capture: pytest.CaptureFixture[str]

    def run(self, fault: Fault, *arguments: str) -> Said:
        """One command whose every request is answered by `fault`, once."""
        reach = ConnectionOptions(transport=lambda: httpx.MockTransport(fault), retries=Retries(1))
        token = CONNECTION_OPTIONS.set(reach)
        try:
            with pytest.raises(SystemExit) as end:
                self.command.main(args=list(arguments), prog_name="trainyard")
        finally:
            CONNECTION_OPTIONS.reset(token)
        return Said(int(end.value.code or 0), *self.capture.readouterr())


@pytest.fixture(scope="module")
def command() -> Any:
    """Made once: making it takes ten times as long as running it."""
    return build()


@pytest.fixture
def program(
    command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Program:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    return Program(command, capsys)


def one_sentence(said: Said) -> str:
    """The error: one line on standard error, and neither key nor traceback nor anything on standard output."""
    assert said.out == ""
    assert said.err.startswith("error: "), said.err
    assert said.err.count("\n") == 1, said.err
    assert not re.search(r"Traceback|\x1b|" + KEY, said.err), said.err
    return said.err.removeprefix("error: ").strip()


def leaves(group: Any) -> set[str]:
    """Every command there is."""
    return {
        f"{name} {sub}".strip()
        for name, found in group.load_all().items()
        for sub in getattr(found, "commands", ("",))
    }


def test_the_table_has_every_command(command: Any) -> None:
    lines = [f"{line} " for line in COMMANDS.values()]
    absent = {c for c in leaves(command) if not any(line.startswith(f"{c} ") for line in lines)}

    assert absent == ALONE


@pytest.mark.parametrize(("fault", "code", "words"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_a_refusal_is_a_sentence_and_a_code(
    program: Program, folder: Path, line: str, fault: Fault, code: Exit, words: str
) -> None:
    before = sorted(p.name for p in folder.iterdir())

    said = program.run(fault, *line.split())

    assert words in one_sentence(said)
    assert said.code == code
    assert [p for p in sorted(f.name for f in folder.iterdir()) if p != "state"] == before


@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_an_answer_that_is_no_json_is_nobodys_gateway(program: Program, line: str) -> None:
    said = program.run(NOT_JSON, *line.split())

    assert "this is not a Trainyard gateway" in one_sentence(said)
    assert "check the URL with `trainyard login`" in said.err
    assert said.code == Exit.GATEWAY


@pytest.mark.parametrize("name", [*FAULTS, "not JSON"])
def test_doctor_makes_a_finding_of_it_with_the_fix(
    program: Program, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PATH", "")  # no kubectl: the cluster is skipped
    said = program.run(NOT_JSON if name == "not JSON" else FAULTS[name][0], "doctor")

    broken = [line for line in said.out.splitlines() if re.search(r"\s+broken\s", line)]
    assert len(broken) == 1, said.out + said.err
    assert not broken[0].endswith(" -"), "a fix"
    assert not re.search(r"Traceback|\x1b|" + KEY, (said.out + said.err))
    assert (said.code, said.err) == (Exit.NOT_SUCCEEDED, "")


def test_logout_needs_no_gateway(program: Program) -> None:
    said = program.run(FAULTS["no network"][0], "logout")

    assert (said.code, said.out) == (Exit.OK, "there was no login\n")


def test_what_was_started_before_the_refusal_is_named(program: Program) -> None:
    """A file of two sessions, of which the gateway takes the first and is full then."""
    starts: list[str] = []

    def gateway(request: httpx.Request) -> httpx.Response:
        if "dryRun" not in request.url.params:
            starts.append(request.url.path)
        if len(starts) > 1:
            return problem(409, "the queue is full")(request)
        spec = {"command": ["x"]}
        one = {"name": "made-up-1", "uid": "u", "phase": "Pending", "created": NOW, "spec": spec, "status": {}}  # fmt: skip
        return httpx.Response(200, json=one)

    said = program.run(gateway, "submit", "-f", "two.yaml")

    assert said.err == (
        "note: these sessions were started before and keep running: made-up-1\nerror: the queue is full\n"
    )
    assert (said.code, said.out) == (Exit.CONFLICT, "")


def test_a_budget_that_no_json_can_say_is_refused(program: Program) -> None:
    said = program.run(NOT_JSON, *("limits", "set", "user", "ada", "--gpu-hours", "inf"))

    assert one_sentence(said).startswith("--gpu-hours must be a finite number")
    assert said.code == Exit.USAGE
