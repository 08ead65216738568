"""What people do in the web page beside looking: start, repeat, upload, download, give keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser import PATIENCE, Visit, until
from cluster import unique
from gateway_lab import GatewayLab
from playwright.sync_api import Page, expect
from web_sessions import run, set_status, start, text, wait_in_queue

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"


def named(page: Page, name: str) -> Page:
    """The row of a table that begins with a name."""
    header = page.get_by_role("rowheader", name=name, exact=True)
    return page.get_by_role("row").filter(has=header)  # type: ignore[return-value]  # a locator has a page's queries


def spec_of(lab: GatewayLab, session: str) -> dict[str, Any]:
    """Of a session by name or UID."""
    with lab.http() as http:
        spec: dict[str, Any] = http.get(f"/training/{session}/status").json()["spec"]
    return spec


def test_a_session_is_started_by_the_form_and_once(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("formed")
    page.get_by_role("link", name="New session").click()
    page.get_by_role("textbox", name="name", exact=True).fill(name)
    page.get_by_label("command", exact=True).fill("python train.py --note 'two words'")
    page.get_by_label("gpus", exact=True).fill("many")
    expect(page.get_by_label("gpus", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("gpus", exact=True).fill("2")
    expect(page.get_by_label("gpus", exact=True)).to_have_attribute("aria-invalid", "false")
    yaml = page.get_by_label("The session as YAML")
    expect(yaml).to_contain_text('- "two words"')
    expect(yaml).to_contain_text("gpus: 2")
    expect(page.get_by_text("Asking …")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    spec = spec_of(lab, name)
    assert spec["command"] == ["python", "train.py", "--note", "two words"]
    assert spec["resources"]["gpus"] == 2


def test_a_name_that_is_taken_is_refused_in_words_and_nothing_is_lost(
    reader: Visit, lab: GatewayLab
) -> None:
    page, name = reader.page, unique("taken")
    start(lab, name, priority=3)
    page.goto(f"{lab.url}/#/new")
    page.get_by_role("textbox", name="name", exact=True).fill(name)
    page.get_by_label("command", exact=True).fill("python other.py")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").filter(has_text="choose another name")).to_be_visible()

    expect(page.get_by_label("command", exact=True)).to_have_value("python other.py")


def test_a_session_is_started_again_with_a_change(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("first")
    uid = start(lab, name, env=[{"name": "RATE", "value": "0.1"}])
    page.goto(f"{lab.url}/#/session/{uid}")
    page.get_by_role("link", name="Start again").click()
    expect(page.get_by_label("command", exact=True)).to_have_value("python train.py")
    page.get_by_text("More fields").click()
    page.get_by_label("value", exact=True).fill("0.2")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("New session")
    expect(page.get_by_label("The session as YAML")).to_contain_text('value: "0.2"')

    assert spec_of(lab, page.url.rpartition("/")[2])["command"] == ["python", "train.py"]


def test_the_queue_says_who_runs_until_when_and_who_starts_when(
    reader: Visit, lab: GatewayLab
) -> None:
    page = reader.page
    running, waiting, ended = unique("runs"), unique("waits"), unique("ended")
    for name in (running, waiting, ended):
        start(lab, name)
    run(lab, running)
    wait_in_queue(lab, waiting, 1)
    set_status(lab, ended, phase="Succeeded", startTime=text(-900), completionTime=text(-300))
    page.get_by_role("link", name="Queue").click()

    def told(name: str) -> Page:
        link = page.get_by_role("link", name=name, exact=True)
        return page.get_by_role("row").filter(has=link)  # type: ignore[return-value]  # as above

    expect(told(running)).to_contain_text("runs, 10 min left")
    expect(told(waiting)).to_contain_text("place 1, starts in 4 min")
    expect(told(ended)).to_contain_text("Succeeded, ended")
    assert reader.said == []


def test_a_dropped_table_becomes_a_dataset_whose_names_are_text(
    reader: Visit, lab: GatewayLab, tmp_path: Path
) -> None:
    page = reader.page
    name = unique("table")
    table = tmp_path / f"{name}.csv"
    table.write_text("<img src=x onerror=alert(1)>,kind\n" + "1,a\n2,b\n3,a\n" * 5)
    page.get_by_role("link", name="Datasets").click()
    page.get_by_label("Drop a table").set_input_files(table)
    expect(page.get_by_role("listitem").filter(has_text=name)).to_contain_text("is a dataset now")
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("region", name="First rows")).to_contain_text("<img src=x")
    expect(page.get_by_role("region", name="Columns")).to_contain_text("target")

    assert page.locator("img[src=x]").count() == 0
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download", exact=True).click()
    assert saved.value.path().read_text() == table.read_text()
    assert reader.said == []


def test_an_upload_goes_on_from_the_parts_that_exist(
    reader: Visit, lab: GatewayLab, tmp_path: Path
) -> None:
    page, name = reader.page, unique("parts")
    content = "x,y\n" + "".join(f"{n},{n % 2}\n" for n in range(1000))
    table = tmp_path / f"{name}.csv"
    table.write_text(content)
    size, first = len(content), content[:4096]
    with lab.http() as http:
        new = {"name": name, "filename": table.name, "sizeBytes": size, "partBytes": 4096}
        upload = http.post("/uploads/datasets", json=new).raise_for_status().json()
        http.put(f"/uploads/datasets/{upload['id']}/parts/1", content=first).raise_for_status()
    page.goto(f"{lab.url}/#/datasets")
    item = page.get_by_role("listitem").filter(has_text=name)
    expect(item).to_contain_text("1 of 2 parts arrived")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page.get_by_label("Drop a table").set_input_files(table)
    expect(item).to_contain_text("is a dataset now")

    assert [each[-7:] for each in sent if "/parts/" in each] == ["parts/2"]


def test_versions_of_a_model_are_listed_and_downloaded(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("model")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    content = len(header).to_bytes(8, "little") + header + b"\0\0\0\0"
    with lab.http() as http:
        for last in (b"\0", b"\1"):
            body = content[:-1] + last
            http.post("/models", params={"name": name}, content=body).raise_for_status()
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name=name, exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download version 2").click()

    assert saved.value.path().read_bytes()[-1] == 1
    expect(page.get_by_role("link", name="Download version 1")).to_be_visible()
    assert reader.said == []


def test_a_key_is_made_shown_once_and_revoked(reader: Visit, lab: GatewayLab) -> None:
    page, owner = reader.page, unique("owner")
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Name of its owner").fill(owner)
    page.get_by_label("sessions:write").uncheck()
    page.get_by_role("button", name="Make", exact=True).click()
    made = page.get_by_role("status").filter(has_text="shown this once").locator("code")
    key = made.inner_text()
    page.get_by_role("button", name="I have it").click()
    expect(made).to_be_hidden()
    assert key not in page.content()

    named(page, owner).get_by_role("button", name=re.compile("Revoke")).click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(named(page, owner)).to_contain_text("revoked")
    assert reader.said == []


def test_a_key_of_one_scope_sees_one_page(guest: Visit, lab: GatewayLab) -> None:
    guest.log_in(lab.new_key("modeler", "models:read"))
    page = guest.page
    expect(page.get_by_role("alert")).to_contain_text("needs the scope sessions:read")
    assert page.get_by_role("link", name="Keys").count() == 0
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    page.get_by_role("link", name="Datasets").click()
    expect(page.get_by_role("alert")).to_contain_text("needs the scope datasets:read")


def test_files_of_a_session_are_opened_and_downloaded(reader: Visit, lab: GatewayLab) -> None:
    page = reader.page
    trainer = lab.new_trainer(unique("files"))
    folder = lab.data / "runs" / trainer.session_uid / "out"
    folder.mkdir(parents=True)
    (folder / "<b> 1%.txt").write_text("hello")
    page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
    page.get_by_role("button", name="Show the session's files").click()
    page.get_by_role("button", name="out/").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="<b> 1%.txt").click()
    assert saved.value.path().read_text() == "hello"
    page.get_by_role("button", name="Top folder").click()
    expect(page.get_by_role("button", name="out/")).to_be_visible()


def test_the_best_of_many_is_found_by_parameter(reader: Visit, lab: GatewayLab) -> None:
    """Which learning rate was best?"""
    page = reader.page
    uids = []
    for rate, loss in (("0.1", 2.0), ("0.01", 0.5), ("0.001", 1.0)):
        name = unique("rate")
        uid = start(lab, name, env=[{"name": "RATE", "value": rate}])
        points = [{"step": n, "time": NOW, "values": {"loss": loss + 1 / n}} for n in (1, 2, 4)]
        lab.trainer(uid, name).report({"sequence": 1, "metrics": points}).raise_for_status()
        uids.append(uid)
    page.goto(f"{lab.url}/#/compare?sessions={','.join(uids)}&metric=loss")
    page.get_by_role("button", name="lowest loss").click()
    first = page.get_by_role("region", name="What differs").get_by_role("row").nth(1)
    expect(first).to_contain_text("0.01")
    expect(first).to_contain_text("0.75")
    page.get_by_role("combobox", name="Parameter", exact=True).select_option("env.RATE")
    expect(page.get_by_role("img", name="lowest loss over env.RATE")).to_be_visible()
    expect(page.get_by_role("img", name="Parallel axes of env.RATE, lowest loss")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as SVG").click()
    assert saved.value.path().read_text().startswith("<svg")
    until(page, lambda: "by=lowest" in page.url)
    assert reader.said == []


def test_chosen_sessions_are_suspended_together(reader: Visit, lab: GatewayLab) -> None:
    page, prefix = reader.page, unique("bulk")
    for n in (1, 2):
        start(lab, f"{prefix}-{n}")
        set_status(lab, f"{prefix}-{n}", phase="Running")
    page.get_by_label("Search").fill(prefix)
    for n in (1, 2):
        page.get_by_label(f"Choose {prefix}-{n}").check()
    page.get_by_role("button", name="Suspend 2 sessions").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{prefix}-2")
    dialog.get_by_role("button", name="Suspend").click()

    def wanted() -> list[str]:
        return [spec_of(lab, f"{prefix}-{n}").get("desiredState", "Running") for n in (1, 2)]

    until(page, lambda: wanted() == ["Suspended"] * 2)
    assert wanted() == ["Suspended"] * 2


def test_columns_are_hidden_by_the_link(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("columns")
    start(lab, name)
    expect(page.get_by_role("columnheader", name="Owner")).to_be_visible()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Owner", exact=True).uncheck()
    expect(page.get_by_role("columnheader", name="Owner")).to_have_count(0)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_role("columnheader", name="Queue", exact=True)).to_be_visible()
    assert page.get_by_role("columnheader", name="Owner").count() == 0
