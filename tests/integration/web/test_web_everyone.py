"""The web page for small screens, keyboards, readers of screens, and with names that want to be more than text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import PATIENCE, Visit, violations, visit
from client_lab import make_queue
from cluster import unique
from gateway_lab import GatewayLab
from playwright.sync_api import Browser, Page, expect
from web_runs import reported
from web_sessions import run, start

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"
MARKUP = "<img src=x onerror=alert(1)>"
HOSTILE = [
    MARKUP, "\"><svg/onload=alert(1)>'", "javascript:alert(1)", "${7*7}{{7*7}}", "שלום <b>עולם</b>",
    "🚂🔥", "m" * 128, "../../etc/passwd", "=1+2",
]  # fmt: skip
"""As far as the gateway takes them as names of metrics, which may not hold what is not drawn."""
DRAWN_BY_NOBODY = "\u202egnp.exe\x1b[31mred\x1b[0m\u200b"
_VIOLATED = """addEventListener("securitypolicyviolation",
  (event) => console.error(`refused by the policy: ${event.violatedDirective} ${event.blockedURI}`))"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Yard:
    """One session with everything whose name someone else chooses."""

    session: str
    uid: str
    run: str
    """A run with such names, reported from elsewhere."""

    def pages(self) -> list[str]:
        """Every page that shows one of these names."""
        return [
            f"?search={self.session}", f"session/{self.uid}", "queue", f"new?from={self.uid}",
            f"compare?sessions={self.uid}&metric={MARKUP}", "datasets", "models", "keys", "nodes",
            f"usage?by=user&user={MARKUP}&queue={MARKUP}", f"runs?experiment={MARKUP}", "runs",
            f"run/{self.run}", "limits", "notices", "users", "audit",
        ]  # fmt: skip


@pytest.fixture(scope="module")
def yard(lab: GatewayLab, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    make_queue(lab)
    session = unique("hostile")
    env = [{"name": f"E{n}", "value": value} for n, value in enumerate(HOSTILE)]
    uid = start(lab, session, env=env, command=["python", MARKUP, DRAWN_BY_NOBODY])
    values = {name: float(n) for n, name in enumerate(HOSTILE)}
    points = [{"step": n, "time": NOW, "values": values} for n in (1, 2)]
    lines = [{"time": NOW, "message": text} for text in (*HOSTILE, DRAWN_BY_NOBODY)]
    trainer = lab.trainer(uid, session)
    trainer.report({"sequence": 1, "metrics": points, "logs": lines}).raise_for_status()
    run(lab, session)
    folder = lab.data / "runs" / uid / "checkpoints"
    folder.mkdir(parents=True)
    for name in (MARKUP.replace("/", ""), DRAWN_BY_NOBODY, "🚂.pt", "x" * 200):
        (folder / name).write_text("x")
    table: Path = tmp_path_factory.mktemp("data") / "table.csv"
    heads = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in HOSTILE)
    table.write_text(f"{heads},kind\n" + f"{'1,' * len(HOSTILE)}a\n{'2,' * len(HOSTILE)}b\n" * 9)
    header = {
        "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "__metadata__": {"by": MARKUP},
    }
    packed = json.dumps(header).encode()
    with lab.client() as gateway, lab.http() as http:
        gateway.upload_dataset("d" * 48, table)
        body = len(packed).to_bytes(8, "little") + packed + b"\0" * 4
        http.post("/models", params={"name": "m" * 48}, content=body).raise_for_status()
        gateway.create_key("k" * 63, "sessions:read")
    elsewhere = reported(lab, MARKUP, MARKUP + "שלום", "".join(HOSTILE), ["m" * 128])
    return Yard(session, uid, elsewhere)


@pytest.fixture
def watcher(browser: Browser, lab: GatewayLab) -> Iterator[Visit]:
    """The administrator's window, narrow, which also tells what the policy refuses."""
    options = {"viewport": {"width": 320, "height": 700}, "reduced_motion": "reduce"}
    with visit(browser, lab.url, **options) as found:
        found.context.add_init_script(_VIOLATED)
        found.log_in(lab.key)
        found.said.clear()
        yield found


def opened(seen: Visit, place: str) -> Page:
    """The page at a place, from nothing, when it has read what it shows."""
    page = seen.page
    page.goto("about:blank")
    page.goto(f"{seen.url}/#/{place}")
    page.get_by_role("heading", level=1).wait_for()
    expect(page.get_by_text(re.compile("^(Reading|Asking) "))).to_have_count(0)
    return page


