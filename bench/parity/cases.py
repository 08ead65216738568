"""What programs ask of a tracking server by MLflow's client, one case for each kind of use of each operation.

It runs with the interpreter of MLflow's environment, against the server that the environment names, and prints what each case was
answered: {"operation", "case", "answer"}. Ids and times are replaced, so that the answers of two servers can be compared.
"""

from __future__ import annotations

import json

import artifacts
import experiments
import fluent
import logged_models
import model_versions
import registered_models
import runs
import searches
from asking import CASES, shown

MODULES = (
    experiments,
    runs,
    searches,
    artifacts,
    logged_models,
    registered_models,
    model_versions,
    fluent,
)
"""Each has added its cases."""


def main() -> None:
    """Run all cases."""
    for operation, name, work in CASES:
        try:
            answer = shown(work())
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
        print(
            "case: " + json.dumps({"operation": operation, "case": name, "answer": answer}),
            flush=True,
        )


if __name__ == "__main__":
    main()
