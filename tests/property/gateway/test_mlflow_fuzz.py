"""MLflow's protocol against requests of any kind: every answer is MLflow's, none is a fault of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gateway_lab import GatewayFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("TRAINYARD_MLFLOW_EXAMPLES", "200"))
API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
RUN = "0123456789abcdef" * 2
POSTS = [
    *(f"experiments/{o}" for o in ("create", "search", "update", "delete", "restore")),
    *(f"experiments/{o}" for o in ("set-experiment-tag", "delete-experiment-tag")),
    *(f"runs/{o}" for o in ("create", "update", "delete", "restore", "search", "log-metric")),
    *(f"runs/{o}" for o in ("log-parameter", "log-batch", "set-tag", "delete-tag", "outputs")),
    *("runs/log-inputs", "logged-models", "logged-models/search", "nothing/at-all"),
    *(f"registered-models/{o}" for o in ("create", "rename", "alias", "set-tag", "search")),
    *("registered-models/get-latest-versions", "model-versions/create", "model-versions/search"),
    *("model-versions/set-tag", "model-versions/transition-stage"),
]
OTHERS = [
    *(("PATCH", f"{kind}/update") for kind in ("registered-models", "model-versions")),
    *(("DELETE", f"{kind}/delete") for kind in ("registered-models", "model-versions")),
    *(("DELETE", f"{kind}/delete-tag") for kind in ("registered-models", "model-versions")),
    *(("DELETE", "registered-models/alias"), ("PATCH", "logged-models/m-1")),
    *(("DELETE", "logged-models/m-1"), ("PATCH", "logged-models/m-1/tags")),
    *(("DELETE", "logged-models/m-1/tags/a"),),
]
"""Operations with a body that are no POST."""
GETS = [
    *("experiments/get", "experiments/get-by-name", "runs/get", "metrics/get-history"),
    *("metrics/get-history-bulk", "metrics/get-history-bulk-interval", "artifacts/list"),
    *("experiments/search", "logged-models/m-1"),
    *(f"registered-models/{o}" for o in ("get", "search", "alias", "get-latest-versions")),
    *(f"model-versions/{o}" for o in ("get", "search", "get-download-uri")),
]
TEXTS = st.one_of(
    st.sampled_from(["", "0", RUN, "loss", "a/b", "../a", "RUNNING", "NaN", "ALL", "\0", "\ud7ff", "🙂"]),
    st.sampled_from(["metrics.loss < 1", "params.`a b` = 'c'", "tags.x IS NOT NULL", "run_id IN ('a')"]),
    st.sampled_from(["net", "1", "champion", f"runs:/{RUN}/a", "models:/net/1", "models:/net@champion"]),
    st.sampled_from(["name = 'net'", "version_number > 0", "tags.a != 'b'", "name IN ('net')", "Staging"]),
    st.sampled_from(["metrics.loss DESC", "start_time", "attributes.end_time > 5 AND name LIKE '%'"]),
    st.text(max_size=30),
)  # fmt: skip
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.none())
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
PAIRS = st.lists(
    st.fixed_dictionaries({}, optional={
        "key": TEXTS, "value": st.one_of(TEXTS, NUMBERS), "timestamp": NUMBERS, "step": NUMBERS,
    }),
    max_size=4,
)  # fmt: skip
NAMES = (
    "experiment_id", "name", "new_name", "run_name", "run_id", "run_uuid", "key", "value", "filter",
    "timestamp", "step", "status", "end_time", "start_time", "user_id", "max_results", "page_token",
    "order_by", "run_view_type", "view_type", "experiment_ids", "metric_key", "experiment_name",
    "source_run_id", "model_type", "path", "version", "alias", "stage", "stages", "source", "model_id",
    "description", "archive_existing_versions", "run_link", "run_ids", "start_step", "end_step",
)  # fmt: skip
BODIES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NAMES, VALUES),
        "tags": st.one_of(PAIRS, VALUES),
        "params": st.one_of(PAIRS, VALUES),
        "metrics": st.one_of(PAIRS, VALUES),
        "datasets": st.lists(
            st.fixed_dictionaries({}, optional={"dataset": VALUES, "tags": PAIRS}), max_size=2
        ),
    },
)
PLAUSIBLE = st.fixed_dictionaries(
    {
        "run_id": st.just(RUN),
        "experiment_id": st.just("0"),
        "key": st.sampled_from(["loss", "a", "b c"]),
        "value": st.sampled_from([1.5, "2", "NaN", "-Infinity", 10**400]),
        "timestamp": st.integers(0, 2**64),
        "metric_key": st.sampled_from(["loss", "a"]),
        "name": st.sampled_from(["net", "net.2"]),
        "version": st.sampled_from(["1", 2, "77"]),
        "alias": st.sampled_from(["champion", "a"]),
        "source": st.sampled_from([f"runs:/{RUN}/a", "models:/net/1", "models:/net@a", "s3://x"]),
        "stage": st.sampled_from(["Staging", "none", "Best"]),
        "new_name": st.sampled_from(["net", "net.3"]),
    },
    optional=dict.fromkeys(("step", "filter", "order_by", "max_results", "page_token"), VALUES),
)


@pytest.fixture(scope="module")
def door(gateway_factory: GatewayFactory) -> Iterator[httpx.Client]:
    """HTTP with the administrator's key; there is a run."""
    lab = gateway_factory()
    with httpx.Client(
        base_url=lab.url, headers={"Authorization": f"Bearer {lab.key}"}, timeout=60
    ) as found:
        found.post(f"{API}/runs/create", json={"run_id": RUN}).raise_for_status()
        found.put(f"{FILES}/0/{RUN}/artifacts/a", content=b"x").raise_for_status()
        model = {"name": "net", "source": f"runs:/{RUN}/a"}
        for operation in ("registered-models/create", "model-versions/create"):
            found.post(f"{API}/{operation}", json=model).raise_for_status()
        yield found


