"""Write docs/metrics.md from the programs' metrics.

`python docs/metrics_page.py [--check]`: --check writes nothing and exits with 1 if the page is out of
date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from trainyard_gateway import telemetry
from trainyard_operator.metrics import Metrics

PAGE = Path(__file__).parent / "metrics.md"
HEAD = """\
# Metrics

Generated from the programs by `make manifests`; do not edit.

Operator and gateway serve these metrics on port 9090, path `/metrics`, in the Prometheus text
format. With `serviceMonitor.enabled` the Prometheus operator collects them;
`prometheusRule.enabled` adds alerts, and `dashboard.enabled` adds a dashboard for Grafana's
sidecar. A histogram has the series `_bucket`, `_sum` and `_count`. The gateway also serves the
metrics of the Python client (`process_…`, `python_…`). Bot and node monitor serve no metrics;
`trainyard system` shows what the monitor measures.
"""


@dataclass(frozen=True)
class Exposed:
    """A metric as a query names it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    def names(self) -> frozenset[str]:
        """The series names that a query can use."""
        if self.kind != "histogram":
            return frozenset({self.name})
        return frozenset(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))


def exposed(holder: Any) -> Iterator[Exposed]:
    """The metrics that a module or object has as attributes."""
    for collector in vars(holder).values():
        if isinstance(collector, MetricWrapperBase):
            (family,) = collector.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            # The library shows them nowhere else before the first value.
            labels = tuple(collector._labelnames)
            yield Exposed(name, family.type, labels, " ".join(family.documentation.split()))


PROGRAMS = {"The operator": Metrics(), "The gateway": telemetry}


def page() -> str:
    """The page in Markdown."""
    parts = [HEAD]
    for title, holder in PROGRAMS.items():
        parts.append(
            f"\n## {title}\n\n| Metric | Kind | Labels | Meaning |\n| --- | --- | --- | --- |\n"
        )
        for one in exposed(holder):
            labels = ", ".join(f"`{label}`" for label in one.labels)
            parts.append(f"| `{one.name}` | {one.kind} | {labels} | {one.meaning} |\n")
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Write or check the page. Returns the exit code."""
    wanted = page()
    if "--check" not in arguments:
        PAGE.write_text(wanted)
    elif not PAGE.exists() or PAGE.read_text() != wanted:
        sys.stderr.write(f"{PAGE} differs from the programs; run `make manifests`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
