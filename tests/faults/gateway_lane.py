"""A gateway behind the fault proxy, with its database behind a door, and the verdict on each trial."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
from cluster import api_client, fresh_namespace
from fault_plan import CLOCK_SECONDS, DATABASE, REQUEST, Fault, Kind
from fault_proxy import FaultProxy, Trial
from gateway_lab import GatewayLab
from gateway_scenarios import GATEWAY_SCENARIOS
from gateway_stage import ANSWER_SECONDS, GatewayStage, OutcomeError
from kubernetes import client
from lane import PATIENCE, SETTLED_SECONDS, Outcome, proxied_kubeconfig
from operator_process import Forker, OperatorProcess
from oracle import Violation
from poll import NotInTimeError, eventually
from postgres import Postgres
from tcp_door import TcpDoor

from trainyard_kube import KubeConfig

GATEWAY = "trainyard_gateway.__main__"
BAD_WORDS = ("unexpected error", "Traceback (most recent call last)")
"""What the gateway's log has only after an error that nobody foresaw."""


@dataclass
class GatewayProcess(OperatorProcess):
    """The gateway in the operator's place."""

    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def _start(self) -> None:
        environment = {"KUBECONFIG": str(self.kubeconfig), **self.environment}
        self.pid = self.forker.start(self.arguments, environment, self.log, self.clock_seconds)
        self.starts += 1


class GatewayLane:
    """Runs trials; use `gateway_lane()`."""

    def __init__(
        self,
        lab: GatewayLab,
        cluster: client.CustomObjectsApi,
        proxy: FaultProxy,
        process: GatewayProcess,
        door: TcpDoor | None,
    ) -> None:
        self.lab, self.cluster, self.proxy, self.process = lab, cluster, proxy, process
        self.door = door
        self.http = httpx.Client(timeout=ANSWER_SECONDS)
        self._opening: threading.Thread | None = None
        proxy.kill, proxy.freeze = process.kill, process.freeze

    def run(
        self,
        scenario: str,
        fault: Fault | None = None,
        usual: Mapping[str, int] | None = None,
        patience: float = PATIENCE,
    ) -> Outcome:
        """One trial. `usual` are the requests of a run without a fault."""
        started, token = time.monotonic(), uuid.uuid4().hex[:6]
        self._make_ready(token, patience)
        stage = GatewayStage(self.lab, self.cluster, self.http, token, patience)
        trial = self.proxy.begin(fault, stage.version())
        stage.requested = partial(self._requested, trial)
        self.process.clock_seconds = CLOCK_SECONDS.get(fault.kind, 0.0) if fault else 0.0
        outcome = Outcome(scenario, fault)
        with restarts(self.process, trial):
            self._play(scenario, stage, trial, outcome, usual)
            stage.clear()
        if self._opening is not None:
            self._opening.join()
            self._opening = None
        if fault is not None and fault.kind in CLOCK_SECONDS:
            self.process.end()
        outcome.counts, outcome.took = without_lease(trial.counts), time.monotonic() - started
        outcome.struck = trial.struck is not None
        return outcome

    def _make_ready(self, token: str, patience: float) -> None:
        if not self.process.pid:
            self.process.begin(token)
        eventually(self._ready, within=patience, every=0.1, what="the gateway being ready")
        self.process.ended.clear()
        self._log_from = self.process.log.stat().st_size

    def _ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return self.http.get(f"{self.lab.url}/readyz").status_code == 200
        return False

    def _requested(self, trial: Trial) -> None:
        """A client is about to ask; a fault of the database may begin."""
        trial.counts[REQUEST] += 1
        fault, door = trial.fault, self.door
        if fault is None or door is None or fault.kind not in DATABASE:
            return
        if trial.comes_now(REQUEST):
            trial.struck = trial.over = time.monotonic()
            if fault.kind is Kind.DATABASE_CUT:
                door.slam()
                return
            door.shut()
            trial.over += fault.seconds
            self._opening = threading.Timer(fault.seconds, door.open)
            self._opening.start()

    def _play(
        self,
        scenario: str,
        stage: GatewayStage,
        trial: Trial,
        outcome: Outcome,
        usual: Mapping[str, int] | None,
    ) -> None:
        found = outcome.violations
        try:
            GATEWAY_SCENARIOS[scenario](stage)
        except OutcomeError as error:
            found.append(Violation("I7 outcome", str(error)))
        except NotInTimeError as error:
            found.append(Violation("I7 converges", f"{error}: {error.__cause__ or ''}"[:500]))
        over = trial.over or trial.struck
        outcome.recovery = max(0.0, time.monotonic() - over) if over else 0.0
        found += self._stays_at_rest(trial, usual)
        if others := set(stage.there()) - stage.sessions:
            found.append(Violation("I2 one session", f"{sorted(others)} are nobody's"))
        found += self._about_process()

    def _stays_at_rest(self, trial: Trial, usual: Mapping[str, int] | None) -> Iterator[Violation]:
        began = time.monotonic()

        def quiet() -> bool:
            return time.monotonic() - max(began, trial.last_write) > SETTLED_SECONDS

        try:
            eventually(quiet, within=60, every=0.1, what="no more writes")
        except NotInTimeError:
            yield Violation("I6 quiet at rest", "writes come without end")
        writes = sum(n for what, n in without_lease(trial.counts).items() if what != REQUEST)
        most = 3 * sum(n for what, n in (usual or {}).items() if what != REQUEST) + 30
        if usual is not None and writes > most:
            yield Violation("I6 no hot loop", f"{writes} writes; {most} would be many")

    def _about_process(self) -> Iterator[Violation]:
        if self.process.ended:
            yield Violation("I6 gateway runs", f"it ended by itself with {self.process.ended}")
        with self.process.log.open("rb") as log:
            log.seek(self._log_from)
            said = log.read().decode(errors="replace")
        for line in said.splitlines():
            if any(words in line for words in BAD_WORDS):
                yield Violation("I6 no unforeseen error", line[:500])
                return


