"""What a reader takes along, an upload that a reload has broken off, and a page that frames this one."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browser import PATIENCE, Visit, another_origin, visit
from cluster import unique
from gateway_lab import GatewayLab
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from web_sessions import run, start

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"
MARKUP = "</text><script>alert(1)</script>"
FORMULA = "=HYPERLINK(1)"
PART_BYTES = 8 << 20


def saved(page: Page, button: str) -> tuple[str, bytes]:
    """Name and content of the file that a button saves."""
    with page.expect_download() as found:
        page.get_by_role("button", name=button).click()
    return found.value.suggested_filename, Path(found.value.path()).read_bytes()


@pytest.mark.parametrize("metric", ["loss", MARKUP, FORMULA], ids=["plain", "markup", "formula"])
def test_curves_are_saved_as_picture_drawing_and_table(
    reader: Visit, lab: GatewayLab, metric: str
) -> None:
    page, name = reader.page, unique("saved")
    uid = start(lab, name)
    rows = [{"step": n, "time": NOW, "values": {metric: float(n)}} for n in (1, 2, 3)]
    lab.trainer(uid, name).report({"sequence": 1, "metrics": rows}).raise_for_status()
    asked = urlencode({"sessions": uid, "metric": metric})
    page.goto(f"{lab.url}/#/compare?{asked}")
    expect(page.get_by_role("img", name=name)).to_be_visible()
    page.locator(".plot canvas").wait_for()

    picture = saved(page, "Save as PNG")
    drawing = saved(page, "Save as SVG")
    table = saved(page, "Save as CSV")

    assert [picture[0], drawing[0], table[0]] == ["curves.png", "curves.svg", "curves.csv"]
    with Image.open(io.BytesIO(picture[1])) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGBA").getcolors(1 << 20) or []) > 1
    assert b"<script" not in drawing[1]
    lines = table[1].decode().splitlines()
    assert (lines[0], len(lines)) == ("line,step,epoch,time,value", 4)
    assert not any(line.startswith(("=", '"=')) for line in lines)
    assert reader.said == []


def test_an_upload_that_a_reload_broke_off_sends_only_what_is_missing(
    reader: Visit, lab: GatewayLab, tmp_path: Path
) -> None:
    page, name = reader.page, unique("reloaded")
    table = tmp_path / f"{name}.csv"
    table.write_text("x,y\n" + "".join(f"{n},{n % 2}\n" for n in range(1_000_000)))
    assert PART_BYTES < table.stat().st_size < 2 * PART_BYTES
    page.goto(f"{lab.url}/#/datasets")

    def hold(route: Route) -> None:
        """The second part never arrives."""
        route.abort()

    page.route("**/parts/2", hold)
    with page.expect_response(lambda answer: answer.url.endswith("/parts/1") and answer.ok):
        page.get_by_label("Drop a table").set_input_files(table)
    item = page.get_by_role("listitem").filter(has_text=name)
    # The page of before tries again and again: it is gone before the way is free.
    page.reload()
    page.unroute("**/parts/2", hold)
    expect(item).to_contain_text("1 of 2 parts arrived")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_label("Drop a table").set_input_files(table)
    expect(item).to_contain_text("is a dataset now")
    assert [url[-7:] for url in sent if "/parts/" in url] == ["parts/2"]


def test_a_page_of_another_origin_shows_nothing_of_this_one_in_a_frame(
    browser: Browser, lab: GatewayLab
) -> None:
    name = unique("framed")
    start(lab, name)
    run(lab, name)
    put = """(url) => new Promise((done) => {
      const frame = document.createElement("iframe");
      frame.onload = () => done();
      frame.src = url;
      document.body.append(frame);
    })"""
    with another_origin() as other, visit(browser, lab.url) as found:
        found.log_in(lab.key)
        found.page.goto(other)
        found.page.evaluate(put, f"{lab.url}/")
        inside = found.page.frames[-1]
        shown = inside.content()

    assert name not in shown
    assert "API key" not in shown
    assert inside.url.startswith("chrome-error:")
