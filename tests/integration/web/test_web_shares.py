"""The pages of queues, nodes and usage: who may use what, who uses it, and who used how much."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import PATIENCE, Visit, until, visit
from client_lab import make_queue
from cluster import unique
from gateway_lab import GatewayLab, monitor_token
from playwright.sync_api import Browser, Page, expect
from web_cluster import count_queue, gpu_node, hold_gpus, remove_node, tell_of_gpus
from web_sessions import run, set_status, start

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def node(lab: GatewayLab) -> Iterator[str]:
    """A node with four GPUs that only the API server knows."""
    name = gpu_node(lab, 4)
    yield name
    remove_node(lab, name)


def row(page: Page, region: str, name: str) -> Page:
    """The row of a table that begins with a name."""
    table = page.get_by_role("region", name=region, exact=True)
    return table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))  # type: ignore[return-value]  # a locator has a page's queries


def test_queues_are_shown_with_quota_use_and_shares(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("holds")
    make_queue(lab, "vision", gpuQuota=4, borrow=False, weight=3, maxGpusPerSession=2)
    make_queue(lab, "work", weight=1)
    make_queue(lab, "closed", paused=True, weight=7)
    count_queue(lab, "vision", running=1, waiting=2, gpusUsed=3, gpusTotal=12)
    start(lab, name, queue="vision", resources={"gpus": 3})
    run(lab, name)
    page.goto(f"{lab.url}/#/queue")
    vision = row(page, "Queues", "vision")
    expect(vision).to_contain_text("3 GPUs, 25 % of all 12")
    expect(vision).to_contain_text("4 GPUs guaranteed, no more")
    expect(vision).to_contain_text("75 %")
    expect(vision).to_contain_text("1 running, 2 waiting")
    expect(vision).to_contain_text("2 GPUs for one session")
    expect(vision).to_contain_text("admin 3")
    expect(row(page, "Queues", "work")).to_contain_text("25 %")
    expect(row(page, "Queues", "closed")).to_contain_text("paused: starts no session")

    count_queue(lab, "vision", running=2, waiting=1, gpusUsed=6, gpusTotal=12)
    expect(vision).to_contain_text("6 GPUs, 50 % of all 12")
    vision.get_by_role("button", name="vision").click()
    expect(page).to_have_url(f"{lab.url}/#/queue?queue=vision")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text(name)
    assert reader.said == []


def test_gpus_are_as_busy_as_the_monitor_of_their_node_reports(
    reader: Visit, lab: GatewayLab, node: str
) -> None:
    page, name = reader.page, unique("busy")
    uid = start(lab, name, resources={"gpus": 2})
    run(lab, name)
    (lab.data / "runs" / uid).mkdir(parents=True)
    hold_gpus(lab, name, node, 2)
    token = monitor_token(lab, "trainyard-monitor", node)
    tell_of_gpus(lab, token, 97, 3)
    box = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=node))
    expect(box).to_contain_text("2 of 4 GPUs held; busy: 97 %, 3 %")
    expect(box.get_by_role("link", name=name)).to_have_count(2)

    page.goto(f"{lab.url}/#/nodes")
    shown = row(page, "Nodes", node)
    expect(shown).to_contain_text("2 of 4")
    expect(shown).to_contain_text("GPU 0, NVIDIA H200: 97 % busy, 97 GiB of 140 GiB")
    expect(shown).to_contain_text("38 % of 64 cores")
    expect(shown.get_by_role("link", name=name)).to_be_visible()

    tell_of_gpus(lab, token, 12, 3)
    expect(shown).to_contain_text("12 % busy")
    page.goto(f"{lab.url}/#/session/{uid}")
    expect(page.get_by_role("heading", name="Where it runs")).to_be_visible()
    expect(page.get_by_text("GPU 1, NVIDIA H200: 3 % busy")).to_be_visible()

    page.goto(lab.url)
    hold_gpus(lab, name, node, 2)
    tell_of_gpus(lab, token, 98, 4, 5, 6)
    for rate in (98, 4, 5, 6):
        expect(box.get_by_text(f"{rate} % busy", exact=True)).to_be_visible()
    expect(box).not_to_contain_text("busy:")
    assert reader.said == []


def held(lab: GatewayLab, name: str, gpus: int, month: str) -> None:
    """A session that held GPUs for ten hours of a month, of which the last one was lost."""
    start(lab, name, queue="fast", resources={"gpus": gpus})
    kept = {
        "kind": "Attempt", "number": 1, "startTime": f"{month}-02T00:00:00Z",
        "endTime": f"{month}-02T10:00:00Z", "exact": True, "ran": True, "gpus": gpus,
        "cpuMillis": 1000, "memoryBytes": 1 << 30, "outcome": "Failed",
        "checkpointTime": f"{month}-02T09:00:00Z",
    }  # fmt: skip
    set_status(
        lab, name, phase="Failed", attempt=1, completionTime=f"{month}-02T10:00:00Z",
        allocations=[kept],
    )  # fmt: skip


def test_usage_is_summed_by_what_one_chooses_and_saved_as_csv(
    reader: Visit, lab: GatewayLab
) -> None:
    page = reader.page
    page.goto(f"{lab.url}/#/usage")
    months = page.get_by_label("Month in UTC")
    earlier, before = (months.locator("option").nth(n).inner_text() for n in (1, 2))
    held(lab, unique("used"), 2, earlier)
    held(lab, unique("used"), 1, before)

    def sums(expected: str) -> bool:
        page.get_by_role("button", name="Sum again").click()
        return expected in page.get_by_role("region", name="Usage by User").inner_text()

    months.select_option(earlier)
    until(page, lambda: sums("20.00"))
    mine = row(page, "Usage by User", "admin")
    expect(mine).to_contain_text("20.00")
    expect(mine).to_contain_text("2.00")
    months.select_option("these twelve months")
    expect(page.get_by_role("heading", name="Usage")).to_contain_text("30.00 GPU hours")
    page.get_by_label("Sum by").select_option("queue")
    page.get_by_label("and by").select_option("month")
    by = "Usage by Queue, Month"
    expect(row(page, by, "fast").filter(has_text=earlier)).to_contain_text("20.00")
    expect(row(page, by, "fast").filter(has_text=before)).to_contain_text("10.00")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert (lines[0].split(",")[:3], len(lines)) == (["queue", "month", "attempts"], 3)

    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_label("and by")).to_have_value("month")
    expect(row(page, by, "fast")).to_have_count(2)
    page.get_by_label("Sum by").select_option("label")
    expect(page.get_by_text("Name the label by whose values the sums are")).to_be_visible()
    page.get_by_label("Label", exact=True).fill("project")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Usage by Label, Month")).to_contain_text(
        "without the label"
    )
    assert reader.said == []


def test_two_people_with_different_scopes_see_what_theirs_allow(
    browser: Browser, lab: GatewayLab
) -> None:
    name = unique("shared")
    uid = start(lab, name)
    keys = {
        "ada": ["sessions:read", "sessions:write", "system:read"],
        "ben": ["sessions:read", "datasets:read"],
    }
    seen: dict[str, list[bool]] = {}
    for user, scopes in keys.items():
        with visit(browser, lab.url) as found:
            found.log_in(lab.new_key(user, *scopes))
            page = found.page
            page.goto(f"{lab.url}/#/session/{uid}")
            page.get_by_role("heading", name=name).wait_for()
            steers = page.get_by_role("button", name="Cancel").count() == 1
            places = ("nodes", "datasets", "models", "keys", "queue", "usage")
            opened = [_opens(page, lab, place) for place in places]
            seen[user] = [steers, *opened]

    assert seen == {
        "ada": [True, True, False, False, False, True, True],
        "ben": [False, False, True, False, False, True, True],
    }


def _opens(page: Page, lab: GatewayLab, place: str) -> bool:
    """Whether a page shows something else than that its key may not see it."""
    page.goto(f"{lab.url}/#/{place}")
    refused = page.get_by_role("alert").filter(has_text="it needs the scope")
    page.get_by_role("heading", level=1).or_(refused).first.wait_for()
    return refused.count() == 0
