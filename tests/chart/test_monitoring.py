"""Alerts and dashboard: they name metrics that the programs have, and the alerts ring when they should and only then."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promtool
import pytest
import yaml
from chart_render import EVERYTHING, render
from installation import CHART, ROOT
from prometheus_client import REGISTRY, generate_latest

from trainyard_operator.metrics import Metrics

FOREIGN = {"up", "kubelet_volume_stats_available_bytes"}
"""Prometheus' own and the kubelet's."""
FOREIGN_LABELS = {"namespace", "pod", "job", "persistentvolumeclaim", "le"}
GIB = 1 << 30
GATEWAY = 'up{namespace="ns", job="ty-gateway-metrics", pod="a"}'
OPERATOR = 'up{namespace="ns", job="ty-operator-metrics", pod="b"}'
WELL = {GATEWAY: "1x90", OPERATOR: "1x90"}


@cache
def metrics_page() -> Any:
    """The program that writes docs/metrics.md, which is in no package."""
    spec = importlib.util.spec_from_file_location("metrics_page", ROOT / "docs" / "metrics_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@cache
def groups() -> dict[str, Any]:
    found = render(EVERYTHING)
    assert found.code == 0, found.error
    spec: dict[str, Any] = found.named("PrometheusRule", "ty")["spec"]
    return spec


@cache
def dashboard() -> dict[str, Any]:
    config = render(EVERYTHING).named("ConfigMap", "ty-dashboard")
    found: dict[str, Any] = json.loads(config["data"]["trainyard.json"])
    return found


def alert_queries() -> Iterator[str]:
    for group in groups()["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def dashboard_queries() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


@pytest.mark.parametrize("queries", [alert_queries, dashboard_queries], ids=["alerts", "dashboard"])
def test_queries_name_metrics_and_labels_that_are_there(queries: Any) -> None:
    module = metrics_page()
    known = {
        name: set(metric.labels) | FOREIGN_LABELS
        for holder in module.PROGRAMS.values()
        for metric in module.exposed(holder)
        for name in metric.names()
    } | dict.fromkeys(FOREIGN, FOREIGN_LABELS)
    some = list(queries())
    assert len(some) > 8
    for query in some:
        named = set(re.findall(r"\b(?:[a-z]+_[a-z_]+|up)(?=\{)", query))
        assert named, query
        assert named <= known.keys(), query
        labels = set(re.findall(r'(\w+)=~?"', query))
        for by in re.findall(r"by \(([^)]*)\)", query):
            labels |= {label.strip() for label in by.split(",")}
        assert labels <= set.union(*(known[name] for name in named)), query


def test_the_dashboard_shows_every_metric_but_few() -> None:
    """What is worth counting is worth a look; these are for those who look for a fault."""
    module = metrics_page()
    shown = " ".join(dashboard_queries())
    missing = {
        metric.name
        for holder in module.PROGRAMS.values()
        for metric in module.exposed(holder)
        if metric.name not in shown
    }

    assert missing <= {
        "trainyard_operator_events_dropped_total",
        "trainyard_operator_queue_status_seconds",
        "trainyard_operator_writes_pending",
    }


def test_panels_are_named_and_lie_side_by_side() -> None:
    panels = dashboard()["panels"]
    taken: set[tuple[int, int]] = set()

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert panel["title"]
        taken |= cells


def test_alerts_say_what_they_mean() -> None:
    for group in groups()["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]
            assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]


def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(groups()))

    done = promtool.run("check", "rules", "--lint-fatal", rules)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(generate_latest(Metrics().registry).decode(), id="operator"),
        pytest.param(generate_latest(REGISTRY).decode(), id="gateway"),
    ],
)
def test_promtool_accepts_the_metrics(text: str) -> None:
    done = promtool.run("check", "metrics", text=text)

    assert (done.returncode, done.stderr) == (0, "")


def metric(name: str, **labels: str) -> str:
    inside = ", ".join(f'{k}="{v}"' for k, v in {"namespace": "ns", "pod": "a", **labels}.items())
    return f"{name}{{{inside}}}"


WATCH = metric("trainyard_operator_watch_age_seconds", resource="pods")
WRITES = "trainyard_operator_api_writes_total"
WAITING, HOLDING = (
    metric(f"trainyard_operator_sessions_{what}") for what in ("waiting", "allocated")
)
REQUESTS = "trainyard_gateway_requests_total"
VOLUME = metric("kubelet_volume_stats_available_bytes", persistentvolumeclaim="ty-data")
OTHER = metric("kubelet_volume_stats_available_bytes", persistentvolumeclaim="other")
CASES = [
    pytest.param({**WELL}, "45m", set(), id="all is well"),
    pytest.param({**WELL, GATEWAY: "1x10 0x80"}, "20m", {"TrainyardGatewayDown"}, id="gateway down"),
    pytest.param({OPERATOR: "1x90"}, "20m", {"TrainyardGatewayDown"}, id="gateway gone"),
    pytest.param({**WELL, GATEWAY: "1x10 0x2 1x78"}, "14m", set(), id="gateway was restarted"),
    pytest.param({GATEWAY: "1x90"}, "20m", {"TrainyardOperatorDown"}, id="operator gone"),
    pytest.param(
        {**WELL, 'up{namespace="other", job="ty-operator-metrics"}': "0x90"}, "20m", set(),
        id="another installation is down",
    ),
    pytest.param({**WELL, WATCH: "0+60x90"}, "20m", {"TrainyardOperatorDeaf"}, id="deaf"),
    pytest.param({**WELL, WATCH: "0x90"}, "20m", set(), id="hears"),
    pytest.param(
        {**WELL, metric(WRITES, kind="CreateJob", outcome="refused"): "0+10x90"}, "30m",
        {"TrainyardOperatorWritesFail"}, id="writes are refused",
    ),
    pytest.param(
        {**WELL, metric(WRITES, kind="CreateJob", outcome="ok"): "0+1000x90"}, "30m", set(),
        id="writes succeed",
    ),
    pytest.param(
        {**WELL, metric("trainyard_operator_objects_unparsable"): "1x90"}, "30m",
        {"TrainyardObjectsUnreadable"}, id="an object makes no sense",
    ),
    pytest.param(
        {**WELL, WAITING: "3x90", HOLDING: "0x90"}, "45m", {"TrainyardNothingStarts"},
        id="all wait",
    ),
    pytest.param({**WELL, WAITING: "3x90", HOLDING: "1x90"}, "45m", set(), id="one runs"),
    pytest.param(
        {**WELL, metric("trainyard_gateway_status_write_failures_total"): "0+1x90"}, "40m",
        {"TrainyardStatusWritesFail"}, id="status is not written",
    ),
    pytest.param(
        {
            **WELL,
            metric(REQUESTS, status="500", route="/a"): "0+10x90",
            metric(REQUESTS, status="200", route="/a"): "0+90x90",
        },
        "30m", {"TrainyardGatewayErrors"}, id="a tenth fails",
    ),
    pytest.param(
        {
            **WELL,
            metric(REQUESTS, status="404", route="/a"): "0+90x90",
            metric(REQUESTS, status="200", route="/a"): "0+10x90",
        },
        "30m", set(), id="mistakes of clients",
    ),
    pytest.param(
        {**WELL, VOLUME: f"{2 * GIB - 1}x90"}, "20m", {"TrainyardVolumeFilling"}, id="nearly full",
    ),
    pytest.param(
        {**WELL, VOLUME: f"{2 * GIB}x90", OTHER: "0x90"}, "20m", set(), id="room; another is full",
    ),
]  # fmt: skip


def test_alerts_ring_when_they_should_and_only_then(tmp_path: Path) -> None:
    """One call of promtool for all cases, since each costs a second."""
    rules = groups()
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    rung = {name for case in CASES for name in case.values[2]}  # type: ignore[union-attr]  # these are sets
    assert rung == names, "every alert is seen ringing"
    tests = []
    for case in CASES:
        series, when, expected = case.values
        tests.append(
            {
                "name": case.id,
                "interval": "1m",
                "input_series": [{"series": k, "values": v} for k, v in series.items()],  # type: ignore[union-attr]  # a dict
                # Alerts with other labels than these would have to be written out; how many ring is enough.
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                        "eval_time": when,
                        "exp_samples": [{"labels": "{}", "value": int(name in expected)}],  # type: ignore[operator]  # a set
                    }
                    for name in sorted(names)
                ],
            }
        )
    spec = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(spec))

    done = promtool.run("test", "rules", tmp_path / "tests.yaml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_need_what_they_look_at() -> None:
    found = render({"prometheusRule.enabled": True})

    assert found.code != 0
    assert "serviceMonitor" in found.error


def test_neither_is_made_unless_asked_for() -> None:
    found = render()

    assert found.of("PrometheusRule") == []
    assert [c for c in found.of("ConfigMap") if c["metadata"]["name"] == "ty-dashboard"] == []
    assert (CHART / "files" / "dashboard.json").read_text().endswith("}\n")
