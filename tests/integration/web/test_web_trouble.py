"""The web page when something goes wrong: a gateway that is away, old tabs, wrong clocks, other windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from browser import PATIENCE, Visit, visit
from client_lab import make_queue
from cluster import unique
from gateway_lab import GatewayLab
from playwright.sync_api import Browser, Page, Route, expect
from web_sessions import run, set_status, start, wait_in_queue

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
"""What a browser tells a page whose tab is shown again."""


def row(page: Page, session: str) -> Page:
    """The row of a session in the table."""
    link = page.get_by_role("link", name=session, exact=True)
    return page.get_by_role("table").get_by_role("row").filter(has=link)  # type: ignore[return-value]  # a locator has a page's queries


def test_a_gateway_that_does_not_answer_is_no_logout(guest: Visit, lab: GatewayLab) -> None:
    """A reload while the gateway restarts must not ask for the key again."""
    guest.log_in(lab.key)
    page = guest.page
    away = [True]

    def answer(route: Route) -> None:
        if away[0]:
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/login", answer)
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("does not answer")
    away[0] = False
    expect(page.get_by_role("status")).to_have_text("live")


def test_a_logout_that_did_not_reach_the_gateway_is_told(guest: Visit, lab: GatewayLab) -> None:
    guest.log_in(lab.key)
    page = guest.page
    page.route("**/api/v1/login", lambda route: route.abort())
    page.get_by_role("button", name="Log out").click()

    expect(page.get_by_role("alert")).to_contain_text("You are still logged in.")


def test_a_tab_from_before_an_upgrade_says_so(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("upgraded")
    uid = start(lab, name)
    newer = page.request.get(lab.url).text().replace("/assets/main-", "/assets/main-newer-")
    page.route(f"{lab.url}/", lambda route: route.fulfill(body=newer, content_type="text/html"))
    page.goto(f"{lab.url}/#/session/{uid}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Load it")).to_have_count(0)
    page.get_by_role("link", name="All sessions").click()
    expect(page.get_by_role("button", name="Load it")).to_be_visible()
    page.unroute(f"{lab.url}/")
    page.get_by_role("button", name="Load it").click()
    expect(page.get_by_role("status")).to_have_text("live")
    expect(page.get_by_role("button", name="Load it")).to_have_count(0)


@pytest.mark.parametrize("hours", [30, -30], ids=["fast", "slow"])
def test_a_wrong_clock_of_the_reader_changes_no_times(
    browser: Browser, lab: GatewayLab, hours: int
) -> None:
    name = unique("clock")
    start(lab, name)
    wait_in_queue(lab, name, 1)
    with visit(browser, lab.url) as seen:
        seen.page.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
        seen.log_in(lab.key)
        expect(row(seen.page, name)).to_contain_text("starts in 4 min to 9 min")


def test_windows_learn_of_each_others_logins(guest: Visit, lab: GatewayLab) -> None:
    first = guest.page
    first.goto(lab.url)
    expect(first.get_by_label("API key")).to_be_visible()
    second = guest.context.new_page()
    second.goto(lab.url)
    second.get_by_label("API key").fill(lab.key)
    second.get_by_role("button", name="Log in").click()
    expect(second.get_by_role("button", name="Log out")).to_be_visible()

    first.evaluate(LOOK)
    expect(first.get_by_role("button", name="Log out")).to_be_visible()
    second.get_by_role("button", name="Log out").click()
    expect(second.get_by_label("API key")).to_be_visible()
    first.evaluate(LOOK)
    expect(first.get_by_label("API key")).to_be_visible()


def test_eight_windows_of_one_browser_work_beside_each_other(guest: Visit, lab: GatewayLab) -> None:
    """A browser opens six connections to a host; a page whose window is hidden keeps none of them."""
    guest.log_in(lab.key)
    name = unique("windows")
    start(lab, name)
    run(lab, name)
    hide = (
        "Object.defineProperty(document, 'hidden', {get: () => window.isHidden ?? false});"
        "window.isHidden = true;" + LOOK
    )
    guest.page.evaluate(hide)
    for _ in range(7):
        page = guest.context.new_page()
        page.goto(f"{lab.url}/#/?search={name}")
        expect(row(page, name)).to_contain_text("40 %")
        page.evaluate(hide)
    run(lab, name, 55)
    guest.page.evaluate("window.isHidden = false;" + LOOK)
    expect(row(guest.page, name)).to_contain_text("55 %")


def test_a_session_that_does_not_exist_is_told(reader: Visit, lab: GatewayLab) -> None:
    page = reader.page
    page.goto(f"{lab.url}/#/session/nothing-here")
    expect(page.get_by_role("alert")).to_contain_text("nothing-here")
    page.goto(f"{lab.url}/#/compare?sessions=nothing-here&metric=loss")
    expect(page.get_by_role("alert")).to_contain_text("1 session of this link")
    page.goto(f"{lab.url}/#/nowhere")
    expect(page.get_by_text("There is no page at this address")).to_be_visible()


def test_a_long_log_is_read_in_pages_and_jumps_to_its_error(reader: Visit, lab: GatewayLab) -> None:
    page, trainer = reader.page, lab.new_trainer(unique("long"))
    for batch in range(13):
        lines = [{"time": NOW, "message": f"line {batch * 1000 + n}"} for n in range(1000)]
        if batch == 6:
            lines[10] = {"time": NOW, "message": "RuntimeError: first", "level": "error"}
        trainer.report({"sequence": batch + 1, "logs": lines}).raise_for_status()
    page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
    heading = page.get_by_role("heading", name="Log", exact=False).filter(has_text="lines")
    expect(page.get_by_text("line 12999", exact=True)).to_be_visible()
    expect(heading).to_contain_text("2000 of 2000 lines")
    page.get_by_label("Search lines").fill("LINE 432")
    expect(heading).to_contain_text("0 of 2000 lines")
    page.get_by_role("button", name="Search the whole log").click()
    expect(page.get_by_text("line 4321", exact=True)).to_be_visible()
    expect(heading).to_contain_text("11 of 11 lines")
    page.get_by_label("Search lines").fill("")
    expect(heading).to_contain_text("2000 of 2000 lines")
    page.get_by_role("button", name="From the first line").click()
    expect(page.get_by_text("line 0", exact=True)).to_be_visible()
    expect(heading).to_contain_text("10000 lines")
    page.get_by_role("button", name="First error").click()
    expect(page.get_by_text("RuntimeError: first")).to_be_in_viewport()
    page.get_by_role("button", name="Next lines").click()
    expect(heading).to_contain_text("13000 lines")
    assert page.get_by_role("region", name="Lines of the log").get_by_role("listitem").count() < 200


@pytest.fixture(scope="module")
def queue(lab: GatewayLab) -> None:
    """Without it the form of a new session is told that it is missing."""
    make_queue(lab)


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "x" * 10_000, "\x1b[31mred", "${7*7}{{7*7}}"],
    ids=["markup", "a direction", "ten thousand letters", "colours", "templates"],
)
def test_hostile_texts_of_a_session_are_text_everywhere(
    reader: Visit, lab: GatewayLab, name: str
) -> None:
    page, session = reader.page, unique("hostile")
    uid = start(lab, session, command=["python", name[:4000]])
    with lab.client() as gateway:
        gateway.suspend(session)
    place = {"position": 1, "reason": "WaitingForGPUs", "message": name[:1000]}
    set_status(lab, session, phase="Queued", message=name[:1000], queue=place)
    shown = page.get_by_role("main")
    for path in (f"/?search={session}", f"/session/{uid}", "/queue", f"/new?from={uid}"):
        page.goto(f"{lab.url}/#{path}")
        expect(
            page.get_by_text(session).or_(page.get_by_label("command", exact=True)).first
        ).to_be_visible()
        assert page.locator("img[src=x]").count() == 0
        assert "\u202e" not in shown.inner_text()
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(width) == 0
    assert reader.said == []
