"""What goes wrong around a command line: one sentence that says what to do, the documented exit code, no traceback, no key."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from client_lab import IRIS
from command_line import CommandLine, Said, rest_of
from poll import eventually
from ports import free_port
from scripted_gateway import KEY, Answer, Request, ScriptedGateway, problem, session
from tls_server import TlsServer

from trainyard.cli import app
from trainyard.cli.connection import CONNECTION_OPTIONS, ConnectionOptions
from trainyard.retry import Retries

PAGE = {"sessions": [], "total": 0}


@pytest.fixture
def gateway() -> Iterator[ScriptedGateway]:
    with ScriptedGateway() as gateway:
        yield gateway


@pytest.fixture
def cli(gateway: ScriptedGateway, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", gateway.url, KEY)


def one_sentence(said: Said) -> str:
    """The error, which is one line on standard error and shows no key."""
    assert said.err.startswith("error: "), said
    assert said.err.count("\n") == 1, said
    assert "Traceback" not in said.err
    assert KEY not in said.out + said.err
    return said.err


REFUSALS = {
    "wrong key": (problem(401, "no"), 4, "run `trainyard login`"),
    "no right": (problem(403, "sessions:write is needed"), 4, "sessions:write is needed"),
    "unknown": (problem(404, "there is no session 'x'"), 5, "there is no session 'x'"),
    "not now": (problem(409, "it is Running"), 6, "it is Running"),
    "wrong value": (problem(422, "priority: at most 1000"), 2, "priority: at most 1000"),
    "crash": (problem(500, "oops"), 7, "trainyard doctor"),
    "away": (problem(503, "no database"), 7, "the gateway failed (503: no database); try again, then `trainyard doctor`"),
    "not ours": (Answer("<html>It works!</html>", headers={"Content-Type": "text/html"}), 7, "not a Trainyard gateway"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "code", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_a_sentence_and_a_code(
    cli: CommandLine, gateway: ScriptedGateway, answer: Answer, code: int, words: str
) -> None:
    gateway.script("GET", "/training/x/status", answer)

    said = cli.run("status", "x")

    assert words in one_sentence(said)
    assert (said.code, said.out) == (code, "")


def test_a_busy_gateway_is_asked_again_and_then_named(
    cli: CommandLine, gateway: ScriptedGateway
) -> None:
    busy = problem(429, "slow down", headers={"Retry-After": "0"})
    gateway.script("GET", "/training/queue", busy)

    said = cli.run("queue")

    assert "too many requests" in one_sentence(said)
    assert said.code == 7
    assert len(gateway.of("GET", "/training/queue")) == 5


def test_without_network(cli: CommandLine) -> None:
    cli.env["TRAINYARD_URL"] = f"http://127.0.0.1:{free_port()}"

    said = cli.run("ls")

    assert "no answer from the gateway at 127.0.0.1" in one_sentence(said)
    assert "trainyard doctor" in said.err
    assert said.code == 3


def test_a_gateway_that_does_not_answer_in_time(
    gateway: ScriptedGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: nobody waits the program's 30 seconds five times."""
    for name, value in {"URL": gateway.url, "API_KEY": KEY}.items():
        monkeypatch.setenv(f"TRAINYARD_{name}", value)
    over = threading.Event()

    def late(_: Request) -> Answer:
        over.wait(20)
        return Answer(PAGE)

    gateway.script("GET", "/training/sessions", late)
    token = CONNECTION_OPTIONS.set(
        ConnectionOptions(timeout=httpx.Timeout(0.2), retries=Retries(attempts=2))
    )
    try:
        with pytest.raises(SystemExit) as end:
            app.run(["ls"])
    finally:
        over.set()
        CONNECTION_OPTIONS.reset(token)

    out, err = capsys.readouterr()
    assert "no answer from the gateway at 127.0.0.1: timed out" in one_sentence(Said(3, out, err))
    assert (end.value.code, out) == (3, "")
    assert len(gateway.of("GET", "/training/sessions")) == 2


