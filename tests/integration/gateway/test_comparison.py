"""Sessions side by side: `GET /training/compare`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab, Trainer
from poll import eventually

from trainyard.client import Client

pytestmark = pytest.mark.integration

NOW = "2026-01-01T00:00:00Z"
MICROS = 1767225600000000
SPIKE = 1e6


def curve(lab: GatewayLab, values: dict[int, Any], **row: Any) -> Trainer:
    """A session with these values of `loss` by step."""
    trainer = lab.new_trainer(unique("beside"))
    rows = [
        {"step": step, "time": NOW, "values": {"loss": value}, **row}
        for step, value in values.items()
    ]
    trainer.report({"sequence": 1, "metrics": rows}).raise_for_status()
    return trainer


def compared(http: httpx.Client, *sessions: str, **query: Any) -> dict[str, Any]:
    answer = http.get("/training/compare", params={"session": list(sessions), **query})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def told(http: httpx.Client, session: str) -> bool:
    """Whether a comparison says of a session what its status says, which changes after a report."""
    [found] = compared(http, session)["sessions"]
    return bool(found == http.get(f"/training/{session}/status").json())


def test_sessions_stand_as_asked_and_their_curves_are_lists(
    lab: GatewayLab, http: httpx.Client
) -> None:
    plain, odd = curve(lab, {0: 0.5, 3: 2.5}), curve(lab, {7: "NaN"}, epoch=2)
    without = lab.new_trainer(unique("beside"))
    asked = [odd.session_uid, without.session, plain.session, plain.session_uid, "no-such"]

    found = compared(http, *asked, metric="loss")
    alone = compared(http, plain.session)

    assert [one["name"] for one in found["sessions"]] == [
        odd.session, without.session, plain.session,
    ]  # fmt: skip
    assert found["curves"] == [
        {"uid": odd.session_uid, "total": 1, "steps": [7], "times": [MICROS], "values": ["NaN"], "epochs": [2]},
        {"uid": plain.session_uid, "total": 2, "steps": [0, 3], "times": [MICROS] * 2, "values": [0.5, 2.5]},
    ]  # fmt: skip
    assert found["unknown"] == ["no-such"]
    eventually(lambda: told(http, plain.session), what="the same of a session")
    assert (len(alone["sessions"]), alone["curves"]) == (1, [])


def test_curves_are_thinned_and_keep_their_spikes(lab: GatewayLab, http: httpx.Client) -> None:
    steps = range(5000)
    both = [curve(lab, {n: SPIKE if n == spike else n / 7 for n in steps}) for spike in (77, 4001)]
    uids = [trainer.session_uid for trainer in both]

    whole = compared(http, *uids, metric="loss", maxPoints=100)["curves"]
    part = compared(http, *uids, metric="loss", maxPoints=100, firstStep=70, lastStep=90)["curves"]

    assert [one["steps"][one["values"].index(SPIKE)] for one in whole] == [77, 4001]
    assert all(len(one["steps"]) < 120 and one["total"] == 5000 for one in whole)
    assert [one["steps"] for one in part] == [list(range(70, 91))] * 2


def test_what_a_user_may_not_see_is_unknown(lab: GatewayLab, http: httpx.Client) -> None:
    hidden = curve(lab, {1: 1.0})
    team, name = unique("team"), unique("ada")
    http.post("/teams", json={"name": team}).raise_for_status()
    http.post("/users", json={"name": name, "teams": [team]}).raise_for_status()
    key = http.post("/keys", json={"name": name, "scopes": ["sessions:read", "sessions:write"]})
    headers = {"X-API-Key": key.json()["key"]}
    with httpx.Client(base_url=f"{lab.url}/api/v1", headers=headers, timeout=30) as theirs:
        own = theirs.post("/training/start", json={"name": unique("own"), "command": ["x"]}).json()
        for asked in (hidden.session_uid, hidden.session):
            found = compared(theirs, asked, own["uid"], metric="loss")

            assert [one["uid"] for one in found["sessions"]] == [own["uid"]]
            assert (found["curves"], found["unknown"]) == ([], [asked])


def test_wrong_questions_are_refused(lab: GatewayLab, http: httpx.Client) -> None:
    asked = [
        {}, {"session": ""}, {"session": ["x"] * 101}, {"session": "x" * 65},
        {"session": "x", "maxPoints": 3}, {"session": "x", "firstStep": -1},
    ]  # fmt: skip

    assert {http.get("/training/compare", params=each).status_code for each in asked} == {422}


def test_the_client_compares(lab: GatewayLab) -> None:
    trainer = curve(lab, {1: 0.25})
    with Client(lab.url, lab.key) as client:
        found = client.compare("loss", trainer.session, "no-such", max_points=10)

    assert found.sessions[0].uid == found.curves[0].uid == trainer.session_uid
    assert (found.curves[0].values, found.unknown) == ([0.25], ["no-such"])
