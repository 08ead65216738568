"""Which requests count as writes, and which faults are tried at them."""

from __future__ import annotations

import pytest
from fault_plan import CRASHES, REQUEST, Call, Fault, Kind, points, what_of

SESSIONS = "/apis/trainyard.io/v1alpha1/namespaces/n/trainingsessions"


@pytest.mark.parametrize(
    ("method", "path", "want"),
    [
        ("POST", "/apis/batch/v1/namespaces/n/jobs", "POST jobs"),
        ("DELETE", "/apis/batch/v1/namespaces/n/jobs/x", "DELETE jobs"),
        ("PATCH", f"{SESSIONS}/x/status", "PATCH trainingsessions/status"),
        ("PATCH", f"{SESSIONS}/x", "PATCH trainingsessions"),
        ("POST", "/api/v1/namespaces/n/services", "POST services"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/n/leases/x", "PUT leases"),
        ("GET", "/apis/batch/v1/namespaces/n/jobs", None),
        ("POST", "/healthz", None),
    ],
    ids=["creation", "deletion", "status", "spec", "core", "Lease", "list", "no resource"],
)
def test_what_a_request_is(method: str, path: str, want: str | None) -> None:
    assert what_of(method, path) == want


def test_every_write_is_a_crash_point_before_and_after() -> None:
    found = points({"POST jobs": 2}, CRASHES)

    assert found == [
        Fault(kind, Call("POST jobs", number)) for number in (1, 2) for kind in CRASHES
    ]


def test_what_time_repeats_is_tried_once() -> None:
    counts = {"PUT leases": 40, "POST leases": 1, "PATCH trainingqueues/status": 3}

    assert [f.call.number for f in points(counts, [Kind.KILL_AFTER])] == [1, 1, 1]


def test_the_database_fails_at_requests_of_clients_and_the_api_server_at_the_gateways() -> None:
    counts = {REQUEST: 1, "POST trainingsessions": 1}

    assert points(counts, [Kind.DATABASE_CUT, Kind.LOST]) == [
        Fault(Kind.LOST, Call("POST trainingsessions", 1)),
        Fault(Kind.DATABASE_CUT, Call(REQUEST, 1)),
    ]
