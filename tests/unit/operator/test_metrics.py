"""Renamed metrics are served under their old names as well, with the same values and the old labels."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from trainyard_operator.core.actions import Decisions, Lane
from trainyard_operator.metrics import RENAMED, Metrics


def scrape(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


@pytest.fixture
def scraped() -> dict[str, float]:
    metrics = Metrics()
    metrics.decided(Decisions(allocations=3), 0.002, with_positions=True)
    metrics.decided(Decisions(allocations=4), 0.7, with_positions=True)
    metrics.unparsable.set(2)
    for count, lane in enumerate(Lane):
        metrics.writes_pending.labels(lane.name.lower()).set(count)
    return scrape(metrics)


@pytest.mark.parametrize(("new", "old"), RENAMED.items(), ids=RENAMED)
def test_the_old_name_has_the_values_of_the_new_one(
    scraped: dict[str, float], new: str, old: str
) -> None:
    values = {k.removeprefix(new): v for k, v in scraped.items() if k.startswith(new)}
    values.pop("_created", None)
    renamed = {k.replace("informational", "news"): v for k, v in values.items()}

    found = {k.removeprefix(old): v for k, v in scraped.items() if k.startswith(old)}
    found.pop("_created", None)

    assert renamed
    assert found == renamed


def test_values(scraped: dict[str, float]) -> None:
    assert scraped["trainyard_operator_sessions_holding"] == 4
    assert scraped["trainyard_operator_objects_unreadable"] == 2
    assert scraped["trainyard_operator_survey_seconds_count"] == 2
    assert scraped['trainyard_operator_writes_waiting{lane="news"}'] == Lane.INFORMATIONAL.value
    assert scraped['trainyard_operator_writes_pending{lane="informational"}'] == 2