def test_the_proxy_of_the_environment_is_used(cli: CommandLine, gateway: ScriptedGateway) -> None:
    """The stand-in plays the proxy: what comes to it is meant for a host that nobody can find."""
    proxy = gateway.url
    elsewhere = {"TRAINYARD_URL": "http://gateway.invalid", "http_proxy": proxy}

    cli.ok("login", "http://gateway.invalid", "--key-stdin", given=f"{KEY}\n", **elsewhere)
    cli.ok("ls", **elsewhere)

    assert [r.headers["host"] for r in gateway.of("GET", "/training/sessions")] == ["gateway.invalid"] * 2  # fmt: skip


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gateway.example", "is no URL of a gateway"),
        ("ftp://x", "is no URL of a gateway"),
        ("http://[::1", "is no URL of a gateway"),
    ],
)
def test_a_url_that_is_none(cli: CommandLine, url: str, words: str) -> None:
    cli.env["TRAINYARD_URL"] = url

    said = cli.run("ls")

    assert words in one_sentence(said)
    assert said.code == 2


def test_not_logged_in(tmp_path: Path) -> None:
    said = CommandLine(tmp_path / "home").run("ls")

    assert "run `trainyard login`" in one_sentence(said)
    assert said.code == 4


def test_a_damaged_login_file(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home")
    config = tmp_path / "home" / ".config" / "trainyard"
    config.mkdir(parents=True)
    (config / "config").write_text("[1, 2")

    said = cli.run("ls")

    assert "is damaged; write it again with `trainyard login`" in one_sentence(said)
    assert said.code == 2


def test_a_key_with_a_line_break_is_refused_without_being_shown(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home", "http://127.0.0.1:1", f"{KEY}\nX-Other: 1")

    said = cli.run("ls")

    assert "the API key has characters" in one_sentence(said)
    assert said.code == 2


def test_the_environment_wins_over_the_login_file(gateway: ScriptedGateway, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home")
    config = tmp_path / "home" / ".config" / "trainyard"
    config.mkdir(parents=True)
    (config / "config").write_text("url: http://127.0.0.1:1\nkey: stored\n")

    cli.ok("ls", TRAINYARD_URL=gateway.url, TRAINYARD_API_KEY=KEY)

    assert gateway.calls() == ["GET /training/sessions"]


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(5430, "1h30m behind"), (-5430, "1h30m ahead of")],
    ids=["behind", "ahead"],
)
def test_a_wrong_clock_is_named_and_ages_follow_the_gateway(
    cli: CommandLine, gateway: ScriptedGateway, seconds: int, word: str
) -> None:
    there = datetime.now(UTC) + timedelta(seconds=seconds)
    one = {**session("s", "Queued"), "created": (there - timedelta(minutes=5)).isoformat()}
    body = {"sessions": [one], "total": 1}
    gateway.script("GET", "/training/sessions", Answer(body, dates=format_datetime(there)))

    said = cli.ok("ls")

    assert f"this computer's clock is {word} the gateway's" in said.err
    assert "timedatectl set-ntp true" in said.err
    age = said.out.splitlines()[1].split()[-1]
    assert age.startswith(("5m0", "4m5"))


@pytest.mark.parametrize("days", [(2, 3), (-3, -2)], ids=["not yet valid", "expired"])
def test_a_certificate_out_of_its_time_names_the_clock(
    tmp_path: Path, days: tuple[int, int]
) -> None:
    with TlsServer(tmp_path, days) as gateway:
        cli = CommandLine(tmp_path / "home", gateway.url, KEY)
        said = cli.run("ls", SSL_CERT_FILE=str(gateway.certificate))

    assert "this computer's clock is wrong" in one_sentence(said)
    assert said.code == 3


def test_a_reader_that_goes_away_is_no_error(cli: CommandLine, gateway: ScriptedGateway) -> None:
    many = [session(f"session-{n:05}", "Succeeded") for n in range(1000)]
    gateway.script("GET", "/training/sessions", Answer({"sessions": many, "total": 1000}))
    process = cli.start("ls", "--limit", "1000")
    assert process.stdout is not None
    assert process.stderr is not None

    first = process.stdout.readline()
    process.stdout.close()

    assert first.startswith("NAME")
    assert process.wait(timeout=20) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_ctrl_c_in_watch_without_a_terminal(cli: CommandLine, gateway: ScriptedGateway) -> None:
    gateway.sessions = [session("s", "Running", uid="u")]
    gateway.script("GET", "/training/u/metrics", Answer({"session": "s", "metrics": []}))
    process = cli.start("watch", "s", "--interval", "0.1")
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGINT)
    out, err = rest_of(process)

    assert process.returncode == 130
    assert out == ""
    assert err.startswith(
        "stopped watching; s keeps running. Watch it again with `trainyard watch s`"
    )
    assert all(not call.startswith(("POST", "PATCH", "DELETE")) for call in gateway.calls())


