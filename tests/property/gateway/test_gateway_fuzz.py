"""The whole API under Schemathesis: every operation, every check, no answer that the description does not promise."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from cluster import fresh_namespace
from fuzz import fuzz
from gateway_lab import on_postgres, running_gateway

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("TRAINYARD_FUZZ_EXAMPLES", "10"))
"""For each operation; `make fuzz` asks for more."""
SEED = None if "TRAINYARD_FUZZ_EXAMPLES" in os.environ else 20261125
"""The suite asks the same questions every time; `make fuzz` looks for new ones."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_api_keeps_what_its_description_promises(
    kubeconfig: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    more = on_postgres(request.getfixturevalue("postgres")) if kind == "postgresql" else {}
    with (
        fresh_namespace(kubeconfig, "gwf") as namespace,
        running_gateway(kubeconfig, namespace, tmp_path, **more) as lab,
    ):
        found = fuzz(lab, tmp_path, EXAMPLES, SEED)
        log = lab.log.read_text()

    # For whoever runs it with -s: how many cases, which seed.
    sys.stdout.write(found.output[-1500:])
    assert found.exit_code == 0, found.output[-8000:]
    assert "unexpected error" not in log
