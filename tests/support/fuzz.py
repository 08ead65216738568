"""Schemathesis over the whole description of the API, against a real gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway_lab import GatewayLab

_CONFIG = """
base-url = "{url}"
continue-on-failure = true
request-timeout = 20.0
headers = {{ "Authorization" = "Bearer {key}" }}

[generation]
with-security-parameters = false

[checks.positive_data_acceptance]
# Rules across fields, names of things that are not there, and the size that an upload was announced with stand in no JSON schema.
expected-statuses = [200, 201, 202, 204, 206, 400, 401, 403, 404, 409, 413, 422]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 411, 413, 415, 416, 422, 431]

[[operations]]
include-path-regex = "/report/"
headers = {{ "Authorization" = "Bearer {token}" }}
# The token is that of a trainer: the route of node monitors refuses it, and slows down whoever goes on.
checks.positive_data_acceptance.expected-statuses = [200, 201, 202, 204, 206, 400, 401, 403, 404, 409, 413, 422, 429]
checks.negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 411, 413, 415, 416, 422, 429, 431]

# A stream has no end, and its status says nothing about it that a short run could wait for.
[[operations]]
include-path-regex = "/events$"
enabled = false
"""


@dataclass(frozen=True)
class Fuzzed:
    """What a run found."""

    exit_code: int
    output: str
    report: dict[str, Any]


def fuzz(lab: GatewayLab, folder: Path, examples: int, seed: int | None = None) -> Fuzzed:
    """Run all phases and checks with so many examples for each operation."""
    with lab.http() as http:
        session = http.post("/training/start", json={"name": "fuzzed", "command": ["x"]}).json()
    token = lab.trainer(session["uid"], "fuzzed").token
    config = folder / "schemathesis.toml"
    config.write_text(_CONFIG.format(url=lab.url, key=lab.key, token=token))
    report = folder / "report.json"
    schema = Path(__file__).parents[2] / "docs" / "openapi.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run", str(schema),
        f"--max-examples={examples}", "--checks=all", "--phases=examples,coverage,fuzzing,stateful",
        "--no-color", "--warnings=off", "--report=json", f"--report-json-path={report}",
        "--suppress-health-check=all", "--generation-database=none",
        # Requests with a token that is wrong on purpose are slowed down, with 429; tests of
        # credentials do this thoroughly. A configuration does not exclude what `all` includes.
        "--exclude-checks=ignored_auth",
    ]  # fmt: skip
    if seed is not None:
        command.append(f"--seed={seed}")
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    found = json.loads(report.read_text()) if report.exists() else {}
    return Fuzzed(done.returncode, done.stdout + done.stderr, found)
