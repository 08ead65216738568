"""What a program prints is reported up to a rate, and what is left out is counted."""

from __future__ import annotations

from pathlib import Path

from report_stand_in import report_stand_in

from trainyard.reporting.gateway_reporter import GatewayReporter
from trainyard.reporting.line_budget import BURST_BYTES, BYTES_PER_SECOND, LINE_BYTES, LineBudget
from trainyard.reporting.transport import GatewayTransport

LINE = "x" * (1000 - LINE_BYTES)


def test_a_burst_is_taken_and_then_the_rate() -> None:
    budget = LineBudget()

    first = sum(budget.take(LINE, 0.0) for _ in range(20_000))
    rest = sum(budget.take(LINE, 1 + n / 1000) for n in range(100_000))

    assert first == BURST_BYTES // 1000 + 1
    assert abs(rest - 100 * BYTES_PER_SECOND / 1000) < BURST_BYTES / 1000
    assert budget.left_out > 0


def test_every_line_is_reported_or_counted() -> None:
    budget, taken, noted = LineBudget(), 0, 0
    for n in range(100_000):
        if budget.take(LINE, n / 5000):
            taken += 1
            note = budget.note()
            noted += int(note.split()[1].replace(",", "")) if note else 0

    assert taken + noted + budget.left_out == 100_000
    assert taken < 40_000


def test_a_program_that_prints_without_end_says_what_is_not_reported(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token")
    with report_stand_in() as gateway:
        transport = GatewayTransport(gateway.url, token, timeout=5)
        run = GatewayReporter(transport, tmp_path / "spool", "uid", 1)
        for n in range(2000):
            run.line("info", f"{n} " + "x" * 16_000)
        assert run.finish(timeout=30)
        lines = gateway.lines()

    notes = [line for line in lines if line.startswith("trainyard: ")]
    counted = sum(int(note.split()[1].replace(",", "")) for note in notes)
    assert lines[0].startswith("0 ")
    assert len(lines) - len(notes) + counted == 2000
    assert counted > 1000
