"""Role x operation x owner, made from the routes of MLflow's protocol, each cell tried over HTTP.

Runs, logged models, registered models, versions and files belong to users; experiments are names
that all users share. A route without a case here fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx
import pytest
from cluster import unique
from fastapi.routing import APIRoute
from gateway_lab import GatewayLab
from people import CALLERS, Person, Thing, given, people_of, set_role, wanted
from poll import eventually

from trainyard_api.mlflow import run_id_of
from trainyard_api.rights.decision import Verb
from trainyard_gateway.routes.mlflow import ROUTERS

pytestmark = pytest.mark.integration

ROOT = "/mlflow"
API = f"{ROOT}/api/2.0/mlflow"
FILES = f"{ROOT}/api/2.0/mlflow-artifacts/artifacts"
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
MODEL = len(HEADER).to_bytes(8, "little") + HEADER + b"\0\0\0\0"


class Kind(Enum):
    """What has an owner, and how an id of none of them looks."""

    RUN = "0" * 32
    LOGGED = "m-" + "0" * 32
    MODEL = "no-such-model"


Body = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A request about one thing."""

    kind: Kind
    verb: Verb
    ask: Body
    """The query of a GET, else the body, for the id of a thing."""
    path: Callable[[str], str] | None = None
    """The path for the id of a thing, where it is in the path."""
    removes: bool = False
    """A thing that may be removed is a new one."""
    makes: bool = False
    """What is not there is made."""


def run(verb: Verb = Verb.UPDATE, **more: Any) -> Case:
    return Case(Kind.RUN, verb, lambda id: {"run_id": id, **more})


def model(verb: Verb = Verb.UPDATE, *, removes: bool = False, **more: Any) -> Case:
    return Case(Kind.MODEL, verb, lambda id: {"name": id, **more}, removes=removes)


def logged(
    below: str = "", verb: Verb = Verb.UPDATE, *, removes: bool = False, **body: Any
) -> Case:
    return Case(
        Kind.LOGGED, verb, lambda _: body, lambda id: f"{API}/logged-models/{id}{below}", removes
    )


def files(kind: Kind, verb: Verb, name: str = "/f.txt") -> Case:
    folders = {
        Kind.RUN: "0/{}/artifacts",
        Kind.LOGGED: "0/models/{}/artifacts",
        Kind.MODEL: "registry/{}/1/artifacts",
    }
    folder = folders[kind]
    if name:
        return Case(kind, verb, lambda _: {}, lambda id: f"{FILES}/{folder.format(id)}{name}")
    return Case(kind, verb, lambda id: {"path": folder.format(id)})


def of_version(verb: Verb = Verb.UPDATE, *, removes: bool = False, **more: Any) -> Case:
    return model(verb, version="1", removes=removes, **more)


