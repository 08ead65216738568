"""What a program prints reaches the log and, exactly once, the gateway."""

from __future__ import annotations

import sys
from pathlib import Path

from report_stand_in import report_stand_in
from supervisor_lab import SupervisorLab, python

PRINTS = r"""
import os, subprocess, sys
print("by Python", flush=True)
os.write(1, b"at the descriptor\nnot \xff UTF-8\n")
os.write(2, b"\x1b[31mred\x1b[0m\n")
subprocess.run(["sh", "-c", "echo by a child"])
os.write(1, b"10%\r50%\r100%\nno end of line")
"""


def test_lines_of_all_descriptors_and_children_are_reported_and_repeated(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(PRINTS))
        reported = [
            (entry["level"], entry["message"])
            for _, batch in sorted(gateway.batches.items(), key=lambda item: item[0][3])
            for entry in batch["logs"]
        ]
        streams = {key[2] for key in gateway.batches}

    out = [m for level, m in reported if level == "info"]
    assert out == [
        "by Python", "at the descriptor", "not � UTF-8", "by a child", "100%", "no end of line",
    ]  # fmt: skip
    assert [m for level, m in reported if level == "warning"] == ["red"]
    assert streams == {"supervisor-0"}
    assert ended.out.endswith(b"10%\r50%\r100%\nno end of line")
    assert ended.err == b"\x1b[31mred\x1b[0m\n"


def test_progress_is_read_from_the_output_and_ends_with_the_program(tmp_path: Path) -> None:
    source = "import time\nfor n in range(1, 5): print(f'step {n}/10', flush=True); time.sleep(0.6)"
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(source))
        beats = [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b]

    assert beats[0]["totalSteps"] == 10
    assert (beats[-1]["step"], beats[-1]["totalSteps"]) == (4, 4)
    assert ended.message["end"] == {"step": 4, "totalSteps": 4}


REPORTS = """
import trainyard
import sys
from pathlib import Path
session = trainyard.init(total_steps=2, run_dir=Path("."))
for step in (1, 2):
    print(f"step {step}/1000")
    session.progress(step)
    session.log({"loss": 0.5}, step=step)
session.finish(20)
"""


def test_a_program_that_reports_itself_prints_through_the_supervisor_alone(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        ended = lab.run(sys.executable, "-c", REPORTS)
        beats = [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b]

    assert ended.code == 0, ended.err
    assert gateway.lines() == ["step 1/1000", "step 2/1000"]
    assert {beat["totalSteps"] for beat in beats} == {2}
    assert len(gateway.rows()) == 2
