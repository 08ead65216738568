"""From a person's side with everything real behind it: the command line, and the bot with a stand-in for Telegram's servers."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bot_api import BotApi, Call
from bot_process import CHAT, BotProcess
from cluster import unique
from command_line import CommandLine
from installation import RELEASE, Installation, tools
from poll import eventually

from trainyard.client import Client
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

RESOURCES = ("--gpus=1", "--cpu=400m", "--memory=768Mi")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture
def cli(installation: Installation, tmp_path: Path) -> CommandLine:
    """Logged in, with kubectl and the cluster's kubeconfig at hand."""
    shell = CommandLine(tmp_path / "home")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(tools()["kubectl"])
    shell.env |= {
        "KUBECONFIG": str(installation.kubeconfig),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
    }
    shell.ok("login", installation.url, "--key-stdin", given=installation.key + "\n")
    return shell


def test_from_a_file_to_a_model_on_the_command_line(
    cli: CommandLine, file: Path, tmp_path: Path
) -> None:
    dataset, name = unique("cli"), unique("cli")
    cli.ok("datasets", "put", str(file), f"--name={dataset}")

    submitted = cli.start(
        "submit",
        f"--dataset={dataset}",
        f"--name={name}",
        "--task=tabular-classification",
        "--epochs=8",
        *RESOURCES,
        "--set=training.learningRate=0.002",
        "--watch",
    )
    said, _ = submitted.communicate(timeout=240)

    assert submitted.returncode == 0, said
    assert "Succeeded" in said
    metrics = {m["name"]: m["value"] for m in cli.ok("metrics", name, "-o", "json").json["metrics"]}
    assert metrics["val/accuracy"] >= 0.9
    assert any("epoch" in line for line in cli.ok("logs", name).out.splitlines())
    listed = {s["name"]: s["phase"] for s in cli.ok("ls", "-o", "json").json["sessions"]}
    assert listed[name] == "Succeeded"

    target = tmp_path / "model.safetensors"
    cli.ok("models", "get", name, str(target))
    [model] = [m for m in cli.ok("models", "ls", "-o", "json").json["models"] if m["name"] == name]
    assert hashlib.sha256(target.read_bytes()).hexdigest() == model["sha256"]


def test_stop_on_the_command_line(cli: CommandLine, gateway: Client, file: Path) -> None:
    dataset, name = unique("stop"), unique("stop")
    cli.ok("datasets", "put", str(file), f"--name={dataset}")
    arguments = (f"--dataset={dataset}", f"--name={name}", "--task=tabular-classification")
    cli.ok("submit", *arguments, "--epochs=90000", *RESOURCES)
    eventually(lambda: gateway.status(name).phase == "Running", within=90, what="Running")

    cli.ok("stop", name)

    eventually(lambda: gateway.status(name).finished, within=90, what="the session's end")
    assert gateway.status(name).phase == "Stopped"


def test_doctor_finds_nothing_wrong(cli: CommandLine, installation: Installation) -> None:
    said = cli.run("doctor", f"--namespace={installation.namespace}", "-o", "json")

    found = {f["what"]: (f["state"], f["seen"]) for f in said.json["findings"]}
    assert said.code == 0, said
    wrong = {
        what: finding
        for what, finding in found.items()
        if finding[0] not in ("ok", "skipped", "warning")
    }
    assert not wrong
    for what in ("gateway", "key", "cluster", "CRDs", "rights", "volume"):
        assert found[what][0] == "ok", found[what]


def service_of(api: BotApi) -> dict[str, Any]:
    """A Service whose one endpoint is outside of the cluster: pods have no other way out of the embedded node."""
    place = urlsplit(api.url)
    labels = {"kubernetes.io/service-name": "telegram"}
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "telegram", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"port": place.port}],
        "endpoints": [{"addresses": [place.hostname]}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "telegram"},
        "spec": {"ports": [{"port": 80, "targetPort": place.port}]},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, slice_]}


def address_towards(url: str) -> str:
    """This machine's address on the way to `url`, at which what runs there reaches it."""
    place = urlsplit(url)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((place.hostname, place.port))
        return str(probe.getsockname()[0])


