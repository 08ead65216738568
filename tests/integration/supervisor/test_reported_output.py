"""What a program prints reaches the log and, exactly once, the gateway."""

from __future__ import annotations

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