METRIC = {"key": "loss", "value": 1.0, "timestamp": 1, "step": 2}
CASES: dict[str, list[Case]] = {
    f"POST {API}/runs/create": [
        Case(Kind.RUN, Verb.GET, lambda id: {"run_id": id}, makes=True)
    ],
    f"GET {API}/runs/get": [run(Verb.GET)],
    f"POST {API}/runs/update": [run(run_name="other")],
    f"POST {API}/runs/restore": [run()],
    f"POST {API}/runs/log-metric": [run(**METRIC)],
    f"POST {API}/runs/log-parameter": [run(key="p", value="1")],
    f"POST {API}/runs/log-batch": [run(metrics=[METRIC]), run(tags=[{"key": "t", "value": "2"}])],
    f"POST {API}/runs/set-tag": [run(key="gone", value="1")],
    f"POST {API}/runs/delete-tag": [run(key="gone")],
    f"POST {API}/runs/log-inputs": [run(datasets=[])],
    f"POST {API}/runs/outputs": [run(models=[])],
    f"POST {API}/runs/delete": [Case(Kind.RUN, Verb.DELETE, lambda id: {"run_id": id}, removes=True)],
    f"GET {API}/metrics/get-history": [run(Verb.GET, metric_key="loss")],
    f"GET {API}/artifacts/list": [run(Verb.GET)],
    f"POST {API}/logged-models": [
        Case(Kind.RUN, Verb.UPDATE, lambda id: {"experiment_id": "0", "source_run_id": id})
    ],
    f"GET {API}/logged-models/{{model_id}}": [logged(verb=Verb.GET)],
    f"PATCH {API}/logged-models/{{model_id}}": [logged(status="LOGGED_MODEL_READY")],
    f"POST {API}/logged-models/{{model_id}}/params": [logged("/params", params=[])],
    f"PATCH {API}/logged-models/{{model_id}}/tags": [
        logged("/tags", tags=[{"key": "gone", "value": "1"}])
    ],
    f"DELETE {API}/logged-models/{{model_id}}/tags/{{key}}": [logged("/tags/gone")],
    f"DELETE {API}/logged-models/{{model_id}}": [logged(verb=Verb.DELETE, removes=True)],
    f"GET {API}/registered-models/get": [model(Verb.GET)],
    f"PATCH {API}/registered-models/update": [model(description="d")],
    f"GET {API}/registered-models/get-latest-versions": [model(Verb.GET)],
    f"POST {API}/registered-models/get-latest-versions": [model(Verb.GET)],
    f"POST {API}/registered-models/set-tag": [model(key="gone", value="1")],
    f"DELETE {API}/registered-models/delete-tag": [model(key="gone")],
    f"POST {API}/registered-models/alias": [of_version(alias="champion")],
    f"GET {API}/registered-models/alias": [model(Verb.GET, alias="champion")],
    f"DELETE {API}/registered-models/alias": [model(alias="other")],
    f"POST {API}/registered-models/rename": [
        Case(Kind.MODEL, Verb.UPDATE, lambda id: {"name": id, "new_name": unique("r")}, removes=True)
    ],
    f"DELETE {API}/registered-models/delete": [model(Verb.DELETE, removes=True)],
    f"GET {API}/model-versions/get": [of_version(Verb.GET)],
    f"GET {API}/model-versions/get-download-uri": [of_version(Verb.GET)],
    f"PATCH {API}/model-versions/update": [of_version(description="d")],
    f"POST {API}/model-versions/transition-stage": [of_version(stage="Staging")],
    f"POST {API}/model-versions/set-tag": [of_version(key="gone", value="1")],
    f"DELETE {API}/model-versions/delete-tag": [of_version(key="gone")],
    f"POST {API}/model-versions/create": [
        Case(Kind.MODEL, Verb.UPDATE, lambda id: {"name": id, "source": f"models:/{id}/1"})
    ],
    f"DELETE {API}/model-versions/delete": [of_version(Verb.DELETE, removes=True)],
    f"GET {FILES}": [files(kind, Verb.GET, "") for kind in Kind],
    f"GET {FILES}/{{path:any_path}}": [files(kind, Verb.GET) for kind in (Kind.RUN, Kind.LOGGED)],
    f"PUT {FILES}/{{path:any_path}}": [files(kind, Verb.UPDATE) for kind in (Kind.RUN, Kind.LOGGED)],
    f"DELETE {FILES}/{{path:any_path}}": [
        files(kind, Verb.DELETE, "/gone.txt") for kind in (Kind.RUN, Kind.LOGGED)
    ],
}  # fmt: skip
LISTS: dict[str, tuple[Kind, Body]] = {
    f"POST {API}/runs/search": (Kind.RUN, lambda _: {"experiment_ids": ["0"]}),
    f"GET {API}/metrics/get-history-bulk": (
        Kind.RUN, lambda id: {"run_id": id, "metric_key": "loss"},
    ),
    f"GET {API}/metrics/get-history-bulk-interval": (
        Kind.RUN, lambda id: {"run_ids": id, "metric_key": "loss"},
    ),
    f"POST {API}/logged-models/search": (Kind.LOGGED, lambda _: {"experiment_ids": ["0"]}),
    f"GET {API}/registered-models/search": (Kind.MODEL, lambda _: {}),
    f"POST {API}/registered-models/search": (Kind.MODEL, lambda _: {}),
    f"GET {API}/model-versions/search": (Kind.MODEL, lambda _: {}),
    f"POST {API}/model-versions/search": (Kind.MODEL, lambda _: {}),
}  # fmt: skip
OF_ALL = {
    *(f"{method} {API}/experiments/search" for method in ("GET", "POST")),
    f"GET {API}/experiments/get", f"GET {API}/experiments/get-by-name",
    *(f"POST {API}/experiments/{name}" for name in (
        "create", "set-experiment-tag", "delete-experiment-tag", "update", "delete", "restore")),
    f"POST {API}/registered-models/create", f"GET {ROOT}/health",
    f"GET {ROOT}/api/3.0/mlflow/server-info",
    f"POST {ROOT}/api/2.0/mlflow-artifacts/mpu/{{rest:any_path}}",
    *(f"{method} {ROOT}/{{rest:any_path}}" for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
}  # fmt: skip
"""Routes that show or change nothing of one user."""
CELLS = [(route, case) for route, cases in CASES.items() for case in cases]


def cell_id(cell: tuple[str, Case]) -> str:
    return f"{cell[0]} of a {cell[1].kind.name.lower()}"


def test_every_route_has_a_case() -> None:
    routes = {
        f"{method} {route.path}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }

    assert routes == CASES.keys() | LISTS.keys() | OF_ALL


@dataclass
class World:
    """People, and what each of them has made."""

    lab: GatewayLab
    http: httpx.Client
    people: dict[str, Person] = field(default_factory=dict)
    things: dict[Kind, list[Thing]] = field(default_factory=dict)

    def ask(self, who: Person, route: str, case: Case, id: str) -> tuple[int, str]:
        """Status and body of an answer."""
        method, _, path = route.partition(" ")
        path, sent = case.path(id) if case.path else path, case.ask(id)
        if method == "PUT":
            return self._sent(who, method, path, content=b"x")
        return self._sent(
            who, method, path, **({"params": sent} if method == "GET" else {"json": sent})
        )

    def _sent(self, who: Person, method: str, path: str, **sent: Any) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {who.key}"}
        answer = self.http.request(method, f"{self.lab.url}{path}", headers=headers, **sent)
        return answer.status_code, answer.text

    def post(self, who: Person, path: str, **body: Any) -> Any:
        """The answer to a request that must be answered."""
        status, text = self._sent(who, "POST", path, json=body)
        assert status in (200, 201), text
        return json.loads(text)

    def make(self, kind: Kind, who: Person, visibility: str) -> Thing:
        """A new thing with a value, a tag and a file."""
        team = who.teams[0]
        shared = {"team": team, "visibility": visibility}
        if kind is Kind.MODEL:
            id, query = unique("x"), f"team={team}&visibility={visibility}"
            status, text = self._sent(
                who, "POST", f"/api/v1/models?name={id}&{query}", content=MODEL
            )
            assert status == 201, text
            self.post(who, f"{API}/registered-models/alias", name=id, alias="champion", version="1")
            return Thing(id, who.name, team, visibility)
        if visibility == "team":
            made = self.post(who, f"{API}/runs/create", experiment_id="0")
            id = made["run"]["info"]["run_id"]
        else:
            body = {"name": unique("s"), "command": ["x"], **shared}
            id = run_id_of(self.post(who, "/api/v1/training/start", **body)["uid"])
            shown = f"GET {API}/runs/get", run(Verb.GET)
            eventually(lambda: self.ask(who, *shown, id)[0] == 200, what="the run of a session")
        place = f"0/{id}/artifacts"
        if kind is Kind.LOGGED:
            made = self.post(who, f"{API}/logged-models", experiment_id="0", source_run_id=id)
            id = made["model"]["info"]["model_id"]
            place = f"0/models/{id}/artifacts"
        else:
            self.post(who, f"{API}/runs/log-metric", run_id=id, **METRIC)
        status, text = self._sent(who, "PUT", f"{FILES}/{place}/f.txt", content=b"secret")
        assert status == 200, text
        return Thing(id, who.name, team, visibility)


@pytest.fixture(scope="module")
def world(lab: GatewayLab) -> Iterator[World]:
    with httpx.Client(timeout=60) as http:
        found = World(lab, http, people_of(lab))
        for kind in Kind:
            found.things[kind] = [
                found.make(kind, found.people[name], visibility)
                for name, seen in (
                    ("vi", ("team",)), ("me", ("private",)),
                    ("mate", ("private", "team")), ("far", ("team", "all")),
                )
                for visibility in seen
            ]  # fmt: skip
        set_role(lab, "vi", "viewer")
        yield found


@pytest.mark.parametrize("cell", CELLS, ids=cell_id)
def test_each_cell_answers_as_it_must(world: World, cell: tuple[str, Case]) -> None:
    route, case = cell
    wrong = [
        sentence
        for name in CALLERS
        for thing in world.things[case.kind]
        if (sentence := wrong_with(world, world.people[name], route, case, thing))
    ]
    assert wrong == []


def wrong_with(world: World, who: Person, route: str, case: Case, thing: Thing) -> str:
    """What is wrong with an answer; empty if nothing is."""
    right = wanted(who, case.verb, thing)
    if who.role == "viewer" and not reads(route):
        # Refused before anything is looked for.
        right = "forbidden"
    used = thing
    if right == "yes" and case.removes:
        if thing.user == "vi":
            return ""
        used = world.make(case.kind, world.people[thing.user], thing.visibility)
    if right == "yes" and (first := before(route)) is not None:
        world.ask(who, *first, used.id)
    status, text = world.ask(who, route, case, used.id)
    if given(status) != right:
        return f"{who.name}, {thing}: {status} instead of {right}: {text[:200]}"
    if right == "absent" and not case.makes:
        other = world.ask(who, route, case, case.kind.value)[1]
        if told(text, used.id) != told(other, case.kind.value):
            return f"{who.name}, {thing}: {text[:200]}, and of what is not there: {other[:200]}"
    return ""


def reads(route: str) -> bool:
    """Whether viewers may ask it."""
    return route.startswith("GET ") or route.endswith("/get-latest-versions")


def before(route: str) -> tuple[str, Case] | None:
    """What has to be there before a tag or a file is removed."""
    if route.endswith("/runs/delete-tag"):
        return f"POST {API}/runs/set-tag", CASES[f"POST {API}/runs/set-tag"][0]
    if route.endswith("/tags/{key}"):
        tags = f"PATCH {API}/logged-models/{{model_id}}/tags"
        return tags, CASES[tags][0]
    return None


def told(text: str, id: str) -> str:
    """An answer without the id that was asked for."""
    body = json.loads(text)
    return str((body["error_code"], body["message"].replace(id, "…")))


@pytest.mark.parametrize("route", LISTS)
def test_each_list_leaves_out_what_is_not_to_be_seen(world: World, route: str) -> None:
    kind, ask = LISTS[route]
    wrong, seen = [], 0
    for name in CALLERS:
        who = world.people[name]
        for thing in world.things[kind]:
            status, text = world.ask(who, route, Case(kind, Verb.GET, ask), thing.id)
            assert status == 200, text
            shown = f'"{thing.id}"' in text
            right = wanted(who, Verb.GET, thing) == "yes"
            seen += shown
            if shown is not right:
                wrong.append((name, thing, right))
    assert wrong == []
    assert seen


def test_a_version_of_a_model_of_another_user_is_not_added(world: World) -> None:
    """Neither for one that is not to be seen, whose name is called as if it were not there."""
    out = world.people["out"]
    own = world.make(Kind.RUN, out, "team")
    answers = {}
    for thing in world.things[Kind.MODEL]:
        body = {"name": thing.id, "source": f"runs:/{own.id}/f.txt", "run_id": own.id}
        path = f"{ROOT}/api/2.0/mlflow/model-versions/create"
        case = Case(Kind.MODEL, Verb.UPDATE, lambda _, body=body: body)
        status, _ = world.ask(out, f"POST {path}", case, thing.id)
        answers[thing] = (given(status), wanted(out, Verb.UPDATE, thing))
    assert [pair for pair in answers.values() if pair[0] != pair[1]] == []
