"""Ten questions of a newcomer: the answer stands on the screen after three clicks at most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PATIENCE, Visit, visit
from client_lab import make_queue
from gateway_lab import GatewayLab
from playwright.sync_api import Browser, expect
from web_sessions import fail, run, start, wait_in_queue

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def asked(
    browser: Browser, lab: GatewayLab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """The first screen of a yard in which something happens."""
    for name, rate, loss in (("slow-rate", "0.001", 1.0), ("good-rate", "0.01", 0.5)):
        uid = start(lab, name, env=[{"name": "RATE", "value": rate}], resources={"gpus": 1})
        points = [{"step": n, "time": NOW, "values": {"train/loss": loss + n}} for n in (2, 1, 0)]
        lines = [{"time": NOW, "message": f"{name} says goodbye"}]
        trainer = lab.trainer(uid, name)
        trainer.report({"sequence": 1, "metrics": points, "logs": lines}).raise_for_status()
        run(lab, name)
    make_queue(lab)
    start(lab, "mine", resources={"gpus": 2})
    start(lab, "broken")
    wait_in_queue(lab, "mine", 1)
    fail(lab, "broken")
    table: Path = tmp_path_factory.mktemp("data") / "wares.csv"
    table.write_text("price,kind\n" + "1,a\n2,b\n" * 9)
    with lab.client() as gateway:
        gateway.upload_dataset("wares", table)
    with visit(browser, lab.url) as found:
        found.log_in(lab.key)
        yield found


@pytest.mark.parametrize(
    ("clicks", "answer"),
    [
        ([], "Needs 2 GPUs; 1 is free on one node."),
        ([], "starts in 4 min to 9 min"),
        (["link:Queue"], "admin 2"),
        (["link:Queue"], "runs, 10 min left"),
        (["link:broken"], "Raise resources.memory or lower the batch size."),
        (["link:good-rate"], "good-rate says goodbye"),
        (["checkbox:Choose slow-rate", "checkbox:Choose good-rate", "link:Compare 2 sessions"], "lowest train/loss"),
        (["link:Datasets", "button:wares"], "because it is the last column"),
        (["link:New session"], "trainyard submit -f session.yaml"),
        (["link:broken", "link:Start again, as it is or changed"], "When it starts"),
    ],
    ids=[
        "why does mine wait", "when does it start", "who holds the GPUs", "how long does that run",
        "what went wrong and what can I do", "what did it print", "which rate was best",
        "what will be predicted", "how do I start one", "how do I try again",
    ],
)  # fmt: skip
def test_the_answer_is_three_clicks_away(
    asked: Visit, lab: GatewayLab, clicks: list[str], answer: str
) -> None:
    page = asked.page
    page.goto(f"{lab.url}/#/")
    for click in clicks:
        role, _, name = click.partition(":")
        page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]  # one of the roles above
    expect(page.get_by_text(answer).locator("visible=true").first).to_be_visible()
    assert len(clicks) <= 3