@pytest.fixture
def deployed(installation: Installation) -> Iterator[BotApi]:
    """The chart's own bot, at work with the stand-in for Telegram on this machine."""
    with BotApi(address=address_towards(installation.url)) as api:
        secret = ("secret", "generic", "telegram", f"--from-literal=token={api.token}")
        installation.kubectl("create", *secret)
        installation.kubectl("apply", "-f", "-", manifest=service_of(api))
        try:
            bot_values = {"bot.enabled": True, "bot.tokenSecret": "telegram", "bot.chats": [CHAT]}
            # The policy of the bot allows 443 and the ports of proxies.
            port = urlsplit(api.url).port
            installation.upgrade(**bot_values, **{"networkPolicy.proxyPorts": [port]})
            bot = f"deploy/{RELEASE}-bot"
            installation.kubectl("set", "env", bot, "TRAINYARD_BOT_API_BASE_URL=http://telegram")
            installation.kubectl("rollout", "status", bot, "--timeout=120s")
            eventually(lambda: api.of("deleteWebhook"), within=30, what="the bot asks for updates")
            yield api
        finally:
            installation.upgrade()
            installation.kubectl("delete", "secret,service", "telegram")


def test_doctor_looks_at_the_deployed_bot(
    cli: CommandLine, installation: Installation, deployed: BotApi
) -> None:
    def look() -> tuple[int, dict[str, str]]:
        said = cli.run("doctor", f"--namespace={installation.namespace}", "-o", "json")
        [bot] = [f for f in said.json["findings"] if f["what"] == "deployed bot"]
        return said.code, bot

    say(deployed, "/system", "GPUs in use: ")
    code, bot = look()
    assert (code, bot["state"], bot["seen"]) == (0, "ok", f"{RELEASE}-bot: 1 of 1 ready")

    installation.kubectl("scale", f"deploy/{RELEASE}-bot", "--replicas=0")
    code, bot = look()
    assert (code, bot["state"]) == (1, "broken")
    assert f"logs deploy/{RELEASE}-bot" in bot["fix"]


@pytest.fixture
def telegram(installation: Installation, tmp_path: Path) -> Iterator[BotApi]:
    """The bot at work between the stand-in and the installed gateway."""
    with BotApi() as api:
        folder = tmp_path / "bot"
        folder.mkdir()
        with BotProcess(
            folder, api, installation.url, installation.key, hurry=25, gatewayTimeoutSeconds=10
        ) as bot:
            yield api
            assert bot.stop() == 0
        assert installation.key not in bot.log.read_text()
        assert api.token not in bot.log.read_text()
        shutil.rmtree(folder)


def tap(api: BotApi, call: Call, caption: str, expect: str) -> Call:
    after = len(api.sent(CHAT))
    api.tap(call.buttons[caption], call.number, CHAT)
    return api.wait_for(expect, CHAT, after)


def say(api: BotApi, text: str, expect: str) -> Call:
    after = len(api.sent(CHAT))
    api.say(text, CHAT)
    return api.wait_for(expect, CHAT, after)


def test_from_a_dataset_to_a_model_in_a_chat(telegram: BotApi, gateway: Client, file: Path) -> None:
    dataset, name = unique("bot"), unique("bot")
    gateway.upload_dataset(dataset, file)

    step = say(telegram, f"/train {dataset}", "Which task?")
    step = tap(telegram, step, "tabular-classification", "How many epochs?")
    step = say(telegram, "8", "How many GPUs?")
    step = tap(telegram, step, "1", "What is the session's name?")
    step = say(telegram, name, "The gateway accepts this.")
    tap(telegram, step, "🚀 Start", f"<b>{name}</b> is submitted")

    def ended() -> bool:
        return any(f"<b>{name}</b> is done" in call.text for call in telegram.sent(CHAT))

    eventually(ended, within=180, every=0.5, what="the finish notice")
    edits = [call for call in telegram.of("editMessageText") if f"<b>{name}</b>" in call.text]
    assert any("Running" in call.text for call in edits)
    pictures = eventually(lambda: telegram.of("sendPhoto", chat=CHAT), what="the curve")
    assert all(
        content.startswith(b"\x89PNG") for picture in pictures for content in picture.files.values()
    )
    model = gateway.model(name)
    # Not just the name: the session's message is still being edited and names it too.
    shown = say(telegram, f"/models {name}", f"📦 <b>{name}</b>")
    telegram.tap(shown.buttons["⬇️ File"], shown.number, CHAT)
    [sent] = eventually(lambda: telegram.of("sendDocument", chat=CHAT), what="the model's file")
    [content] = sent.files.values()
    assert hashlib.sha256(content).hexdigest() == model.sha256
