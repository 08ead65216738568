"""`python bench/parity --kubeconfig FILE`, or `make mlflow-parity`: MLflow's client asks its server and the gateway the same things.

The cases of `cases.py` run in MLflow's own environment, once against an MLflow server and once against a gateway. Answers are compared
field by field. What differs must be listed in `differences.yaml` with its reason, and what is listed must differ; else the exit code
is 1. Writes the table of docs/mlflow-parity.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench" / "gateway")]

from cluster import fresh_namespace  # noqa: E402  # found by the line above
from gateway_lab import running_gateway  # noqa: E402  # as above
from peers import Mlflow  # noqa: E402  # as above

HERE = Path(__file__).parent
MARK = "case: "


@dataclass(frozen=True)
class Case:
    """A kind of use of an operation."""

    operation: str
    name: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.name}"


def main() -> int:
    """Run both, compare, write the page; 1 if something differs that is not listed, or the other way round."""
    options = _options()
    listed = {
        str(k): str(v)
        for k, v in (yaml.safe_load((HERE / "differences.yaml").read_text()) or {}).items()
    }
    with tempfile.TemporaryDirectory(prefix="parity-") as place:
        folder = Path(place)
        with Mlflow(options.mlflow, folder / "mlflow", None, serves_files=True) as server:
            theirs = asked(options.mlflow, server.url, "")
        (folder / "gateway").mkdir()
        with (
            fresh_namespace(options.kubeconfig, "parity") as namespace,
            running_gateway(options.kubeconfig, namespace, folder / "gateway") as lab,
        ):
            ours = asked(options.mlflow, f"{lab.url}/mlflow", lab.key)
    wrong = 0
    for case, answer in theirs.items():
        found = differences(answer, ours.get(case))
        if bool(found) != (str(case) in listed):
            wrong += 1
            print(f"{case}: {'differs' if found else 'is listed, and is the same'}")
        for line in found:
            print(f"  {'' if str(case) in listed else '! '}{line}")
    options.out.write_text(page(theirs, ours, listed))
    print(f"{len(theirs)} cases, {wrong} not as listed; written to {options.out}")
    return 1 if wrong else 0


def asked(binaries: Path, uri: str, token: str) -> dict[Case, Any]:
    """The answers of one server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
    environment = {
        "MLFLOW_TRACKING_URI": uri,
        **({"MLFLOW_TRACKING_TOKEN": token} if token else {}),
    }
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    done = subprocess.run(
        [str(binaries / "python"), str(HERE / "cases.py")], env={**kept, **quiet, **environment},
        capture_output=True, text=True, check=True, timeout=1200,
    )  # fmt: skip
    lines = [
        json.loads(line.removeprefix(MARK))
        for line in done.stdout.splitlines()
        if line.startswith(MARK)
    ]
    return {Case(line["operation"], line["case"]): line["answer"] for line in lines}


def differences(theirs: Any, ours: Any, place: str = "answer") -> list[str]:
    """Where two answers are not the same. Pure."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [
            line
            for key in sorted({*theirs, *ours})
            for line in differences(
                theirs.get(key, "nothing"), ours.get(key, "nothing"), f"{place}.{key}"
            )
        ]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [
            line
            for number, (one, other) in enumerate(zip(theirs, ours, strict=True))
            for line in differences(one, other, f"{place}[{number}]")
        ]
    return (
        []
        if theirs == ours
        else [f"{place}: {json.dumps(theirs)[:200]} and here {json.dumps(ours)[:200]}"]
    )


def page(theirs: dict[Case, Any], ours: dict[Case, Any], listed: dict[str, str]) -> str:
    """docs/mlflow-parity.md."""
    rows, reasons = [], []
    for operation in dict.fromkeys(case.operation for case in theirs):
        cases = [case for case in theirs if case.operation == operation]
        other = [case for case in cases if differences(theirs[case], ours.get(case))]
        rows.append(f"| `{operation}` | {len(cases)} | {len(cases) - len(other)} | {len(other)} |")
        reasons += [
            f"| `{operation}` | {case.name} | {listed.get(str(case), 'not known')} |"
            for case in other
        ]
    return (HERE / "page.md").read_text().format(rows="\n".join(rows), reasons="\n".join(reasons))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--mlflow", type=Path, default=ROOT / "build" / "mlflow" / "bin")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "mlflow-parity.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
