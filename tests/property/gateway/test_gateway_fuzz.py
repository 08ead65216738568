"""The whole API under Schemathesis: every operation, every check, no answer that the description does not promise."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from fuzz import fuzz
from gateway_lab import GatewayFactory, GatewayLab

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("TRAINYARD_FUZZ_EXAMPLES", "10"))
"""For each operation; `make fuzz` asks for more."""
SEED = None if "TRAINYARD_FUZZ_EXAMPLES" in os.environ else 20261125
"""The suite asks the same questions every time; `make fuzz` looks for new ones."""


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, database_settings: dict[str, str]) -> GatewayLab:
    return gateway_factory(**database_settings)


@pytest.mark.timeout(3600)
def test_the_api_keeps_what_its_description_promises(lab: GatewayLab, tmp_path: Path) -> None:
    found = fuzz(lab, tmp_path, EXAMPLES, SEED)
    log = lab.log.read_text()

    # For whoever runs it with -s: how many cases, which seed.
    sys.stdout.write(found.output[-1500:])
    assert found.exit_code == 0, found.output[-8000:]
    assert "unexpected error" not in log
