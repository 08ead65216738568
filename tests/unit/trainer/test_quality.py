"""The trainer learns real data as well as the page says; `bench/trainer/quality.py` makes the whole table."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[3]


def bench() -> ModuleType:
    name = "trainer_quality"
    spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / "trainer" / "quality.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


QUALITY = bench()


@pytest.mark.parametrize("case", QUALITY.CASES, ids=lambda c: c.name)
def test_the_goal_is_reached(tmp_path: Path, case: object) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        result = QUALITY.measure(case, tmp_path)
    finally:
        torch.set_num_threads(before)

    assert result.reached(), result


def test_the_page_has_a_row_for_each_dataset() -> None:
    page = (ROOT / "docs" / "trainer.md").read_text()
    rows = page.split(QUALITY.BEGIN)[1].split(QUALITY.END)[0]

    assert [f"| {c.name} |" in rows for c in QUALITY.CASES] == [True] * len(QUALITY.CASES)
