"""What the gateway counts for Prometheus is what it did."""

from __future__ import annotations

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab, Trainer
from poll import eventually
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration

NOW = "2026-01-01T00:00:00Z"
ROW = {"step": 1, "time": NOW, "values": {"a": 1.0, "b": 2.0}}
LINE = {"time": NOW, "message": "x"}


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, metrics_port: int) -> GatewayLab:
    return gateway_factory(metrics_port=str(metrics_port))


def test_reports_uploads_and_statuses_are_counted(
    http: httpx.Client, trainer: Trainer, metrics_port: int
) -> None:
    def figures() -> dict[str, float]:
        text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics").text
        found = [s for family in text_string_to_metric_families(text) for s in family.samples]
        prefix = "trainyard_gateway_"
        return {s.name.removeprefix(prefix): s.value for s in found if s.name.startswith(prefix)}

    first = {
        "sequence": 1,
        "metrics": [ROW],
        "logs": [LINE] * 3,
        "heartbeat": {"time": NOW, "step": 1},
    }
    for body in (first, first, {"sequence": 2, "metrics": [{**ROW, "step": 2}]}):
        assert trainer.report(body).status_code == 200
    raw, form = b"a,y\n1,2\n2,3\n", b"a,y\n1,2\n3,4\n5,6\n"
    there = {"name": "raw", "filename": "a.csv"}
    assert http.post("/datasets", params=there, content=raw).status_code == 201
    files = {"file": ("b.csv", form)}
    asked = http.build_request("POST", "/datasets", params={"name": "form"}, files=files)
    assert http.send(asked).status_code == 201

    counted = {
        "points_total": 4.0,
        "log_lines_total": 3.0,
        "duplicate_batches_total": 1.0,
        # A form counts with its envelope.
        "received_bytes_total": float(len(raw) + int(asked.headers["content-length"])),
        "status_write_failures_total": 0.0,
    }
    assert {name: figures()[name] for name in counted} == counted
    eventually(lambda: figures()["status_writes_total"] >= 1, within=30)
