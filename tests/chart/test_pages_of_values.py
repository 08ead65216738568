"""The values that the administrator's pages show are values that the chart takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from chart_render import EVERYTHING, render
from installation import ROOT

PAGES = ("administrator-gitops.md", "administrator-platforms.md")


def shown() -> Iterator[tuple[str, str]]:
    """Each block of values, with the page and the number of the block."""
    for page in PAGES:
        text = (ROOT / "docs" / "guides" / page).read_text()
        found = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for number, block in enumerate(found, 1):
            if "kind:" not in block and "resource.customizations" not in block:
                yield f"{page} {number}", block


@pytest.mark.parametrize("block", [b for _, b in shown()], ids=[n for n, _ in shown()])
def test_the_chart_takes_them(block: str, tmp_path: Path) -> None:
    assert yaml.safe_load(block)
    file = tmp_path / "values.yaml"
    file.write_text(block)

    found = render({**EVERYTHING, "gateway.replicas": 1}, f"--values={file}")

    assert found.code == 0, found.error