def test_names_of_others_are_text_on_every_page_and_no_page_is_wider_than_320_pixels(
    watcher: Visit, yard: Yard
) -> None:
    """320 pixels are also what is left of a window of 1,280 pixels that is enlarged to 400 %."""
    wrong = list[str]()
    for place in yard.pages():
        page = opened(watcher, place)
        if place.startswith("session/"):
            expect(page.get_by_role("img", name=f"Chart of {MARKUP}")).to_be_attached()
            expect(page.get_by_role("region", name="Checkpoints of the session")).to_contain_text(
                "\\u202egnp.exe"
            )
            expect(page.get_by_role("region", name="Lines of the log")).to_contain_text(
                "\\u{202e}gnp"
            )
        if place == "datasets":
            page.get_by_role("button", name="d" * 48).click()
            expect(page.get_by_role("region", name="Columns")).to_contain_text(MARKUP)
        if place == "models":
            page.get_by_role("button", name="m" * 48).click()
            page.get_by_role("link", name="Download version 1").wait_for()
        made = page.locator("main img, main script, main b, main svg[onload]").count()
        hidden = [
            char
            for char in page.get_by_role("main").inner_text()
            if char in DRAWN_BY_NOBODY[0] + "\x1b\u200b"
        ]
        wide = page.evaluate(TOO_WIDE)
        if made or hidden or wide:
            wrong.append(f"{place}: {made} elements, hidden {hidden}, {wide} pixels too wide")

    assert wrong == []
    assert watcher.said == []


def test_nothing_moves_for_those_who_asked_for_less_motion(watcher: Visit, yard: Yard) -> None:
    moving = """[...document.querySelectorAll("*")].filter((element) => {
      const style = getComputedStyle(element);
      return style.transitionDuration !== "0s" || style.animationName !== "none" || style.scrollBehavior === "smooth";
    }).map((element) => element.tagName)"""
    for place in yard.pages()[:2]:
        assert opened(watcher, place).evaluate(moving) == []


def test_axe_finds_nothing_wrong_in_dialogs_and_in_pages_of_one_thing(
    browser: Browser, lab: GatewayLab, yard: Yard
) -> None:
    found: dict[str, list[str]] = {}
    with visit(browser, lab.url, bypass_csp=True) as seen:
        seen.log_in(lab.key)
        page = seen.page
        page.goto(f"{lab.url}/#/session/{yard.uid}")
        for button in ("Change priority", "Stop", "Suspend"):
            page.get_by_role("button", name=button, exact=True).click()
            page.get_by_role("dialog").wait_for()
            found[button] = violations(page)
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_be_hidden()
        page.goto(f"{lab.url}/#/keys")
        page.get_by_role("button", name="Revoke").first.click()
        page.get_by_role("dialog").wait_for()
        found["Revoke"] = violations(page)
        page.keyboard.press("Escape")
        page.goto(f"{lab.url}/#/datasets")
        page.get_by_role("button", name="d" * 48).click()
        page.get_by_role("region", name="Columns").wait_for()
        found["dataset"] = violations(page)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_keyboard_alone_opens_a_dialog_leaves_it_and_goes_on_from_there(
    watcher: Visit, lab: GatewayLab, yard: Yard
) -> None:
    page = watcher.page
    opened(watcher, f"session/{yard.uid}")
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.focus()
    for leave in ("Escape", "Enter"):
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        inside = "document.activeElement.closest('dialog') !== null"
        assert page.evaluate(inside)
        # The first button goes back.
        page.keyboard.press(leave)
        expect(dialog).to_be_hidden()
        expect(stop).to_be_focused()
    with lab.http() as http:
        spec = http.get(f"/training/{yard.session}/status").json()["spec"]
    assert spec.get("desiredState", "Running") == "Running"


def test_a_table_is_sorted_by_the_keyboard_and_says_so(watcher: Visit, yard: Yard) -> None:
    page = opened(watcher, f"?search={yard.session}")
    page.get_by_role("button", name="Owner", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Owner")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.keyboard.press("Space")
    expect(page.get_by_role("columnheader", name="Owner")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(page.get_by_role("button", name="Owner", exact=True)).to_be_focused()
