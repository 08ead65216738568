"""The page of notices: receivers are made, tried and removed; what was sent is listed and tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from browser import PATIENCE, Visit, violations, visit
from cluster import unique
from gateway_lab import GatewayFactory, GatewayLab
from playwright.sync_api import Browser, Page, expect
from web_sessions import fail, start
from webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """Notices may be sent to this machine."""
    return gateway_factory(notices_enabled="true", notices_internal_hosts="127.0.0.1")


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def url_of(webhook: WebhookReceiver) -> str:
    """A webhook whose path is a secret."""
    return f"http://127.0.0.1:{webhook.port}/hooks/s3cret-path"


def row(page: Page, name: str) -> Page:
    """The row of a receiver."""
    table = page.get_by_role("region", name="Receivers", exact=True)
    return table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))  # type: ignore[return-value]  # a locator has a page's queries


def add(page: Page, name: str, url: str) -> None:
    """Fill in the form of a receiver, and send it."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("URL, with https").fill(url)
    page.get_by_label("Failed", exact=True).check()
    page.get_by_role("button", name="Add", exact=True).click()


def test_a_receiver_is_made_its_secret_is_shown_once_and_a_failure_reaches_it(
    reader: Visit, lab: GatewayLab, webhook: WebhookReceiver
) -> None:
    page, name = reader.page, unique("hook")
    page.get_by_role("link", name="Notices").click()
    page.get_by_label("A metric; empty: none").fill("loss")
    page.get_by_label("this value").fill("1e2")
    add(page, name, url_of(webhook))
    made = page.get_by_role("status").filter(has_text="shown this once").locator("code")
    secret = made.inner_text()
    assert secret.startswith("whsec_")
    page.get_by_role("button", name="I have it").click()
    expect(made).to_be_hidden()
    page.reload()
    expect(row(page, name)).to_contain_text("a session is Failed")
    expect(row(page, name)).to_contain_text("an attempt fails")
    expect(row(page, name)).to_contain_text("loss is above 100, or not a number")
    assert secret not in page.content()
    assert "s3cret-path" not in page.content()
    page.get_by_role("button", name=f"Show the URL of {name}").click()
    expect(row(page, name)).to_contain_text("s3cret-path")

    session = unique("noticed")
    start(lab, session)
    fail(lab, session)
    sent = page.get_by_role("region", name="Notices").get_by_role("row")
    expect(sent.filter(has_text=session).filter(has_text="session.failure")).to_contain_text(
        "Delivered"
    )
    sent.filter(has_text="session.failure").get_by_role("link", name=session).click()
    expect(page.get_by_role("heading", name=session)).to_be_visible()
    assert {json.loads(body)["data"]["session"] for _, body in webhook.messages.values()} == {
        session
    }
    assert reader.said == []


def test_a_notice_that_is_refused_for_good_says_why_and_is_tried_again(
    reader: Visit, lab: GatewayLab, webhook: WebhookReceiver
) -> None:
    page, name = reader.page, unique("gone")
    webhook.answer = lambda _, times: (410, {}) if times == 1 else (204, {})
    page.goto(f"{lab.url}/#/notices")
    add(page, name, url_of(webhook))
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name=f"Send a test to {name}").click()
    expect(page.get_by_role("status").filter(has_text="on its way")).to_be_visible()
    sent = page.get_by_role("region", name="Notices").get_by_role("row").filter(has_text=name)
    expect(sent).to_contain_text("Dead")
    expect(sent).to_contain_text("410")
    page.get_by_role("combobox", name="State", exact=True).select_option("Dead")
    expect(page).to_have_url(f"{lab.url}/#/notices?state=Dead")
    sent.get_by_role("button", name="Try again").click()
    expect(sent).to_have_count(0)
    page.get_by_role("combobox", name="State", exact=True).select_option("Delivered")
    expect(sent).to_contain_text("1 try")
    assert len(webhook.came) == 2
    assert reader.said == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://10.0.0.1/x", "https"),
        ("https://127.0.0.2/x", "127.0.0.2"),
        ("https://user:word@hooks.example.com/", "password"),
    ],
    ids=["no TLS", "an address inside", "a password"],
)
def test_a_receiver_inside_of_a_network_is_refused_in_words_and_nothing_is_lost(
    reader: Visit, lab: GatewayLab, url: str, words: str
) -> None:
    page, name = reader.page, unique("inside")
    page.goto(f"{lab.url}/#/notices")
    add(page, name, url)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_label("URL, with https")).to_have_value(url)
    expect(row(page, name)).to_have_count(0)


def test_a_receiver_without_an_occasion_is_not_sent(reader: Visit, lab: GatewayLab) -> None:
    page = reader.page
    page.goto(f"{lab.url}/#/notices")
    page.get_by_label("Name", exact=True).fill(unique("never"))
    page.get_by_label("URL, with https").fill("https://hooks.example.com/")
    page.get_by_label("an attempt fails").uncheck()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Choose at least one occasion.")
    assert reader.said == []


def test_a_receiver_is_removed_after_a_question(
    reader: Visit, lab: GatewayLab, webhook: WebhookReceiver
) -> None:
    page, name = reader.page, unique("leaves")
    page.goto(f"{lab.url}/#/notices")
    add(page, name, url_of(webhook))
    page.get_by_role("button", name="I have it").click()
    button = page.get_by_role("button", name=f"Remove the receiver {name}")
    button.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row(page, name)).to_have_count(0)
    with lab.http() as http:
        left = http.get("/notices/receivers").json()["receivers"]
    assert name not in {one["name"] for one in left}


def test_others_see_neither_receivers_nor_notices_of_mine(
    guest: Visit, reader: Visit, lab: GatewayLab, webhook: WebhookReceiver, browser: Browser
) -> None:
    name = unique("mine")
    reader.page.goto(f"{lab.url}/#/notices")
    add(reader.page, name, url_of(webhook))
    reader.page.get_by_role("button", name="I have it").click()
    expect(row(reader.page, name)).to_be_visible()
    with visit(browser, lab.url) as other:
        other.log_in(lab.new_key(unique("other"), "sessions:read"))
        other.page.goto(f"{lab.url}/#/notices")
        expect(other.page.get_by_text("You have no receivers.")).to_be_visible()
        expect(other.page.get_by_text("it lacks the scope sessions:write")).to_be_visible()
        assert other.page.get_by_role("button", name="Add", exact=True).count() == 0
        assert name not in other.text()


def test_axe_finds_nothing_wrong_with_receivers_their_secret_and_what_was_sent(
    browser: Browser, lab: GatewayLab, webhook: WebhookReceiver
) -> None:
    name = unique("axe")
    with visit(browser, lab.url, bypass_csp=True) as seen:
        seen.log_in(lab.key)
        page = seen.page
        page.goto(f"{lab.url}/#/notices")
        add(page, name, url_of(webhook))
        page.get_by_role("button", name="I have it").wait_for()
        page.get_by_role("button", name=f"Send a test to {name}").click()
        sent = page.get_by_role("region", name="Notices").get_by_role("row").filter(has_text=name)
        expect(sent).to_contain_text("Delivered")
        found = violations(page)
        page.get_by_role("button", name=f"Remove the receiver {name}").click()
        page.get_by_role("dialog").wait_for()
        found += violations(page)
    assert found == []
