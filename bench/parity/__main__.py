"""`python bench/parity --kubeconfig FILE`, or `make mlflow-parity`: MLflow's clients ask its server and the gateway the same things.

The cases of `cases.py` run with each client, once against an MLflow server and once against a gateway. Answers are compared field by
field. What differs must be listed in `differences.yaml` with its reason, and what is listed must differ with one client at least; else
the exit code is 1. Writes the table of docs/mlflow-parity.md.
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
from mlflow_clients import installed  # noqa: E402  # as above
from peers import Mlflow  # noqa: E402  # as above

HERE = Path(__file__).parent
MARK = "case: "
SERVERS_OWN = "3.17"
"""The client that belongs to the server."""
OLDER = ("3.0", "2.22")


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
    clients = [Client(name, options.mlflow) for name in (SERVERS_OWN, *OLDER)]
    with tempfile.TemporaryDirectory(prefix="parity-") as place:
        folder = Path(place)
        with Mlflow(options.mlflow, folder / "mlflow", None, serves_files=True) as server:
            theirs = {client: asked(client, server.url, "") for client in clients}
        (folder / "gateway").mkdir()
        with (
            fresh_namespace(options.kubeconfig, "parity") as namespace,
            running_gateway(options.kubeconfig, namespace, folder / "gateway") as lab,
        ):
            ours = {client: asked(client, f"{lab.url}/mlflow", lab.key) for client in clients}
    compared = [Compared(client, theirs[client], ours[client]) for client in clients]
    wrong = listed.keys() - {str(case) for each in compared for case in each.different}
    for name in sorted(wrong):
        print(f"{name}: is listed, and is the same")
    for each in compared:
        for case, lines in each.different.items():
            wrong |= {str(case)} - listed.keys()
            print(f"{case} (client {each.client.name}){'' if str(case) in listed else ' !'}")
            print("".join(f"  {line}\n" for line in lines), end="")
    options.out.write_text(page(compared, listed))
    asked_cases = sum(len(each.cases) for each in compared)
    print(f"{asked_cases} cases, {len(wrong)} not as listed; written to {options.out}")
    return 1 if wrong else 0


@dataclass(frozen=True)
class Client:
    """A version of MLflow's client."""

    name: str
    binaries: Path

    def command(self) -> tuple[list[str], dict[str, str]]:
        """How Python runs with it, and the variables for that."""
        if self.name == SERVERS_OWN:
            return [str(self.binaries / "python")], {}
        return [sys.executable, "-S"], {"PYTHONPATH": str(installed(self.name))}


@dataclass
class Compared:
    """The answers that one client got of both servers."""

    client: Client
    theirs: dict[Case, Any]
    ours: dict[Case, Any]

    @property
    def cases(self) -> list[Case]:
        """Those that the client can ask."""
        return [case for case, answer in self.theirs.items() if not _is_missing(answer)]

    @property
    def different(self) -> dict[Case, list[str]]:
        """Where the answers differ."""
        found = {case: differences(self.theirs[case], self.ours.get(case)) for case in self.cases}
        return {case: lines for case, lines in found.items() if lines}


def _is_missing(answer: Any) -> bool:
    """Whether a case failed since the client has not what it uses."""
    failed = answer.get("failed", "") if isinstance(answer, dict) else ""
    return str(failed).startswith(
        ("AttributeError", "ImportError", "ModuleNotFoundError", "TypeError")
    )


def asked(client: Client, uri: str, token: str) -> dict[Case, Any]:
    """The answers that a client gets of one server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
    command, more = client.command()
    environment = {
        "MLFLOW_TRACKING_URI": uri,
        **({"MLFLOW_TRACKING_TOKEN": token} if token else {}),
        **more,
    }
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    done = subprocess.run(
        [*command, str(HERE / "cases.py")], env={**kept, **quiet, **environment},
        capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"the cases ended with {done.returncode}: {done.stderr[-3000:]}")
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


def page(compared: list[Compared], listed: dict[str, str]) -> str:
    """docs/mlflow-parity.md."""
    cases = list(dict.fromkeys(case for each in compared for case in each.theirs))
    rows = []
    for operation in dict.fromkeys(case.operation for case in cases):
        cells = []
        for each in compared:
            own = [case for case in each.cases if case.operation == operation]
            same = len(own) - sum(case in each.different for case in own)
            cells.append(f"{same} of {len(own)}" if own else "–")
        rows.append(f"| `{operation}` | {' | '.join(cells)} |")
    totals = [f"{len(each.cases) - len(each.different)} of {len(each.cases)}" for each in compared]
    rows.append(f"| **all** | {' | '.join(totals)} |")
    reasons = []
    for case in cases:
        of = [each.client.name for each in compared if case in each.different]
        if of:
            why = listed.get(str(case), "not known")
            reasons.append(f"| `{case.operation}` | {case.name} | {', '.join(of)} | {why} |")
    text = (HERE / "page.md").read_text()
    names = " | ".join(each.client.name for each in compared)
    lines = " | ".join("---:" for _ in compared)
    return text.format(names=names, lines=lines, rows="\n".join(rows), reasons="\n".join(reasons))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--mlflow", type=Path, default=ROOT / "build" / "mlflow" / "bin")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "mlflow-parity.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
