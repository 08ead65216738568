"""The pure parts of the command line as truth tables: numbers, trends, manifests, findings, login, sentences."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import screens
import yaml

from trainyard import errors, models
from trainyard.cli import config, connection, manifest
from trainyard.cli.commands import estimate
from trainyard.cli.commands import models as cli_models
from trainyard.cli.commands.access import keys
from trainyard.cli.completion import proposals
from trainyard.cli.config import Login
from trainyard.cli.doctor import checks
from trainyard.cli.doctor.checks import CheckState
from trainyard.cli.errors import CliError, Exit, NotLoggedIn, UsageProblem, explain
from trainyard.cli.options import checked_priority
from trainyard.cli.text import formats, progress, session_fields
from trainyard.cli.text.progress import Trend
from trainyard.cli.text.session_fields import loss_name

NOW = screens.NOW


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (-5, "0s"), (0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (250, "4m10s"), (3599, "59m59s"),
     (3600, "1h00m"), (7500, "2h05m"), (86_399, "23h59m"), (86_400, "1d00h"), (273_600, "3d04h")],
)  # fmt: skip
def test_duration(seconds: float | None, shown: str) -> None:
    assert formats.duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (10 * 1024, "10 KiB"),
     (12 * 2**30, "12 GiB"), (2**60, "1024 PiB")],
)  # fmt: skip
def test_size(number: int | None, shown: str) -> None:
    assert formats.size(number) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.23417, "0.2342"), ("0.5", "0.5"), ("NaN", "NaN"), ("Infinity", "∞"), ("-inf", "-∞"),
     (12345678.0, "1.235e+07"), ("n/a\x1b", r"n/a\x1b")],
)  # fmt: skip
def test_number(value: float | str | None, shown: str) -> None:
    assert formats.number(value) == shown


@pytest.mark.parametrize(
    ("percent", "drawn"),
    [
        (-1, "░░░░"),
        (0, "░░░░"),
        (12, "░░░░"),
        (13, "█░░░"),
        (99.9, "███░"),
        (100, "████"),
        (250, "████"),
    ],
)
def test_bar_is_full_only_at_the_end(percent: float, drawn: str) -> None:
    assert progress.bar(percent, 4) == drawn


@pytest.mark.parametrize(
    ("values", "arrow"),
    [([], ""), ([1], ""), ([2, 1], "↓"), ([1, 2], "↑"), ([1, 1.001], "→"), ([5, 1, 2], "↓"), ([1, float("nan")], ""),
     ([float("nan"), 1], ""), ([float("inf"), 2, 1], "↓"), ([0, 0.0], "")],
    ids=str,
)  # fmt: skip
def test_trend(values: list[float], arrow: str) -> None:
    trend = Trend()
    for value in values:
        trend = trend.seen({"train/loss": value, "lr": 9.0})

    assert trend.arrow == arrow


def test_a_value_that_did_not_change_is_no_new_one() -> None:
    trend = Trend().seen({"loss": 2.0}).seen({"loss": 1.0}).seen({"loss": 1.0})

    assert trend.values == (2.0, 1.0)
    assert trend.seen({}) == trend
    assert trend.seen({"val/loss": 7.0}).values == (7.0,)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [([], None), (["lr"], None), (["val/loss", "train/loss"], "train/loss"), (["val/loss", "loss"], "loss"),
     (["b_loss", "a_LOSS"], "a_LOSS")],
    ids=str,
)  # fmt: skip
def test_the_loss_that_people_look_at(names: list[str], chosen: str | None) -> None:
    assert loss_name(names) == chosen


@pytest.mark.parametrize(
    ("window", "shown"),
    [(None, "-"), ({}, "-"), ({"earliest": None}, "-"), ({"earliest": 60}, "1m00s or later"),
     ({"earliest": 60, "latest": 120}, "1m00s to 2m00s"), ({"earliest": 60, "latest": 60}, "1m00s")],
    ids=["no window", "empty", "no earliest", "earliest only", "from to", "both alike"],
)  # fmt: skip
def test_when_a_session_starts(window: dict[str, int | None] | None, shown: str) -> None:
    times = window and {
        k: v if v is None else (NOW + timedelta(seconds=v)).isoformat() for k, v in window.items()
    }
    entry = screens.WAITING[1].model_copy(update={"estimated_start": times})

    assert session_fields.starts_in(entry, NOW) == shown


@pytest.mark.parametrize("value", ["-1000", "0", "1000"])
def test_priorities(value: str) -> None:
    assert checked_priority(value) == int(value)


@pytest.mark.parametrize("value", ["-1001", "1001", "high", "1.5", ""])
def test_no_priorities(value: str) -> None:
    with pytest.raises(UsageProblem, match="whole number from -1000 to 1000"):
        checked_priority(value)


@pytest.mark.parametrize(
    ("given", "seconds"), [("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("1w", 604_800)]
)
def test_durations_of_keys(given: str, seconds: int) -> None:
    assert keys.seconds_of(given) == seconds


@pytest.mark.parametrize("given", ["", "0d", "5", "5y", "-1d", "1d "])
def test_no_durations(given: str) -> None:
    with pytest.raises(UsageProblem, match="no duration"):
        keys.seconds_of(given)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ("training.seed=7", {"training": {"seed": 7}}),
        ("dataset=digits", {"dataset": "digits"}),
        ("command=[a, b]", {"command": ["a", "b"]}),
        ("training.target=", {"training": {"target": None}}),
        ("training.target=a=b", {"training": {"target": "a=b"}}),
    ],
    ids=["number", "text", "list", "nothing", "second equals sign"],
)
def test_assignments(given: str, fields: dict[str, Any]) -> None:
    assert manifest.assignment(given) == fields


@pytest.mark.parametrize("given", ["", "seed", "=1", "training..seed=1", "x=[1"])
def test_no_assignments(given: str) -> None:
    with pytest.raises(UsageProblem, match="--set"):
        manifest.assignment(given)


def test_merging_leaves_the_base_alone() -> None:
    base = {"training": {"epochs": 3, "model": {"architecture": "mlp"}}, "dataset": "a"}

    out = manifest.merged(base, {"training": {"model": {"architecture": "cnn"}}, "dataset": None})

    assert out == {"training": {"epochs": 3, "model": {"architecture": "cnn"}}, "dataset": None}
    assert base["training"] == {"epochs": 3, "model": {"architecture": "mlp"}}


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        pytest.param({"dataset": "a"}, {"datasets": ["b"]}, {"datasets": ["b"]}, id="several"),
        pytest.param({"datasets": ["b"]}, {"dataset": "a"}, {"dataset": "a"}, id="one"),
        pytest.param({"datasets": ["b"]}, {"dataset": None}, None, id="taken-away"),
        pytest.param({}, {"dataset": "a", "datasets": ["b"]}, None, id="both-are-refused-later"),
    ],
)
def test_one_of_dataset_and_datasets_takes_the_place_of_the_other(
    base: dict[str, Any], over: dict[str, Any], merged: dict[str, Any] | None
) -> None:
    assert manifest.merged(base, over) == (merged or {**base, **over})


def test_a_manifest_goes_in_and_comes_out() -> None:
    spec = manifest.submission("s", {"command": ["x"]}).spec

    [(name, found)] = manifest.parse(manifest.rendered("s", "t", spec), "f")

    assert (name, manifest.submission(name, found).spec) == ("s", spec)


def test_empty_documents_are_passed_over() -> None:
    body = "apiVersion: trainyard.io/v1alpha1\nkind: TrainingSession\nspec: {command: [x]}\n"

    assert len(manifest.parse(f"---\n---\n{body}---\n", "f")) == 1
    with pytest.raises(UsageProblem, match="f is empty"):
        manifest.parse("---\n", "f")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("- 1\n", "f:1: a manifest has fields"),
        ("kind: X\n", "f:1: this is X of no group"),
        ("apiVersion: trainyard.io/v1alpha1\nkind: TrainingSession\nspec: 3\n", "must have fields"),
        ("a: b\n---\nx: [\n", "f:4: not YAML"),
        (
            "apiVersion: trainyard.io/v1alpha1\nkind: TrainingSession\nspec: {}\n",
            "exactly one of training",
        ),
    ],
    ids=["a list", "another kind", "spec without fields", "not YAML", "empty spec"],
)
def test_wrong_manifests(body: str, words: str) -> None:
    with pytest.raises(UsageProblem) as raised:
        manifest.parse(body, "f")

    assert words in str(raised.value)


def test_login_is_stored_for_its_owner_only_and_replaced_whole(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    config.save(env, Login("http://a", "k1"))
    path = config.save(env, Login("http://b", "k2"))

    assert config.load(env) == Login("http://b", "k2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["config"]
    assert "k2" not in repr(config.load(env))
    assert (config.forget(env), config.forget(env)) == (True, False)


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({}, ("http://file", "file-key")),
        ({"TRAINYARD_URL": "http://env/"}, ("http://env", "file-key")),
        ({"TRAINYARD_API_KEY": "env-key"}, ("http://file", "env-key")),
        ({"TRAINYARD_URL": ""}, ("http://file", "file-key")),
    ],
    ids=["none", "URL", "key", "empty URL"],
)
def test_each_variable_wins_over_the_file(
    tmp_path: Path, env: dict[str, str], found: tuple[str, str]
) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    config.save(home, Login("http://file", "file-key"))

    assert config.load({**home, **env}) == Login(*found)


def test_a_relative_xdg_folder_is_ignored() -> None:
    assert config.path({"XDG_CONFIG_HOME": "here"}) == Path.home() / ".config/trainyard/config"


def test_not_logged_in_names_what_is_missing(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "TRAINYARD_URL": "http://x"}

    with pytest.raises(NotLoggedIn, match="set TRAINYARD_API_KEY"):
        config.load(env)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [(None, 0), ("yesterday", 0), ("Wed, 01 Jul 2026 12:00:00 GMT", 0), ("Wed, 01 Jul 2026 11:59:58 GMT", 0),
     ("Wed, 01 Jul 2026 11:00:00 GMT", 3600), ("Wed, 01 Jul 2026 13:00:00 GMT", -3600)],
)  # fmt: skip
def test_skew(date: str | None, seconds: int) -> None:
    assert connection.skew(date, NOW) == timedelta(seconds=seconds)


def system(**more: Any) -> models.System:
    usage = {"totalBytes": 100, "usedBytes": 50, "percent": 50.0}
    node = {"name": "n1", "ready": True, "gpus": 4, "gpusUsed": 1}
    body = {
        "time": "2026-07-01T12:00:00Z", "cpuPercent": 1.0, "cpuCount": 4, "memory": usage, "disk": usage,
        "gpus": [], "nodes": [node], "gpusTotal": 4, "gpusUsed": 1, **more,
    }  # fmt: skip
    return models.System.model_validate(body)


def deployment(component: str, replicas: int, available: int) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": component}
    return {"items": [{"metadata": {"name": f"t-{component}", "labels": labels}, "spec": {"replicas": replicas},
                       "status": {"availableReplicas": available}}]}  # fmt: skip


def established(*names: str) -> dict[str, Any]:
    status = {"conditions": [{"type": "Established", "status": "True"}]}
    return {"items": [{"metadata": {"name": n}, "status": status} for n in names]}


FULL = {"totalBytes": 100, "usedBytes": 95, "percent": 95.0}
AWAY = {"name": "n2", "ready": False, "gpus": 0, "gpusUsed": 0}
VERDICTS = {
    "clock right": (checks.clock(timedelta(seconds=-60)), CheckState.OK, ""),
    "clock wrong": (checks.clock(timedelta(seconds=-61)), CheckState.WARNING, "timedatectl"),
    "disk has room": (checks.disk(system()), CheckState.OK, ""),
    "disk full": (checks.disk(system(disk=FULL)), CheckState.WARNING, "trainyard models rm"),
    "GPUs there": (checks.capacity(system()), CheckState.OK, ""),
    "no GPU": (checks.capacity(system(gpusTotal=0)), CheckState.WARNING, "--gpus 0"),
    "node away": (checks.capacity(system(nodes=[AWAY])), CheckState.WARNING, "describe node n2"),
    "CRDs": (checks.crds(established(*checks.CRDS)), CheckState.OK, ""),
    "one CRD": (checks.crds(established(checks.CRDS[0])), CheckState.BROKEN, "helm upgrade"),
    "no CRD": (checks.crds({}), CheckState.BROKEN, "helm upgrade"),
    "rights": (checks.rights({"create": True, "patch": True}, "t"), CheckState.OK, ""),
    "no rights": (checks.rights({"create": True, "patch": False}, "t"), CheckState.WARNING, "rolebinding"),
    "bound": (checks.volume({"items": [{"metadata": {"name": "c"}, "status": {"phase": "Bound"}}]}, "t"), CheckState.OK, ""),
    "unbound": (checks.volume({"items": [{"metadata": {"name": "c"}}]}, "t"), CheckState.BROKEN, "describe pvc c"),
    "no claim": (checks.volume({"items": []}, "t"), CheckState.WARNING, "existingClaim"),
    "ready": (checks.part(deployment("bot", 1, 1), "bot", "t"), CheckState.OK, ""),
    "not ready": (checks.part(deployment("bot", 1, 0), "bot", "t"), CheckState.BROKEN, "logs deploy/t-bot"),
    "scaled to none": (checks.part(deployment("bot", 0, 0), "bot", "t"), CheckState.BROKEN, "describe deploy"),
    "not there": (checks.part({"items": []}, "operator", "t"), CheckState.BROKEN, "helm upgrade"),
    "left out": (checks.part({}, "bot", "t", optional=True), CheckState.SKIPPED, "bot.enabled=true"),
}  # fmt: skip


@pytest.mark.parametrize(("finding", "state", "fix"), VERDICTS.values(), ids=VERDICTS)
def test_findings(finding: checks.CheckResult, state: CheckState, fix: str) -> None:
    assert finding.state is state
    assert fix in finding.fix
    assert bool(finding.fix) == (state is not CheckState.OK)
    assert finding.seen


def test_a_single_crd_comes_without_a_list() -> None:
    [one] = established(checks.CRDS[0])["items"]

    assert checks.CRDS[0] not in checks.crds({"kind": "CustomResourceDefinition", **one}).seen


FIELDS = [{"field": "a", "message": "m"}, {"message": "n"}]
SENTENCES: dict[str, tuple[BaseException, Exit, str]] = {
    "usage": (UsageProblem("so not"), Exit.USAGE, "so not"),
    "login": (NotLoggedIn("log in"), Exit.KEY, "log in"),
    "network": (errors.Unreachable("no answer from x"), Exit.UNREACHABLE, "trainyard doctor"),
    "answer": (errors.BadAnswer("not ours"), Exit.GATEWAY, "trainyard login"),
    "hash": (errors.HashMismatch("bad"), Exit.GATEWAY, "run the command again"),
    "file": (FileNotFoundError(2, "No such file", "x.csv"), Exit.USAGE, "cannot use x.csv: no such file"),
    "400": (errors.from_answer(400, {"detail": "d"}, None), Exit.USAGE, "d"),
    "401 of a login": (
        errors.from_answer(401, {"detail": "the login is over: x"}, None), Exit.KEY,
        "the login is over: x; run `trainyard login --sso`",
    ),
    "401": (errors.from_answer(401, {}, None), Exit.KEY, "trainyard login"),
    "403": (errors.from_answer(403, {"detail": "needs x"}, None), Exit.KEY, "needs x"),
    "404": (errors.from_answer(404, {"detail": "no s"}, None), Exit.NOT_FOUND, "no s"),
    "409": (errors.from_answer(409, {"detail": "busy"}, None), Exit.CONFLICT, "busy"),
    "418": (errors.from_answer(418, {"detail": "tea"}, None), Exit.USAGE, "refused (418): tea"),
    "422": (errors.from_answer(422, {"detail": "bad", "errors": FIELDS}, None), Exit.USAGE, "bad; a: m; n"),
    "422 once": (errors.from_answer(422, {"detail": "bad: m", "errors": FIELDS[:1]}, None), Exit.USAGE, "bad: m"),
    "429": (errors.from_answer(429, {}, "7"), Exit.GATEWAY, "try again in 7 s"),
    "429 open": (errors.from_answer(429, {}, None), Exit.GATEWAY, "a little later"),
    "500": (errors.from_answer(500, "oops", None), Exit.GATEWAY, "the gateway failed (500: oops)"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "code", "words"), SENTENCES.values(), ids=SENTENCES)
def test_sentences(error: BaseException, code: Exit, words: str) -> None:
    sentence, found = explain(error)

    assert found is code
    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "bug", [KeyError("x"), OSError("no file in it"), ValueError("x")], ids=repr
)
def test_a_bug_stays_a_bug(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        explain(bug)


def test_every_error_has_an_exit_code() -> None:
    assert all(isinstance(kind.code, Exit) for kind in (CliError, *CliError.__subclasses__()))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([""], {"ls", "submit", "models"}),
        (["st"], {"status", "stop"}),
        (["models", ""], {"ls", "get", "put", "rm"}),
        (["submit", "--dr"], {"--dry-run"}),
        (["nothing", "l"], {"ls", "login", "logs", "logout"}),
        ([], {"ls"}),
    ],
    ids=["empty word", "begun", "group", "option", "unknown group", "no word"],
)
def test_kubectl_completion(words: list[str], found: set[str]) -> None:
    assert found <= set(proposals(words))


def test_the_manifest_of_the_examples_is_right() -> None:
    root = Path(__file__).resolve().parents[3]
    for file in sorted((root / "examples").glob("*.yaml")):
        for name, spec in manifest.parse(file.read_text(), file.name):
            assert manifest.submission(name, spec).name == yaml.safe_load(file.read_text())["metadata"]["name"]  # fmt: skip


def test_times_with_and_without_zone() -> None:
    earlier = datetime(2026, 7, 1, 11, 0, tzinfo=UTC)

    assert formats.since("2026-07-01T11:00:00Z", NOW) == formats.since(earlier, NOW) == "1h00m"
    assert formats.since(None, NOW) == "-"


ESTIMATES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "never": ({"possible": False}, [("starts", "never")]),
    "now": ({"possible": True, "startsNow": True, "position": 1}, [("starts", "now")]),
    "unknown": ({"possible": True, "position": 2}, [("starts", "unknown"), ("position", "2")]),
    "later": (
        {
            "possible": True,
            "position": 3,
            "ahead": {"sessions": 2, "gpus": 1},
            "estimatedStart": {"earliest": "2026-07-01T12:01:00Z"},
        },
        [("starts", "in 1m00s or later"), ("position", "3"), ("ahead", "2 sessions, 1 GPU")],
    ),
}


@pytest.mark.parametrize(("given", "found"), ESTIMATES.values(), ids=ESTIMATES)
def test_estimates(given: dict[str, Any], found: list[tuple[str, str]]) -> None:
    one = models.Estimate.model_validate({"queue": "q", "gpus": 4, "message": "m", **given})
    first, *rest = found

    expected = [first, ("queue", "q"), ("gpus", "4"), *rest, ("why", "m")]
    assert estimate.facts(one, NOW) == expected


CARDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "ours": (
        {
            "session": {"name": "s"},
            "metrics": {"train/loss": 1.5, "val/loss": 0.25, "val/accuracy": "0.9"},
        },
        "s",
        "val/accuracy 0.9, val/loss 0.25, train/loss 1.5",
    ),
    "none": ({}, "-", "-"),
    "somebody else's": ({"session": "s", "metrics": [1], "dataset": 3}, "-", "-"),
    "half": ({"session": {}, "metrics": {"a": None}}, "-", "a -"),
    "not finite": (
        {"metrics": {"val/loss": "Infinity", "val/r2": "-Infinity", "val/rmse": "NaN"}},
        "-",
        "val/loss ∞, val/r2 -∞, val/rmse NaN",
    ),
}


@pytest.mark.parametrize(("card", "session", "metrics"), CARDS.values(), ids=CARDS)
def test_model_cards(card: dict[str, Any], session: str, metrics: str) -> None:
    one = models.Model(name="m", version=1, sha256="ab", size_bytes=1, created=NOW.isoformat(), card=card)  # fmt: skip

    [row] = cli_models.listing([one], NOW, wide=False).rows

    assert (row[2], row[3]) == (metrics, session)
    assert cli_models.details(one, NOW).rows[0] == ("name", "m")


def test_a_model_tells_its_epoch_and_notes() -> None:
    card = {"epochs": 2, "trained": {"epochs": 60}, "notes": ["no validation sample of class 'a'"]}
    one = models.Model(name="m", version=1, sha256="ab", size_bytes=1, created=NOW.isoformat(), card=card)  # fmt: skip
    rows = cli_models.details(one, NOW).rows

    assert ("epochs", "2 of 60") in rows
    assert ("note", "no validation sample of class 'a'") in rows
    spoilt = {"epochs": "2", "trained": [], "notes": "none"}
    assert {r[0] for r in cli_models.details(one.model_copy(update={"card": spoilt}), NOW).rows} == {
        "name", "version", "kind", "files", "size", "age", "sha256",
    }  # fmt: skip
