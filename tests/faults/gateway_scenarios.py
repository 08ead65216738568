"""What clients and trainers ask of a gateway behind the fault proxy; each is played once without a fault, and again with one.

They repeat what got no final answer, as the client library and the reporters do, and then compare what they were told with what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway_stage import GatewayStage, OutcomeError
from gateway_work import batch

GatewayScenario = Callable[[GatewayStage], None]
GATEWAY_SCENARIOS: Final[dict[str, GatewayScenario]] = {}
BATCHES: Final = 4


def scenario(play: GatewayScenario) -> GatewayScenario:
    """Register a scenario under its name."""
    GATEWAY_SCENARIOS[play.__name__.replace("_", "-")] = play
    return play


@scenario
def start_once(s: GatewayStage) -> None:
    """A start with an idempotency key, repeated until it is answered, is one session."""
    name, key = s.name("one"), s.name("key")
    first = s.start(name, key)
    again = s.start(name, key)
    s.same("the session of the key", first["uid"], again["uid"])
    s.expect_sessions({name: "Running"})


@scenario
def start_unnamed(s: GatewayStage) -> None:
    """The same without a name: the gateway chooses one."""
    key = s.name("key")
    first, again = s.start(None, key), s.start(None, key)
    s.same("the session of the key", first["uid"], again["uid"])
    s.expect_sessions({first["name"]: "Running"})


@scenario
def starts_at_once(s: GatewayStage) -> None:
    """Two callers want one name: one gets it."""
    name = s.name("both")
    answers = s.at_once(
        [lambda: s.asked_to_start(name, s.name("a")), lambda: s.asked_to_start(name, s.name("b"))]
    )
    s.same("the answers", sorted(answers), [201, 409])
    s.expect_sessions({name: "Running"})


@scenario
def wishes(s: GatewayStage) -> None:
    """A session is suspended, resumed, changed and stopped; each answer holds."""
    name = s.name("wishes")
    s.start(name, s.name("key"))
    for verb, wish in (("suspend", "Suspended"), ("resume", "Running"), ("stop", "Stopped")):
        s.told("POST", f"/training/{name}/{verb}")
        s.expect_sessions({name: wish})


@scenario
def cancelled(s: GatewayStage) -> None:
    """A session is taken out of the queue."""
    name = s.name("waits")
    s.start(name, s.name("key"))
    s.told("DELETE", f"/training/queue/{name}")
    s.expect_sessions({name: "Stopped"})


@scenario
def priority(s: GatewayStage) -> None:
    """A priority that was acknowledged is the session's."""
    name = s.name("urgent")
    s.start(name, s.name("key"))
    s.told("PATCH", f"/training/{name}", json={"priority": 7})
    s.same("the priority", s.session(name)["spec"]["priority"], 7)


@scenario
def dataset(s: GatewayStage) -> None:
    """A session names a dataset that is there; its status gets the file's hash."""
    name, data = s.name("data"), s.name("set")
    sha = s.upload(data)
    s.start(name, s.name("key"), dataset=data)
    s.expect_status(name, "dataset", state="Found", sha256=sha)


@scenario
def dataset_later(s: GatewayStage) -> None:
    """Its dataset is missing, then uploaded."""
    name, data = s.name("early"), s.name("set")
    s.create(name, dataset=data)
    s.expect_status(name, "dataset", state="NotFound")
    sha = s.upload(data)
    s.expect_status(name, "dataset", state="Found", sha256=sha)


@scenario
def reports(s: GatewayStage) -> None:
    """Batches of a trainer, each repeated until it is acknowledged, are there exactly once."""
    trainer = s.trainer(s.name("reports"))
    for number in range(1, BATCHES + 1):
        beat = {"step": number, "totalSteps": BATCHES}
        s.report(trainer, {**batch(number), "heartbeat": {"time": s.now(), **beat}})
    s.expect_points(trainer.session, BATCHES)
    s.expect_status(trainer.session, "progress", step=BATCHES)


@scenario
def model(s: GatewayStage) -> None:
    """A model, reported until the gateway takes it, is one version, and the status names it."""
    trainer = s.trainer(s.name("model"))
    sha = s.report_model(trainer)
    s.expect_status(trainer.session, "model", version=1, sha256=sha)
    found = s.told("GET", f"/models/{trainer.session}/versions").json()["models"]
    s.same("the versions", [m["version"] for m in found], [1])


@scenario
def revoked(s: GatewayStage) -> None:
    """A key that was revoked opens nothing more."""
    key_id, key = s.new_key(s.name("key"))
    s.told("DELETE", f"/keys/{key_id}", gone_is_done=True)
    answer = s.ask("GET", "/training/sessions", key=key)
    if answer.status_code != 401:
        raise OutcomeError(f"a revoked key gets {answer.status_code}")
