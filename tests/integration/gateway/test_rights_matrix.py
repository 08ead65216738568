"""Role x verb x kind x owner, made from the gateway's routes, each cell tried over HTTP.

What a cell must answer is said here once more, without the function that the gateway asks. A route
without a rule fails.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from cluster import unique
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from gateway_lab import GatewayFactory, GatewayLab
from people import CALLERS, Person, Thing, given, people_of, wanted
from poll import eventually

from trainyard_api.rights.decision import Verb
from trainyard_gateway.app import MODULES, PREFIX
from trainyard_gateway.auth.same_origin import OWN_HEADER
from trainyard_gateway.routes.deps import scope_of
from trainyard_gateway.routes.rules import Lists, Makes, OfObject, OfSession, Rule
from trainyard_gateway.store.access.owners import Kind

pytestmark = pytest.mark.integration

WITHOUT = {"/report/", "/login", "/keys", "/users", "/teams", "/limits", "/audit", "/logins"}
"""Routes of pods, of the caller alone, and of administrators alone."""
TABLE = b"length,width,kind\n" + b"".join(
    b"%d.%d,%d.5,%s\n" % (n, n, n + 1, b"ab"[n % 2 : n % 2 + 1]) for n in range(1, 30)
)
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
MODEL = struct.pack("<Q", len(HEADER)) + HEADER + b"\0\0\0\0"


@dataclass(frozen=True)
class Cell:
    """A route with its rule."""

    method: str
    path: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def rules_of(dependant: Dependant) -> Iterator[Rule]:
    if isinstance(dependant.call, Rule):
        yield dependant.call
    for below in dependant.dependencies:
        yield from rules_of(below)


ROUTES = [
    (method, PREFIX + route.path_format, route)
    for module in MODULES
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
    if not route.path.startswith(tuple(WITHOUT))
]
CELLS = [
    Cell(method, path, rule) for method, path, route in ROUTES for rule in rules_of(route.dependant)
]
NAMED = [c for c in CELLS if isinstance(c.rule, OfSession | OfObject)]
LISTED = [c for c in CELLS if isinstance(c.rule, Lists)]
MADE = [c for c in CELLS if isinstance(c.rule, Makes)]


def test_every_route_has_a_rule() -> None:
    ruled = {(c.method, c.path) for c in CELLS}

    assert [f"{m} {p}" for m, p, route in ROUTES if (m, p) not in ruled] == []
    assert all(scope_of(route) is not None for _, _, route in ROUTES)
    assert len(NAMED) > 35


@dataclass
class World:
    """People of three teams, and what each of them has made."""

    lab: GatewayLab
    http: httpx.Client
    people: dict[str, Person] = field(default_factory=dict)
    things: dict[Kind, list[Thing]] = field(default_factory=dict)

    def ask(
        self, who: Person, method: str, path: str, door: str = "key", **sent: Any
    ) -> tuple[int, str]:
        """Status and body of an answer; of a stream the status alone."""
        headers = {"X-API-Key": who.key}
        if door == "browser":
            headers = {"Cookie": who.cookie, OWN_HEADER: "1", "Sec-Fetch-Site": "same-origin"}
        url = f"{self.lab.url}{path}"
        with self.http.stream(method, url, headers=headers, **sent) as answer:
            if "event-stream" in answer.headers.get("content-type", ""):
                return answer.status_code, ""
            return answer.status_code, answer.read().decode(errors="replace")

    def make(self, kind: Kind, who: Person, team: str, visibility: str) -> Thing:
        """A new object."""
        id, shared = unique("x"), {"team": team, "visibility": visibility}
        query = f"team={team}&visibility={visibility}"
        if kind is Kind.SESSION:
            body = {"name": id, "command": ["x"], **shared}
            status, text = self.ask(who, "POST", f"{PREFIX}/training/start", json=body)
            folder = self.lab.data / "runs" / json.loads(text).get("uid", "none")
            folder.mkdir(parents=True)
            (folder / "f.txt").write_text("secret")
        elif kind is Kind.DATASET:
            path = f"{PREFIX}/datasets?name={id}&filename=a.csv&{query}"
            status, text = self.ask(who, "POST", path, content=TABLE)
        elif kind is Kind.MODEL:
            path = f"{PREFIX}/models?name={id}&{query}"
            status, text = self.ask(who, "POST", path, content=MODEL)
        else:
            body = {"name": id, "filename": "a.csv", "sizeBytes": 9, **shared}
            status, text = self.ask(who, "POST", f"{PREFIX}/uploads/datasets", json=body)
            id = json.loads(text).get("id", "none")
        assert status == 201, text
        return Thing(id, who.name, team, visibility)


@pytest.fixture(scope="module")
def world(gateway_factory: GatewayFactory) -> Iterator[World]:
    lab = gateway_factory()
    with httpx.Client(timeout=30) as http:
        yield populated(World(lab, http))


def populated(found: World) -> World:
    """The same with people and what they have made."""
    lab = found.lab
    found.people = people_of(lab)
    with lab.http() as http:
        for kind in (Kind.SESSION, Kind.DATASET, Kind.MODEL, Kind.UPLOAD):
            found.things[kind] = [
                found.make(kind, who, who.teams[0], visibility)
                for who in found.people.values()
                for visibility in (("private", "team", "all") if who.name in ("mate", "far")
                                   else ("private",))
            ]  # fmt: skip
        http.patch("/users/vi", json={"role": "viewer"}).raise_for_status()
    return found


DOORS = {"key": CALLERS, "browser": ("me", "out")}


def path_to(cell: Cell, id: str) -> str:
    values = {"version": "1", "number": "1", "path": "f.txt", "session": id, "name": id}
    path = cell.path.replace("{path:any_path}", "{path}").format(upload=id, **values)
    return f"{path}?path=" if path.endswith("/archive") else path


def things_for(world: World, cell: Cell) -> list[Thing]:
    kind = cell.rule.kinds[0]
    if "/uploads/models" in cell.path:
        return []
    return world.things.get(kind, [])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("cell", NAMED, ids=str)
def test_each_cell_answers_as_it_must(world: World, cell: Cell, door: str) -> None:
    wrong = []
    absent = unique("x") if cell.rule.kinds[0] is not Kind.UPLOAD else "0" * 32
    for name in DOORS[door]:
        who = world.people[name]
        for thing in things_for(world, cell):
            right = wanted(who, cell.rule.verb, thing)
            used = thing
            if right == "yes" and cell.method == "DELETE" and "/queue/" not in cell.path:
                used = again(world, cell.rule.kinds[0], thing)
            status, text = world.ask(who, cell.method, path_to(cell, used.id), door, content=b"{}")
            if right == "yes" and leads_nowhere(cell, used):
                continue
            if given(status) != right:
                wrong.append((name, thing, right, status, text[:120]))
            if right == "absent":
                other = world.ask(who, cell.method, path_to(cell, absent), door, content=b"{}")
                if words(text, used.id) != words(other[1], absent):
                    wrong.append((name, thing, "the words of what is not there", text, other[1]))
    assert wrong == []


def again(world: World, kind: Kind, thing: Thing) -> Thing:
    """One that may go."""
    owner = world.people[thing.user]
    if owner.role == "viewer":
        with world.lab.http() as http:
            http.patch("/users/vi", json={"role": "member"}).raise_for_status()
            made = world.make(kind, owner, thing.team, thing.visibility)
            http.patch("/users/vi", json={"role": "viewer"}).raise_for_status()
        return made
    return world.make(kind, owner, thing.team, thing.visibility)


def leads_nowhere(cell: Cell, thing: Thing) -> bool:
    """What a model of one file has not: the route says 404 to all who may read it."""
    return "/versions/{version}/files/{path" in cell.path


def words(text: str, id: str) -> str:
    """A problem without the id and the path that was asked for."""
    body = json.loads(text)
    return str((body.get("title"), body.get("status"), body.get("detail", "").replace(id, "…")))


@pytest.mark.parametrize("cell", LISTED, ids=str)
def test_each_list_leaves_out_what_is_not_to_be_seen(world: World, cell: Cell) -> None:
    if cell.method != "GET" or cell.path.endswith("/events") or "/uploads/models" in cell.path:
        pytest.skip("no list of its own")
    for name in CALLERS:
        who = world.people[name]
        _, text = world.ask(who, "GET", cell.path)
        for kind in cell.rule.kinds:
            for thing in world.things.get(kind, []):
                hidden = wanted(who, Verb.GET, thing) == "absent"
                assert not (hidden and f'"{thing.id}"' in text), (name, cell.path, thing)
    if cell.path.endswith(("/sessions", "/queue", "/datasets", "/models")):
        mate = next(t for t in world.things[cell.rule.kinds[0]] if t.user == "mate")
        assert f'"{mate.id}"' in world.ask(world.people["ad"], "GET", cell.path)[1]


@pytest.mark.parametrize("cell", MADE, ids=str)
def test_a_viewer_makes_nothing(world: World, cell: Cell) -> None:
    statuses = {n: world.ask(world.people[n], cell.method, cell.path)[0] for n in CALLERS}

    assert statuses["vi"] == 403
    assert {s for n, s in statuses.items() if n != "vi"}.isdisjoint({403, 404, 500})


def test_a_session_may_not_read_what_its_user_may_not_see(world: World) -> None:
    """Neither by a start request nor, with the same words as for a dataset that is not there."""
    mine, far = world.people["me"], world.things[Kind.DATASET]
    hidden = next(t for t in far if (t.user, t.visibility) == ("far", "team"))
    shared = next(t for t in far if (t.user, t.visibility) == ("far", "all"))
    answers = {}
    for name in (hidden.id, "nothing-there", shared.id):
        body = {"name": unique("s"), "command": ["x"], "dataset": name}
        answers[name] = world.ask(mine, "POST", f"{PREFIX}/training/start", json=body)

    assert answers[hidden.id][0] == 404
    assert words(answers[hidden.id][1], hidden.id) == words(
        answers["nothing-there"][1], "nothing-there"
    )
    assert answers[shared.id][0] == 201


def test_a_right_that_is_taken_away_ends_a_stream(world: World) -> None:
    """Within seconds, though nothing happens in the session."""
    theirs = world.things[Kind.SESSION]
    shared = next(t for t in theirs if (t.user, t.visibility) == ("mate", "team"))
    with world.lab.http() as http:
        http.post("/users", json={"name": "temp", "teams": ["vision"]}).raise_for_status()
        made = http.post("/keys", json={"name": "temp", "scopes": ["sessions:read"]}).json()
        headers = {"X-API-Key": made["key"]}
        url = f"{world.lab.url}{PREFIX}/training/{shared.id}"
        with httpx.stream("GET", f"{url}/events", headers=headers, timeout=30) as stream:
            lines = stream.iter_lines()
            next(lines)
            http.patch("/users/temp", json={"teams": []}).raise_for_status()
            # The stream ends: its lines are over.
            assert len(list(lines)) < 50
        eventually(lambda: httpx.get(f"{url}/status", headers=headers).status_code == 404, within=5)
