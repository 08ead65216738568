"""More of a session's page, and small curves and labels in the list."""

from __future__ import annotations

import pytest
from browser import PATIENCE, Visit
from cluster import api_client, unique
from gateway_lab import GatewayLab, Trainer
from kubernetes import client
from playwright.sync_api import expect
from web_sessions import run, set_status, start, text

from trainyard_api import names

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"


def measured(lab: GatewayLab, name: str, *values: float, metric: str = "train/loss") -> Trainer:
    """A session that runs and has reported a metric."""
    trainer = lab.new_trainer(name)
    rows = [{"step": n, "time": NOW, "values": {metric: v}} for n, v in enumerate(values)]
    trainer.report({"sequence": 1, "metrics": rows}).raise_for_status()
    run(lab, name)
    return trainer


def label(lab: GatewayLab, session: str, **labels: str) -> None:
    """As `kubectl label` does."""
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, session,
            {"metadata": {"labels": labels}},
        )  # fmt: skip


def test_the_list_shows_the_best_value_and_the_curve_of_a_metric(
    reader: Visit, lab: GatewayLab
) -> None:
    page, name = reader.page, unique("spark")
    measured(lab, name, 3.0, 0.125, 2.0)
    page.goto(f"{lab.url}/#/?search={name}&metric=train/loss")
    cell = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    expect(cell).to_contain_text("lowest 0.125")
    expect(cell.locator("polyline")).to_have_count(1)
    page.get_by_role("combobox", name="Best value", exact=True).select_option("highest")
    expect(cell).to_contain_text("highest 3")
    assert "best=highest" in page.url
    assert reader.said == []


def test_sessions_are_grouped_and_found_by_a_label(reader: Visit, lab: GatewayLab) -> None:
    page, prefix = reader.page, unique("labelled")
    for team in ("red", "blue"):
        start(lab, f"{prefix}-{team}")
        label(lab, f"{prefix}-{team}", **{"example.org/team": team})
    page.goto(f"{lab.url}/#/?search={prefix}")
    page.get_by_role("combobox", name="Group by", exact=True).select_option(
        "label example.org/team"
    )
    for team in ("red", "blue"):
        group = page.get_by_role("region", name=team, exact=True)
        expect(group.get_by_role("link", name=f"{prefix}-{team}")).to_be_visible()
    page.get_by_label("Search").fill(f"{prefix} team=red")
    expect(page.get_by_role("heading", name="Sessions")).to_contain_text("1 of")


def test_checkpoints_are_listed_and_begin_another_session(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("saved")
    trainer = lab.new_trainer(name)
    folder = lab.data / "runs" / trainer.session_uid / "checkpoints"
    folder.mkdir(parents=True)
    for file in ("step-40.pt", "step-40.json", "step-80.pt", "<i> custom.bin"):
        (folder / file).write_text("x")
    set_status(lab, name, phase="Running", startTime=text(-400))
    page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
    table = page.get_by_role("region", name="Checkpoints of the session")
    expect(table.get_by_role("rowheader")).to_have_count(3)
    expect(table).to_contain_text("<i> custom.bin")
    expect(table.get_by_role("link", name="Begin a session")).to_have_count(1)
    table.get_by_role("link", name="Begin a session from step-40").click()
    yaml = page.get_by_label("The session as YAML")
    expect(yaml).to_contain_text(f"session: {name}")
    expect(yaml).to_contain_text("checkpoint: step-40")
    assert reader.said == []


def test_finer_points_are_read_while_one_moves_along_the_steps(
    reader: Visit, lab: GatewayLab
) -> None:
    page = reader.page
    trainer = lab.new_trainer(unique("moves"))
    for batch in range(4):
        rows = [
            {"step": n, "time": NOW, "values": {"loss": float(n)}}
            for n in range(batch * 1000, batch * 1000 + 1000)
        ]
        trainer.report({"sequence": batch + 1, "metrics": rows}).raise_for_status()
    page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
    chart = page.get_by_role("img", name="Chart of loss")
    expect(page.get_by_role("img", name="highest 3999")).to_be_visible()
    plot = chart.locator(".u-over")
    plot.wait_for()
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    across, height = box["width"], box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + across * 0.5, height)
    page.mouse.down()
    page.mouse.move(box["x"] + across * 0.75, height, steps=5)
    page.mouse.up()
    shown = page.get_by_role("group", name="Steps of loss")
    expect(shown).to_be_visible()
    first = int(shown.locator("small").inner_text().split(" to ")[0])
    assert 1500 < first < 2500
    expect(page.get_by_role("img", name=f"lowest {first}")).to_be_visible()
    shown.get_by_role("button", name="Later steps").click()
    expect(shown.locator("small")).not_to_contain_text(f"{first} to")
    later = int(shown.locator("small").inner_text().split(" to ")[0])
    assert later > first + 300
    expect(page.get_by_role("img", name=f"lowest {later}")).to_be_visible()
    shown.get_by_role("button", name="All steps").click()
    expect(page.get_by_role("img", name="lowest 0, highest 3999")).to_be_visible()