def test_ctrl_c_in_logs(cli: CommandLine, gateway: ScriptedGateway) -> None:
    gateway.sessions = [session("s", "Running")]
    gateway.script("GET", "/training/s/logs", Answer({"session": "s", "lines": [], "next": 0}))
    process = cli.start("logs", "s", "-f")
    eventually(lambda: len(gateway.of("GET", "/training/s/logs")) > 1, within=60)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, "", "interrupted\n")


def test_watch_listens_to_the_stream_and_goes_on_after_its_last_event(
    cli: CommandLine, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [session("s", "Running", uid="u")]
    gateway.script("GET", "/training/u/metrics", Answer({"session": "s", "metrics": []}))
    stream = 'id: 7.3\nevent: metrics\ndata: {"points": []}\n\n'
    gateway.script("GET", "/training/u/events", Answer(stream))
    process = cli.start("watch", "s")
    eventually(lambda: len(gateway.of("GET", "/training/u/events")) > 1, within=60)
    gateway.sessions = [session("s", "Succeeded", uid="u")]
    out, err = process.communicate(timeout=20)

    first, second, *_ = gateway.of("GET", "/training/u/events")
    assert "last-event-id" not in first.headers
    assert second.headers["last-event-id"] == "7.3"
    assert (process.returncode, err) == (0, "")
    assert "s Succeeded" in out


@pytest.mark.parametrize(
    "refusal",
    [problem(503, "too many streams"), problem(404, "no stream"), Answer("<html>")],
    ids=["full", "older gateway", "proxy"],
)
@pytest.mark.parametrize(
    "command", [("watch", "s", "--interval", "0.1"), ("logs", "s", "-f")], ids=["watch", "logs"]
)
def test_without_streams_they_are_followed_by_asking(
    cli: CommandLine, gateway: ScriptedGateway, refusal: Answer, command: tuple[str, ...]
) -> None:
    gateway.sessions = [session("s", "Running", uid="u")]
    gateway.script("GET", "/training/u/metrics", Answer({"session": "s", "metrics": []}))
    line = {"cursor": 1, "time": "t", "level": "INFO", "message": "x", "rank": 0, "attempt": 1}

    def lines(request: Request) -> Answer:
        new = [line] if request.query.get("after") == ["0"] else []
        return Answer({"session": "s", "lines": new, "next": len(new)})

    gateway.script("GET", "/training/s/logs", lines)
    gateway.script("GET", "/training/u/events", refusal)
    process = cli.start(*command)
    eventually(lambda: len(gateway.of("GET", "/training/u/status")) > 1, within=60)
    gateway.sessions = [session("s", "Succeeded", uid="u")]
    out, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")
    assert ("x\n" if command[0] == "logs" else "s Succeeded") in out


def test_a_start_whose_answer_was_lost_is_sent_again_with_the_same_key(
    cli: CommandLine, gateway: ScriptedGateway
) -> None:
    answers = iter([problem(503, "away"), Answer(session("s", "Pending"), 201)])
    gateway.script("POST", "/training/start", lambda _: next(answers))

    cli.ok("submit", "--name", "s", "--", "x")

    sent = gateway.of("POST", "/training/start")
    assert len({r.headers["idempotency-key"] for r in sent}) == 1
    assert len(sent) == 2


NESTED = "spec:\n  dataset: d\n  training:\n    task: tabular-classification\n    epoch: 3\n"
WRONG_MANIFESTS = {
    "unknown field": (
        "spec:\n  command: [x]\n  prioritty: 3\n",
        "f.yaml:5: prioritty: unknown field; did you mean 'priority'?",
    ),
    "nested": (NESTED, "f.yaml:7: training.epoch: unknown field; did you mean 'epochs'?"),
    "range": (
        "spec:\n  command: [x]\n  resources:\n    gpus: 65\n",
        "f.yaml:6: resources.gpus: Input should be less than or equal to 64 (given: 65)",
    ),
    "outside the spec": ("spec: {command: [x]}\nspecs: {}\n", "f.yaml:4: unknown field 'specs'"),
    "no YAML": ("spec: {command: [x]\n", "f.yaml:4: not YAML"),
}


@pytest.mark.parametrize(("body", "words"), WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS)
def test_a_wrong_manifest_is_named_by_line_and_nothing_is_sent(
    cli: CommandLine, gateway: ScriptedGateway, tmp_path: Path, body: str, words: str
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(f"apiVersion: trainyard.io/v1alpha1\nkind: TrainingSession\n{body}")

    said = cli.run("submit", "-f", str(file))

    assert words in one_sentence(said)
    assert said.code == 2
    assert gateway.requests == []


USAGE = {
    "nothing to train": (["submit"], "give --dataset and --task"),
    "both": (["submit", "--task", "tabular-classification", "--", "x"], "exactly one of training"),
    "another kind": (["submit", "-f", "pod.yaml"], "this is Pod of v1"),
    "no file": (["submit", "-f", "absent.yaml"], "cannot use absent.yaml: no such file"),
    "priority": (["priority", "s", "high"], "a whole number from -1000 to 1000"),
    "set": (["submit", "--set", "training"], "write it as field=value"),
    "name": (["submit", "--name", "Digits", "--", "x"], "lower-case letters"),
    "folder": (["datasets", "put", "folder"], "pack a folder of images"),
    "no folder": (["models", "get", "m", "absent/m"], "there is no folder absent"),
}


@pytest.mark.parametrize(("arguments", "words"), USAGE.values(), ids=USAGE)
def test_what_cannot_be_done_as_written(
    cli: CommandLine, gateway: ScriptedGateway, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n")
    done = subprocess.run(
        cli.command(*arguments),
        cwd=tmp_path,
        env=cli.env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )

    assert words in one_sentence(Said(done.returncode, done.stdout, done.stderr))
    assert done.returncode == 2
    assert gateway.requests == []


def test_unknown_commands_and_options_are_usage(cli: CommandLine) -> None:
    assert cli.run("lss").code == 2
    assert cli.run("ls", "--frobnicate").code == 2
    assert cli.run("ls", "--phase", "asleep").code == 2


def test_a_damaged_upload_is_noticed(
    cli: CommandLine, gateway: ScriptedGateway, tmp_path: Path
) -> None:
    file = tmp_path / "iris.csv"
    file.write_text(IRIS)
    stored = {
        "name": "iris", "format": "csv", "sha256": "00", "sizeBytes": 1, "created": "2026-07-01T12:00:00Z",
        "details": {"samples": 1, "dimensions": [1]},
    }  # fmt: skip
    gateway.script("POST", "/datasets", Answer(stored, 201))

    said = cli.run("datasets", "put", str(file))

    assert "iris.csv was sent with the hash" in one_sentence(said)
    assert said.code == 7
