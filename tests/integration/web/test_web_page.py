"""The web page as people use it, in a browser, against a real gateway."""

from __future__ import annotations

import httpx
import pytest
from browser import PATIENCE, Visit, another_origin, until, violations, visit
from cluster import unique
from gateway_lab import GatewayLab
from playwright.sync_api import Browser, Page, expect
from web_sessions import fail, run, set_status, start, wait_in_queue

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"
HOSTILE = "<img src=x onerror=alert(1)>"
EVERY_PAGE = [
    "new", "queue", "nodes", "datasets", "models", "runs", "usage", "limits", "notices", "users",
    "keys", "audit",
]  # fmt: skip
"""Beside the first screen and those of sessions."""


def row(page: Page, session: str) -> Page:
    """The row of a session in the table."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=session, exact=True))  # type: ignore[return-value]  # a locator has a page's queries


def test_a_wrong_key_is_refused_in_words_and_a_right_one_leaves_no_trace_of_itself(
    guest: Visit, lab: GatewayLab
) -> None:
    page = guest.page
    page.goto(lab.url)
    page.get_by_label("API key").fill("ty_wrong_key")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("the API key is not valid")

    guest.log_in(lab.key)
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    (cookie,) = guest.context.cookies()

    assert kept == [0, 0, ""]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert lab.key not in cookie["value"]
    assert lab.key not in page.content()


def test_the_first_screen_says_who_runs_who_waits_and_why(reader: Visit, lab: GatewayLab) -> None:
    page = reader.page
    waiting, running, failed = unique("waits"), unique("runs"), unique("fails")
    start(lab, waiting, resources={"gpus": 2})
    start(lab, running, resources={"gpus": 1})
    start(lab, failed)
    wait_in_queue(lab, waiting, 1)
    run(lab, running)
    fail(lab, failed)

    expect(row(page, waiting)).to_contain_text("Needs 2 GPUs; 1 is free on one node.")
    expect(row(page, waiting)).to_contain_text("place 1")
    expect(row(page, waiting)).to_contain_text("starts in 4 min to 9 min")
    expect(row(page, running)).to_contain_text("40 %")
    expect(row(page, running)).to_contain_text("10 min")
    expect(row(page, running)).to_contain_text("0.25")
    expect(row(page, failed)).to_contain_text("Out of memory.")
    expect(page.get_by_role("heading", name="GPUs")).to_contain_text("held")

    page.get_by_role("combobox", name="State", exact=True).select_option("failed")
    page.get_by_label("Search").fill(failed)
    expect(page.get_by_role("heading", name="Sessions")).to_contain_text("1 of")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_label("Search")).to_have_value(failed)
    expect(page.get_by_role("heading", name="Sessions")).to_contain_text("1 of")
    assert reader.said == []


def test_what_changes_shows_without_a_reload_and_after_a_restart_of_the_gateway(
    reader: Visit, lab: GatewayLab
) -> None:
    page, name = reader.page, unique("lives")
    start(lab, name)
    expect(row(page, name)).to_contain_text("Pending")
    run(lab, name, 41)
    expect(row(page, name)).to_contain_text("41 %")

    lab.stop()
    expect(page.get_by_role("status")).to_contain_text("trying again")
    lab.start()
    expect(page.get_by_role("status")).to_have_text("live")
    run(lab, name, 77)
    expect(row(page, name)).to_contain_text("77 %")
    with lab.client() as gateway:
        gateway.stop(name)
    set_status(lab, name, phase="Stopped", message="Its owner stopped it.")
    expect(row(page, name)).to_contain_text("Stopped")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert page.get_by_role("status").inner_text() == "live"


def test_a_session_page_shows_curve_log_reason_and_configuration(
    reader: Visit, lab: GatewayLab
) -> None:
    page = reader.page
    trainer = lab.new_trainer(unique("page"))
    rows = [
        {"step": n, "time": NOW, "values": {"train/loss": 1 / n, HOSTILE: float(n)}}
        for n in range(1, 30)
    ]
    lines = [{"time": NOW, "message": f"step {n}"} for n in range(1, 30)]
    hostile = {"time": NOW, "message": f"\x1b[31m{HOSTILE}\u202egnp.exe\x1b[0m", "level": "error"}
    trainer.report({"sequence": 1, "metrics": rows, "logs": [*lines, hostile]}).raise_for_status()
    fail(lab, trainer.session)

    page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
    expect(page.get_by_text("Raise resources.memory or lower the batch size.")).to_be_visible()
    expect(page.get_by_role("img", name="Chart of train/loss")).to_be_visible()
    expect(page.get_by_role("img", name="Chart of <img src=x")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="step 29")).to_be_visible()
    expect(page.get_by_label("The session as YAML")).to_contain_text("kind: TrainingSession")
    page.get_by_label("Search lines").fill("onerror")
    expect(page.get_by_role("heading", name="Log")).to_contain_text("1 of 30")
    expect(page.get_by_label("Lines of the log").last).to_contain_text("\\u{202e}gnp.exe")

    assert page.locator("img[src=x]").count() == 0
    assert reader.said == []


def test_curves_and_lines_of_a_running_session_grow(reader: Visit, lab: GatewayLab) -> None:
    page, trainer = reader.page, lab.new_trainer(unique("grows"))
    page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
    expect(page.get_by_text("Nothing was measured yet.")).to_be_visible()
    for n in (1, 2, 3):
        point = {"step": n, "time": NOW, "values": {"loss": float(n)}}
        line = {"time": NOW, "message": f"line {n}"}
        trainer.report({"sequence": n, "metrics": [point], "logs": [line]}).raise_for_status()
        expect(page.get_by_role("listitem").filter(has_text=f"line {n}")).to_be_visible()

    expect(page.get_by_role("img", name="last 3, lowest 1, highest 3")).to_be_visible()
    assert reader.said == []


@pytest.mark.parametrize(
    ("phase", "button", "wanted"),
    [
        ("Running", "Suspend", {"desiredState": "Suspended"}),
        ("Running", "Stop", {"desiredState": "Stopped"}),
        ("Queued", "Cancel", {"desiredState": "Stopped"}),
    ],
    ids=["suspend", "stop", "cancel"],
)
def test_what_a_button_does_is_asked_first(
    reader: Visit, lab: GatewayLab, phase: str, button: str, wanted: dict[str, str]
) -> None:
    page, name = reader.page, unique("button")
    uid = start(lab, name)
    set_status(lab, name, phase=phase)
    page.goto(f"{lab.url}/#/session/{uid}")
    page.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    # A key pressed before it is there closes nothing.
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert spec_of(lab, name).items().isdisjoint(wanted.items())

    page.get_by_role("button", name=button).click()
    dialog.get_by_role("button", name=button).click()
    expect(dialog).to_be_hidden()
    until(page, lambda: wanted.items() <= spec_of(lab, name).items())

    assert wanted.items() <= spec_of(lab, name).items()
    assert reader.said == []


def test_a_session_is_resumed_and_gets_another_priority(reader: Visit, lab: GatewayLab) -> None:
    page, name = reader.page, unique("again")
    uid = start(lab, name)
    with lab.client() as gateway:
        gateway.suspend(name)
    set_status(lab, name, phase="Suspended")
    page.goto(f"{lab.url}/#/session/{uid}")
    page.get_by_role("button", name="Change priority").click()
    page.get_by_label("Priority, ").fill("7")
    page.get_by_role("dialog").get_by_role("button", name="Change priority").click()
    page.get_by_role("button", name="Resume").click()
    wanted = {"priority": 7, "desiredState": "Running"}
    until(page, lambda: wanted.items() <= spec_of(lab, name).items())

    assert wanted.items() <= spec_of(lab, name).items()


def test_chosen_sessions_are_laid_over_each_other_with_what_differs(
    reader: Visit, lab: GatewayLab
) -> None:
    page = reader.page
    names = [unique("compared") for _ in range(2)]
    for number, name in enumerate(names):
        uid = start(lab, name, env=[{"name": "RATE", "value": f"0.{number}"}])
        points = [{"step": n, "time": NOW, "values": {"train/loss": float(n)}} for n in (1, 2)]
        lab.trainer(uid, name).report({"sequence": 1, "metrics": points}).raise_for_status()
        run(lab, name)
        page.get_by_label("Search").fill("compared")
        page.get_by_label(f"Choose {name}").check()
    page.get_by_role("link", name="Compare 2 sessions").click()

    expect(page.get_by_role("heading", name="Compare 2 sessions")).to_be_visible()
    expect(page.get_by_role("columnheader", name="env.RATE")).to_be_visible()
    expect(row(page, names[1])).to_contain_text("0.1")
    expect(page.get_by_role("img", name=f"Chart of train/loss. {names[0]}")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    assert len(saved.value.path().read_text().splitlines()) == 5
    assert reader.said == []


def test_a_key_that_may_only_look_sees_no_buttons_and_no_nodes(
    guest: Visit, lab: GatewayLab
) -> None:
    name = unique("looked")
    uid = start(lab, name)
    guest.log_in(lab.new_key("viewer", "sessions:read"))
    page = guest.page
    expect(page.get_by_text("which this key lacks")).to_be_visible()
    page.goto(f"{lab.url}/#/session/{uid}")
    expect(page.get_by_text("This key may look, not change")).to_be_visible()

    assert page.get_by_role("button", name="Cancel").count() == 0


def test_a_logout_ends_the_login_and_so_does_the_end_of_the_key(
    guest: Visit, lab: GatewayLab, http: httpx.Client
) -> None:
    made = http.post("/keys", json={"name": "leaves", "scopes": ["sessions:read"]}).json()
    guest.log_in(made["key"])
    (cookie,) = guest.context.cookies()
    guest.page.get_by_role("button", name="Log out").click()
    expect(guest.page.get_by_label("API key")).to_be_visible()
    stolen = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    assert httpx.get(f"{lab.url}/api/v1/login", headers=stolen).status_code == 401

    guest.log_in(made["key"])
    http.delete(f"/keys/{made['id']}").raise_for_status()
    guest.page.reload()
    expect(guest.page.get_by_label("API key")).to_be_visible()


def test_another_page_of_this_host_can_neither_frame_nor_use_the_login(
    browser: Browser, lab: GatewayLab
) -> None:
    """Another port is another origin of the same site: the browser sends the cookie along."""
    name = unique("forged")
    uid = start(lab, name)
    attack = """async ([url, uid]) => {
      const send = (path, more) => fetch(url + path, {credentials: "include", ...more});
      const stop = {method: "POST", mode: "no-cors"};
      await send(`/api/v1/training/${uid}/stop`, stop).catch(() => null);
      return send("/api/v1/login").then((r) => r.text()).catch(() => "refused");
    }"""
    with another_origin() as other, visit(browser, lab.url) as found:
        found.log_in(lab.key)
        found.page.goto(other)
        told = found.page.evaluate(attack, [lab.url, uid])
    headers = httpx.get(lab.url).headers

    assert told == "refused"
    assert spec_of(lab, name).get("desiredState", "Running") == "Running"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(browser: Browser, lab: GatewayLab, scheme: str) -> None:
    trainer = lab.new_trainer(unique("axe"))
    point = {"step": 1, "time": NOW, "values": {"loss": 1.0}}
    trainer.report({"sequence": 1, "metrics": [point]}).raise_for_status()
    run(lab, trainer.session)
    fail(lab, trainer.session)
    found: dict[str, list[str]] = {}
    with visit(browser, lab.url, bypass_csp=True, color_scheme=scheme) as seen:
        page = seen.page
        page.goto(lab.url)
        page.get_by_label("API key").wait_for()
        found["login"] = violations(page)
        seen.log_in(lab.key)
        row(page, trainer.session).wait_for()
        found["sessions"] = violations(page)
        page.goto(f"{lab.url}/#/session/{trainer.session_uid}")
        page.get_by_role("img", name="Chart of loss").wait_for()
        found["session"] = violations(page)
        page.goto(f"{lab.url}/#/compare?sessions={trainer.session_uid}&metric=loss")
        page.get_by_role("img", name="Chart of loss. axe").wait_for()
        found["compare"] = violations(page)
        for name in EVERY_PAGE:
            page.goto(f"{lab.url}/#/{name}")
            page.get_by_role("heading", level=1).wait_for()
            found[name] = violations(page)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_keyboard_alone_logs_in_and_opens_a_session(guest: Visit, lab: GatewayLab) -> None:
    name = unique("keyboard")
    start(lab, name)
    page = guest.page
    page.goto(f"{lab.url}/#/?search={name}")
    page.get_by_label("API key").wait_for()
    page.keyboard.type(lab.key)
    page.keyboard.press("Enter")
    row(page, name).wait_for()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert page.url.partition("#")[2].startswith("/session/")


def test_a_narrow_window_scrolls_the_table_and_not_the_page(
    browser: Browser, lab: GatewayLab
) -> None:
    start(lab, unique("narrow"))
    with visit(browser, lab.url, viewport={"width": 360, "height": 700}) as seen:
        seen.log_in(lab.key)
        seen.page.get_by_role("table").first.wait_for()
        width = seen.page.evaluate("document.documentElement.scrollWidth")

    assert width <= 360


def spec_of(lab: GatewayLab, name: str) -> dict[str, object]:
    with lab.http() as http:
        spec: dict[str, object] = http.get(f"/training/{name}/status").json()["spec"]
        return spec
