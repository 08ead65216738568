"""The pages of limits, users and runs."""

from __future__ import annotations

import httpx
import pytest
from browser import PATIENCE, Visit
from cluster import unique
from gateway_lab import GatewayLab
from playwright.sync_api import Page, expect
from web_runs import reported

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

HOSTILE = "<img src=x onerror=alert(1)>"


def row(page: Page, region: str, name: str) -> Page:
    """The row of a table that begins with a name."""
    table = page.get_by_role("region", name=region, exact=True)
    return table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))  # type: ignore[return-value]  # a locator has a page's queries


def test_an_administrator_makes_changes_and_removes_a_user(
    reader: Visit, lab: GatewayLab, http: httpx.Client
) -> None:
    page, user, team = reader.page, unique("ada"), unique("team")
    page.get_by_role("link", name="Users").click()
    teams = page.get_by_role("form", name="Add a team")
    teams.get_by_label("Name", exact=True).fill(team)
    teams.get_by_role("button", name="Add").click()
    expect(row(page, "Teams", team)).to_be_visible()
    users = page.get_by_role("form", name="Add a user")
    users.get_by_label("Name", exact=True).fill(user)
    users.get_by_label("Role").select_option("viewer")
    users.get_by_label("Teams; the first").fill(team)
    users.get_by_role("button", name="Add").click()
    expect(row(page, "Users", user)).to_contain_text("viewer")
    expect(row(page, "Teams", team)).to_contain_text(user)
    assert page.get_by_role("button", name=f"Remove the team {team}").count() == 0

    page.get_by_role("button", name=f"Change the user {user}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Role").select_option("maintainer")
    dialog.get_by_label("Teams; the first").fill("default")
    dialog.get_by_role("button", name="Change").click()
    expect(row(page, "Users", user)).to_contain_text("maintainer")
    found = http.get(f"/users/{user}").json()
    assert (found["role"], found["teams"]) == ("maintainer", ["default"])

    page.get_by_role("button", name=f"Remove the team {team}").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(row(page, "Teams", team)).to_have_count(0)
    page.get_by_role("button", name=f"Remove the user {user}").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(row(page, "Users", user)).to_have_count(0)
    assert http.get(f"/users/{user}").status_code == 404
    assert reader.said == []


def test_a_team_that_is_not_there_is_refused_in_words(reader: Visit, lab: GatewayLab) -> None:
    page = reader.page
    page.goto(f"{lab.url}/#/users")
    form = page.get_by_role("form", name="Add a user")
    name = unique("nobody")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Teams; the first").fill("no-such-team")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("no-such-team")
    expect(form.get_by_label("Name", exact=True)).to_have_value(name)


def test_a_limit_is_set_changed_seen_by_its_user_and_removed(
    reader: Visit, guest: Visit, lab: GatewayLab, http: httpx.Client
) -> None:
    page, user = reader.page, unique("ben")
    key = http.post("/keys", json={"name": user, "scopes": ["sessions:read"]}).json()["key"]
    page.goto(f"{lab.url}/#/limits")
    page.get_by_label("named").fill(user)
    page.get_by_label("Budget in GPU hours").fill("12.5")
    page.get_by_label("GPUs at once").fill("0")
    page.get_by_label("Only these queues").fill("default, night")
    page.get_by_role("button", name="Set", exact=True).click()
    shown = row(page, "Limits", f"user {user}")
    expect(shown).to_contain_text("0 of 12.5 GPU hours")
    expect(shown).to_contain_text("each month, in ")
    expect(shown).to_contain_text("default, night")
    found = http.get(f"/limits/user/{user}").json()
    assert (found["maxGpus"], found["gpuHours"]) == (0, 12.5)

    page.get_by_role("button", name=f"Change the limit of user {user}").click()
    expect(page.get_by_label("Budget in GPU hours")).to_have_value("12.5")
    page.get_by_label("Budget in GPU hours").fill("")
    page.get_by_label("GPUs at once").fill("4")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(shown).to_contain_text("no budget")
    expect(page.get_by_role("heading", name="Set a limit")).to_be_visible()

    page.get_by_role("button", name="Log out").click()
    guest.log_in(key, "#/limits")
    expect(shown).to_contain_text("default, night")
    assert page.get_by_role("button", name="Set", exact=True).count() == 0
    assert page.get_by_role("link", name="Users").count() == 0
    http.delete(f"/limits/user/{user}").raise_for_status()
    page.reload()
    expect(page.get_by_text("You are under no limit.")).to_be_visible()


def test_a_limit_is_removed_after_a_question_and_a_wrong_one_is_refused(
    reader: Visit, lab: GatewayLab, http: httpx.Client
) -> None:
    page, user = reader.page, unique("chen")
    http.post("/users", json={"name": user}).raise_for_status()
    http.put(f"/limits/user/{user}", json={"maxGpus": 1}).raise_for_status()
    page.goto(f"{lab.url}/#/limits")
    page.get_by_label("named").fill("no-such-user")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no-such-user")
    page.get_by_role("button", name=f"Remove the limit of user {user}").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row(page, "Limits", f"user {user}")).to_have_count(0)
    assert http.get(f"/limits/user/{user}").status_code == 404


def test_who_did_what_is_found_by_user_and_kind(
    reader: Visit, lab: GatewayLab, http: httpx.Client
) -> None:
    page, user = reader.page, unique("eve")
    http.post("/users", json={"name": user}).raise_for_status()
    http.delete(f"/users/{user}").raise_for_status()
    page.get_by_role("link", name="Audit log").click()
    page.get_by_label("Name, id or UID").fill(user)
    page.get_by_label("Name, id or UID").press("Enter")
    page.get_by_role("combobox", name="Verb").select_option("delete")
    expect(page).to_have_url(f"{lab.url}/#/audit?object={user}&verb=delete")
    events = page.get_by_role("region", name="Events").get_by_role("row")
    expect(events).to_have_count(2)
    expect(events.last).to_contain_text(f"delete user {user}")
    expect(events.last).to_contain_text("admin")
    expect(events.last).to_contain_text("204")
    assert reader.said == []


def test_a_run_that_was_reported_from_elsewhere_is_found_by_its_experiment(
    reader: Visit, lab: GatewayLab
) -> None:
    page, experiment, name = reader.page, unique("experiment"), f"run {HOSTILE}"
    run_id = reported(lab, experiment, name, HOSTILE)
    page.get_by_role("link", name="Runs").click()
    page.get_by_label("Experiment").fill(experiment)
    page.get_by_label("Experiment").press("Enter")
    expect(page).to_have_url(f"{lab.url}/#/runs?experiment={experiment}")
    expect(row(page, "Runs", name)).to_contain_text("RUNNING")
    page.get_by_role("link", name=name).click()
    expect(page).to_have_url(f"{lab.url}/#/run/{run_id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_role("img", name="Chart of loss")).to_be_visible()
    expect(page.get_by_role("region", name="Parameters of the run")).to_contain_text(HOSTILE)
    expect(page.get_by_role("region", name="Newest values")).to_contain_text("0.5")
    page.get_by_role("link", name=experiment).click()
    expect(row(page, "Runs", name)).to_be_visible()
    assert page.locator("img").count() == 0
    assert reader.said == []
