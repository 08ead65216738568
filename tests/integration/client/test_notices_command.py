"""`trainyard notices` from a receiver to a notice that is tried again, against a real gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually
from webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.integration

RULES = ("--on=failure", "--on=phase=Failed,Stopped", "--on=metric=loss>10", "--on=stalled=60")


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory(notices_enabled="true", notices_internal_hosts="127.0.0.1")


@pytest.fixture
def cli(lab: GatewayLab, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", lab.url, lab.key)


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(lambda _, count: (204 if count > 1 else 410, {})) as receiver:
        yield receiver


def test_notices(cli: CommandLine, webhook: WebhookReceiver) -> None:
    said = cli.ok("notices", "add", "lab", webhook.url, *RULES, "--on=starts-soon")
    assert said.out.startswith("whsec_")
    listed = cli.ok("notices", "ls").out
    assert "failure phase=Failed,Stopped metric=loss>10 stalled=60 starts-soon=600" in listed
    assert "whsec_" not in cli.ok("notices", "ls", "-o", "json").out

    cli.ok("notices", "test", "lab")
    eventually(lambda: "Dead" in cli.ok("notices", "sent").out, within=30, what="it is dead")
    [dead] = cli.ok("notices", "sent", "--state=Dead", "-o", "json").json["notices"]
    assert dead["words"] == "answered 410"

    cli.ok("notices", "retry", dead["id"])
    eventually(lambda: "Delivered" in cli.ok("notices", "sent").out, within=30, what="it arrives")
    assert webhook.came == [dead["id"]] * 2

    night = ("--quiet=22:00-7:00", "--quiet-days=Fri,Sat", "--time-zone=Europe/Berlin")
    cli.ok("notices", "set", "lab", *night, "--digest=day=8:00", "--urgent=failure,budget")
    listed = cli.ok("notices", "ls").out
    assert "digest=day 08:00 quiet=22:00-07:00 Fri,Sat urgent=failure,budget Europe" in listed
    cli.ok("notices", "set", "lab", "--at-once", "--on=budget")
    assert "budget  at once" in cli.ok("notices", "ls").out

    cli.ok("notices", "rm", "lab")
    assert "no receivers" in cli.ok("notices", "ls").err + cli.ok("notices", "ls").out


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param("always", "write phase=Failed", id="no-such-rule"),
        pytest.param("phase", "write phase=Failed", id="no-phase"),
        pytest.param("metric=loss>much", "is not a number", id="no-number"),
        pytest.param("metric=loss>inf", "is not a number", id="no-bound"),
        pytest.param("phase=Dancing", "phases", id="no-such-phase"),
    ],
)
def test_rules_that_nobody_can_make(
    cli: CommandLine, webhook: WebhookReceiver, rule: str, words: str
) -> None:
    said = cli.run("notices", "add", "wrong", webhook.url, f"--on={rule}")
    assert said.code != 0
    assert words in said.err


def test_a_service_is_shown_without_its_secrets(cli: CommandLine) -> None:
    url = "json://ada:password@127.0.0.1:1/?+X-Token=secret"
    said = cli.ok("notices", "add", "service", url, "--on=failure")
    assert "whsec_" not in said.out
    assert "json://ada:****@127.0.0.1:1/" in cli.ok("notices", "ls").out
    assert "password" not in cli.ok("notices", "ls", "-o", "json").out
    refused = cli.run("notices", "add", "inside", "json://10.0.0.1/", "--on=failure")
    assert "inside of this network" in refused.err
    cli.ok("notices", "rm", "service")


def test_a_team_has_receivers(cli: CommandLine, webhook: WebhookReceiver) -> None:
    of_team = "--team=default"
    cli.ok("notices", "add", "team-lab", webhook.url, "--on=budget", of_team, "--digest=hour")
    assert "team-lab  default" in cli.ok("notices", "ls").out
    cli.ok("notices", "set", "team-lab", "--sessions=all", of_team)
    sent = cli.ok("notices", "test", "team-lab", of_team, "-o", "json").json
    assert sent["team"] == "default"
    eventually(lambda: "Dead" in cli.ok("notices", "sent", of_team).out, within=30)
    cli.ok("notices", "retry", sent["id"], of_team)
    assert cli.run("notices", "rm", "team-lab").code != 0, "it is not the user's own"
    cli.ok("notices", "rm", "team-lab", of_team)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--quiet=22:00-07:00"], "give --time-zone", id="no-zone"),
        pytest.param(["--digest=day=08:00"], "give --time-zone", id="no-zone-of-a-digest"),
        pytest.param(["--quiet=at night", "--time-zone=UTC"], "START-END", id="no-hours"),
        pytest.param(["--quiet-days=Sat"], "give both", id="days-alone"),
        pytest.param(["--digest=week"], "write hour", id="no-such-digest"),
        pytest.param(["--digest=day"], "write hour", id="no-time"),
        pytest.param(["--time-zone=UTC"], "give --quiet or --digest", id="a-zone-alone"),
        pytest.param(["--digest=hour", "--at-once"], "without them", id="both"),
        pytest.param([], "give --url", id="nothing"),
        pytest.param(["--digest=hour", "--time-zone=Mars"], "is no time zone", id="no-such-zone"),
    ],
)
def test_times_that_nobody_can_set(cli: CommandLine, options: list[str], words: str) -> None:
    said = cli.run("notices", "set", "any", *options)
    assert said.code != 0
    assert words in said.err
