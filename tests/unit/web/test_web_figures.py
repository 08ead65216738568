"""The page on the web page says of its speed what was measured."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "bench" / "results" / "web.json"


def tables() -> ModuleType:
    """The module of the benchmark that writes the tables."""
    spec = importlib.util.spec_from_file_location("web_table", ROOT / "bench" / "web" / "table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documentation_has_the_figures_of_the_results() -> None:
    module, results = tables(), json.loads(RESULTS.read_text())
    text = (ROOT / "docs" / "web.md").read_text()

    assert text.partition(module.BEGIN)[2].partition(module.END)[0] == module.summary(results)
    assert RESULTS.with_suffix(".md").read_text() == module.table(results)
