"""What changed in a session of the cluster, by what the API server keeps of it."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard_gateway.audit.event import AuditEvent
from trainyard_gateway.audit.observed import SeenState, Watched, events_of, seen_state

NOW = 1_800_000_000_000_000
CREATED, LATER = "2026-11-30T20:00:00Z", "2026-11-30T20:00:01Z"
KUBECTL = "kubectl-edit"
GATEWAY, OPERATOR = "trainyard-gateway", "trainyard-operator"


def entry(manager: str, time: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "time": time,
        "fieldsV1": fields,
        **more,
    }


def session(*entries: dict[str, Any], version: str = "7", **metadata: Any) -> dict[str, Any]:
    spec = metadata.pop("spec", {"command": ["x"], "priority": 0})
    return {
        "metadata": {
            "uid": "u",
            "name": "s",
            "creationTimestamp": CREATED,
            "resourceVersion": version,
            "generation": metadata.pop("generation", 1),
            "managedFields": list(entries),
            **metadata,
        },
        "spec": spec,
        "status": metadata.pop("status", {}),
    }


SPEC = {"f:spec": {"f:command": {}, "f:priority": {}}}
WHOLE = {"f:spec": {".": {}, "f:command": {}, "f:priority": {}}}
LABEL = {"f:metadata": {"f:labels": {"f:project": {}}}}
TEAM = {"trainyard.io/team": "a"}
MADE = entry(GATEWAY, CREATED, SPEC)
BEFORE = session(MADE)


def told(events: list[AuditEvent]) -> list[tuple[str, str, str, str]]:
    return [(e.verb.value, e.channel.value, e.credential, e.detail) for e in events]


def after(
    body: dict[str, Any], before: dict[str, Any] | None = BEFORE, **more: Any
) -> list[tuple[str, str, str, str]]:
    state = None if before is None else SeenState.read(seen_state(before).wire())
    return told(events_of(state, body, Watched(), NOW, **more))


CASES: list[Any] = [
    pytest.param(None, session(MADE, labels=TEAM), [], id="made-by-the-gateway"),
    pytest.param(
        None,
        session(MADE, labels={"trainyard.io/user": "ada"}),
        [("create", "kubectl", GATEWAY, "")],
        id="made-by-a-client-in-the-gateway's-name",
    ),
    pytest.param(
        None,
        session(entry("kubectl-create", CREATED, SPEC)),
        [("create", "kubectl", "kubectl-create", "")],
        id="made-by-kubectl",
    ),
    pytest.param(
        None,
        session(
            entry("kubectl-label", LATER, LABEL),
            entry(GATEWAY, "2026-11-30T20:00:09Z", WHOLE),
            labels={"project": "a", **TEAM},
        ),
        [],
        id="made-by-the-gateway-which-has-written-again",
    ),
    pytest.param(
        None,
        session(entry("kubectl-create", LATER, WHOLE), entry(GATEWAY, CREATED, LABEL)),
        [("create", "kubectl", "kubectl-create", "")],
        id="made-by-kubectl-which-has-written-again",
    ),
    pytest.param(BEFORE, BEFORE, [], id="seen-again"),
    pytest.param(
        BEFORE,
        session(
            MADE,
            entry(KUBECTL, LATER, {"f:spec": {"f:priority": {}}}),
            spec={"command": ["x"], "priority": 5},
            generation=2,
        ),
        [("update", "kubectl", KUBECTL, "spec.priority: 0 → 5")],
        id="priority",
    ),
    pytest.param(
        BEFORE,
        session(MADE, entry(OPERATOR, LATER, LABEL), labels={"project": "a"}),
        [("update", "kubectl", OPERATOR, "labels.project added")],
        id="a-client-in-the-operator's-name",
    ),
    pytest.param(
        BEFORE,
        session(entry(GATEWAY, LATER, SPEC), spec={"command": ["x"], "priority": 5}, generation=2),
        [],
        id="priority-by-the-gateway",
    ),
    pytest.param(
        BEFORE,
        session(MADE, entry(KUBECTL, LATER, LABEL), labels={"project": "secret"}),
        [("update", "kubectl", KUBECTL, "labels.project added")],
        id="label",
    ),
    pytest.param(
        session(MADE, entry(KUBECTL, CREATED, LABEL), labels={"project": "a"}),
        session(MADE),
        [("update", "kubectl", "", "labels.project removed")],
        id="label-removed-and-nobody-owns-anything-more",
    ),
    pytest.param(
        session(MADE, labels={"trainyard.io/team": "a"}),
        session(
            entry(
                GATEWAY, LATER, {**SPEC, "f:metadata": {"f:labels": {"f:trainyard.io/team": {}}}}
            ),
            labels={"trainyard.io/team": "b"},
        ),
        [],
        id="team-by-the-gateway",
    ),
    pytest.param(
        BEFORE,
        session(MADE, spec={"command": ["x"], "priority": 0, "new": 1}),
        [],
        id="a-default-of-a-new-definition",
    ),
    pytest.param(
        BEFORE,
        session(
            MADE,
            entry(KUBECTL, LATER, LABEL),
            entry("helm", LATER, {"f:metadata": {"f:annotations": {"f:note": {}}}}),
            labels={"project": "a"},
            annotations={"note": "b"},
        ),
        [
            ("update", "kubectl", "helm", "annotations.note added"),
            ("update", "kubectl", KUBECTL, "labels.project added"),
        ],
        id="two-clients",
    ),
    pytest.param(
        BEFORE,
        session(MADE, entry(KUBECTL, LATER, SPEC, subresource="status")),
        [],
        id="a-subresource",
    ),
    pytest.param(
        BEFORE,
        session(MADE, deletionTimestamp=LATER, finalizers=["orphan"]),
        [("delete", "kubectl", "", "cascade=orphan")],
        id="deleted-as-an-orphan",
    ),
    pytest.param(
        session(MADE, deletionTimestamp=LATER, finalizers=["orphan"]),
        session(MADE, deletionTimestamp=LATER),
        [],
        id="its-deletion-goes-on",
    ),
]


@pytest.mark.parametrize(("before", "body", "wanted"), CASES)
def test_a_change_is_an_event_of_the_client_that_made_it(
    before: dict[str, Any] | None, body: dict[str, Any], wanted: list[tuple[str, ...]]
) -> None:
    assert sorted(after(body, before)) == sorted(wanted)


def test_what_is_gone_is_a_deletion_once() -> None:
    assert after(BEFORE, deleted=True) == [("delete", "kubectl", "", "")]
    going = session(MADE, deletionTimestamp=LATER)
    assert after(going, going, deleted=True) == []


def test_the_operator_deletes_what_is_kept_long_enough() -> None:
    ended = session(MADE, spec={"command": ["x"], "ttlSecondsAfterFinished": 60})
    ended["status"] = {"phase": "Succeeded", "completionTime": CREATED}

    assert [d for _, d, _, _ in after(ended, ended, deleted=True)] == ["operator"]
    ended["spec"]["ttlSecondsAfterFinished"] = 10**9
    assert [d for _, d, _, _ in after(ended, ended, deleted=True)] == ["kubectl"]


def test_the_user_is_believed_only_where_the_api_server_names_it() -> None:
    noted = {"trainyard.io/changed-by": "bob"}
    body = session(MADE, entry(KUBECTL, LATER, LABEL), labels={"project": "a"}, annotations=noted)
    state = seen_state(BEFORE)

    (believed,) = events_of(state, body, Watched(names_users=True), NOW)
    (other,) = events_of(state, body, Watched(), NOW)

    assert (believed.user, other.user) == ("bob", "")
    assert believed.detail == "labels.project added"


@pytest.mark.parametrize(
    ("later", "user"),
    [pytest.param([], "bob", id="alone"), pytest.param([LATER], "ada", id="changed-since")],
)
def test_who_changed_a_session_last_did_not_make_it(later: list[str], user: str) -> None:
    """The annotation names who wrote last, as where several changes came while no gateway ran."""
    entries = [entry("kubectl-create", CREATED, WHOLE), *(entry(KUBECTL, t, LABEL) for t in later)]
    who = {
        "annotations": {"trainyard.io/changed-by": "bob"},
        "labels": {"trainyard.io/user": "ada"},
    }
    body = session(*entries, **who)

    (event,) = events_of(None, body, Watched(names_users=True), NOW)

    assert event.user == user


def test_noise_hides_no_change_of_the_spec() -> None:
    notes = {f"a{n}-{'x' * 300}": "y" for n in range(20)}
    body = session(
        entry(KUBECTL, LATER, {**SPEC, "f:metadata": {"f:annotations": dict.fromkeys((f"f:{n}" for n in notes), {})}}),
        annotations=notes, labels={"trainyard.io/user": "bob"},
        spec={"command": ["y"], "priority": 9}, generation=2,
    )  # fmt: skip

    (event,) = events_of(seen_state(BEFORE), body, Watched(), NOW)

    assert event.detail.startswith(
        "spec.priority: 0 → 9, labels.trainyard.io/user: none → bob, spec.command changed, annot"
    )


def test_a_session_by_kubectl_is_of_the_user_in_its_label() -> None:
    made = entry("kubectl-create", CREATED, SPEC)
    body = session(made, labels={"trainyard.io/user": "ada"})

    (event,) = events_of(None, body, Watched(), NOW)

    assert (event.user, event.mark, event.time) == ("ada", "u:create", 1_796_068_800_000_000)


DELETIONS: list[Any] = [
    pytest.param({"failure": {"class": "JobDeleted", "attempt": 2}}, [("job", "of attempt 2")], id="job"),
    pytest.param({"disruption": {"reason": "PodDeleted", "attempt": 1}}, [("pod", "of attempt 1")], id="pod"),
    pytest.param({"disruption": {"reason": "EvictionByEvictionAPI", "attempt": 1}}, [], id="evicted"),
    pytest.param({"failure": {"class": "OutOfMemory", "attempt": 1}}, [], id="failed"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "wanted"), DELETIONS)
def test_deleted_jobs_and_pods_are_events(
    status: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    body = {**BEFORE, "status": status}

    found = events_of(seen_state(BEFORE), body, Watched(), NOW)

    assert [(e.kind.value, e.detail) for e in found] == wanted
    assert len({e.mark for e in found}) == len(found)


def test_values_that_may_be_secret_are_in_no_state() -> None:
    secret = {"command": ["x"], "env": {"TOKEN": "hunter2-hunter2"}}
    body = session(MADE, spec=secret, annotations={"note": "hunter2"})

    assert "hunter2" not in seen_state(body).wire()
