"""Long curves in a browser, by reading the pixels that are drawn."""

from __future__ import annotations

import pytest
from browser import PATIENCE, Visit
from cluster import unique
from gateway_lab import GatewayLab, Trainer
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"
STEPS = 20_000
SPIKE = 100.0
BLUE = (47, 111, 196)
"""The colour of the first line."""
_HIGHEST_ROW = """(colour) => {
  const canvas = document.querySelector(".plot canvas");
  if (!canvas) return -1;
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  for (let at = 0; at < data.length; at += 4) {
    const far = colour.reduce((sum, each, n) => sum + Math.abs(data[at + n] - each), 0);
    if (data[at + 3] > 200 && far < 60) return Math.floor(at / 4 / width) / height;
  }
  return -1;
}"""
"""The highest row with a pixel of the colour, from 0 at the top to 1."""


def long_curve(lab: GatewayLab, spike: int | None) -> Trainer:
    """A session with 20,000 equal values, except one."""
    trainer = lab.new_trainer(unique("long"))
    for batch in range(4):
        rows = [
            {"step": n, "time": NOW, "values": {"loss": SPIKE if n == spike else 1.0}}
            for n in range(batch * STEPS // 4, (batch + 1) * STEPS // 4)
        ]
        trainer.report({"sequence": batch + 1, "metrics": rows}).raise_for_status()
    return trainer


def highest_row(page: Page) -> float:
    """Where the first line is highest; it is drawn when the chart has come near the screen."""
    page.wait_for_function(f"(colour) => ({_HIGHEST_ROW})(colour) >= 0", arg=list(BLUE))
    return float(page.evaluate(_HIGHEST_ROW, list(BLUE)))


def test_one_step_of_twenty_thousand_is_seen(reader: Visit, lab: GatewayLab) -> None:
    page = reader.page
    spiked = long_curve(lab, 12_345)
    others = [long_curve(lab, None) for _ in range(2)]
    page.goto(f"{lab.url}/#/session/{spiked.session_uid}")
    expect(page.get_by_role("img", name="highest 100")).to_be_visible()
    alone = highest_row(page)

    uids = ",".join(trainer.session_uid for trainer in (spiked, *others))
    page.goto(f"{lab.url}/#/compare?sessions={uids}&metric=loss")
    expect(page.get_by_role("img", name=f"Chart of loss. {spiked.session}")).to_be_visible()
    beside = highest_row(page)
    page.goto(f"{lab.url}/#/compare?sessions={others[0].session_uid}&metric=loss")
    expect(page.get_by_role("heading", name="Compare 1 session")).to_be_visible()
    page.wait_for_function(f"(colour) => ({_HIGHEST_ROW})(colour) > 0.3", arg=list(BLUE))

    assert (alone < 0.2, beside < 0.2) == (True, True)
