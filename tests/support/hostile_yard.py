"""Gateway, operator and bot as real processes on one API server, with an honest session beside hostile ones."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from bot_api import BotApi
from bot_process import CHAT, BotProcess
from gateway_lab import GatewayLab, Trainer, running_gateway
from host_delay import host_delay
from hostile_reports import NOW
from kubernetes import client
from operator_lab import GROUP, SESSIONS, VERSION, Lab, laboratory, unique
from poll import eventually

from trainyard_api import contract


@dataclass
class HostileYard:
    """The three programs, the sessions that attack them, and one that does nothing wrong."""

    operator: Lab
    gateway: GatewayLab
    chats: BotApi
    bot: BotProcess
    hostile: list[Trainer] = field(default_factory=list)
    honest: Trainer | None = None
    steps: int = 0
    """Steps of the honest session."""
    step_seconds: list[float] = field(default_factory=list)
    """Until an honest report could be read, without what the machine itself was late."""
    life_seconds: list[float] = field(default_factory=list)
    """Until the operator had begun with a new session, likewise."""
    bot_seconds: list[float] = field(default_factory=list)
    """Until the bot had answered, likewise."""

    def session(self, prefix: str) -> Trainer:
        """A session that runs on simulated nodes, and the identity of its pod."""
        name = unique(prefix)
        made = self.operator.create(name, {"command": ["run"], "resources": {"gpus": 0}})
        self.operator.wait_phase(name, "Running", within=60)
        job = self.operator.status(name)["jobName"]
        pods = self.operator.core.list_namespaced_pod(
            self.operator.namespace, label_selector=f"batch.kubernetes.io/job-name={job}"
        )
        pod = pods.items[0].metadata
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
        wanted = {
            "audiences": [contract.TOKEN_AUDIENCE],
            "expirationSeconds": 3600,
            "boundObjectRef": bound,
        }
        token = self.operator.core.create_namespaced_service_account_token(
            "trainer",
            self.operator.namespace,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted},
        )
        return Trainer(self.gateway, name, made["metadata"]["uid"], 1, pod.name, token.status.token)

    def check(self, within: float) -> None:
        """Every process is up and ready, and honest sessions go on within so many seconds."""
        for process in (self.operator.process, self.gateway.process, self.bot.process):
            assert process is not None
            assert process.poll() is None, "a process has ended"
        for path in ("readyz", "livez"):
            answer = httpx.get(f"{self.gateway.url}/{path}", timeout=within + 10)
            assert answer.status_code == 200, answer.text
        assert self.operator.ready()
        with host_delay() as late:
            took = self._step(within)
        self.step_seconds.append(max(0.0, took - late.seconds))
        with host_delay() as late:
            took = self._life(within)
        self.life_seconds.append(max(0.0, took - late.seconds))

    def _step(self, within: float) -> float:
        """The honest session reports a step, which can be read; how long that took."""
        assert self.honest is not None
        trainer = self.honest
        self.steps += 1
        step = self.steps
        began = time.monotonic()
        row = {"step": step, "time": NOW, "values": {"loss": float(step)}}
        beat = {"time": NOW, "step": step}
        answer = trainer.report({"sequence": step, "metrics": [row], "heartbeat": beat})
        assert answer.status_code == 200, answer.text
        with self.gateway.http() as http:

            def read() -> bool:
                found = http.get(f"/training/{trainer.session}/metrics").json()["metrics"]
                return any(m["name"] == "loss" and m["step"] == step for m in found)

            eventually(read, within=within, every=0.02, what=f"step {step} of an honest session")
        return time.monotonic() - began

    def _life(self, within: float) -> float:
        """The operator begins with a new session; how long that took."""
        name = unique("honest")
        began = time.monotonic()
        self.operator.create(name, {"command": ["sleep", "0.05"], "resources": {"gpus": 1}})
        eventually(
            lambda: self.operator.status(name).get("phase"),
            within=within,
            every=0.05,
            what="a phase of a new session",
        )
        took = time.monotonic() - began
        self.operator.wait_phase(name, "Succeeded", within=60)
        self.operator.delete(name)
        return took

    def ask_bot(self, within: float) -> list[str]:
        """Every question about sessions, about a hostile one as well; the answers."""
        texts: list[str] = []
        questions = ["/sessions all", "/queue", "/system", "/models", "/datasets"]
        for trainer in self.hostile[:2]:
            questions += [f"/{word} {trainer.session}" for word in ("status", "metrics", "logs")]
        for question in questions:
            before = len(self.chats.sent(CHAT))
            began = time.monotonic()
            with host_delay() as late:
                self.chats.say(question, chat=CHAT)
                answered = lambda since=before: self.chats.sent(CHAT)[since:]  # noqa: E731  one question
                eventually(answered, within=within, every=0.02, what=f"an answer to {question}")
            self.bot_seconds.append(max(0.0, time.monotonic() - began - late.seconds))
            texts += [call.text for call in self.chats.sent(CHAT)[before:]]
        return texts

    def restart(self) -> None:
        """Kill every process and start it again with what is stored."""
        self.gateway.stop(signal.SIGKILL)
        self.gateway.start()
        self.operator.kill()
        self.operator.start()
        self.bot.stop(signal.SIGKILL)
        self.bot.start()

    def forge(self, name: str, status: dict[str, object]) -> bool:
        """Write a status of a session; whether the API server takes it."""
        with suppress(client.ApiException, ValueError):
            self.operator.patch_status(name, status)
            return True
        return False

    def remove(self, names: list[str]) -> None:
        """Delete sessions."""
        for name in names:
            with suppress(client.ApiException):
                self.operator.custom.delete_namespaced_custom_object(
                    GROUP, VERSION, self.operator.namespace, SESSIONS, name
                )


@contextmanager
def hostile_yard(
    kubeconfig: Path, new_folder: Callable[[str], Path], hostile: int, **settings: str
) -> Iterator[HostileYard]:
    """The yard with so many hostile sessions; settings are the gateway's."""
    with (
        laboratory(kubeconfig, new_folder("operator"), (64, 64)) as operator,
        running_gateway(
            kubeconfig, operator.namespace, new_folder("gateway"), **settings
        ) as gateway,
        BotApi() as chats,
        BotProcess(
            new_folder("bot"), chats, gateway.url, gateway.key, gatewayTimeoutSeconds=10
        ) as bot,
    ):
        yard = HostileYard(operator, gateway, chats, bot)
        yard.honest = yard.session("quiet")
        yard.hostile = [yard.session("hostile") for _ in range(hostile)]
        yield yard
