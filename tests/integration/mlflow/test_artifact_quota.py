"""What MLflow's clients upload beyond a bound is refused with a sentence that they show."""

from __future__ import annotations

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab
from mlflow_clients import MlflowClient, installed

pytestmark = pytest.mark.integration

MOST = 1_000_000
API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
SENTENCE = f"the artifacts of a run may have {MOST} bytes (artifactsRunMaxBytes) and have 900000"
LOGS = """
import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder, mlflow.start_run():
    pathlib.Path(folder, "large").write_bytes(b"x" * 30_000_000)
    pathlib.Path(folder, "most").write_bytes(b"x" * 900_000)
    pathlib.Path(folder, "rest").write_bytes(b"x" * 200_000)
    give(said=[refused(mlflow.log_artifact, f"{folder}/{name}") for name in ("large", "most", "rest")])
"""


@pytest.fixture(scope="module")
def bounded(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway with a bound for each run."""
    return gateway_factory(artifacts_run_max_bytes=str(MOST))


def test_a_client_shows_which_setting_has_refused_its_file(bounded: GatewayLab) -> None:
    client = MlflowClient("newest", installed("newest"), bounded.url, bounded.key)
    large, most, rest = client.run(LOGS)["said"]

    assert (
        f"this file has 30000000 bytes or more; the artifacts of a run may have {MOST}" in large[1]
    )
    assert most == ["accepted", ""]
    assert SENTENCE in rest[1]


def test_the_answers_are_those_of_the_protocol_and_the_connection_stays(
    bounded: GatewayLab,
) -> None:
    headers = {"Authorization": f"Bearer {bounded.key}"}
    with httpx.Client(base_url=bounded.url, headers=headers, timeout=60) as http:
        made = http.post(f"{API}/runs/create", json={"experiment_id": "0"})
        run = made.json()["run"]["info"]["run_id"]
        place = f"{FILES}/0/{run}/artifacts"
        answers = [
            http.put(f"{place}/{n}", content=b"x" * size)
            for n, size in enumerate((30_000_000, 900_000, 200_000))
        ]
        listed = http.get(f"{API}/artifacts/list", params={"run_id": run}).json()["files"]

    assert [answer.status_code for answer in answers] == [400, 200, 507]
    assert [answer.json().get("error_code") for answer in answers] == [
        *("INVALID_PARAMETER_VALUE", None, "RESOURCE_LIMIT_EXCEEDED")
    ]
    assert SENTENCE in answers[2].json()["message"]
    assert [one["path"] for one in listed] == ["1"]
