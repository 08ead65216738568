"""`python bench/network`: try every flow of an installation from its pods, and compare with what the NetworkPolicies say.

A connection that is made or refused has reached its target; silence has not. Results go to
bench/results/flows.md. Ends with 1 if a flow passes that must not, or the other way round.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds, fresh_namespace  # noqa: E402  # found by the line above
from flows import FLOWS, VALUES, table  # noqa: E402
from installation import Installation, load_images  # noqa: E402
from measured_flows import leaves, measure, outside  # noqa: E402


def main() -> None:
    """Install, try, write."""
    parser = argparse.ArgumentParser(description="Measure which flows pass.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "flows.md")
    options = parser.parse_args()
    apply_crds(options.kubeconfig)
    load_images(options.kubeconfig)
    with (
        fresh_namespace(options.kubeconfig, "flows") as namespace,
        outside(options.kubeconfig) as answers,
    ):
        release = Installation(options.kubeconfig, namespace)
        release.kubectl("create", "secret", "generic", "telegram", "--from-literal=token=1:nobody")
        release.upgrade(**VALUES)
        try:
            measured = measure(release)
        finally:
            release.kubectl("delete", "ts", "--all", "--timeout=60s")
            release.helm("uninstall", "ty", "--wait")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(table(measured))
    print(table(measured))
    right = [one for one in measured if one.as_documented or (leaves(one.flow) and not answers)]
    print(f"{len(right)} of {len(FLOWS)} flows as documented", flush=True)
    sys.exit(0 if len(right) == len(FLOWS) else 1)


if __name__ == "__main__":
    main()
