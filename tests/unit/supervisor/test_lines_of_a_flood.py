"""Lines that come faster than they are written are counted, and wait in bounded memory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_stand_in import report_stand_in

from trainyard.reporting.secret_mask import SecretMask
from trainyard.reporting.sender import BATCH_BYTES
from trainyard_api import contract
from trainyard_supervisor.reports import BATCH_ITEMS, Reports
from trainyard_supervisor.settings import settings

NOTE = re.compile(r"trainyard: ([\d,]+) lines that were printed here are not reported")


@pytest.mark.parametrize(("number", "length"), [(6000, 100), (400, 16_000)], ids=["short", "long"])
def test_every_line_is_reported_or_counted(tmp_path: Path, number: int, length: int) -> None:
    (tmp_path / "token").write_text("token")
    with report_stand_in() as gateway:
        environment = {
            contract.ENV_RUN: json.dumps({"uid": "uid", "attempt": 1}),
            contract.ENV_GATEWAY_URL: gateway.url,
            contract.ENV_TOKEN_FILE: str(tmp_path / "token"),
        }
        given = settings(environment, tmp_path, tmp_path / "message")
        reports = Reports(given, print, SecretMask())
        for n in range(number):
            reports.line("info", f"{n:0{length}}")
        reports.finish(60)

    lines = gateway.lines()
    counted = sum(int(found[1].replace(",", "")) for line in lines if (found := NOTE.match(line)))
    reported = [line for line in lines if not NOTE.match(line)]
    assert len(reported) + counted == number
    assert reported == sorted(reported)
    for batch in gateway.batches.values():
        assert len(batch["logs"]) <= BATCH_ITEMS
        sizes = [len(entry["message"]) for entry in batch["logs"]]
        assert sum(sizes[:-1]) < BATCH_BYTES