def without_lease(counts: Mapping[str, int]) -> Counter[str]:
    """Requests that follow from what people do; how often the gateway renews its Lease is a matter of time."""
    return Counter({what: n for what, n in counts.items() if not what.endswith(" leases")})


@contextmanager
def restarts(process: OperatorProcess, trial: Trial) -> Iterator[None]:
    """Start the gateway again whenever it was killed."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.05):
            if process.watch() and trial.struck is not None and trial.over is None:
                trial.over = time.monotonic()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)


@contextmanager
def gateway_lane(
    kubeconfig: Path, folder: Path, postgres: Postgres | None = None
) -> Iterator[GatewayLane]:
    """A gateway of its own in a namespace of its own, on SQLite or on a new database of `postgres`."""
    with ExitStack() as stack:
        namespace = stack.enter_context(fresh_namespace(kubeconfig, "faults-gw"))
        proxy = stack.enter_context(FaultProxy(KubeConfig.from_file(kubeconfig)))
        cluster = client.CustomObjectsApi(stack.enter_context(api_client(kubeconfig)))
        through = folder / "through-the-proxy"
        through.write_text(proxied_kubeconfig(proxy.url, namespace))
        lab, door = GatewayLab(kubeconfig, namespace, folder), None
        if postgres is not None:
            door = stack.enter_context(TcpDoor(postgres.address, postgres.port))
            lab.settings |= _through(door, postgres)
        (folder / "key").write_text(lab.key)
        forker = Forker(GATEWAY)
        stack.callback(forker.close)
        process = GatewayProcess(
            forker, {}, folder, through,
            arguments=[
                f"--port={lab.port}", f"--namespace={namespace}", f"--data-dir={lab.data}",
                f"--api-key-file={folder / 'key'}",
            ],
            environment=lab.environment(),
        )  # fmt: skip
        stack.callback(process.end)
        own = GatewayLane(lab, cluster, proxy, process, door)
        stack.callback(own.http.close)
        yield own


def _through(door: TcpDoor, postgres: Postgres) -> dict[str, str]:
    url = urlsplit(postgres.database())
    behind = url._replace(netloc=f"{url.username}@127.0.0.1:{door.port}")
    return {
        "database_url": urlunsplit(behind),
        "database_password_file": str(postgres.password_file),
    }