def fault(answer: httpx.Response) -> str | None:
    """Why an answer is a fault of the gateway, or an error without MLflow's shape; None if neither."""
    if answer.status_code >= 500:
        return answer.text
    if not answer.request.url.path.startswith("/mlflow/"):
        return None  # The client itself shortens a path with "..", also to one outside.
    wrong = answer.status_code >= 400 and set(answer.json()) != {"error_code", "message"}
    return answer.text if wrong else None


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operation=st.sampled_from(POSTS), body=st.one_of(BODIES, PLAUSIBLE))
def test_requests_with_bodies(door: httpx.Client, operation: str, body: dict[str, Any]) -> None:

    assert fault(door.post(f"{API}/{operation}", content=json.dumps(body))) is None


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operation=st.sampled_from(OTHERS), body=st.one_of(BODIES, PLAUSIBLE))
def test_changes_and_deletions(
    door: httpx.Client, operation: tuple[str, str], body: dict[str, Any]
) -> None:
    method, path = operation

    assert fault(door.request(method, f"{API}/{path}", content=json.dumps(body))) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    operation=st.sampled_from(GETS),
    query=st.dictionaries(st.sampled_from(NAMES), st.one_of(TEXTS, st.lists(TEXTS, max_size=3))),
)
def test_requests_with_queries(door: httpx.Client, operation: str, query: dict[str, Any]) -> None:
    assert fault(door.get(f"{API}/{operation}", params=query)) is None


PARTS = [
    RUN,
    "0",
    "artifacts",
    "..",
    ".",
    "",
    "a",
    "%00",
    "registry",
    "net",
    "models",
    "%c3%a9",
    "1",
]
PATHS = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=7).map("/".join),
    st.binary(max_size=20).map(lambda raw: "".join(f"%{b:02x}" for b in raw)),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(method=st.sampled_from(["GET", "PUT", "DELETE"]), path=PATHS)
def test_paths_of_files(door: httpx.Client, method: str, path: str) -> None:
    url = httpx.URL(str(door.base_url)).copy_with(raw_path=f"{FILES}/{path}".encode())
    content = b"x" if method == "PUT" else None

    assert fault(door.request(method, url, content=content)) is None
